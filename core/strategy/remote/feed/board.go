// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// board is what a router knows: the rows, which show that it is in step, and the
// same as documents for whoever reads. Documents are not changed once they are
// here.
type board struct {
	route.Board

	queue      string // whose work is shown; empty for all
	dictionary *document.Dictionary
	channels   []document.Channel
	queues     map[uint32]*document.Queue
	agents     map[uint32]*document.Agent
	work       map[uint32]*document.Work
	byName     map[string]uint32 // refs of agents
	bySequence map[uint64]uint32 // refs of work

	shown shown
	last  *document.Turn // as it was told, with its rows
}

// shown are the slots, with their generations, that readers of one queue were
// told of.
type shown struct{ agents, work map[uint32]uint32 }

func newBoard(queue string) board {
	b := board{queue: queue, dictionary: document.NewDictionary()}
	b.clear()
	return b
}

func (b *board) clear() {
	b.channels = nil
	b.queues = make(map[uint32]*document.Queue)
	b.agents = make(map[uint32]*document.Agent)
	b.work = make(map[uint32]*document.Work)
	b.byName, b.bySequence = make(map[string]uint32), make(map[uint64]uint32)
	b.shown = shown{make(map[uint32]uint32), make(map[uint32]uint32)}
}

// apply brings the board up to date. It returns route.ErrNeedSnapshot, by
// errors.Is, if the turn does not follow on what it holds.
func (b *board) apply(lease uint64, turn *route.Turn) error {
	if err := b.Apply(turn); err != nil {
		return err
	}
	doc, err := b.dictionary.Turn(lease, turn)
	if err != nil {
		return err
	}
	b.last = doc
	if turn.Kind.Resets() {
		b.clear()
	}
	b.drop(doc.Gone)
	if len(doc.Channels) > 0 {
		b.channels = doc.Channels
	}
	for i := range doc.Queues {
		b.queues[doc.Queues[i].Ref] = &doc.Queues[i]
	}
	for i := range doc.Agents {
		a := &doc.Agents[i]
		b.forgetAgent(a.Ref)
		b.agents[a.Ref], b.byName[a.Name] = a, a.Ref
	}
	for i := range doc.Work {
		w := &doc.Work[i]
		b.forgetWork(w.Ref)
		b.work[w.Ref], b.bySequence[w.Sequence] = w, w.Ref
	}
	return nil
}

func (b *board) drop(gone *document.Gone) {
	if gone == nil {
		return
	}
	for _, s := range gone.Queues {
		delete(b.queues, s.Ref)
	}
	for _, s := range gone.Agents {
		b.forgetAgent(s.Ref)
	}
	for _, s := range gone.Work {
		b.forgetWork(s.Ref)
	}
}

func (b *board) forgetAgent(ref uint32) {
	if a := b.agents[ref]; a != nil {
		delete(b.byName, a.Name)
		delete(b.agents, ref)
	}
}

func (b *board) forgetWork(ref uint32) {
	if w := b.work[ref]; w != nil {
		delete(b.bySequence, w.Sequence)
		delete(b.work, ref)
	}
}

// waits reports whether there is work that readers see and that waits.
func (b *board) waits() bool {
	for _, w := range b.work {
		if w.State == route.WorkWaiting.String() && b.sees(w) {
			return true
		}
	}
	return false
}

// sees reports whether readers are told of the work.
func (b *board) sees(w *document.Work) bool { return b.queue == "" || b.queueOf(w) == b.queue }

// queueOf is the name of the work's queue.
func (b *board) queueOf(w *document.Work) string {
	if q := b.queues[w.Queue]; q != nil {
		return q.Name
	}
	return ""
}

// concerns reports whether readers are told of the agent: one who may be offered
// some of the work that they see.
func (b *board) concerns(a *document.Agent) bool {
	if b.queue == "" {
		return true
	}
	for _, m := range a.Members {
		if q := b.queues[m.Queue]; q != nil && q.Name == b.queue {
			return true
		}
	}
	for _, q := range b.queues {
		if q.Name == b.queue {
			return len(a.Skills) > 0 && slices.Contains(q.Flags, route.QueueBySkills.String())
		}
	}
	return false
}

// others are the queues on the board that readers are not told of.
func (b *board) others() (names []string) {
	for _, q := range b.queues {
		if b.queue != "" && q.Name != b.queue {
			names = append(names, q.Name)
		}
	}
	slices.Sort(names)
	return names
}

// work is a work row with the ID that the rest of the API gives it.
type work struct {
	ID string `json:"id"`
	document.Work
}

// outcome is a settled row with the IDs of what it is about; empty if they are
// not known any more.
type outcome struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	document.Settled
}

// body is the data of an event: a turn's document with the lease. Lease and turn
// are texts, as they are to be posted: numbers of 64 bits fit no JSON number
// everywhere.
type body struct {
	Lease  uint64   `json:"lease,string"`
	Number uint64   `json:"turn,string"`
	Others []string `json:"others,omitempty"` // queues that the strategy decides for beside this one
	document.Turn
	Work    []work    `json:"work,omitempty"`
	Settled []outcome `json:"settled,omitempty"`
}

func workID(sequence uint64) string { return "w" + strconv.FormatUint(sequence, 10) }

func workRow(w *document.Work) work { return work{workID(w.Sequence), *w} }

// change makes the data of an event of what the last turn has changed for
// readers. It returns false if the queue itself has changed, so that they need a
// snapshot.
func (b *board) change(of *document.Turn) (*body, bool) {
	out := &body{Turn: *of, Others: b.others()}
	out.Turn.Work, out.Turn.Settled = nil, nil
	if b.queue == "" {
		for i := range of.Work {
			out.Work = append(out.Work, workRow(&of.Work[i]))
		}
		return out, true
	}
	if len(of.Queues) > 0 || of.Gone != nil && len(of.Gone.Queues) > 0 {
		return nil, false
	}
	out.Digest, out.Agents, out.Gone = 0, nil, nil // that is of all there is
	var gone document.Gone
	if of.Gone != nil {
		gone.Agents = told(b.shown.agents, of.Gone.Agents)
		gone.Work = told(b.shown.work, of.Gone.Work)
	}
	for i := range of.Agents {
		if a := &of.Agents[i]; b.concerns(a) {
			b.shown.agents[a.Ref] = a.Gen
			out.Agents = append(out.Agents, *a)
		} else {
			gone.Agents = append(gone.Agents, leave(b.shown.agents, a.Ref)...)
		}
	}
	for i := range of.Work {
		if w := &of.Work[i]; b.sees(w) {
			b.shown.work[w.Ref] = w.Gen
			out.Work = append(out.Work, workRow(w))
		} else {
			gone.Work = append(gone.Work, leave(b.shown.work, w.Ref)...)
		}
	}
	if len(gone.Agents)+len(gone.Work) > 0 {
		out.Gone = &gone
	}
	return out, true
}

// told returns those of the slots that readers know, and forgets them.
func told(shown map[uint32]uint32, slots []document.Slot) (out []document.Slot) {
	for _, s := range slots {
		out = append(out, leave(shown, s.Ref)...)
	}
	return out
}

func leave(shown map[uint32]uint32, ref uint32) []document.Slot {
	gen, ok := shown[ref]
	if !ok {
		return nil
	}
	delete(shown, ref)
	return []document.Slot{{Ref: ref, Gen: gen}}
}

// reshow notes that readers are to be told of all that they may see.
func (b *board) reshow() {
	clear(b.shown.agents)
	clear(b.shown.work)
	if b.queue == "" {
		return
	}
	for ref, a := range b.agents {
		if b.concerns(a) {
			b.shown.agents[ref] = a.Gen
		}
	}
	for ref, w := range b.work {
		if b.sees(w) {
			b.shown.work[ref] = w.Gen
		}
	}
}

// empty reports whether an event tells nothing.
func (d *body) empty() bool {
	return d.Gone == nil && len(d.Channels)+len(d.Queues)+len(d.Agents)+len(d.Work)+len(d.Settled) == 0
}

// view is the board at one moment, to be written without a lock.
type view struct {
	head   body
	id     string
	agents []*document.Agent
	work   []*document.Work
}

// view takes what readers may see of the board. The router is locked.
func (r *router) view() *view {
	b := &r.board
	v := &view{id: r.id + "-" + strconv.FormatUint(r.log.last, 10)}
	v.head = body{Lease: r.lease, Number: r.log.told, Others: b.others(), Turn: document.Turn{
		Epoch: r.epoch, Now: b.Now(), Seed: b.last.Seed, Budget: b.last.Budget, Channels: b.channels,
	}}
	if b.queue == "" {
		v.head.Digest = b.Digest()
	}
	for _, ref := range slices.Sorted(maps.Keys(b.queues)) {
		if q := b.queues[ref]; b.queue == "" || q.Name == b.queue {
			v.head.Queues = append(v.head.Queues, *q)
		}
	}
	for _, a := range b.agents {
		if b.concerns(a) {
			v.agents = append(v.agents, a)
		}
	}
	for _, w := range b.work {
		if b.sees(w) {
			v.work = append(v.work, w)
		}
	}
	return v
}

// pages writes the view as the events of a snapshot.
func (v *view) pages(rows int) ([]Event, error) {
	slices.SortFunc(v.agents, func(a, b *document.Agent) int { return cmp.Compare(a.Ref, b.Ref) })
	slices.SortFunc(v.work, func(a, b *document.Work) int { return cmp.Compare(a.Ref, b.Ref) })
	all := len(v.agents) + len(v.work)
	// Pages are numbered so that the last one has the turn's number: no more of
	// them than there have been turns.
	turns := int(min(max(v.head.Number, 1), 1<<20))
	rows = max(rows, (all+turns-1)/turns)
	n := max(1, (all+rows-1)/rows)
	events := make([]Event, 0, n)
	page := v.head
	for i := range n {
		page.Kind, page.Seq = pageKind(i, n), v.head.Number-uint64(n-1-i)
		agents := v.agents[:min(rows, len(v.agents))]
		items := v.work[:min(rows-len(agents), len(v.work))]
		v.agents, v.work = v.agents[len(agents):], v.work[len(items):]
		page.Agents, page.Work = nil, nil
		for _, a := range agents {
			page.Agents = append(page.Agents, *a)
		}
		for _, w := range items {
			page.Work = append(page.Work, workRow(w))
		}
		if i < n-1 {
			page.Digest = 0
		} else {
			page.Digest = v.head.Digest
		}
		data, err := json.Marshal(&page)
		if err != nil {
			return nil, err
		}
		events = append(events, Event{Kind: KindSnapshot, Lease: page.Lease, Turn: page.Number, Data: data})
		page.Channels, page.Queues = nil, nil // the first page has them
	}
	events[n-1].ID = v.id // who has read less has read nothing
	return events, nil
}

func pageKind(i, n int) string {
	switch {
	case n == 1:
		return "snapshot"
	case i == 0:
		return "snapshot_first"
	case i == n-1:
		return "snapshot_last"
	default:
		return "snapshot_more"
	}
}
