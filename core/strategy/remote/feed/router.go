// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"fmt"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// proofTurns is for how many turns under a new lease, or after one that was
// missed, a proposal may come back as not eligible only because the host does
// not yet use what is proposed: so often it is proposed again.
const proofTurns = 4

// router is a subscriber as the doors see it: it speaks the session protocol for
// it, across the connections that it loses and makes again.
type router struct {
	door     *Door
	id       string // by which the subscriber knows it, in the IDs of events
	sub      Subscription
	strategy Strategy

	mu         sync.Mutex
	changed    chan struct{} // closed, and made anew, when there is something to read
	stream     *Stream       // who reads; nil while nobody does
	link       *link         // nil while nobody reads
	expiry     *time.Timer
	over       bool
	token      string // by which the session is resumed
	resumed    bool   // and no turn has come since
	lease      uint64 // 0 while it stands by
	leadership uint64 // counts the changes of that, from 1
	proving    int
	assigned   bool // something was posted under this lease

	board   board
	log     log
	epoch   uint64             // of the last turn
	applied uint64             // the last turn of the lease
	awaited bool               // it is not answered yet
	answer  *strategyv1.Answer // to that turn
	most    int                // bytes of an answer
	called  bool               // a turn is wanted, and none has come since
	linger  *time.Timer
	posts   posts
}

func newRouter(d *Door, id string, s Subscription) *router {
	s.After = ""
	return &router{
		door: d, id: id, sub: s, strategy: d.strategies[s.Strategy],
		changed: make(chan struct{}), leadership: 1, board: newBoard(s.Queue),
	}
}

// stir wakes who reads. The router is locked, here and below.
func (r *router) stir() {
	close(r.changed)
	r.changed = make(chan struct{})
}

func (r *router) leads(lease uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return lease != 0 && r.lease == lease
}

// attach gives the router a stream that goes on after an event, and a link if it
// has none; false if it has just been forgotten. The router is not locked, here
// and in what follows up to lost.
func (r *router) attach(after uint64, address string) (*Stream, *link, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return nil, nil, false
	}
	s := &Stream{router: r, since: time.Now(), cursor: after}
	if r.stream != nil {
		r.stream.err = errReplaced
	}
	r.stream = s
	if r.expiry != nil {
		r.expiry.Stop()
		r.expiry = nil
	}
	if r.link == nil {
		r.link = r.open(address)
	}
	r.stir()
	return s, r.link, true
}

// detach takes a stream that ends off the router. A router that leads is kept
// for a while.
func (r *router) detach(s *Stream) {
	r.mu.Lock()
	if r.stream != s {
		r.mu.Unlock()
		return
	}
	r.stream = nil
	l := r.link
	r.link = nil
	kept := r.lease != 0 && !r.over
	if kept {
		r.expiry = time.AfterFunc(r.door.options.Retention, func() { r.expire() })
	}
	r.mu.Unlock()
	switch {
	case l == nil:
	case kept:
		l.hangUp()
	default:
		l.leave("the feed was closed")
	}
	if !kept {
		r.door.forget(r)
	}
}

// expire forgets a router whose subscriber has not come back.
func (r *router) expire() {
	r.mu.Lock()
	back := r.stream != nil
	r.mu.Unlock()
	if !back {
		r.door.forget(r)
	}
}

// end ends the router for good.
func (r *router) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.over = true
	if r.expiry != nil {
		r.expiry.Stop()
	}
	if r.stream != nil && r.stream.err == nil {
		r.stream.err = errEnded
		if r.door.stop.Err() != nil {
			r.stream.err = errStopping
		}
	}
	if r.link != nil {
		r.link.leave("the feed ends")
	}
	r.yield()
	r.stir()
}

// lost notes that the doors have let go of a link, and why.
func (r *router) lost(l *link) {
	r.mu.Lock()
	if r.link != l {
		r.mu.Unlock()
		return
	}
	r.link = nil
	if r.stream != nil && r.stream.err == nil {
		r.stream.err = refusalOf(l.err)
	}
	r.stir()
	r.mu.Unlock()
	r.door.forget(r)
}

// welcome takes the doors' word on whether the session goes on. The router is
// locked, here and below.
func (r *router) welcome(w *strategyv1.Welcome) {
	r.token = w.GetResumeToken()
	r.resumed = w.GetResumed() && w.GetLease() == r.lease && r.lease != 0
	if !r.resumed {
		r.yield()
		return
	}
	if r.called || r.posts.waiting() {
		r.called = false
		r.call()
	}
}

// lead begins under a new lease.
func (r *router) lead(m *strategyv1.Lead) {
	r.yield()
	r.lease = m.GetLease()
	r.leadership++
	r.most = int(m.GetMaxReplyBytes())
	r.proving, r.assigned = proofTurns, false
	r.link.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Configured{Configured: &strategyv1.Configured{
		Lease: r.lease, Response: &strategyv1.ConfigureResponse{},
	}}})
}

// drained ends the lead. Who led and left everything undone is hung up on, since
// nobody else may lead while it is first in line: at once, since it may not read
// what it is told.
func (r *router) drained(m *strategyv1.Drained) {
	if m.GetLease() != r.lease {
		return
	}
	idle := !r.assigned && r.board.waits()
	r.yield()
	if l := r.link; idle && r.stream != nil {
		r.stream.err = errSilent
		r.link, r.token = nil, ""
		l.leave("it led, and assigned nothing while work waited")
	}
	r.stir()
}

// yield ends what the router did under its lease, if it had one.
func (r *router) yield() {
	if r.lease != 0 {
		r.leadership++
		r.posts.refuse(fenced(r.lease))
	}
	if r.linger != nil {
		r.linger.Stop()
		r.linger = nil
	}
	r.lease, r.applied, r.awaited, r.answer, r.called, r.resumed = 0, 0, false, nil, false, false
	r.board = newBoard(r.sub.Queue)
	r.log.restart(0)
	r.stir()
}

// call asks the host for a turn, once until it comes.
func (r *router) call() {
	if r.called || r.link == nil || r.lease == 0 {
		return
	}
	r.called = true
	r.link.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Wake{Wake: &strategyv1.Wake{Lease: r.lease}}})
}

// fenced says that a lease is over, in the words of the doors.
func fenced(lease uint64) *remote.Refusal {
	return &remote.Refusal{Code: "fenced", Text: fmt.Sprintf(
		"lease %d is over, and this router stands by; what it decides does not count", lease)}
}
