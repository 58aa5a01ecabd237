// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"

	"github.com/patchbay-cx/patchbay/core/strategy"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// Instructor has done what a router asks for that leads the strategy, or a class
// of it, and answers; lease and number of the answer are filled in by the doors.
// Lead is that of Doors.Lead, of the router's lease. It is called by a goroutine
// for each connection.
type Instructor func(ctx context.Context, name string, in *strategyv1.Instruct, lead func() (strategy.Standing, bool)) *strategyv1.Instructed

// maxInstructs is how many instructs of one connection may wait.
const maxInstructs = 256

// OnInstruct says who has instructs done. It is called before Open; without it
// they are refused.
func (d *Doors) OnInstruct(do Instructor) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.instructor = do
}

// instructs takes an instruct, to be done after those before it. The doors are
// locked.
func (d *Doors) instructs(c *connection, s *session, in *strategyv1.Instruct) {
	switch {
	case s.lease == 0 || in.GetLease() != s.lease:
		s.counts.Fenced++
		c.say(told(in, &strategyv1.Instructed{Code: "fenced", Text: "the lease is over: another router leads, or nobody does"}))
	case d.instructor == nil:
		c.say(told(in, &strategyv1.Instructed{Code: "unavailable", Text: "this host has nothing done but proposals"}))
	default:
		select {
		case c.instructs <- in:
		default:
			c.say(told(in, &strategyv1.Instructed{Code: "limit", Text: "too many instructs wait; send fewer before they are answered"}))
		}
	}
}

// obey has the instructs of a connection done, one after the other, until it
// ends.
func (d *Doors) obey(c *connection) {
	for {
		select {
		case in := <-c.instructs:
			out := told(in, d.instruct(c, in))
			select {
			case c.out <- out: // there is time: nobody waits for this goroutine
			case <-c.ended:
				return
			}
		case <-c.ended:
			return
		}
	}
}

// instruct has an instruct done.
func (d *Doors) instruct(c *connection, in *strategyv1.Instruct) *strategyv1.Instructed {
	d.mu.Lock()
	do, s, name := d.instructor, c.session, ""
	if s.holder != nil {
		name = s.holder.spec.Name
	}
	d.mu.Unlock()
	return do(d.stop, name, in, func() (strategy.Standing, bool) { return d.Lead(in.GetLease()) })
}

// Lead returns as whom a router leads under the lease, false if the lease is
// over. It does not block. The desk says whether who stands there decides.
func (d *Doors) Lead(lease uint64) (strategy.Standing, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.rooms {
		for _, s := range r.sessions {
			if lease != 0 && s.lease == lease {
				return strategy.Standing{Post: s.holder.spec.Post, Epoch: s.holder.epoch}, true
			}
		}
	}
	return strategy.Standing{}, false
}

// told is the answer to an instruct.
func told(in *strategyv1.Instruct, out *strategyv1.Instructed) *strategyv1.SessionResponse {
	out.Lease, out.Number = in.GetLease(), in.GetNumber()
	out.Text = strategy.Legible(out.GetText(), maxToldBytes)
	return &strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Instructed{Instructed: out}}
}
