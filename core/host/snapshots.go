// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/giveway"
	"github.com/patchbay-cx/patchbay/core/journal"
)

const (
	// giveWayTimes is how many times as long as it has worked the maker of
	// snapshots pauses, and giveWayMost how long at most: whoever waits for an
	// offer does not wait for a snapshot, which nobody waits for.
	giveWayTimes = 5
	giveWayMost  = 20 * time.Millisecond
)

// recovered returns the state as the journal tells it, up to and with the event
// numbered until, and which event the snapshot it began with was made at. It
// replays at the pace; nil for without pauses.
func recovered(ctx context.Context, log *journal.Log, c codec, until uint64, pace *giveway.Pace) (e *engine.Engine, snapshotAt uint64, err error) {
	e = engine.New()
	snapshotAt, r, err := log.Snapshot(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("host: recover: %w", err)
	}
	if r != nil {
		e, err = c.readSnapshot(r)
		if closeErr := r.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return nil, 0, fmt.Errorf("host: recover: %w", err)
		}
	}
	if e.Number() >= until {
		return e, snapshotAt, nil
	}
	err = log.Replay(ctx, e.Number(), func(number uint64, record []byte) error {
		ev, err := c.event(number, record)
		if err != nil {
			return err
		}
		if err := e.Replay(ev); err != nil {
			return err
		}
		if number == until {
			return errEnough
		}
		pace.Pause()
		return nil
	})
	if e.Number() < until {
		return nil, 0, fmt.Errorf("host: recover: the journal ends at event %d instead of %d: %w", e.Number(), until, err)
	}
	return e, snapshotAt, nil
}

// snapshots makes a snapshot now and then, on a goroutine of its own and from
// the journal alone: the loop is not held up, and every snapshot proves that
// the log replays.
type snapshots struct {
	log    *journal.Log
	hold   *sync.RWMutex // locked to drop old events
	codec  codec
	logger *slog.Logger
	every  uint64
	at     uint64 // of the last one; the loop's until a number is handed over
	wanted chan uint64
}

func newSnapshots(w *Workspace, at, every uint64) *snapshots {
	return &snapshots{
		log: w.log, hold: &w.exporting, codec: w.codec, logger: w.logger.With("workspace", w.name),
		every: every, at: at, wanted: make(chan uint64, 1),
	}
}

// note tells that events up to the number are durable.
func (s *snapshots) note(number uint64) {
	if number-s.at < s.every {
		return
	}
	select {
	case s.wanted <- number:
		s.at = number
	default: // one is being made
	}
}

func (s *snapshots) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case number := <-s.wanted:
			began := time.Now()
			if err := s.make(ctx, number); err != nil && ctx.Err() == nil {
				s.logger.Error("no snapshot could be made; the log is kept", "error", err)
				continue
			}
			s.logger.Info("snapshot made", "event", number, "took", time.Since(began))
		}
	}
}

func (s *snapshots) make(ctx context.Context, number uint64) error {
	// A log that grows faster than snapshots are made would be longer each time.
	due := func() bool { return len(s.wanted) > 0 }
	e, _, err := recovered(ctx, s.log, s.codec, number, &giveway.Pace{Times: giveWayTimes, Most: giveWayMost, Hurry: due})
	if err != nil {
		return err
	}
	return s.save(ctx, number, e, &giveway.Pace{Times: 1, Most: giveWayMost, Hurry: due}) // plans wait for it
}

// save stores a snapshot, and drops what is old, once nobody reads it.
func (s *snapshots) save(ctx context.Context, number uint64, e *engine.Engine, pace *giveway.Pace) error {
	s.hold.Lock()
	defer s.hold.Unlock()
	return s.log.SaveSnapshot(ctx, number, func(w io.Writer) error { return s.codec.writeSnapshot(e, w, pace) })
}

// last makes a snapshot of the state at the end, so that the next start is
// quick.
func (s *snapshots) last(ctx context.Context, e *engine.Engine) {
	if e.Number() == 0 {
		return
	}
	err := s.save(ctx, e.Number(), e, nil)
	if err != nil {
		s.logger.Error("no snapshot could be made at the end; the next start replays the log", "error", err)
	}
}
