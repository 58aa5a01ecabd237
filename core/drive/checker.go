// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive

import (
	"container/heap"
	"context"
	"fmt"
	"maps"
	"math"
	"sync"
	"time"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// leeway is how late, by the host's own clock, the end of an offer may be on
// record: a host that was stopped for a while is late, not wrong.
const leeway = 5 * time.Second

// maxExamples is how many violations are described.
const maxExamples = 10

// Checker follows a host's feed, keeps its own ledger from it, and counts what
// breaks the host's guarantees: numbers that rise; no work open at two agents,
// nor offered to more than it should be; no agent over capacity; no offer that outlives its deadline; nothing from a
// state it cannot come from; everything acknowledged on record.
//
// It is safe for concurrent use, but events must come in the feed's order.
type Checker struct {
	mu      sync.Mutex
	arrived *sync.Cond

	after, number uint64
	at            time.Time
	records       []record // of the events after `after`
	acks          map[uint64]record
	lost          int
	violations    int
	examples      []string

	works       map[string]*work
	assignments map[string]*assignment
	agents      map[string]*agent
	offerTo     map[string]int // by queue
	deadlines   deadlines
	load        idleness
	counts      Counts
}

// record is what an event is, in short.
type record struct {
	kind patchbayv1.EventKind
	id   string
}

// Counts are what the feed has told.
type Counts struct {
	Created     int `json:"created"`
	Offers      int `json:"offers"`
	Accepted    int `json:"accepted"`
	Declined    int `json:"declined"`
	TimedOut    int `json:"timed_out"`
	Unavailable int `json:"unavailable"`
	Withdrawn   int `json:"withdrawn"`
	Requeued    int `json:"requeued"`
	Transferred int `json:"transferred"`
	Overflowed  int `json:"overflowed"`
	Reopened    int `json:"reopened"`
	Completed   int `json:"completed"`
	Cancelled   int `json:"cancelled"`
	Abandoned   int `json:"abandoned"`
	Expired     int `json:"expired"`
	Refused     int `json:"refused"`
	// Runtimes counts the offers by the runtime of the strategy that proposed
	// them.
	Runtimes map[string]int `json:"runtimes"`
}

type work struct {
	id, queue string
	state     patchbayv1.WorkState
	standing  []*assignment // offered or open
	straight  bool
}

type assignment struct {
	id       string
	work     *work
	agent    *agent
	size     int64 // in thousandths
	deadline time.Time
	guest    bool
	open     bool
	ended    bool
}

type agent struct {
	id               string
	capacity, used   int64 // in thousandths, of both pools; capacity -1 if not known
	maxOpen          int
	held             int
	queues           []string
	signedIn, online bool
	// told says of signedIn and online that they are known and not assumed.
	told struct{ signedIn, online bool }
	// status is the presence status.
	status string
	idle   bool
}

// NewChecker returns a checker of the events after the given number. With 0 it
// expects to see everything from the first event on and takes what it does not
// know for a violation; otherwise things from before are overlooked. Agents are
// the host's, for their capacity and queues; status is the one in which they
// take work.
func NewChecker(after uint64, agents []*patchbayv1.Agent, status string) *Checker {
	c := &Checker{
		after: after, number: after,
		acks: make(map[uint64]record), works: make(map[string]*work),
		assignments: make(map[string]*assignment), agents: make(map[string]*agent),
		offerTo: make(map[string]int),
		load:    idleness{status: status, idle: make(map[string]int)},
		counts:  Counts{Runtimes: make(map[string]int)},
	}
	c.arrived = sync.NewCond(&c.mu)
	for _, a := range agents {
		x := &agent{id: a.GetId(), capacity: milli(a.GetCapacity() + a.GetInterruptibleCapacity()), maxOpen: int(a.GetMaxOpen())}
		for _, m := range a.GetMemberships() {
			x.queues = append(x.queues, m.GetQueue())
		}
		x.told.signedIn, x.told.online = after == 0, after == 0
		c.agents[x.id] = x
	}
	return c
}

// OfferTo says to how many agents the work of a queue is offered at once, if to
// more than one. It is to be called before the first event.
func (c *Checker) OfferTo(queue string, agents int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offerTo[queue] = agents
}

func milli(units float64) int64 { return int64(math.Round(units * 1000)) }

// Event takes the next event of the feed.
func (c *Checker) Event(e *patchbayv1.Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e.GetNumber() != c.number+1 {
		if e.GetNumber() <= c.number {
			c.violation("event %d came after event %d", e.GetNumber(), c.number)
			return
		}
		c.passOver(e.GetNumber())
	}
	c.number = e.GetNumber()
	at := e.GetAt().AsTime()
	if at.Before(c.at) {
		c.violation("event %d is of %v, the one before of %v", c.number, at, c.at)
	}
	c.at = at
	c.apply(e)
	c.overdue()
	r := recordOf(e)
	c.records = append(c.records, r)
	if want, ok := c.acks[c.number]; ok {
		delete(c.acks, c.number)
		c.compare(c.number, r, want)
	}
	c.arrived.Broadcast()
}

// passOver notes that events before the given one are not in the feed: records
// of turns, or something that was lost if it was acknowledged.
func (c *Checker) passOver(next uint64) {
	for c.number+1 < next && len(c.records) < 1<<24 {
		c.number++
		c.records = append(c.records, record{})
		if want, ok := c.acks[c.number]; ok {
			delete(c.acks, c.number)
			c.compare(c.number, record{}, want)
		}
	}
}

func recordOf(e *patchbayv1.Event) record {
	switch e.GetKind() {
	case patchbayv1.EventKind_EVENT_KIND_OFFER_ACCEPTED, patchbayv1.EventKind_EVENT_KIND_OFFER_DECLINED,
		patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED:
		return record{e.GetKind(), e.GetAssignment()}
	case patchbayv1.EventKind_EVENT_KIND_WRAP_UP_STARTED: // where there is wrap-up, that is what completing comes to
		return record{patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED, e.GetAssignment()}
	case patchbayv1.EventKind_EVENT_KIND_AGENT_SIGNED_IN, patchbayv1.EventKind_EVENT_KIND_AGENT_SIGNED_OUT,
		patchbayv1.EventKind_EVENT_KIND_AGENT_STATUS_CHANGED:
		return record{e.GetKind(), e.GetAgent()}
	default:
		return record{e.GetKind(), e.GetWork()}
	}
}

// Acknowledge says that the host has acknowledged a command as the given event:
// the feed must have it, of that kind. The id is that of the work created,
// abandoned or cancelled, of the assignment accepted, declined or completed, or
// of the agent who signed in or out or changed status. Number 0, which stands
// for "nothing changed", is not checked.
func (c *Checker) Acknowledge(number uint64, kind patchbayv1.EventKind, id string) {
	if number == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	want := record{kind, id}
	switch {
	case number > c.number:
		c.acks[number] = want
	case number <= c.after:
		c.lost++
		c.violation("%v of %s was acknowledged as event %d, which is older than that", kind, id, number)
	default:
		c.compare(number, c.records[number-c.after-1], want)
	}
}

func (c *Checker) compare(number uint64, got, want record) {
	if got != want {
		c.lost++
		c.violation("%v of %s was acknowledged as event %d, which is %v of %q", want.kind, want.id, number, got.kind, got.id)
	}
}

// violation puts a breach on record.
func (c *Checker) violation(format string, args ...any) {
	c.violations++
	if len(c.examples) < maxExamples {
		c.examples = append(c.examples, fmt.Sprintf(format, args...))
	}
}

// Violation puts on record a breach that was found by other means.
func (c *Checker) Violation(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.violation(format, args...)
}

// Reach waits until the feed has come to the given event, or ctx ends.
func (c *Checker) Reach(ctx context.Context, number uint64) error {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.arrived.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	for c.number < number {
		if ctx.Err() != nil {
			return fmt.Errorf("drive: the feed is at event %d and did not come to %d: %w", c.number, number, context.Cause(ctx))
		}
		c.arrived.Wait()
	}
	return nil
}

// Verdict is what a checker has found.
type Verdict struct {
	// Events is how many events were seen.
	Events int
	// Violations counts the breaches; the first of them are described in
	// Examples.
	Violations int
	Examples   []string
	// Lost counts what was acknowledged and is not on record, so far as the
	// feed has come; each is a violation, too.
	Lost int
	// Counts are what the feed told.
	Counts Counts
}

// Verdict returns what has been found so far. Acknowledgements of events that
// the feed has not come to count as lost: call it after Reach.
func (c *Checker) Verdict() Verdict {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := Verdict{
		Events: len(c.records), Violations: c.violations + len(c.acks), Lost: c.lost + len(c.acks), Counts: c.counts,
		Examples: append([]string(nil), c.examples...),
	}
	v.Counts.Runtimes = make(map[string]int, len(c.counts.Runtimes))
	maps.Copy(v.Counts.Runtimes, c.counts.Runtimes)
	for number, r := range c.acks {
		if len(v.Examples) < maxExamples {
			v.Examples = append(v.Examples, fmt.Sprintf("%v of %s was acknowledged as event %d, which the feed does not have", r.kind, r.id, number))
		}
	}
	return v
}

// Number returns the number of the last event taken.
func (c *Checker) Number() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.number
}

// Violations returns how many breaches are certain so far: what the feed may
// still bring is not counted.
func (c *Checker) Violations() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.violations
}

// Straight reports whether the work, when it came in, found an agent free for
// it, so that nothing but the host's own speed stood between it and an offer.
func (c *Checker) Straight(id string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.works[id]
	return w != nil && w.straight
}

// WorkState returns the work's state as far as the feed has told it, and
// unspecified if it has not.
func (c *Checker) WorkState(id string) patchbayv1.WorkState {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w := c.works[id]; w != nil {
		return w.state
	}
	return patchbayv1.WorkState_WORK_STATE_UNSPECIFIED
}

// overdue looks for offers that stand though their deadline is over.
func (c *Checker) overdue() {
	for len(c.deadlines) > 0 {
		a := c.deadlines[0]
		if !a.ended && !a.open && c.at.Sub(a.deadline) <= leeway {
			return
		}
		heap.Pop(&c.deadlines)
		if !a.ended && !a.open {
			c.violation("offer %s of %s to %s was to be answered by %v and stands at %v", a.id, a.work.id, a.agent.id, a.deadline, c.at)
		}
	}
}

// deadlines are offers, the earliest deadline first.
type deadlines []*assignment

func (d deadlines) Len() int           { return len(d) }
func (d deadlines) Less(i, j int) bool { return d[i].deadline.Before(d[j].deadline) }
func (d deadlines) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *deadlines) Push(x any)        { *d = append(*d, x.(*assignment)) }
func (d *deadlines) Pop() any {
	last := (*d)[len(*d)-1]
	*d = (*d)[:len(*d)-1]
	return last
}
