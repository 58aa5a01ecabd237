// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
)

// The kinds of events.
const (
	// KindSnapshot: the whole board, or a page of it. The router leads.
	KindSnapshot = "snapshot"
	// KindDelta: what has changed.
	KindDelta = "delta"
	// KindStandby: the router does not lead, and what it posts does not count.
	KindStandby = "standby"
)

// Event is something to tell a subscriber.
type Event struct {
	// ID is what Subscription.After goes on from; empty for an event that it
	// should not go on from.
	ID string
	// Kind is one of the kinds above.
	Kind string
	// Lease is that of the router, 0 if it stands by, and Turn the number of the
	// turn that the event tells of.
	Lease, Turn uint64
	// Data is the turn as a document of package document, in JSON, with the
	// lease. It must not be changed.
	Data []byte
}

var (
	errReplaced = &remote.Refusal{Code: "replaced", Text: "the feed goes on over another connection"}
	errStopping = &remote.Refusal{Code: "shutting_down", Text: "the host is shutting down; subscribe again"}
	errSilent   = &remote.Refusal{Code: "silent", Text: "this router led and assigned nothing while work waited; subscribe again"}
	errEnded    = &remote.Refusal{Code: "silent", Text: "the feed was lost; subscribe again"}
)

// refusalOf is why a router's link ended, as a subscriber is told it.
func refusalOf(err error) error {
	if refused, ok := errors.AsType[*remote.Refusal](err); ok {
		return refused
	}
	return errStopping
}

// Stream is one connection of a subscriber. Next is called by one goroutine.
type Stream struct {
	router *router
	since  time.Time

	// The router's lock guards what follows.
	cursor uint64 // number of the last event that was read
	seen   uint64 // the change of leadership that it was told of; 0 for none
	err    error  // why it ended; nil while it has not
	once   sync.Once

	pages []Event // Next's: of a snapshot, still to be read
}

// Next waits for the next event.
//
// # Errors
//
// A *remote.Refusal, whose code is "replaced", "silent", "too_slow" or
// "shutting_down", when the host has ended the stream; else that of ctx.
func (s *Stream) Next(ctx context.Context) (Event, error) {
	for {
		if len(s.pages) > 0 {
			ev := s.pages[0]
			s.pages = s.pages[1:]
			return ev, nil
		}
		ev, wait, err := s.read()
		if err != nil {
			return Event{}, err
		}
		if ev != nil {
			return *ev, nil
		}
		if wait == nil { // there are pages now
			continue
		}
		if err := s.wait(ctx, wait); err != nil {
			return Event{}, err
		}
	}
}

// wait waits until something has changed, or the subscriber has waited long
// enough to be told that it stands by.
func (s *Stream) wait(ctx context.Context, changed <-chan struct{}) error {
	var enough <-chan time.Time
	if left := time.Until(s.since.Add(s.router.door.options.Patience)); left > 0 {
		timer := time.NewTimer(left)
		defer timer.Stop()
		enough = timer.C
	}
	select {
	case <-changed:
	case <-enough:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// read returns an event that is there, or what to wait for; neither if it has
// made pages.
func (s *Stream) read() (*Event, <-chan struct{}, error) {
	r := s.router
	r.mu.Lock()
	switch {
	case s.err != nil:
		defer r.mu.Unlock()
		return nil, nil, s.err
	case r.lease == 0:
		defer r.mu.Unlock()
		if s.seen == r.leadership || r.leadership == 1 && time.Since(s.since) < r.door.options.Patience {
			return nil, r.changed, nil
		}
		s.seen = r.leadership
		return r.standby(), nil, nil
	case !r.board.Ready():
		defer r.mu.Unlock()
		return nil, r.changed, nil
	case r.log.misses(s.cursor):
		s.cursor = r.log.last
		view := r.view()
		r.mu.Unlock()
		var err error
		s.pages, err = view.pages(r.door.options.Page)
		return nil, nil, err
	default:
		defer r.mu.Unlock()
		if s.cursor == r.log.last {
			return nil, r.changed, nil
		}
		s.cursor++
		ev := r.log.at(s.cursor)
		return &ev, nil, nil
	}
}

// standby is the event for who does not lead. The router is locked.
func (r *router) standby() *Event {
	data, _ := json.Marshal(map[string]any{ //nolint:errchkjson // texts and numbers
		"lease": "0", "strategy": r.sub.Strategy, "router": r.sub.Router,
		"text": fmt.Sprintf("this router stands by for strategy %q", r.sub.Strategy),
	})
	return &Event{Kind: KindStandby, Data: data}
}

// Close ends the stream. If the router led, it is kept for a while, and leads
// on if it comes back before another one has taken its place.
func (s *Stream) Close() { s.once.Do(func() { s.router.detach(s) }) }

// log is what is kept of a feed's events. They are numbered; a number is used
// once.
type log struct {
	events []Event // in order; the last one has the number last
	last   uint64
	bytes  int
	told   uint64 // the turn whose board somebody has who has read everything
}

// misses reports whether what came after an event is not all there.
func (l *log) misses(cursor uint64) bool {
	return cursor+uint64(len(l.events)) < l.last || cursor > l.last
}

// at returns an event that is there.
func (l *log) at(number uint64) Event {
	return l.events[len(l.events)-1-int(l.last-number)]
}

// restart makes everybody miss something.
func (l *log) restart(turn uint64) {
	l.events, l.bytes = nil, 0
	l.last++
	l.told = turn
}

// put appends an event under the next number, and drops what is too much.
func (l *log) put(ev Event, most Options) {
	l.last++
	l.told = ev.Turn
	l.events = append(l.events, ev)
	l.bytes += len(ev.Data)
	drop := 0
	for l.bytes > most.Bytes && drop < len(l.events) || len(l.events)-drop > most.Events {
		l.bytes -= len(l.events[drop].Data)
		drop++
	}
	clear(l.events[:drop])
	l.events = l.events[drop:]
}
