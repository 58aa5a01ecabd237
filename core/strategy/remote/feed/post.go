// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"context"
	"fmt"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Assignment is a wish: offer this work to this agent.
type Assignment struct {
	// Work is the number of the work's id, 42 for "w42", and Revision the one
	// it was decided on.
	Work     uint64
	Revision uint32
	// Agents are to be asked, best first: the next one only if the one before
	// cannot be offered the work. At least one.
	Agents []string
	// Reason and Score are for people.
	Reason string
	Score  int32
}

// Note says why work waits.
type Note struct {
	Work   uint64
	Reason string
}

// Post is what a router posts.
type Post struct {
	// Key is that of its Subscription.
	Key string
	// Queue is the one whose work it may assign; empty for any.
	Queue string
	// Lease is the one under which the router leads.
	Lease uint64
	// Turn is the one that the post answers; 0 for none. While that turn is
	// waited for, the post is the whole answer to it.
	Turn uint64
	// Assignments are settled in their order. None says, with Turn, that the
	// work waits.
	Assignments []Assignment
	Notes       []Note
	// WakeAt is when a turn is wanted though nothing changes, in Unix
	// milliseconds; 0 for none.
	WakeAt int64
}

// Choice is what became of one agent of an assignment.
type Choice struct {
	Agent   string
	Verdict route.Verdict
}

// Turn names a turn of the strategy, and says at what time of the workspace it
// was asked: numbers begin anew when the host is restarted.
type Turn struct {
	Epoch, Number uint64
	At            int64
}

// Result is what became of an assignment.
type Result struct {
	Assignment
	// Strategy is the one that the router decides for, and Class the class of its
	// work; empty for none.
	Strategy, Class string
	// Verdict is route.VerdictAcceptedByHost if the work is offered to an agent;
	// else what stands against the first choice.
	Verdict route.Verdict
	// Choices has the agents in their order.
	Choices []Choice
	// Turns are those in which it was proposed, the last of them the one that it
	// was settled in. More than one if the verdict on an earlier one was lost,
	// or was only that the host did not use proposals then, or if the same was
	// posted before. None if it did not come to that, since what it names is not
	// on the board.
	Turns []Turn
	// Again says that the same was posted before, and that this is what became
	// of it then.
	Again bool
}

// Assign posts assignments, and waits until the host has settled each.
//
// The same assignment posted again, by work, revision and agents, has the result
// that it had if the host took it; what was refused is tried anew. What answers
// a turn that is waited for is always proposed.
//
// # Errors
//
// A *remote.Refusal: "fenced" if the lease is over, or ends before all is
// settled; "not_connected" if nobody reads the router's feed; "too_slow" if too
// much waits to be settled; "invalid" if one names more agents than an answer
// may. Else the error of ctx: what was posted may still be
// offered, and posting it again tells.
func (d *Door) Assign(ctx context.Context, p *Post) ([]Result, error) {
	r := d.leading(p.Key, p.Lease)
	if r == nil {
		return nil, fenced(p.Lease)
	}
	items, err := r.post(p)
	if err != nil {
		return nil, err
	}
	results := make([]Result, 0, len(items))
	for _, at := range items {
		select {
		case <-at.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if at.err != nil {
			return nil, at.err
		}
		result := at.result
		result.Strategy, result.Class, result.Again = r.sub.Strategy, r.sub.Class, at.again
		results = append(results, result)
	}
	return results, nil
}

// maxQueued is how many assignments may wait to be proposed, and how many notes
// to be told.
const maxQueued = 20_000

// item is one assignment on its way. Until done is closed it is the router's.
type item struct {
	Assignment
	queue   string // whose work it may be; empty for any
	ref     uint32
	agents  []uint32 // refs, by Agents
	known   []bool   // whether that agent is on the board
	choices []Choice
	turns   []Turn
	once    bool // it answers a turn, and is no answer to another
	tries   int  // while the host did not use what was proposed

	done   chan struct{} // closed when result or err is there
	result Result
	err    error
}

// posted is an item as one post has it.
type posted struct {
	*item
	again bool // it was there before
}

// finish says what became of it.
func (x *item) finish(verdict route.Verdict) {
	x.result = Result{Assignment: x.Assignment, Verdict: verdict, Choices: x.choices, Turns: x.turns}
	close(x.done)
}

// fail says that nobody will know.
func (x *item) fail(err error) {
	x.err = err
	close(x.done)
}

// post takes what was posted. The router is not locked.
func (r *router) post(p *Post) ([]posted, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.refuses(p); err != nil {
		return nil, err
	}
	r.assigned = true
	answers := r.awaited && p.Turn == r.applied
	if answers {
		r.posts.wished = 0
	}
	items := make([]posted, 0, len(p.Assignments))
	for i := range p.Assignments {
		x, again := r.door.past.item(r.sub.Strategy, p.Queue, &p.Assignments[i], answers)
		if !again {
			r.posts.queued = append(r.posts.queued, x)
		}
		items = append(items, posted{x, again})
	}
	for _, n := range p.Notes {
		r.posts.notes = append(r.posts.notes, note{n, p.Queue})
	}
	r.posts.wakeAt = earlier(r.posts.wakeAt, p.WakeAt)
	switch {
	case answers, r.awaited && r.posts.waiting():
		r.respond(true)
	case r.posts.waiting():
		r.call()
	}
	return items, nil
}

// refuses says why a post is not taken; nil if it is. The router is locked.
func (r *router) refuses(p *Post) error {
	switch {
	case r.lease != p.Lease:
		return fenced(p.Lease)
	case r.link == nil && !r.door.keeps(p.Lease): // another one leads by now
		return fenced(p.Lease)
	case r.link == nil:
		return &remote.Refusal{Code: "not_connected", Text: fmt.Sprintf(
			"nobody reads the feed of lease %d; subscribe again with Last-Event-ID, and post again", p.Lease)}
	case len(r.posts.queued)+len(p.Assignments) > maxQueued, len(r.posts.notes)+len(p.Notes) > maxQueued:
		return &remote.Refusal{Code: "too_slow", Text: fmt.Sprintf(
			"%d assignments wait to be settled, and %d notes; post again when they are", len(r.posts.queued), len(r.posts.notes))}
	}
	for i := range p.Assignments { // an answer of one that is too long would be a fault
		if n, most := len(p.Assignments[i].Agents), r.room(); n > most {
			return &remote.Refusal{Code: "invalid", Text: fmt.Sprintf(
				"%s names %d agents; an assignment should name %d at most", workID(p.Assignments[i].Work), n, most)}
		}
	}
	return nil
}

func earlier(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// posts is what was posted and is not settled yet.
type posts struct {
	queued []*item // to be proposed
	sent   []*item // proposed in the last turn
	notes  []note
	wakeAt int64
	wished int64              // the wakeAt that was told, until its time or another answer comes
	named  map[proposal]named // what was proposed, until it comes to nothing or the offer to its end
}

// note is one with the queue whose work it may be about; empty for any.
type note struct {
	Note
	queue string
}

// proposal is how settled rows name one.
type proposal struct {
	seq                   uint64
	work, revision, agent uint32
}

// named is what a proposal is about.
type named struct{ work, agent string }

// waiting reports whether there is something to answer a turn with.
func (p *posts) waiting() bool { return len(p.queued)+len(p.notes) > 0 || p.wakeAt != 0 }

// unsettled reports whether verdicts are awaited.
func (p *posts) unsettled() bool { return len(p.sent) > 0 }

// again has what is not settled proposed again: the board that it was proposed
// on is gone. What was the answer to a turn of that board is stale.
func (p *posts) again() {
	var again []*item
	for _, x := range p.sent {
		if !x.once {
			again = append(again, x)
			continue
		}
		for i := range x.choices {
			x.choices[i].Verdict = route.VerdictStale
		}
		x.finish(route.VerdictStale)
	}
	p.queued = append(again, p.queued...)
	p.sent = nil
	clear(p.named)
}

// refuse ends all that is not settled.
func (p *posts) refuse(err error) {
	for _, x := range append(p.sent, p.queued...) {
		x.fail(err)
	}
	*p = posts{}
}

// propose writes what is queued into a reply, as far as it has room.
func (p *posts) propose(b *board, reply *route.Reply, room int) (w words) {
	left := p.queued
	for ; len(left) > 0; left = left[1:] {
		x := left[0]
		if !x.find(b) {
			continue
		}
		if len(reply.Proposals)+len(x.agents) > room && len(reply.Proposals) > 0 {
			break
		}
		x.turns = append(x.turns, Turn{reply.Epoch, reply.Seq, b.Now()})
		p.put(x, w.code(x.Reason), reply)
	}
	p.queued = append([]*item(nil), left...)
	untold := p.notes
	for ; len(untold) > 0 && len(reply.Notes) < room; untold = untold[1:] {
		n := untold[0]
		if ref, ok := b.bySequence[n.Work]; ok && (n.queue == "" || b.queueOf(b.work[ref]) == n.queue) {
			reply.Notes = append(reply.Notes, route.Note{Work: ref, Reason: w.code(n.Reason)})
		}
	}
	p.notes = append([]note(nil), untold...)
	if p.wished <= b.Now() {
		p.wished = 0
	}
	p.wished, p.wakeAt = earlier(p.wakeAt, p.wished), 0
	reply.WakeAt = p.wished // said again in each turn before, or the host would forget it
	return w
}

// put proposes one.
func (p *posts) put(x *item, reason uint16, reply *route.Reply) {
	if p.named == nil {
		p.named = make(map[proposal]named)
	}
	rank := uint16(0)
	for i, agent := range x.agents {
		if !x.known[i] {
			continue
		}
		reply.Proposals = append(reply.Proposals, route.Proposal{
			Work: x.ref, Revision: x.Revision, Agent: agent, Score: x.Score, Reason: reason, Rank: rank,
		})
		p.named[proposal{reply.Seq, x.ref, x.Revision, agent}] = named{workID(x.Work), x.Agents[i]}
		rank++
	}
	p.sent = append(p.sent, x)
}

// find looks up what the item names on the board. If that is not there, or of
// another queue, it is finished.
func (x *item) find(b *board) bool {
	var ok, somebody bool
	x.ref, ok = b.bySequence[x.Work]
	x.choices = make([]Choice, len(x.Agents))
	x.agents, x.known = make([]uint32, len(x.Agents)), make([]bool, len(x.Agents))
	for i, name := range x.Agents {
		x.agents[i], x.known[i] = b.byName[name], has(b.byName, name)
		x.choices[i] = Choice{Agent: name, Verdict: route.VerdictUnknownAgent}
		somebody = somebody || x.known[i]
	}
	verdict := route.VerdictUnknownAgent
	switch {
	case !ok:
		verdict = route.VerdictUnknownWork
	case x.queue != "" && b.queueOf(b.work[x.ref]) != x.queue:
		verdict = route.VerdictNotEligible
	case somebody:
		return true
	}
	for i := range x.choices {
		x.choices[i].Verdict = verdict
	}
	x.finish(verdict)
	return false
}

func has(m map[string]uint32, name string) bool {
	_, ok := m[name]
	return ok
}

// settle takes verdicts and outcomes, and returns them for readers. What got no
// verdict is proposed again; so is what was not eligible, if that may only be so
// since the host does not use what is proposed yet. What was the answer to a
// turn is settled when the host says so.
func (p *posts) settle(rows []document.Settled, proving bool) []outcome {
	told := make([]outcome, 0, len(rows))
	verdicts := make(map[proposal][]route.Verdict, len(rows))
	for _, row := range rows {
		key := proposal{row.Seq, row.Work, row.Revision, row.Agent}
		about := p.named[key]
		told = append(told, outcome{about.work, about.agent, row})
		verdict := verdictNamed(row.Verdict)
		if verdict < route.VerdictAccepted {
			verdicts[key] = append(verdicts[key], verdict)
		}
		if verdict != route.VerdictAcceptedByHost {
			delete(p.named, key)
		}
	}
	var again, still []*item
	for _, x := range p.sent {
		switch {
		case x.settle(verdicts, proving):
		case x.once:
			still = append(still, x)
		default:
			again = append(again, x)
		}
	}
	p.sent = still
	p.queued = append(again, p.queued...)
	return told
}

// settle takes the verdicts on one, and reports whether that is the end of it.
func (x *item) settle(verdicts map[proposal][]route.Verdict, proving bool) bool {
	seq := x.turns[len(x.turns)-1].Number
	first, accepted := route.VerdictNone, false
	for i, agent := range x.agents {
		if !x.known[i] {
			continue
		}
		key := proposal{seq, x.ref, x.Revision, agent}
		if len(verdicts[key]) == 0 {
			return false
		}
		verdict := verdicts[key][0]
		verdicts[key] = verdicts[key][1:]
		x.choices[i].Verdict = verdict
		accepted = accepted || verdict == route.VerdictAcceptedByHost
		if first == route.VerdictNone {
			first = verdict
		}
	}
	switch {
	case accepted:
		first = route.VerdictAcceptedByHost
	case first == route.VerdictNotEligible && proving && !x.once && x.tries < proofTurns:
		x.tries++
		return false
	}
	x.finish(first)
	return true
}

// verdictNamed returns the verdict of that name.
func verdictNamed(name string) route.Verdict {
	for v := route.VerdictNone; v <= route.VerdictUnavailable; v++ {
		if v.String() == name {
			return v
		}
	}
	return route.VerdictNone
}
