// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/journal"
)

// Past is what is kept of a workspace's journal, to be read from its beginning:
// of a log, or of an export. It may be read any number of times, and by several
// at once if it is of a log.
type Past struct {
	// Workspace is the workspace's name.
	Workspace string
	// First and Last are the numbers of the first and the last event; Last is
	// First-1 if there is none.
	First, Last uint64

	start  func(ctx context.Context) (*engine.Engine, error)
	events func(ctx context.Context, each func(*engine.Event) error) error
}

// Start returns the workspace as it was before the first event. It blocks for as
// long as that takes to read.
func (p *Past) Start(ctx context.Context) (*engine.Engine, error) { return p.start(ctx) }

// Events gives every event in order, or at last an error that says from where on
// they cannot be read.
func (p *Past) Events(ctx context.Context) iter.Seq2[*engine.Event, error] {
	return func(yield func(*engine.Event, error) bool) {
		err := p.events(ctx, func(ev *engine.Event) error {
			if !yield(ev, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(nil, err)
		}
	}
}

// PastOf returns what a log holds at present, from its very beginning or else
// from the oldest snapshot on. The log may be written to meanwhile, but what is
// asked for must not be dropped.
func PastOf(ctx context.Context, log *journal.Log) (*Past, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	at, err := oldest(ctx, log)
	if err != nil {
		return nil, fmt.Errorf("host: past: %w", err)
	}
	p := &Past{Workspace: log.Workspace(), First: at + 1, Last: max(at, log.Last())}
	p.start = func(ctx context.Context) (*engine.Engine, error) {
		if at == 0 {
			return engine.New(), nil
		}
		_, r, err := log.SnapshotBefore(ctx, at+1)
		switch {
		case err != nil:
			return nil, fmt.Errorf("host: past: %w", err)
		case r == nil:
			return nil, fmt.Errorf("host: past: the snapshot at event %d is gone: %w", at, journal.ErrTrimmed)
		}
		e, err := c.readSnapshot(r)
		return e, errors.Join(err, r.Close())
	}
	p.events = func(ctx context.Context, each func(*engine.Event) error) error {
		return log.Replay(ctx, at, func(number uint64, record []byte) error {
			if number > p.Last {
				return errEnough
			}
			ev, err := c.event(number, record)
			if err != nil {
				return err
			}
			return each(&ev)
		})
	}
	return p, nil
}

// oldest returns the event before the first that there is anything to know of:
// 0 for a log that is there from its beginning, or that of a snapshot.
func oldest(ctx context.Context, log *journal.Log) (uint64, error) {
	if log.First() == 1 {
		return 0, nil
	}
	at, r, err := log.Snapshot(ctx)
	for err == nil && r != nil {
		if err = r.Close(); err != nil {
			break
		}
		before, older, err := log.SnapshotBefore(ctx, at)
		if err != nil || older == nil || before+1 < log.First() {
			if older != nil {
				err = errors.Join(err, older.Close())
			}
			return at, err
		}
		at, r = before, older
	}
	return at, err
}

// writePast writes an export of what a log holds; see Workspace.Export.
func writePast(ctx context.Context, log *journal.Log, c codec, out io.Writer) error {
	at, err := oldest(ctx, log)
	if err != nil {
		return fmt.Errorf("host: export: %w", err)
	}
	w, err := newExport(out, c, exportHead{Format: exportFormat, Workspace: log.Workspace(), First: at + 1, Last: max(at, log.Last())})
	if err != nil {
		return err
	}
	if at > 0 {
		_, r, err := log.SnapshotBefore(ctx, at+1)
		if err != nil {
			return fmt.Errorf("host: export: %w", err)
		}
		if r == nil {
			return fmt.Errorf("host: export: the snapshot at event %d is gone: %w", at, journal.ErrTrimmed)
		}
		_, err = io.Copy(w.packed, r)
		if err = errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("host: export: %w", err)
		}
	}
	err = log.Replay(ctx, at, func(number uint64, record []byte) error {
		if number > w.head.Last {
			return errEnough
		}
		_, err := w.packed.Write(record)
		return err
	})
	if err != nil && !errors.Is(err, errEnough) {
		return fmt.Errorf("host: export: %w", err)
	}
	return w.close()
}

// Export writes what the journal holds at present, in the form that OpenExport
// reads. It blocks for as long as that takes; the workspace goes on meanwhile,
// but drops no old events. What is written is of use only if Export returns nil.
func (w *Workspace) Export(ctx context.Context, out io.Writer) error {
	w.exporting.RLock()
	defer w.exporting.RUnlock()
	return writePast(ctx, w.log, w.codec, out)
}

// ExportLog is Workspace.Export for the log of a workspace that is not open.
func ExportLog(ctx context.Context, log *journal.Log, out io.Writer) error {
	c, err := newCodec()
	if err != nil {
		return err
	}
	return writePast(ctx, log, c, out)
}
