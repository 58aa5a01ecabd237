// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
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
	// decisionsShown is how many decisions are shown.
	decisionsShown = 10
)

// screen shows a running demo.
type screen struct {
	out  io.Writer
	host *hosted
	live bool // redraw on a terminal, or else print lines

	mu        sync.Mutex
	decisions []*patchbayv1.Event // the latest offers
	runtimes  map[string]int
	queues    map[string]string // by work that waits or is offered
}

func newScreen(out io.Writer, host *hosted, live bool) *screen {
	return &screen{out: out, host: host, live: live, runtimes: make(map[string]int), queues: make(map[string]string)}
}

// observe takes in an event of the feed.
func (s *screen) observe(e *patchbayv1.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch e.GetKind() {
	case patchbayv1.EventKind_EVENT_KIND_WORK_CREATED:
		s.queues[e.GetWork()] = e.GetCreated().GetQueue()
	case patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED, patchbayv1.EventKind_EVENT_KIND_WORK_CANCELLED,
		patchbayv1.EventKind_EVENT_KIND_WORK_ABANDONED, patchbayv1.EventKind_EVENT_KIND_WORK_EXPIRED:
		delete(s.queues, e.GetWork())
	case patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED:
		s.runtimes[e.GetDecision().GetRuntime()]++
		if e.GetQueue() == "" {
			e.Queue = s.queues[e.GetWork()]
		}
		s.decisions = append(s.decisions, e)
		if len(s.decisions) > decisionsShown {
			s.decisions = s.decisions[1:]
		}
	}
}

// show shows the demo until stop is called, which waits for the last picture.
func (s *screen) show(player *drive.Player, conn grpc.ClientConnInterface) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	every := plainEvery
	if s.live {
		every = refresh
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
			fmt.Fprint(s.out, home)
		}
	}
}

// home moves to the top left and clears what is below.
const home = "\x1b[H\x1b[2J"

func (s *screen) draw(ctx context.Context, player *drive.Player, conn grpc.ClientConnInterface) {
	status, err := patchbayv1.NewHostServiceClient(conn).GetStatus(ctx, &patchbayv1.GetStatusRequest{})
	if err != nil {
		return // the host is ending, or the next picture will tell
	}
	p := player.Progress()
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.live {
		waiting := 0
		for _, q := range status.GetQueues() {
			waiting += int(q.GetWaiting())
		}
		fmt.Fprintf(s.out, "%s  came %d, waiting %d, served %d, hung up %d, offers: builtin %d, process %d, wasm %d, violations %d\n",
			p.Elapsed.Round(time.Second), p.Come, waiting, p.Served, p.Abandoned,
			s.runtimes["builtin"], s.runtimes["process"], s.runtimes["wasm"], p.Violations)
		return
	}
	var picture bytes.Buffer
	fmt.Fprintf(&picture, "%sPatchbay demo · %s · API on %s (REST: %s/v1/status) · Ctrl-C ends\n\n",
		home, p.Elapsed.Round(time.Second), s.host.address(), s.host.url())
	_ = table(&picture, queueRows(status)) // writing to memory does not fail
	fmt.Fprintf(&picture, "\n%d customers came, %d served, %d hung up · offers: builtin %d, process %d, wasm %d · violations %d\n\n",
		p.Come, p.Served, p.Abandoned, s.runtimes["builtin"], s.runtimes["process"], s.runtimes["wasm"], p.Violations)
	_ = table(&picture, s.decisionRows())
	_, _ = picture.WriteTo(s.out) // a terminal that is gone ends the program otherwise
}

func (s *screen) decisionRows() [][]string {
	rows := [][]string{{"WHEN", "WORK", "QUEUE", "WENT TO", "BY", "RUNTIME", "WHY"}}
	for _, e := range slices.Backward(s.decisions) {
		d := e.GetDecision()
		rows = append(rows, []string{
			clock(e.GetAt()), e.GetWork(), e.GetQueue(), e.GetAgent(), d.GetStrategy(), d.GetRuntime(), d.GetReason(),
		})
	}
	return rows
}
