// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/patchbay-cx/patchbay/core/drive"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

const (
	// refresh is how often the picture changes on a terminal, and plainEvery
	// how often a line is printed elsewhere.
	refresh    = 500 * time.Millisecond
	plainEvery = 2 * time.Second
	// decisionsShown is how many decisions are shown, waitsKept of how many in a
	// queue the waits are summed up.
	decisionsShown = 10
	waitsKept      = 200
)

// screen shows a running demo.
type screen struct {
	out  io.Writer
	host *hosted
	live bool // redraw on a terminal, or else print lines

	length time.Duration // 0 if it is not known

	mu        sync.Mutex
	decisions []decision // the latest
	runtimes  map[string]int
	works     map[string]coming          // by work that is not at its end
	waits     map[string][]time.Duration // the latest, by queue
}

// coming is a piece of work before its end.
type coming struct {
	queue string
	since time.Time
}

// newScreen returns a screen for a demo of this length; 0 if it is not known.
func newScreen(out io.Writer, host *hosted, live bool, length time.Duration) *screen {
	return &screen{
		out: out, host: host, live: live, length: length, runtimes: make(map[string]int), works: make(map[string]coming), waits: make(map[string][]time.Duration),
	}
}

// observe takes in an event of the feed.
func (s *screen) observe(e *patchbayv1.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e.GetKind() {
	case patchbayv1.EventKind_EVENT_KIND_WORK_CREATED:
		s.works[e.GetWork()] = coming{queue: e.GetCreated().GetQueue(), since: e.GetAt().AsTime()}
	case patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED, patchbayv1.EventKind_EVENT_KIND_WORK_CANCELLED,
		patchbayv1.EventKind_EVENT_KIND_WORK_ABANDONED, patchbayv1.EventKind_EVENT_KIND_WORK_EXPIRED:
		delete(s.works, e.GetWork())
	case patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED:
		s.runtimes[e.GetDecision().GetRuntime()]++
		w, known := s.works[e.GetWork()]
		if !known {
			return // it came before the demo looked
		}
		d := decision{Event: e, queue: w.queue, waited: e.GetAt().AsTime().Sub(w.since)}
		s.decisions = latest(append(s.decisions, d), decisionsShown)
		s.waits[w.queue] = latest(append(s.waits[w.queue], d.waited), waitsKept)
	}
}

// latest returns the last n of values.
func latest[T any](values []T, n int) []T {
	return values[max(len(values)-n, 0):]
}

// show shows the demo until stop is called, which waits for the last picture.
func (s *screen) show(player *drive.Player, conn grpc.ClientConnInterface) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	every := plainEvery
	if s.live {
		every = refresh
	}
	if s.live {
		fmt.Fprint(s.out, home+below)
	}
	go func() {
		defer close(done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				s.draw(ctx, player, conn)
			}
		}
	}()
	return func() {
		cancel()
		<-done
		if s.live {
			fmt.Fprint(s.out, home+below)
		}
	}
}

func (s *screen) draw(ctx context.Context, player *drive.Player, conn grpc.ClientConnInterface) {
	status, err := patchbayv1.NewHostServiceClient(conn).GetStatus(ctx, &patchbayv1.GetStatusRequest{})
	if err != nil {
		return // the host is ending, or the next picture will tell
	}
	p := player.Progress()
	if !s.live {
		s.printLine(status, p)
		return
	}
	agents, err := drive.Agents(ctx, conn)
	if err != nil {
		return
	}
	width, height := size(s.out)
	// A terminal that is gone ends the program otherwise.
	_, _ = io.WriteString(s.out, render(s.picture(status, agents, p, width), width, height))
}

// printLine writes the state on one line.
func (s *screen) printLine(status *patchbayv1.GetStatusResponse, p drive.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting := 0
	for _, q := range status.GetQueues() {
		waiting += int(q.GetWaiting())
	}
	fmt.Fprintf(s.out, "%s  came %d, waiting %d, served %d, hung up %d, offers: builtin %d, process %d, wasm %d, violations %d\n",
		p.Elapsed.Round(time.Second), p.Come, waiting, p.Served, p.Abandoned,
		s.runtimes["builtin"], s.runtimes["process"], s.runtimes["wasm"], p.Violations)
}
