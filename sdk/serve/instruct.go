// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !wasip1

package serve

import strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"

// Instructor is a strategy that has things done with work besides offering it:
// it holds and clears, withdraws offers, reprioritises and annotates. Only
// Remote serves it; in other runtimes a strategy proposes and no more.
type Instructor interface {
	// OnInstruct is called when the strategy begins to decide. From then on it
	// may call instruct, from any goroutine; the lease is filled in. After the
	// strategy's end, and while there is no connection, that does nothing: one
	// for which no Instructed comes can be sent again, since it is idempotent
	// by work and revision.
	OnInstruct(instruct func(in *strategyv1.Instruct))
	// Instructed is told what came of each. It is never called during a turn,
	// nor concurrently with itself.
	Instructed(out *strategyv1.Instructed)
}

// instructs sends an instruct of the strategy of that lease.
func (r *router) instructs(lease uint64, in *strategyv1.Instruct) {
	c := r.call.Load()
	if r.led.Load() != lease || c == nil {
		return
	}
	in.Lease = lease
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left || c.stream == nil {
		return
	}
	// What keeps it from being sent ends the connection too.
	_ = c.stream.Send(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Instruct{Instruct: in}})
}

// instructed tells the strategy that leads what came of an instruct.
func (r *router) instructed(out *strategyv1.Instructed) {
	if r.instance == nil || out.GetLease() != r.lease {
		return // of a lease that is over
	}
	if instructor, ok := r.instance.strategy.(Instructor); ok {
		instructor.Instructed(out)
	}
}
