// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/journal"
)

// model is what a log must look like, kept in memory.
type model struct {
	records [][]byte // all ever appended, record 1 first
	at      uint64   // of the newest snapshot
	state   []byte   // its content; nil without one
	kept    uint64   // of the older snapshot kept: the log goes back to here
}

// TestModel does random things to a log and to a model of it.
func TestModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp("", "journal") //nolint:usetesting // rapid.T has no TempDir
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		h := &harness{dir: dir}
		h.open(t)
		defer func() { _ = h.server.Close() }()
		t.Repeat(map[string]func(*rapid.T){
			"append":   h.append,
			"snapshot": h.snapshot,
			"replay":   h.replay,
			"reopen": func(t *rapid.T) {
				if err := h.server.Close(); err != nil {
					t.Fatal(err)
				}
				h.open(t)
			},
			"read snapshot": h.check,
			"": func(t *rapid.T) {
				if h.log.Last() != uint64(len(h.records)) {
					t.Fatalf("Last is %d, want %d", h.log.Last(), len(h.records))
				}
			},
		})
	})
}

// harness is a log and its model.
type harness struct {
	model
	dir    string
	server *journal.Server
	log    *journal.Log
}

func (h *harness) open(t *rapid.T) {
	var err error
	if h.server, err = journal.Open(context.Background(), journal.Options{Dir: h.dir}); err != nil {
		t.Fatal(err)
	}
	if h.log, err = h.server.Log(context.Background(), "w"); err != nil {
		t.Fatal(err)
	}
}

func (h *harness) append(t *rapid.T) {
	records := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 50), 0, 20).Draw(t, "records")
	if err := h.log.Append(context.Background(), uint64(len(h.records))+1, records); err != nil {
		t.Fatal(err)
	}
	h.records = append(h.records, records...)
}

func (h *harness) snapshot(t *rapid.T) {
	at := rapid.Uint64Range(h.at, uint64(len(h.records))).Draw(t, "at")
	size := rapid.SampledFrom([]int{0, 1, 1000, 1000, 1000, 1000, 1<<20 + 1}).Draw(t, "size")
	state := bytes.Repeat([]byte{byte(at)}, size)
	err := h.log.SaveSnapshot(context.Background(), at, pieces(state))
	if err != nil {
		t.Fatal(err)
	}
	if h.state != nil {
		h.kept = h.at
	}
	h.at, h.state = at, state
}

func (h *harness) replay(t *rapid.T) {
	after := rapid.Uint64Range(0, uint64(len(h.records))+1).Draw(t, "after")
	next := after
	err := h.log.Replay(context.Background(), after, func(number uint64, record []byte) error {
		if number != next+1 || !bytes.Equal(record, h.records[next]) {
			return fmt.Errorf("record %d is wrong, want %d", number, next+1)
		}
		next++
		return nil
	})
	if errors.Is(err, journal.ErrTrimmed) && after < h.kept {
		return // batches are dropped whole: whether it is still there depends
	}
	if err != nil || next != max(after, uint64(len(h.records))) {
		t.Fatalf("replay after %d ended before %d: %v", after, next+1, err)
	}
}

func (h *harness) check(t *rapid.T) {
	at, r, err := h.log.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if (r == nil) != (h.state == nil) || at != h.at {
		t.Fatalf("snapshot at %d, want %d", at, h.at)
	}
	if r == nil {
		return
	}
	var got bytes.Buffer
	if _, err := got.ReadFrom(r); err != nil || !bytes.Equal(got.Bytes(), h.state) {
		t.Fatalf("snapshot holds %d bytes, want %d: %v", got.Len(), len(h.state), err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}

// pieces writes content in uneven parts.
func pieces(content []byte) func(io.Writer) error {
	return func(w io.Writer) error {
		for i := 1; len(content) > 0; i = i*3 + 1 {
			n := min(i, len(content))
			if _, err := w.Write(content[:n]); err != nil {
				return err
			}
			content = content[n:]
		}
		return nil
	}
}
