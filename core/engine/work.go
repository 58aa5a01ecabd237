// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"iter"
	"slices"
)

// WorkState is where work is in its life.
type WorkState uint8

// The states of work. The numbers are durable.
const (
	// Waiting work looks for an agent.
	Waiting WorkState = 1 + iota
	// Offered work has an offer standing, or several.
	Offered
	// Open work is being done.
	Open
	// Paused work is with its agent, but rests.
	Paused
	// WrapUpWork is done, and its agent finishes what is left to do.
	WrapUpWork
	// Closed work is done.
	Closed
	// Cancelled work was withdrawn by its source.
	Cancelled
	// Abandoned work lost its customer.
	Abandoned
	// Expired work waited longer than its time to live.
	Expired
)

// String returns the state's stable name, such as "waiting".
func (s WorkState) String() string {
	names := [...]string{
		"", "waiting", "offered", "open", "paused", "wrap_up", "closed", "cancelled", "abandoned", "expired",
	}
	if int(s) >= len(names) {
		return fmt.Sprintf("state_%d", uint8(s))
	}
	return names[s]
}

// Ended reports whether nothing more happens to work in this state, unless it
// is reopened.
func (s WorkState) Ended() bool { return s >= Closed }

// Owned reports whether work in this state has an agent who accepted it.
func (s WorkState) Owned() bool { return s >= Open && s <= WrapUpWork }

// Work is one thing for an agent to do.
type Work struct {
	ID WorkID `cbor:"1,keyasint"`
	// Spec is what its source asked for. How it is routed at present is
	// Placement's.
	Spec      WorkSpec  `cbor:"2,keyasint"`
	State     WorkState `cbor:"3,keyasint"`
	CreatedAt Time      `cbor:"4,keyasint"`
	// Revision is raised at each change that matters to routing.
	Revision uint32 `cbor:"5,keyasint"`
	// Declines counts offers that were declined, timed out or lost their agent.
	Declines uint32 `cbor:"6,keyasint,omitempty"`
	// Excluded lists agents it is not offered to now, by the decline rule.
	Excluded []string `cbor:"7,keyasint,omitempty"`
	// Assignments are its tries, oldest first; one that became the owner's by a
	// hand-over comes where that was. Of very many those that ended first are
	// dropped.
	Assignments []Assignment `cbor:"8,keyasint,omitempty"`
	EndedAt     Time         `cbor:"9,keyasint,omitempty"`
	// Reason says why it was cancelled, requeued or moved last.
	Reason    string `cbor:"10,keyasint,omitempty"`
	Placement `cbor:"11,keyasint"`
	// Hold keeps it from being offered; nil if nothing does.
	Hold *Hold `cbor:"12,keyasint,omitempty"`
	// Notes are what was noted on it last, oldest first.
	Notes []Note `cbor:"13,keyasint,omitempty"`
	// Instructed are the last verbs that were done with it, oldest first.
	Instructed []Instruction `cbor:"14,keyasint,omitempty"`

	at         int // where among those that wait in its queue
	forgotten  bool
	unroutable bool // counted as such by its queue
}

// maxTries bounds how many assignments a work remembers, but for those that
// stand.
const maxTries = 32

// Owner returns the assignment of the agent who accepted the work; nil if there
// is none.
func (w *Work) Owner() *Assignment {
	if !w.State.Owned() {
		return nil
	}
	for i := range w.Assignments {
		if x := &w.Assignments[i]; x.State == AssignmentAccepted && !x.Guest {
			return x
		}
	}
	return nil
}

// Standing yields the assignments that are offered or accepted, oldest first:
// the offers, or the owner and the guests.
func (w *Work) Standing() iter.Seq[*Assignment] {
	return func(yield func(*Assignment) bool) {
		for i := range w.Assignments {
			if x := &w.Assignments[i]; x.State.Stands() && !yield(x) {
				return
			}
		}
	}
}

// Offers returns how many offers of the work stand, invitations included.
func (w *Work) Offers() (n int) {
	for x := range w.Standing() {
		if x.State == AssignmentOffered {
			n++
		}
	}
	return n
}

// Clone returns a copy that later steps do not change.
func (w *Work) Clone() *Work {
	c := *w
	c.Excluded = slices.Clone(w.Excluded)
	c.Assignments = slices.Clone(w.Assignments)
	c.Notes, c.Instructed = slices.Clone(w.Notes), slices.Clone(w.Instructed)
	return &c
}

func (w *Work) assignment(id AssignmentID) *Assignment {
	for i := range w.Assignments {
		if w.Assignments[i].ID == id {
			return &w.Assignments[i]
		}
	}
	return nil
}

// standingAt returns the standing assignment of the agent; nil if there is none.
func (w *Work) standingAt(agent string) *Assignment {
	for x := range w.Standing() {
		if x.Agent == agent {
			return x
		}
	}
	return nil
}

// standing lists the assignments that stand and pass, by id, so that they can be
// ended one after the other.
func (w *Work) standing(pass func(*Assignment) bool) (ids []AssignmentID) {
	for x := range w.Standing() {
		if pass(x) {
			ids = append(ids, x.ID)
		}
	}
	return ids
}

// waitsSince is since when work waits that is about to be accepted: since it was
// requested, or, if somebody had it before, since it came back or was moved.
func (w *Work) waitsSince() Time {
	var back Time
	for i := range w.Assignments {
		if x := &w.Assignments[i]; !x.Guest && x.AcceptedAt > 0 && x.EndedAt > 0 {
			back = max(back, x.EndedAt)
		}
	}
	if back == 0 {
		return w.RequestedAt
	}
	return max(back, w.QueuedAt)
}

// last returns the last agent who accepted the work; empty if nobody did.
func (w *Work) last() string {
	for i := len(w.Assignments) - 1; i >= 0; i-- {
		if x := &w.Assignments[i]; x.AcceptedAt > 0 && !x.Guest {
			return x.Agent
		}
	}
	return ""
}

// admits reports whether no other agent is required.
func (w *Work) admits(agent string) bool { return !w.Required || w.Agent == agent }

// excludes reports whether the decline rule keeps the work from the agent.
func (w *Work) excludes(agent string) bool { return slices.Contains(w.Excluded, agent) }

func (e *Engine) known(id WorkID) (*Work, error) {
	w, ok := e.work[id]
	if !ok {
		return nil, refuse(CodeUnknownWork, "work", "there is no work %v, or it ended long ago", id)
	}
	return w, nil
}

// forget drops ended work that is too old, or too much, by the event's time.
func (e *Engine) forget(at Time) {
	limit := int(e.definition.KeepClosedItems)
	for len(e.ended) > 0 {
		w := e.work[e.ended[0]]
		if w.EndedAt+e.definition.KeepClosed >= at && (limit == 0 || len(e.ended) <= limit) {
			break
		}
		e.ended = e.ended[1:]
		e.drop(w)
	}
	if e.forgotten > len(e.inOrder)/2 {
		e.inOrder = slices.DeleteFunc(e.inOrder, func(w *Work) bool { return w.forgotten })
		e.forgotten = 0
	}
}

func (e *Engine) drop(w *Work) {
	for i := range w.Assignments {
		delete(e.assignments, w.Assignments[i].ID)
	}
	if w.Spec.Key != "" {
		delete(e.keys, w.Spec.Key)
	}
	delete(e.work, w.ID)
	w.forgotten = true
	e.forgotten++
}
