// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"slices"
	"unicode/utf8"
)

// Verb is something that a router, or a person, may have done with work besides
// offering it.
type Verb uint8

// The verbs. The numbers are durable.
const (
	// VerbHold keeps the work from being offered until a time, or until it is
	// cleared. Offers that stand are not taken back.
	VerbHold Verb = 1 + iota
	// VerbClear ends a hold. It raises the revision in any case, so that
	// whatever was decided on the work before, and is still on its way, is
	// stale.
	VerbClear
	// VerbWithdraw takes offers back; the work waits.
	VerbWithdraw
	// VerbReprioritise gives the work another priority.
	VerbReprioritise
	// VerbAnnotate notes for people why the work waits, or what they should
	// know. It changes nothing for routing and does not raise the revision.
	VerbAnnotate
)

// String returns the verb's stable name, such as "hold".
func (v Verb) String() string {
	names := [...]string{"", "hold", "clear", "withdraw", "reprioritise", "annotate"}
	if v == 0 || int(v) >= len(names) {
		return fmt.Sprintf("verb_%d", uint8(v))
	}
	return names[v]
}

const (
	// maxReason is the longest reason or note, in bytes.
	maxReason = 1000
	// maxNotes is how many notes work keeps, maxInstructions how many verbs it
	// remembers, the last ones each.
	maxNotes, maxInstructions = 8, 4
)

// Instruct has a verb done with work as it is at a revision.
//
// It is idempotent by work and revision: the same verb with the same arguments,
// at the revision that it was done at or that it led to, is answered as the
// first time and changes nothing, for as long as the work remembers it. At any
// other revision than the present one it is refused as CodeStale.
type Instruct struct {
	Work WorkID
	// Revision is that of the work on which this was decided; 0 for whatever it
	// is at present.
	Revision uint32
	Verb     Verb
	// By names who wants that, for the record: a strategy, or whoever called.
	By string
	// Until is when a hold ends by itself, in the future; 0 if only by a clear.
	Until Time
	// Reason says why; of an annotation, it is the note. A hold and an
	// annotation need one.
	Reason string
	// Agent is whose offer is withdrawn; empty for all offers that stand.
	Agent string
	// Priority is the new one; 0 is highest.
	Priority int32
}

// Instruction is the record of a verb that was done with work.
type Instruction struct {
	Verb Verb   `cbor:"1,keyasint"`
	By   string `cbor:"2,keyasint,omitempty"`
	// From is the revision at which it was done, To the one that it led to, and
	// Event the number of its event, or of the last one if it took several.
	From  uint32 `cbor:"3,keyasint"`
	To    uint32 `cbor:"4,keyasint"`
	Event uint64 `cbor:"5,keyasint"`
	// Sum is a checksum of its arguments.
	Sum uint64 `cbor:"6,keyasint"`
}

// Hold keeps work from being offered.
type Hold struct {
	Since Time `cbor:"1,keyasint"`
	// Until is when it ends by itself; 0 if only by a clear, or when the work
	// moves to another queue or to an agent.
	Until  Time   `cbor:"2,keyasint,omitempty"`
	By     string `cbor:"3,keyasint,omitempty"`
	Reason string `cbor:"4,keyasint,omitempty"`
}

// why says by whom and why work is held: " by vendor: awaits the credit check".
func (h *Hold) why() string {
	text := ""
	if h.By != "" {
		text = " by " + h.By
	}
	return text + ": " + h.Reason
}

// Note is what somebody noted on work.
type Note struct {
	At   Time   `cbor:"1,keyasint"`
	By   string `cbor:"2,keyasint,omitempty"`
	Text string `cbor:"3,keyasint"`
}

func (c Instruct) decide(s *step) error {
	w, err := s.known(c.Work)
	if err != nil {
		return err
	}
	if c.Revision == 0 {
		c.Revision = w.Revision
	}
	s.result.Work = w.ID
	if in, ok := w.instruction(c.Verb, c.sum(), c.Revision); ok {
		s.result.Duplicate, s.result.Instruction = true, in
		return nil
	}
	if err := c.check(s, w); err != nil {
		return err
	}
	if err := c.enact(s, w); err != nil {
		return err
	}
	s.result.Instruction = w.Instructed[len(w.Instructed)-1]
	return nil
}

// sum is a checksum of what is to be done, but for who wants it and when it was
// decided.
func (c *Instruct) sum() uint64 {
	h := fnv.New64a()
	b := binary.AppendVarint([]byte{byte(c.Verb)}, int64(c.Until))
	b = binary.AppendVarint(b, int64(c.Priority))
	b = binary.AppendUvarint(b, uint64(len(c.Agent)))
	b = append(b, c.Agent...)
	_, _ = h.Write(append(b, c.Reason...)) // it never fails
	return h.Sum64()
}

// instruction returns the record of such a verb that was done at the revision or
// led to it, the last one first.
func (w *Work) instruction(verb Verb, sum uint64, revision uint32) (Instruction, bool) {
	for _, in := range slices.Backward(w.Instructed) {
		if in.Verb == verb && in.Sum == sum && (in.From == revision || in.To == revision) {
			return in, true
		}
	}
	return Instruction{}, false
}

// check refuses what cannot be done with any work, or not with this.
func (c *Instruct) check(s *step, w *Work) error {
	switch {
	case c.Verb < VerbHold || c.Verb > VerbAnnotate:
		return refuse(CodeInvalid, "verb", "there is no verb %d", uint8(c.Verb))
	case len(c.Reason) > maxReason || !utf8.ValidString(c.Reason):
		return refuse(CodeInvalid, "reason", "a reason or note should be %d bytes of UTF-8 at most", maxReason)
	case c.Reason == "" && (c.Verb == VerbHold || c.Verb == VerbAnnotate):
		return refuse(CodeReasonRequired, "reason", "to %v work, say why: others will ask why it waits", c.Verb)
	case c.Priority < 0:
		return refuse(CodeInvalid, "priority", "priority %d is negative; 0 is highest", c.Priority)
	case c.Until != 0 && (c.Until <= s.now || c.Until > s.now+maxSpan):
		return refuse(CodeInvalid, "until", "until should lie in the future, and within a hundred years; leave it out to hold until it is cleared")
	case w.State.Ended():
		return refuse(CodeWrongState, "", "%v is %v; nothing of it changes any more", w.ID, w.State)
	case c.Revision != w.Revision:
		return refuse(CodeStale, "revision", "%v is at revision %d by now, not at %d: it has changed since that was decided", w.ID, w.Revision, c.Revision)
	}
	return c.fits(w)
}

// fits refuses what is not for work in that state.
func (c *Instruct) fits(w *Work) error {
	unowned := w.State == Waiting || w.State == Offered
	switch c.Verb {
	case VerbHold, VerbClear:
		if !unowned {
			return refuse(CodeWrongState, "", "%v is %v; to %v is for work that waits or is offered", w.ID, w.State, c.Verb)
		}
	case VerbWithdraw:
		switch x := w.standingAt(c.Agent); {
		case w.State != Offered:
			return refuse(CodeWrongState, "", "%v is %v; no offer of it stands that could be withdrawn", w.ID, w.State)
		case c.Agent != "" && x == nil:
			return refuse(CodeWrongState, "agent", "%v is not offered to agent %q", w.ID, c.Agent)
		}
	}
	return nil
}

// enact does it.
func (c *Instruct) enact(s *step, w *Work) error {
	ev := Event{Work: w.ID, Queue: w.Queue, Reason: c.Reason}
	switch c.Verb {
	case VerbHold:
		ev.Kind, ev.Deadline = KindWorkHeld, c.Until
	case VerbClear:
		ev.Kind = KindHoldEnded
	case VerbWithdraw:
		c.withdraw(s, w)
		return nil
	case VerbReprioritise:
		spec, placed := w.Spec.clone(), w.Placement.clone()
		spec.Priority = &c.Priority
		fresh := s.placement(&spec, s.queueOf(w), w.RequestedAt) // as with every other update
		placed.Priority, placed.Secondary = fresh.Priority, fresh.Secondary
		ev.Kind, ev.Created, ev.Placed = KindWorkUpdated, &spec, placed
	default:
		ev.Kind = KindWorkAnnotated
	}
	ev.Instruction = c.record(s, w)
	s.emit(ev)
	return nil
}

// withdraw takes the offers back; the last event is on record as the verb's.
func (c *Instruct) withdraw(s *step, w *Work) {
	offers := w.standing(func(x *Assignment) bool {
		return x.State == AssignmentOffered && (c.Agent == "" || x.Agent == c.Agent)
	})
	for i, id := range offers {
		ev := s.about(w, id, Event{Kind: KindOfferWithdrawn, Reason: c.Reason})
		if i == len(offers)-1 {
			ev.Instruction = c.record(s, w)
		}
		s.emit(ev)
	}
	s.waitsAnew(w)
}

// record is the record of the verb, of which the next event is the last.
func (c *Instruct) record(s *step, w *Work) *Instruction {
	to := w.Revision + 1
	if c.Verb == VerbAnnotate {
		to = w.Revision
	}
	return &Instruction{Verb: c.Verb, By: c.By, From: c.Revision, To: to, Event: s.number + 1, Sum: c.sum()}
}

// instructed is what the verbs change about work that nothing else does.
func (e *Engine) instructed(ev *Event, w *Work) {
	by := ""
	if in := ev.Instruction; in != nil {
		w.Instructed = lastOf(append(slices.Clone(w.Instructed), *in), maxInstructions)
		by = in.By
	}
	switch ev.Kind {
	case KindWorkHeld:
		w.Hold = &Hold{Since: ev.At, Until: ev.Deadline, By: by, Reason: ev.Reason}
		e.holds(w)
	case KindHoldEnded:
		w.Hold = nil
	case KindWorkAnnotated:
		w.Notes = lastOf(append(slices.Clone(w.Notes), Note{At: ev.At, By: by, Text: ev.Reason}), maxNotes)
	}
}

// lastOf returns the last so many of a list.
func lastOf[T any](list []T, most int) []T { return list[max(0, len(list)-most):] }

// holds sets the timer of work's hold, if it has one that ends by itself.
func (e *Engine) holds(w *Work) {
	if w.Hold != nil && w.Hold.Until > 0 {
		e.schedule(timer{at: w.Hold.Until, kind: holdEnds, id: uint64(w.ID)})
	}
}

// followsInstruction checks an event of the past by which a verb was done.
func (w *Work) followsInstruction(ev *Event) error {
	switch {
	case ev.Kind != KindHoldEnded && ev.Instruction == nil || ev.Kind == KindHoldEnded && ev.Instruction == nil && w.Hold == nil:
		return fmt.Errorf("it does not say what was done with %v", w.ID)
	case ev.Kind != KindWorkAnnotated && w.State != Waiting && w.State != Offered:
		return fmt.Errorf("%v is %v and cannot be held", w.ID, w.State)
	}
	return nil
}
