// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"maps"
	"slices"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

const (
	// maxRows bounds the rows of one turn, so that building it never holds up
	// the workspace for long. A larger snapshot comes in pages, a larger delta
	// in several turns.
	maxRows = 4096
	// maxScan bounds how many agents, and how much work, a page looks at for
	// each row that it may have.
	maxScan = 8
)

// feed keeps one instance's board in step with the engine. It holds what has
// changed, never what happened: what is pending is at most a snapshot, however
// slow the strategy.
type feed struct {
	engine *engine.Engine
	scope  scope  // queues on the board
	scopes uint64 // counts how often that has changed
	// bySkills says that work of one of them goes to all who hold the skills.
	bySkills bool
	lets     []string      // attributes let through, sorted
	wants    []route.Table // tables that the strategy asked for; nil for all
	rows     int           // of one turn at most

	work   table[engine.WorkID]
	agents table[string]
	queues table[string]
	words  map[string]uint32
	turn   uint64 // the number of the turn being filled
	digest route.Digest
	walk   walk
	move   move
	// known are the queues that are on the board as a whole; true once the strategy
	// has answered a turn with them. Unanswered says that some are not true.
	known      map[string]bool
	unanswered bool

	board   uint64     // counts the boards begun
	next    route.Kind // of the next turn: KindDelta, KindSnapshotFirst or KindSnapshotMore
	base    uint64
	settled []route.Settled
	notes   map[engine.WorkID]string              // why work waits, by the strategy's last word
	offers  map[engine.AssignmentID]route.Settled // made by this instance, awaiting their outcome
}

func newFeed(e *engine.Engine, attributes []string) *feed {
	return &feed{
		engine: e, lets: slices.Compact(slices.Sorted(slices.Values(attributes))), rows: maxRows,
		words: make(map[string]uint32), known: make(map[string]bool), notes: make(map[engine.WorkID]string), offers: make(map[engine.AssignmentID]route.Settled),
	}
}

// reset makes the next turn a snapshot of all that is in scope.
func (f *feed) reset() {
	f.work.reset()
	f.agents.reset()
	f.queues.reset()
	clear(f.words)
	clear(f.offers)
	clear(f.notes)
	f.settled = f.settled[:0]
	f.digest, f.base, f.next = 0, 0, route.KindSnapshotFirst
	f.board++
	clear(f.move.queues)
	maps.DeleteFunc(f.known, func(queue string, answered bool) bool { // who decided goes on
		_, stays := f.scope[queue]
		return !stays || !answered
	})
	f.unanswered = false
	for _, name := range slices.Sorted(maps.Keys(f.scope)) {
		f.queues.enter(name)
	}
	nothing := len(f.scope) == 0
	f.walk = walk{agents: nothing, work: nothing, until: f.engine.State().NextWork - 1}
}

// setScope changes which queues are on the board. A board in use follows from
// turn to turn; one that is fresh, or has shown nothing so far, begins with a
// snapshot.
func (f *feed) setScope(queues scope, fresh bool) {
	if !fresh && maps.Equal(f.scope, queues) {
		return
	}
	former := f.scope
	f.scope = queues
	f.scopes++
	f.bySkills = false
	for name := range queues {
		_, routing := routed(f.engine.Definition(), name)
		f.bySkills = f.bySkills || routing.BySkills
	}
	if fresh || f.next != route.KindDelta || len(former) == 0 || len(queues) == 0 {
		f.reset()
	} else {
		f.begin(former)
	}
}

// touchWork notes that work may have changed; w is nil if the engine has
// forgotten it.
func (f *feed) touchWork(id engine.WorkID, w *engine.Work) {
	if f.work.touch(id) {
		if w == nil || w.State != engine.Waiting {
			delete(f.notes, id)
		}
		return
	}
	if w == nil || !f.hasWork(w) {
		return
	}
	if f.next == route.KindDelta || id <= f.walk.item || id > f.walk.until {
		f.work.enter(id)
	}
}

func (f *feed) touchAgent(a *engine.Agent) {
	if len(f.scope) == 0 || f.agents.touch(a.ID) || !f.hasAgent(a) {
		return
	}
	if f.next == route.KindDelta || f.walk.agents || a.ID <= f.walk.agent {
		f.agents.enter(a.ID)
	}
}

func (f *feed) hasWork(w *engine.Work) bool {
	return (w.State == engine.Waiting || w.State == engine.Offered) && f.scope.has(w)
}

// touchQueue notes that a queue opened or closed.
func (f *feed) touchQueue(name string) { f.queues.touch(name) }

func (f *feed) hasAgent(a *engine.Agent) bool {
	if !a.SignedIn() {
		return false
	}
	for i := range a.Definition.Queues {
		if _, ok := f.scope[a.Definition.Queues[i].Queue]; ok {
			return true
		}
	}
	return f.bySkills && len(a.Skills) > 0
}

// pending reports whether there is anything to tell at once. What was settled
// waits for the next turn: an outcome has changed rows too, and a refusal that
// has not would only be proposed again.
func (f *feed) pending() bool {
	return f.next != route.KindDelta || f.moving() || f.work.pending()+f.agents.pending()+f.queues.pending() > 0
}

// presses reports whether what is pending may make a difference now: work waits,
// or the board is not whole.
func (f *feed) presses() bool {
	if f.next != route.KindDelta || f.moving() {
		return true
	}
	for queue := range f.scope {
		if f.engine.Waits(queue) {
			return true
		}
	}
	return false
}

// fill builds the next turn's rows. The caller sets epoch, seq, now, seed and
// budget.
//
// A snapshot's pages take what is still ahead first, so that it ends however
// much changes meanwhile. Of changes, neither agents nor work can crowd out the
// other.
func (f *feed) fill(t *route.Turn) {
	left := f.rows
	if f.next != route.KindDelta {
		f.fillChannels(t)
		left -= f.walkAgents(left, func(a *engine.Agent) {
			ref, s := f.agents.add(a.ID)
			f.putAgent(t, ref, s, a)
		})
		if f.walk.agents {
			left -= f.walkWork(&f.walk, left, f.hasWork, func(w *engine.Work) {
				ref, s := f.work.add(w.ID)
				f.putWork(t, ref, s, w)
			})
		}
	} else if f.moving() {
		f.proceed()
	}
	left -= f.fillAgents(t, left-min(left/2, f.work.pending()))
	f.fillWork(t, left)
	f.arrive()
	f.fillQueues(t)
	if f.sends(route.TableSettled) {
		t.Settled = append(t.Settled, f.settled...)
	}
	f.settled = f.settled[:0]
	if t.Kind = f.kind(); t.Kind == route.KindDelta {
		t.BaseSeq = f.base
	}
	t.Digest = f.digest.Sum()
}

// kind says what the turn just filled is, and prepares for the next.
func (f *feed) kind() route.Kind {
	former := f.next
	switch {
	case former == route.KindDelta:
		return route.KindDelta
	case !f.walk.agents || !f.walk.work:
		f.next = route.KindSnapshotMore
		return former
	}
	f.next = route.KindDelta
	for queue := range f.scope {
		f.complete(queue)
	}
	if former == route.KindSnapshotFirst {
		return route.KindSnapshot
	}
	return route.KindSnapshotLast
}

// fillAgents sends up to limit of the agents that have changed, and returns how
// many it sent.
func (f *feed) fillAgents(t *route.Turn, limit int) (sent int) {
	for ; sent < limit; sent++ {
		ref, s, ok := f.agents.pop()
		if !ok {
			break
		}
		if a, ok := f.engine.Agent(s.key); ok && f.hasAgent(a) {
			f.putAgent(t, ref, s, a)
		} else {
			t.AgentsGone = leave(f, &f.agents, route.TableAgent, ref, t.AgentsGone)
		}
	}
	return sent
}

// fillWork does the same for work.
func (f *feed) fillWork(t *route.Turn, limit int) {
	for range limit {
		ref, s, ok := f.work.pop()
		if !ok {
			return
		}
		if w, ok := f.engine.Work(s.key); ok && f.hasWork(w) {
			f.putWork(t, ref, s, w)
		} else {
			delete(f.notes, s.key)
			t.WorkGone = leave(f, &f.work, route.TableWork, ref, t.WorkGone)
		}
	}
}

// leave frees a slot whose row is not on the board any more, and tells the
// strategy if it ever knew.
func leave[K comparable](f *feed, t *table[K], of route.Table, ref uint32, gone []route.Gone) []route.Gone {
	if s := &t.slots[ref]; s.sent {
		gone = append(gone, route.Gone{Ref: ref, Gen: s.gen})
		f.digest.Toggle(of, ref, s.gen, s.version)
	}
	t.release(ref)
	return gone
}

// settle notes what the host made of a proposal, for the next turn. An offer is
// followed to its outcome.
func (f *feed) settle(row route.Settled, offer engine.AssignmentID) {
	f.settled = append(f.settled, row)
	if offer != 0 {
		f.offers[offer] = row
	}
}

// outcome tells the strategy how an offer it made came out.
func (f *feed) outcome(ev *engine.Event) {
	row, ok := f.offers[ev.Assignment]
	if !ok {
		return
	}
	var verdict route.Verdict
	switch ev.Kind {
	case engine.KindOfferAccepted:
		verdict = route.VerdictAccepted
	case engine.KindOfferDeclined:
		verdict = route.VerdictDeclined
	case engine.KindOfferTimedOut:
		verdict = route.VerdictTimedOut
	case engine.KindOfferUnavailable:
		verdict = route.VerdictUnavailable
	case engine.KindOfferWithdrawn:
		verdict = route.VerdictWithdrawn
	default:
		return
	}
	delete(f.offers, ev.Assignment)
	row.Verdict, row.At = verdict, int64(ev.At)
	f.settled = append(f.settled, row)
}

// turnSeed draws the seed of a turn from what names it.
func turnSeed(workspace, epoch, seq uint64) uint64 {
	z := workspace ^ epoch*0x9e3779b97f4a7c15 ^ seq*0xbf58476d1ce4e5b9
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// budget is how many microseconds a deadline leaves; 0 for no deadline.
func budget(deadline time.Duration) uint32 {
	return uint32(min(max(deadline, 0).Microseconds(), 1<<32-1))
}
