// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"errors"
	"fmt"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// instruct has a verb done, mostly one that makes sense, and then has it done
// again.
func (m *machine) instruct() {
	c := engine.Instruct{
		Verb: engine.Verb(m.pick("verb", 5) + 1), By: "vendor", Reason: fmt.Sprint("because ", m.pick("reason", 3)),
		Priority: int32(m.pick("priority", 5)),
	}
	states := []engine.WorkState{engine.Waiting, engine.Offered}
	switch c.Verb {
	case engine.VerbHold:
		if m.chance("for a time", 60) {
			c.Until = m.at + m.span("until") - engine.Time(b2i(m.chance("past", 3)))*minute
		}
	case engine.VerbWithdraw:
		states = states[1:]
		if m.chance("of one", 40) {
			_, c.Agent = m.assignment(func(_ *engine.Work, x *engine.Assignment) bool { return x.State == engine.AssignmentOffered })
		}
	}
	c.Work = m.workIn(states...)
	if m.chance("rubbish", 5) {
		c.Verb, c.Reason, c.Priority = engine.Verb(m.pick("rubbish", 8)), "", -1
	}
	if w, ok := m.main.Work(c.Work); ok {
		c.Revision = w.Revision - uint32(b2i(w.Revision > 1 && m.chance("stale", 10)))
	}
	before := m.instructable(c)
	result, err := m.do(c)
	if (err == nil) != before.fine {
		m.Fatalf("%+v: %+v, %v; it should be fine: %v (%+v)", c, result, err, before.fine, m.shadow.work[c.Work])
	}
	if err == nil && (result.Duplicate != before.again || result.Instruction.Verb != c.Verb || result.Work != c.Work) {
		m.Fatalf("%+v: %+v", c, result)
	}
	if err == nil {
		m.again(c, result.Instruction)
	}
}

// expected is what should come of an instruction.
type expected struct {
	fine  bool // it is done
	again bool // it was before
}

func (m *machine) instructable(c engine.Instruct) expected {
	item, ok := m.main.Work(c.Work)
	if !ok {
		return expected{}
	}
	w := m.shadow.work[c.Work]
	for _, in := range w.instructed { // that it may be the same, the sum tells
		if in.Verb == c.Verb && (in.From == c.Revision || in.To == c.Revision) {
			if probe, err := restored(m, m.main).Step(m.at, c); err == nil && probe.Duplicate {
				return expected{fine: probe.Instruction.Verb == in.Verb, again: true}
			}
		}
	}
	unowned := w.state == engine.Waiting || w.state == engine.Offered
	fine := c.Revision == item.Revision && !w.state.Ended() && c.Verb > 0 && c.Verb <= engine.VerbAnnotate && c.Priority >= 0
	fine = fine && (c.Until == 0 || c.Until > max(m.at, m.main.Now()))
	switch c.Verb {
	case engine.VerbHold:
		fine = fine && unowned && c.Reason != ""
	case engine.VerbClear:
		fine = fine && unowned
	case engine.VerbWithdraw:
		fine = fine && w.state == engine.Offered && (c.Agent == "" || w.at(c.Agent) == 1)
	case engine.VerbAnnotate:
		fine = fine && c.Reason != ""
	}
	return expected{fine: fine}
}

// again has the same done again, at both revisions of the first time, which
// changes nothing, and at another one, which is stale.
func (m *machine) again(c engine.Instruct, first engine.Instruction) {
	for _, revision := range []uint32{first.From, first.To} {
		c.Revision = revision
		if result, err := m.do(c); err != nil || !result.Duplicate || result.Instruction != first || len(result.Events) > 0 {
			m.Fatalf("%+v again: %+v, %v; at first it was %+v", c, result, err, first)
		}
	}
	c.Revision = first.To + 100
	var refusal *engine.Refusal
	if result, err := m.do(c); !errors.As(err, &refusal) || !m.shadow.work[c.Work].state.Ended() && refusal.Code != engine.CodeStale {
		m.Fatalf("%+v: %+v, %v", c, result, err)
	}
}
