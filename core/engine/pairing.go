// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "github.com/patchbay-cx/patchbay/sdk/route"

// Pairing is work and an agent.
type Pairing struct {
	Work  WorkID
	Agent string
}

// Search is how far FindOfferable has come. The zero Search begins.
type Search struct{ item, agent int }

// PastItem goes on after the item at which the search stands.
func (s Search) PastItem() Search { return Search{item: s.item + 1} }

// searched is how many of a queue's waiting items FindOfferable looks at: the
// first one and others near the head.
const searched = 64

// Offerable reports whether the work waits and a strategy should offer it to the
// agent now, for all that the host knows: the agent is a candidate, and nobody
// else is asked alone yet.
func (e *Engine) Offerable(p Pairing) bool {
	w, a := e.work[p.Work], e.agents[p.Agent]
	return w != nil && a != nil && e.offerable(w, a)
}

func (e *Engine) offerable(w *Work, a *Agent) bool {
	if agent, until := e.Reserved(w); agent != "" && until > e.told && agent != a.ID {
		return false
	}
	return e.Eligible(w, a) == route.VerdictNone
}

// FindOfferable looks for work of the queue and an agent that are Offerable. It
// tries at most so many pairs, of work that is pending first or soon, and
// returns where to go on: once it has been through, it begins anew. The found
// Pairing is zero if none was found.
func (e *Engine) FindOfferable(name string, from Search, most int) (found Pairing, next Search, tried int) {
	q := e.queues[name]
	if q == nil || q.held() {
		return Pairing{}, Search{}, 0
	}
	for ; from.item < min(len(q.waiting), searched); from = (Search{item: from.item + 1}) {
		w := q.waiting[from.item]
		asked := q.members
		if q.routing.BySkills && needy(w.Needs) {
			asked = e.rarest(active(w.Needs))
		}
		for ; from.agent < len(asked); from.agent++ {
			if tried == most {
				return Pairing{}, from, tried
			}
			tried++
			if a := asked[from.agent]; e.offerable(w, a) {
				return Pairing{Work: w.ID, Agent: a.ID}, from, tried
			}
		}
	}
	return Pairing{}, Search{}, tried
}
