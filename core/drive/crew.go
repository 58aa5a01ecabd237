// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive

import (
	"context"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// retryAfter is how long after a lost connection the next is tried.
const retryAfter = 200 * time.Millisecond

// crew is the agents of a plan at work.
type crew struct {
	workers []*worker
	opening sync.WaitGroup // those who are there from the beginning, until they are
	shifts  sync.WaitGroup // agents' shifts
	streams sync.WaitGroup // agents' streams

	mu     sync.Mutex
	paused bool
	jobs   sync.WaitGroup // work under way
}

// begin runs a job, unless nothing is to begin any more.
func (c *crew) begin(job func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.paused {
		c.jobs.Go(job)
	}
}

// worker is one agent at work.
type worker struct {
	Shift
	player *Player
	crew   *crew
	client patchbayv1.AgentServiceClient

	// playing ends with the play, calls never: what is begun is finished.
	// connected ends with the agent's presence.
	playing, calls, connected context.Context
	disconnect                context.CancelFunc
	// there says that the agent can be offered something, or not be had.
	there func()

	mu       sync.Mutex
	signedIn bool
	leaving  bool
	held     map[string]*job // by assignment
	empty    chan struct{}   // closed when leaving and nothing is held
}

// job is an assignment in an agent's hands.
type job struct {
	assignment string
	customer   *customer // nil for work that is not of this plan
	open       bool
}

// crew sends the agents to work.
func (p *Player) crew(playing, calls context.Context) *crew {
	c := &crew{}
	for i, shift := range p.plan.Shifts {
		w := &worker{
			Shift: shift, player: p, crew: c, playing: playing, calls: calls,
			client: patchbayv1.NewAgentServiceClient(p.options.Conns[i%len(p.options.Conns)]),
			held:   make(map[string]*job), empty: make(chan struct{}), there: func() {},
		}
		if w.From <= 0 {
			c.opening.Add(1)
			w.there = sync.OnceFunc(c.opening.Done)
		}
		connected, disconnect := context.WithCancel(calls)
		w.connected, w.disconnect = connected, disconnect //nolint:fatcontext // one for each agent
		c.workers = append(c.workers, w)
		c.shifts.Go(w.shift)
	}
	return c
}

// pause waits until nobody does anything any more, which they will not as
// playing has ended. Streams stay.
func (c *crew) pause() {
	c.shifts.Wait()
	c.mu.Lock()
	c.paused = true
	c.mu.Unlock()
	c.jobs.Wait()
}

// finish completes what is open.
func (c *crew) finish() {
	var each sync.WaitGroup
	for _, w := range c.workers {
		each.Go(func() {
			for _, j := range w.opened() {
				w.complete(j, false)
			}
		})
	}
	each.Wait()
}

// leave signs everybody out and closes the streams.
func (c *crew) leave() {
	var each sync.WaitGroup
	for _, w := range c.workers {
		each.Go(w.signOut)
	}
	each.Wait()
	c.streams.Wait()
}

// shift is the agent's day: sign in, take what is offered, and at the end
// complete what is open and sign out. It returns when the day is over, or
// playing is. Who is there from the beginning is so before the clock starts.
func (w *worker) shift() {
	if w.From > 0 && !w.until(w.From) {
		return
	}
	if !w.signIn() {
		w.there()
		return
	}
	w.crew.streams.Go(w.listen)
	if w.Until == Forever || !w.until(w.Until) {
		return
	}
	w.goAway()
	select {
	case <-w.empty:
		w.signOut()
	case <-w.playing.Done():
	}
}

// until waits until a time of the plan, and reports whether it came before the
// end.
func (w *worker) until(at time.Duration) bool {
	select {
	case <-w.player.begun:
		return sleep(w.playing, w.player.clock.at(at))
	case <-w.playing.Done():
		return false
	}
}

func (w *worker) signIn() bool {
	ctx, cancel := context.WithTimeout(w.calls, callTimeout)
	defer cancel()
	request := &patchbayv1.SignInRequest{Agent: w.Agent, Status: w.player.options.Status}
	answer, err := w.client.SignIn(ctx, request)
	for status.Code(err) == codes.Unavailable && sleep(ctx, time.Now().Add(retryAfter)) {
		answer, err = w.client.SignIn(ctx, request)
	}
	if status.Code(err) == codes.AlreadyExists {
		// Somebody of that name is signed in, as after a run that was cut off or
		// a call whose answer was lost.
		_, err = w.client.SetStatus(ctx, &patchbayv1.SetStatusRequest{Agent: w.Agent, Status: w.player.options.Status})
	}
	if err != nil {
		w.player.errors.add("sign in "+w.Agent, err)
		return false
	}
	w.player.checker.Acknowledge(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_AGENT_SIGNED_IN, w.Agent)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.signedIn = true
	return true
}

// goAway lets nothing more be offered; empty is closed once nothing is held.
func (w *worker) goAway() {
	w.mu.Lock()
	w.leaving = true
	w.mu.Unlock()
	if away := w.player.options.Away; away != "" {
		ctx, cancel := context.WithTimeout(w.calls, callTimeout)
		defer cancel()
		answer, err := w.client.SetStatus(ctx, &patchbayv1.SetStatusRequest{Agent: w.Agent, Status: away})
		if err == nil {
			w.player.checker.Acknowledge(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_AGENT_STATUS_CHANGED, w.Agent)
		}
		// A host without such a status offers a little longer: signing out
		// gives that back.
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.checkEmpty()
}

// checkEmpty closes empty when the time has come. w.mu is held.
func (w *worker) checkEmpty() {
	if !w.leaving || len(w.held) > 0 {
		return
	}
	select {
	case <-w.empty:
	default:
		close(w.empty)
	}
}

// signOut ends the agent's presence and stream, if there is one.
func (w *worker) signOut() {
	w.mu.Lock()
	signedIn := w.signedIn
	w.signedIn, w.leaving = false, true
	w.mu.Unlock()
	if signedIn {
		ctx, cancel := context.WithTimeout(w.calls, callTimeout)
		defer cancel()
		answer, err := w.client.SignOut(ctx, &patchbayv1.SignOutRequest{Agent: w.Agent})
		if err != nil {
			w.player.errors.add("sign out "+w.Agent, err)
		} else {
			w.player.checker.Acknowledge(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_AGENT_SIGNED_OUT, w.Agent)
		}
	}
	w.disconnect()
}

// listen keeps the agent's stream and takes in what it tells, until the agent
// is disconnected.
func (w *worker) listen() {
	opening, stop := context.WithTimeout(w.playing, callTimeout)
	defer stop()
	context.AfterFunc(opening, w.there) // nobody waits longer than that for its first word
	for w.connected.Err() == nil {
		stream, err := w.client.StreamOffers(w.connected, &patchbayv1.StreamOffersRequest{Agent: w.Agent})
		if err == nil {
			err = w.receive(stream)
		}
		w.there()
		if w.connected.Err() != nil {
			return
		}
		w.player.errors.add("offers of "+w.Agent, err)
		sleep(w.connected, time.Now().Add(retryAfter))
	}
}

func (w *worker) receive(stream grpc.ServerStreamingClient[patchbayv1.StreamOffersResponse]) error {
	for {
		message, err := stream.Recv()
		if err != nil {
			return err
		}
		now := time.Now()
		switch m := message.GetMessage().(type) {
		case *patchbayv1.StreamOffersResponse_Snapshot:
			w.there()
			for _, offer := range m.Snapshot.GetHeld() {
				w.take(offer, now)
			}
		case *patchbayv1.StreamOffersResponse_Offered:
			w.take(m.Offered, now)
		case *patchbayv1.StreamOffersResponse_Accepted:
			w.opens(m.Accepted.GetAssignment(), now)
		case *patchbayv1.StreamOffersResponse_Ended:
			w.drop(m.Ended.GetAssignment())
		}
	}
}
