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

// maxRows bounds the rows of one turn, so that building it never holds up the
// workspace for long. A larger snapshot comes in pages, a larger delta in
// several turns.
const maxRows = 4096

// feed keeps one instance's board in step with the engine. It holds what has
// changed, never what happened: what is pending is at most a snapshot, however
// slow the strategy.
type feed struct {
	engine *engine.Engine
	scope  map[string]bool // queues on the board
	lets   []string        // attributes let through, sorted

	work   table[engine.WorkID]
	agents table[string]
	queues table[string]
	words  map[string]uint32
	digest route.Digest

	next    route.Kind // of the next turn: KindDelta, KindSnapshotFirst or KindSnapshotMore
	base    uint64
	settled []route.Settled
	offers  map[engine.AssignmentID]route.Settled // made by this instance, awaiting their outcome
}

func newFeed(e *engine.Engine, attributes []string) *feed {
	f := &feed{
		engine: e, scope: make(map[string]bool), lets: slices.Sorted(slices.Values(attributes)),
		words: make(map[string]uint32), offers: make(map[engine.AssignmentID]route.Settled),
	}
	f.reset()
	return f
}

// reset makes the next turn a snapshot of all that is in scope.
func (f *feed) reset() {
	f.work.reset()
	f.agents.reset()
	f.queues.reset()
	clear(f.words)
	clear(f.offers)
	f.settled = f.settled[:0]
	f.digest, f.base, f.next = 0, 0, route.KindSnapshotFirst
	for _, name := range slices.Sorted(maps.Keys(f.scope)) {
		f.queues.touch(name)
	}
	f.engine.EachAgent(func(a *engine.Agent) bool {
		f.touchAgent(a)
		return true
	})
	f.engine.EachWork(0, func(w *engine.Work) bool {
		f.touchWork(w)
		return true
	})
}

// setScope changes which queues are on the board; a change makes the next turn
// a snapshot.
func (f *feed) setScope(queues map[string]bool) {
	if !maps.Equal(f.scope, queues) {
		f.scope = queues
		f.reset()
	}
}

func (f *feed) touchWork(w *engine.Work) {
	if _, known := f.work.refs[w.ID]; known || f.hasWork(w) {
		f.work.touch(w.ID)
	}
}

func (f *feed) touchAgent(a *engine.Agent) {
	if _, known := f.agents.refs[a.ID]; known || f.hasAgent(a) {
		f.agents.touch(a.ID)
	}
}

func (f *feed) hasWork(w *engine.Work) bool {
	return (w.State == engine.Waiting || w.State == engine.Offered) && f.scope[w.Spec.Queue]
}

func (f *feed) hasAgent(a *engine.Agent) bool {
	return a.SignedIn() && slices.ContainsFunc(a.Definition.Queues, func(name string) bool { return f.scope[name] })
}

// pending reports whether there is anything to tell.
func (f *feed) pending() bool {
	return f.next != route.KindDelta || f.work.pending()+f.agents.pending()+f.queues.pending()+len(f.settled) > 0
}

// fill builds the next turn's rows. The caller sets epoch, seq, now, seed and
// budget.
func (f *feed) fill(t *route.Turn) {
	if f.next == route.KindSnapshotFirst {
		f.fillChannels(t)
	}
	f.queues.drain(f.queues.pending(), func(ref uint32, s *slot[string]) bool {
		return f.queueRow(t, ref, s)
	}, f.gone(&t.QueuesGone, route.TableQueue))
	left := maxRows
	left -= f.agents.drain(left, func(ref uint32, s *slot[string]) bool {
		return f.agentRow(t, ref, s)
	}, f.gone(&t.AgentsGone, route.TableAgent))
	f.work.drain(left, func(ref uint32, s *slot[engine.WorkID]) bool {
		return f.workRow(t, ref, s)
	}, f.gone(&t.WorkGone, route.TableWork))
	t.Settled = append(t.Settled, f.settled...)
	f.settled = f.settled[:0]
	t.Kind, t.BaseSeq, t.Digest = f.kind(), f.base, f.digest.Sum()
}

// kind says what the turn just filled is, and prepares for the next.
func (f *feed) kind() route.Kind {
	more := f.agents.pending()+f.work.pending() > 0
	former := f.next
	switch {
	case former == route.KindDelta:
		return route.KindDelta
	case more:
		f.next = route.KindSnapshotMore
		return former
	case former == route.KindSnapshotFirst:
		f.next = route.KindDelta
		return route.KindSnapshot
	default:
		f.next = route.KindDelta
		return route.KindSnapshotLast
	}
}

func (f *feed) gone(into *[]route.Gone, of route.Table) func(ref, gen, version uint32) {
	return func(ref, gen, version uint32) {
		*into = append(*into, route.Gone{Ref: ref, Gen: gen})
		f.digest.Toggle(of, ref, gen, version)
	}
}

// sending notes that a row goes out under a version.
func sending[K comparable](f *feed, of route.Table, ref uint32, s *slot[K], version uint32) {
	if s.sent {
		f.digest.Toggle(of, ref, s.gen, s.version)
	}
	s.version = version
	f.digest.Toggle(of, ref, s.gen, version)
}

func (f *feed) fillChannels(t *route.Turn) {
	channels := f.engine.Definition().Channels
	for i := range channels {
		t.Channels = append(t.Channels, route.Channel{Ordinal: uint16(i), Name: f.word(t, channels[i].Name)})
	}
}

func (f *feed) queueRow(t *route.Turn, ref uint32, s *slot[string]) bool {
	q, ok := f.engine.Backlog(s.key)
	if !ok || !f.scope[s.key] {
		return false
	}
	sending(f, route.TableQueue, ref, s, s.version+1)
	t.Queues = append(t.Queues, route.Queue{
		Ref: ref, Gen: s.gen, Version: s.version, Name: f.word(t, s.key), Model: q.Routing.Model,
		WithinMS: uint32(min(q.Queue.Within, 1<<32-1)),
	})
	return true
}

func (f *feed) agentRow(t *route.Turn, ref uint32, s *slot[string]) bool {
	a, ok := f.engine.Agent(s.key)
	if !ok || !f.hasAgent(a) {
		return false
	}
	sending(f, route.TableAgent, ref, s, s.version+1)
	row := route.Agent{
		Ref: ref, Gen: s.gen, Version: s.version, Name: f.word(t, a.ID), Status: f.word(t, a.Status),
		Channels: a.Channels, Open: uint16(len(a.Held)), MaxOpen: uint32(a.Presence.MaxOpen),
		Capacity: int32(a.Presence.Capacity), Used: int32(a.Used),
		IdleSince: int64(a.IdleSince), SignedInAt: int64(a.SignedInAt), AssignedAt: int64(a.AssignedAt),
		StatusSince: int64(a.StatusSince),
		Members:     route.Span{At: uint32(len(t.Members))},
	}
	if a.Connected {
		row.Flags |= route.AgentConnected
	}
	for _, name := range a.Definition.Queues {
		if queue, ok := f.queues.refs[name]; ok {
			t.Members = append(t.Members, route.Member{Queue: queue, Tier: 1})
			row.Members.N++
		}
	}
	t.Agents = append(t.Agents, row)
	return true
}

func (f *feed) workRow(t *route.Turn, ref uint32, s *slot[engine.WorkID]) bool {
	w, ok := f.engine.Work(s.key)
	if !ok || !f.hasWork(w) {
		return false
	}
	sending(f, route.TableWork, ref, s, w.Revision)
	spec := &w.Spec
	channel, _ := f.engine.ChannelOrdinal(spec.Channel)
	row := route.Work{
		Ref: ref, Gen: s.gen, Revision: w.Revision, Queue: f.queues.refs[spec.Queue], Sequence: uint64(w.ID),
		RequestedAt: int64(spec.RequestedAt), TargetAcceptAt: int64(spec.TargetAcceptAt),
		Priority: *spec.Priority, Size: int32(spec.Size), Channel: channel,
		State: route.WorkWaiting, Declines: w.Declines,
		Declined:   route.Span{At: uint32(len(t.WordIDs)), N: uint32(len(w.Excluded))},
		Attributes: route.Span{At: uint32(len(t.Attributes))},
	}
	if w.State == engine.Offered {
		row.State = route.WorkOffered
	}
	if spec.RequiredAgent != "" {
		row.Agent, row.Flags = f.word(t, spec.RequiredAgent), route.WorkRequired
	}
	for _, agent := range w.Excluded {
		t.WordIDs = append(t.WordIDs, f.word(t, agent))
	}
	for _, name := range f.lets {
		if value, ok := spec.Attributes[name]; ok {
			t.Attributes = append(t.Attributes, route.Attribute{Name: f.word(t, name), Value: text(t, value)})
			row.Attributes.N++
		}
	}
	t.Work = append(t.Work, row)
	return true
}

// word returns the string's dictionary id, and sends the string if that is new.
func (f *feed) word(t *route.Turn, s string) uint32 {
	if s == "" {
		return 0
	}
	id, ok := f.words[s]
	if !ok {
		id = uint32(len(f.words)) + 1
		f.words[s] = id
		t.Words = append(t.Words, route.Word{ID: id, Text: text(t, s)})
	}
	return id
}

func text(t *route.Turn, s string) route.Span {
	span := route.Span{At: uint32(len(t.Bytes)), N: uint32(len(s))}
	t.Bytes = append(t.Bytes, s...)
	return span
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
	case engine.KindWorkCancelled, engine.KindWorkAbandoned, engine.KindWorkExpired, engine.KindWorkRequeued:
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
