// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"fmt"
	"slices"
	"testing"
)

// audited is a small workspace: w1 waits, w2 is offered to ann as a1, w3 is
// open at ann as a2, w4 is open at bob as a3.
func audited(t *testing.T) *Engine {
	t.Helper()
	e := New()
	commands := []Command{
		Configure{Definition: Definition{
			Channels:        []Channel{{Name: "chat", Size: Units(1000)}},
			Statuses:        []Status{{Name: "online", Channels: []string{"chat"}}},
			PresenceConfigs: []PresenceConfig{{Name: "normal", Capacity: 3000, MaxOpen: 5}},
			RoutingConfigs:  []RoutingConfig{{Name: "normal", Strategy: "queue", PushTimeout: 10_000}},
			Queues:          []QueueDefinition{{Name: "support", Routing: "normal"}},
			Agents: []AgentDefinition{
				{ID: "ann", PresenceConfig: "normal", Queues: Member("support")},
				{ID: "bob", PresenceConfig: "normal", Queues: Member("support")},
			},
			Grace: 1000, KeepClosed: 1000,
		}},
		Connect{"ann"},
		SignIn{"ann", "online"},
		Connect{"bob"},
		SignIn{"bob", "online"},
		CreateWork{WorkSpec{Channel: "chat", Queue: "support"}},
		CreateWork{WorkSpec{Channel: "chat", Queue: "support"}},
		CreateWork{WorkSpec{Channel: "chat", Queue: "support"}},
		CreateWork{WorkSpec{Channel: "chat", Queue: "support"}},
		Propose{Proposals: []Proposal{
			{Work: 2, Revision: 1, Agent: "ann"}, {Work: 3, Revision: 1, Agent: "ann"}, {Work: 4, Revision: 1, Agent: "bob"},
		}},
		Accept{2, "ann"},
		Accept{3, "bob"},
	}
	for _, c := range commands {
		if _, err := e.Step(1000, c); err != nil {
			t.Fatalf("%T: %v", c, err)
		}
	}
	if _, found := e.Audit(0, 1); found != nil {
		t.Fatalf("before anything is wrong: %v", found)
	}
	return e
}

// Each planted fault must be found, under the rule it breaks.
func TestAuditFindsPlantedFaults(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name  string
		plant func(e *Engine)
		rule  string
	}{
		{"used too high", func(e *Engine) { e.agents["ann"].Used++ }, RuleLedger},
		{"used too low", func(e *Engine) { e.agents["bob"].Used = 0 }, RuleLedger},
		{"interruptible used", func(e *Engine) { e.agents["ann"].InterruptibleUsed++ }, RuleLedger},
		{"offers too many", func(e *Engine) { e.agents["ann"].Offers++ }, RuleLedger},
		{"pool changed", func(e *Engine) { e.work[3].Assignments[0].Interruptible = true }, RuleLedger},
		{"over interruptible capacity", func(e *Engine) {
			e.agents["bob"].Presence = &PresenceConfig{Capacity: 3000, Interruptible: -1}
		}, RuleCapacity},
		{"two owners", func(e *Engine) {
			e.work[3].Assignments = append(e.work[3].Assignments, Assignment{ID: 9, Agent: "bob", State: AssignmentAccepted})
		}, RuleOneAgent},
		{"owner and offer", func(e *Engine) {
			e.work[3].Assignments = append(e.work[3].Assignments, Assignment{ID: 9, Agent: "bob", State: AssignmentOffered})
		}, RuleOneAgent},
		{"a guest of nobody", func(e *Engine) { e.work[4].Assignments[0].Guest = true }, RuleOneAgent},
		{"paused counted as open", func(e *Engine) { e.work[4].State = Paused }, RuleLedger},
		{"size changed", func(e *Engine) { e.work[3].Assignments[0].Size = 1 }, RuleLedger},
		{"over capacity", func(e *Engine) { e.agents["ann"].Presence = &PresenceConfig{Capacity: 1999} }, RuleCapacity},
		{"excess forgotten", func(e *Engine) {
			e.agents["ann"].Presence = &PresenceConfig{Capacity: 1000}
			e.agents["ann"].Excess = 999
		}, RuleCapacity},
		{"held by nobody", func(e *Engine) { e.agents["bob"].Held = nil }, RuleOneAgent},
		{"held by another", func(e *Engine) {
			e.agents["ann"].Held = append(e.agents["ann"].Held, 3)
		}, RuleOneAgent},
		{"held by another instead", func(e *Engine) {
			e.agents["ann"].Held, e.agents["bob"].Held = e.agents["bob"].Held, e.agents["ann"].Held
		}, RuleOneAgent},
		{"held twice", func(e *Engine) {
			e.agents["bob"].Held = []AssignmentID{3, 3}
			e.agents["bob"].Used = 2000
		}, RuleOneAgent},
		{"held and unknown", func(e *Engine) { e.agents["bob"].Held[0] = 99 }, RuleNothingLost},
		{"assignment lost", func(e *Engine) { delete(e.assignments, 3) }, RuleNothingLost},
		{"state of open work", func(e *Engine) { e.work[3].State = Waiting }, RuleOneAgent},
		{"state of offered work", func(e *Engine) { e.work[2].State = Closed }, RuleOneAgent},
		{"state of waiting work", func(e *Engine) { e.work[1].State = Cancelled }, RuleLedger},
		{"offered counted as open", func(e *Engine) { e.work[2].State = Open }, RuleLedger},
		{"agent gone", func(e *Engine) {
			delete(e.agents, "bob")
			e.roster = e.roster[:1]
		}, RuleNothingLost},
		{"waiting counted wrong", func(e *Engine) { e.queues["support"].counts[Waiting]++ }, RuleLedger},
		{"offered counted wrong", func(e *Engine) { e.queues["support"].counts[Offered]-- }, RuleLedger},
		{"open counted wrong", func(e *Engine) { e.queues["support"].counts[Open] = 0 }, RuleLedger},
		{"work lost by id", func(e *Engine) { delete(e.work, 1) }, RuleNothingLost},
		{"work lost in order", func(e *Engine) { e.inOrder = slices.Delete(e.inOrder, 0, 1) }, RuleNothingLost},
		{"work forgotten in order", func(e *Engine) { e.inOrder[0].forgotten = true }, RuleNothingLost},
		{"deadline long ago", func(e *Engine) { e.work[2].Assignments[0].Deadline = 1; e.told = 1000 + deadlineLeeway }, RuleDeadline},
		{"timer lost", func(e *Engine) {
			e.timers = nil
			if _, err := e.Step(20_000, Tick{}); err != nil {
				panic(err)
			}
		}, RuleDeadline},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := audited(t)
			c.plant(e)
			next, found := e.Audit(0, 1)
			if next != 0 || !slices.ContainsFunc(found, func(v Violation) bool { return v.Rule == c.rule && v.Detail != "" }) {
				t.Errorf("found %v, want %s", found, c.rule)
			}
		})
	}
}

// A large workspace is audited in parts, and the round covers every agent.
func TestAuditOfALargeWorkspace(t *testing.T) {
	t.Parallel()
	e := audited(t)
	d := *e.Definition()
	d.Agents = slices.Clone(d.Agents)
	for i := range fullAuditEntries {
		d.Agents = append(d.Agents, AgentDefinition{ID: fmt.Sprintf("x%05d", i), PresenceConfig: "normal"})
	}
	if _, err := e.Step(1000, Configure{Definition: d}); err != nil {
		t.Fatal(err)
	}
	e.agents["ann"].Used++
	e.agents["x19999"].Used++
	rounds, next := 0, 0
	var all []Violation
	for {
		var found []Violation
		next, found = e.Audit(next, 3000)
		all = append(all, found...)
		if rounds++; next == 0 {
			break
		}
	}
	if rounds != 7 || len(all) != 2 || all[0].Rule != RuleLedger || all[1].Rule != RuleLedger {
		t.Errorf("%d rounds found %v", rounds, all)
	}
	if next, _ := e.Audit(1_000_000, 10); next != 0 {
		t.Errorf("beyond the last agent comes %d", next)
	}
}

// What nobody is kept from any more is not looked at when presence changes.
func TestExcludingIsLeft(t *testing.T) {
	t.Parallel()
	e := audited(t)
	excluding := func(want int, c Command) {
		t.Helper()
		if _, err := e.Step(1000, c); err != nil {
			t.Fatal(err)
		}
		if got := len(e.queues["support"].excluding); got != want {
			t.Errorf("after %T the queue watches %d items, want %d", c, got, want)
		}
	}
	excluding(1, Decline{Assignment: 1, Agent: "ann"})
	excluding(1, Propose{Proposals: []Proposal{{Work: 2, Revision: 3, Agent: "bob"}}})
	excluding(0, Accept{Assignment: 4, Agent: "bob"})
	excluding(0, RequeueWork{Work: 2})
	excluding(0, Propose{Proposals: []Proposal{{Work: 2, Revision: 6, Agent: "ann"}}})
	excluding(1, Decline{Assignment: 5, Agent: "ann"})
	excluding(0, CancelWork{Work: 2})
}

// Work that is forgotten leaves the order once it outweighs the rest.
func TestForgottenWorkIsSwept(t *testing.T) {
	t.Parallel()
	e := audited(t)
	for i := range 100 {
		at := Time(2000 + 2000*i)
		r, err := e.Step(at, CreateWork{WorkSpec{Channel: "chat", Queue: "support"}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Step(at, AbandonWork{r.Work}); err != nil {
			t.Fatal(err)
		}
		if len(e.inOrder) > 2*len(e.work)+2 {
			t.Fatalf("%d items in order for %d", len(e.inOrder), len(e.work))
		}
	}
	if len(e.work) != 5 || len(e.ended) != 1 {
		t.Errorf("%d items are kept, %d of them ended", len(e.work), len(e.ended))
	}
}
