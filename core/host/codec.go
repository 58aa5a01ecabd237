// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bufio"
	"fmt"
	"io"
	"math"

	"github.com/fxamacker/cbor/v2"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/giveway"
)

// codec writes events and snapshots as CBOR (RFC 8949). Fields are numbered in
// the engine's types; an unknown number is skipped, a missing one is zero, so
// that logs outlive versions.
type codec struct {
	encode cbor.EncMode
	decode cbor.DecMode
}

// snapshotFormat is raised when a snapshot's arrangement changes.
const snapshotFormat = 1

// preamble begins a snapshot: then comes the state, then the work.
type preamble struct {
	Format uint   `cbor:"1,keyasint"`
	Work   uint64 `cbor:"2,keyasint"`
}

func newCodec() (codec, error) {
	encode, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return codec{}, fmt.Errorf("host: codec: %w", err)
	}
	decode, err := cbor.DecOptions{
		MaxArrayElements: math.MaxInt32, MaxMapPairs: math.MaxInt32,
		UTF8: cbor.UTF8DecodeInvalid, // what was written is read, or a wrong byte of a caller's would end the workspace
	}.DecMode()
	if err != nil {
		return codec{}, fmt.Errorf("host: codec: %w", err)
	}
	return codec{encode: encode, decode: decode}, nil
}

func (c codec) events(events []engine.Event) ([][]byte, error) {
	records := make([][]byte, len(events))
	for i := range events {
		record, err := c.encode.Marshal(&events[i])
		if err != nil {
			return nil, fmt.Errorf("host: event %d: %w", events[i].Number, err)
		}
		records[i] = record
	}
	return records, nil
}

func (c codec) event(number uint64, record []byte) (engine.Event, error) {
	var ev engine.Event
	if err := c.decode.Unmarshal(record, &ev); err != nil {
		return ev, fmt.Errorf("host: event %d: %w", number, err)
	}
	if ev.Number != number {
		return ev, fmt.Errorf("host: event %d calls itself %d", number, ev.Number)
	}
	return ev, nil
}

func (c codec) writeSnapshot(e *engine.Engine, w io.Writer, pace *giveway.Pace) error {
	buffered := bufio.NewWriterSize(w, 1<<20)
	enc := c.encode.NewEncoder(buffered)
	head := preamble{Format: snapshotFormat}
	e.EachWork(0, func(*engine.Work) bool {
		head.Work++
		return true
	})
	if err := enc.Encode(head); err != nil {
		return fmt.Errorf("host: snapshot: %w", err)
	}
	if err := enc.Encode(e.State()); err != nil {
		return fmt.Errorf("host: snapshot: %w", err)
	}
	var failed error
	e.EachWork(0, func(w *engine.Work) bool {
		pace.Pause()
		failed = enc.Encode(w)
		return failed == nil
	})
	if failed != nil {
		return fmt.Errorf("host: snapshot: %w", failed)
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("host: snapshot: %w", err)
	}
	return nil
}

func (c codec) readSnapshot(r io.Reader) (*engine.Engine, error) {
	s, err := c.beginSnapshot(r)
	if err != nil {
		return nil, err
	}
	return s.restore()
}

// begun is a snapshot of which the state is read and the work is not.
type begun struct {
	dec   *cbor.Decoder
	work  uint64
	state engine.State
}

func (c codec) beginSnapshot(r io.Reader) (*begun, error) {
	return beginSnapshot(c.decode.NewDecoder(bufio.NewReaderSize(r, 1<<20)))
}

func beginSnapshot(dec *cbor.Decoder) (*begun, error) {
	s := &begun{dec: dec}
	var head preamble
	if err := s.dec.Decode(&head); err != nil {
		return nil, fmt.Errorf("host: snapshot: %w", err)
	}
	if head.Format != snapshotFormat {
		return nil, fmt.Errorf("host: snapshot: format %d is not known to this version, which reads %d", head.Format, snapshotFormat)
	}
	if err := s.dec.Decode(&s.state); err != nil {
		return nil, fmt.Errorf("host: snapshot: %w", err)
	}
	s.work = head.Work
	return s, nil
}

func (s *begun) restore() (*engine.Engine, error) {
	return engine.Restore(s.state, func(yield func(*engine.Work, error) bool) {
		for range s.work {
			w := new(engine.Work)
			if err := s.dec.Decode(w); !yield(w, err) || err != nil {
				return
			}
		}
	})
}
