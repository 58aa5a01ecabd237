// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"slices"
	"sync"

	"google.golang.org/grpc"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// Watch tells those who wait for what becomes of work when to look at it. A
// source of much work needs one: it follows the feed once for all of it. What
// became of the work is then read from the host, so that nothing depends on
// having heard every event.
//
// Its life:
//
//  1. [Client.Watch] makes it.
//  2. [Watch.Run] follows the feed, for as long as anybody waits.
//  3. Who waits calls [Watch.On], looks at the work, waits for the bell, and looks
//     again, until there is no more to wait for; then leaves.
//
// It is safe for concurrent use.
type Watch struct {
	client *Client
	kinds  []patchbayv1.EventKind

	mu    sync.Mutex
	bells map[string][]chan struct{} // by work
}

// Watch returns a watch that rings at events of some kinds, those after which a
// look is worth its call; none means all that are about work.
func (c *Client) Watch(kinds ...patchbayv1.EventKind) *Watch {
	return &Watch{client: c, kinds: slices.Clone(kinds), bells: make(map[string][]chan struct{})}
}

// Run follows the feed until ctx ends, which it blocks for. When the feed is lost,
// it goes on with what happens from then on, and every bell rings once, for what
// happened meanwhile. It does not give up: what is refused now, because of a key
// that is not known yet, say, may be granted later.
//
// Lost, which must not be nil, is told why each time that the feed was lost or
// could not be had. It is called by Run and holds it up.
func (w *Watch) Run(ctx context.Context, lost func(error)) {
	_ = follow(ctx, w.client, w.open, w.hear, func(err error) bool { // it is that of ctx
		lost(err)
		return true
	})
}

// On returns a bell for a piece of work, by its id, and what to call when nobody
// waits for it any more; to call that again does nothing. The bell rings after
// something may have become of the work since On was called: look before waiting
// for the first time. Rings that nobody has heard yet are one. Several may wait
// for the same work; each has their own bell. On does not block.
func (w *Watch) On(work string) (bell <-chan struct{}, leave func()) {
	mine := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bells[work] = append(w.bells[work], mine)
	return mine, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		rest := slices.DeleteFunc(w.bells[work], func(bell chan struct{}) bool { return bell == mine })
		if w.bells[work] = rest; len(rest) == 0 {
			delete(w.bells, work)
		}
	}
}

// open opens the feed. Whoever looks once it is known where the feed begins sees
// all that happened before, so that is when every bell rings.
func (w *Watch) open(ctx context.Context) (grpc.ServerStreamingClient[patchbayv1.StreamEventsResponse], error) {
	status, err := w.client.Host.GetStatus(ctx, &patchbayv1.GetStatusRequest{})
	if err != nil {
		return nil, err
	}
	stream, err := w.client.Feed.StreamEvents(ctx, &patchbayv1.StreamEventsRequest{After: status.GetLastEvent(), Kinds: w.kinds})
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, bells := range w.bells {
		press(bells)
	}
	return stream, nil
}

// hear rings the bells of the work that an event is about.
func (w *Watch) hear(m *patchbayv1.StreamEventsResponse) (more bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	press(w.bells[m.GetEvent().GetWork()])
	return true
}

func press(bells []chan struct{}) {
	for _, bell := range bells {
		select {
		case bell <- struct{}{}:
		default: // it rings already
		}
	}
}
