// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import "github.com/patchbay-cx/patchbay/sdk/route"

// queue holds what the board says of one queue, and its members.
type queue struct {
	members  crowd
	bySkills bool
	held     bool
	offerTo  uint16
}

// queue returns the queue at ref on the board, known to the board or not.
func (x *Index) queue(ref uint32) *queue {
	q := x.queues[ref]
	if q == nil {
		q = &queue{}
		q.read(x.board.Queue(ref))
		q.members.queue, q.members.branches = q, map[uint32]*branch{}
		x.queues[ref] = q
	}
	return q
}

// read takes over what the row says; nil says nothing. It returns whether that
// is something else than before for work that waits.
func (q *queue) read(row *route.Queue) bool {
	var none route.Queue
	if row == nil {
		row = &none
	}
	was := *q
	q.members.model = known(row.Model)
	q.bySkills, q.held = row.Flags&route.QueueBySkills != 0, row.Flags&route.QueueHeld != 0
	q.offerTo = row.OfferTo
	return q.members.model != was.members.model || q.bySkills != was.bySkills || q.held != was.held
}

// known returns the model, or least active if it is not known.
func known(model route.Model) route.Model {
	if model < route.ModelLeastActive || model > route.ModelWeightedRandom {
		return route.ModelLeastActive
	}
	return model
}

// remodel reads the queue at ref anew. If it picks agents in another way now,
// its work looks for agents again.
func (x *Index) remodel(ref uint32) {
	q := x.queue(ref)
	model := q.members.model
	if !q.read(x.board.Queue(ref)) {
		return
	}
	if q.members.model != model {
		q.members.clear()
	}
	for _, c := range x.classes {
		if c == nil || c.queue != q {
			continue
		}
		x.lift(c)
		x.enrol(c)
		if c.place = nowhere; len(c.heap) > 0 {
			x.drop(c)
		}
	}
}
