// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/journal"
)

const (
	// tailLength is how many of the last events are kept in memory for readers.
	tailLength = 1 << 16
	// feedChunk is the most events a reader is given at once.
	feedChunk = 1000
)

// tail holds the last durable events. The loop writes, any number read.
type tail struct {
	mu     sync.Mutex
	events [tailLength]engine.Event
	first  uint64 // number of the oldest event held
	last   uint64 // number of the newest event
	more   chan struct{}
	closed bool
}

func newTail(last uint64) *tail {
	return &tail{first: last + 1, last: last, more: make(chan struct{})}
}

func (t *tail) put(events []engine.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range events {
		t.last = events[i].Number
		t.events[t.last%tailLength] = events[i]
	}
	if t.last-t.first >= tailLength {
		t.first = t.last - tailLength + 1
	}
	close(t.more)
	t.more = make(chan struct{})
}

func (t *tail) close() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = true
	close(t.more)
	t.more = make(chan struct{})
}

// after returns events after the number. Without any it returns a channel that
// is closed when there are; held says whether the tail reaches back so far.
func (t *tail) after(number uint64) (events []engine.Event, more <-chan struct{}, held, closed bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if number < t.first-1 {
		return nil, nil, false, t.closed
	}
	for n := number; n < t.last && len(events) < feedChunk; n++ {
		events = append(events, t.events[(n+1)%tailLength])
	}
	return events, t.more, true, t.closed
}

// Feed reads what happens in a workspace, in order and without gaps but for the
// events that are of use only to who plays the past again (engine.Kind.Inward).
// It is for one goroutine; a workspace has as many as are wanted.
type Feed struct {
	workspace *Workspace
	number    uint64
}

// Feed returns a feed of the events whose number is above after: 0 for all that
// is kept.
func (w *Workspace) Feed(after uint64) *Feed {
	if after == 0 {
		after = w.log.First() - 1
	}
	return &Feed{workspace: w, number: after}
}

var errEnough = errors.New("host: enough")

// Next returns the next events, at least one. It blocks until there are some,
// the context ends, or the workspace is closed (ErrClosed). ErrForgotten says
// that the events asked for are no longer kept; other errors are the journal's.
func (f *Feed) Next(ctx context.Context) ([]engine.Event, error) {
	for {
		events, more, held, closed := f.workspace.tail.after(f.number)
		if !held {
			var err error
			if events, err = f.past(ctx); err != nil {
				return nil, err
			}
		}
		if len(events) > 0 {
			f.number = events[len(events)-1].Number
			if events = outward(events); len(events) > 0 {
				return events, nil
			}
			continue
		}
		if closed {
			return nil, ErrClosed
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// past reads what memory no longer holds from the journal.
func (f *Feed) past(ctx context.Context) ([]engine.Event, error) {
	var events []engine.Event
	err := f.workspace.log.Replay(ctx, f.number, func(number uint64, record []byte) error {
		ev, err := f.workspace.codec.event(number, record)
		if err != nil {
			return err
		}
		if events = append(events, ev); len(events) == feedChunk {
			return errEnough
		}
		return nil
	})
	switch {
	case errors.Is(err, journal.ErrTrimmed):
		return nil, fmt.Errorf("%w: %w", ErrForgotten, err)
	case err != nil && !errors.Is(err, errEnough):
		return nil, err
	}
	return events, nil
}

// outward leaves out what readers are not shown. It changes the list.
func outward(events []engine.Event) []engine.Event {
	return slices.DeleteFunc(events, func(ev engine.Event) bool { return ev.Kind.Inward() })
}
