// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

var update = flag.Bool("update", false, "rewrite the golden files in testdata")

const storyStart engine.Time = 1_700_000_000_000

// centre has Spanish speakers in two tiers, and a queue to overflow to.
func centre() engine.Definition {
	both := []engine.Skill{{Name: "german", Level: 10_000}, {Name: "spanish", Level: 10_000}}
	d := engine.Definition{
		Channels: []engine.Channel{
			{Name: "chat", Size: engine.Units(1000), WrapUp: engine.WrapUp{For: 30_000}},
			{Name: "voice", Size: engine.Percent(route.WholePercent)},
		},
		Statuses: []engine.Status{
			{Name: "break"}, {Name: "online", Channels: []string{"chat", "voice"}}, {Name: "phone", Channels: []string{"voice"}},
		},
		PresenceConfigs: []engine.PresenceConfig{
			{Name: "desk", Capacity: 2000, MaxOpen: 5, StatusAfterDecline: "break"},
			{Name: "one", Capacity: 2000, MaxOpen: 1},
			{Name: "few", Capacity: 9000, MaxOpen: 5, MaxOffers: 1},
		},
		RoutingConfigs: []engine.RoutingConfig{
			{Name: "plain", Strategy: "queue", Model: route.ModelLongestIdle, Priority: 5},
			{Name: "spanish", Strategy: "queue", Fallback: "spare", Model: route.ModelLongestIdle, Priority: 3, PushTimeout: 15_000, DropAfter: 60_000},
		},
		Skills: []string{"german", "spanish"},
		Queues: []engine.QueueDefinition{
			{Name: "backup", Routing: "plain"},
			{Name: "support", Routing: "spanish", Tiers: []engine.Time{20_000}, Overflow: &engine.Overflow{To: "backup", After: 120_000}},
		},
		Agents: []engine.AgentDefinition{
			{ID: "ann", PresenceConfig: "desk", Queues: engine.Member("support"), Skills: []engine.Skill{{Name: "spanish", Level: 5000}}},
			{ID: "bob", PresenceConfig: "desk", Queues: engine.Member("support"), Skills: []engine.Skill{{Name: "spanish", Level: 3000}}},
			{ID: "cid", PresenceConfig: "desk", Queues: []engine.Membership{{Queue: "support", Tier: 2}}, Skills: []engine.Skill{{Name: "german", Level: 4000}, {Name: "spanish", Level: 6000}}},
			{ID: "dot", PresenceConfig: "desk", Queues: engine.Member("support")},
			{ID: "eve", PresenceConfig: "one", Queues: engine.Member("support"), Skills: []engine.Skill{{Name: "spanish", Level: 9000}}},
			{ID: "fay", PresenceConfig: "few", Queues: engine.Member("backup"), Skills: both},
			{ID: "gus", PresenceConfig: "few", Queues: engine.Member("backup"), Skills: both},
		},
		Grace: 3_600_000, KeepClosed: 3_600_000,
	}
	d.Sort()
	return d
}

// history is a workspace in virtual time that remembers its events.
type history struct {
	*testing.T
	*engine.Engine
	at     engine.Time
	events []engine.Event
	turn   uint64
}

func newHistory(t *testing.T, d engine.Definition) *history {
	t.Helper()
	h := &history{T: t, Engine: engine.New(), at: storyStart}
	h.do(engine.Configure{Definition: d})
	return h
}

func (h *history) do(command engine.Command) engine.Result {
	h.Helper()
	result, err := h.Step(h.at, command)
	if err != nil {
		h.Fatalf("%T%+v: %v", command, command, err)
	}
	h.events = append(h.events, result.Events...)
	return result
}

// until lets time pass to so long after the beginning, with the timers.
func (h *history) until(after engine.Time) {
	h.Helper()
	for at, ok := h.NextTimer(); ok && at <= storyStart+after; at, ok = h.NextTimer() {
		h.at = max(h.at, at)
		h.do(engine.Tick{})
	}
	h.at = storyStart + after
}

func (h *history) signIn(status string, agents ...string) {
	h.Helper()
	for _, agent := range agents {
		h.do(engine.Connect{Agent: agent})
		h.do(engine.SignIn{Agent: agent, Status: status})
	}
}

// propose proposes work for an agent in the next turn and returns the
// assignment, 0 if it was refused.
func (h *history) propose(id engine.WorkID, agents ...string) engine.AssignmentID {
	h.Helper()
	h.turn += 3
	w, _ := h.Work(id)
	p := engine.Propose{By: engine.Decision{Strategy: "queue", Version: "1.0.0", Runtime: "builtin", Epoch: 1, Turn: h.turn}}
	for i, agent := range agents {
		p.Proposals = append(p.Proposals, engine.Proposal{Work: id, Revision: w.Revision, Agent: agent, Rank: uint16(i), Score: 7, Reason: "longest_idle"})
	}
	result := h.do(p)
	for i := range result.Events {
		if result.Events[i].Kind == engine.KindWorkOffered {
			return result.Events[i].Assignment
		}
	}
	return 0
}

// explain replays the history for a piece of work.
func (h *history) explain(id engine.WorkID, whyNot string) *Explanation {
	h.Helper()
	return h.explainFrom(engine.New(), id, whyNot)
}

func (h *history) explainFrom(e *engine.Engine, id engine.WorkID, whyNot string) *Explanation {
	h.Helper()
	p := &present{number: h.Number(), now: h.at, decidedBy: "queue"}
	if w, ok := h.Work(id); ok {
		p.work = w.Clone()
	}
	t := newTale(e, &ExplainRequest{Work: id, WhyNot: whyNot}, p)
	for i := range h.events {
		if t.over() {
			break
		}
		if h.events[i].Number <= e.Number() {
			continue
		}
		if err := t.happens(&h.events[i]); err != nil {
			h.Fatal(err)
		}
	}
	x, err := t.end()
	if err != nil {
		h.Fatal(err)
	}
	return x
}

// told writes an explanation down, with times as seconds since the beginning.
func told(x *Explanation) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v is %v in queue %q\n", x.Work.ID, x.Work.State, x.Work.Queue)
	if o := x.Outlook; o != nil {
		for _, why := range o.Why {
			fmt.Fprintf(&b, "  why: %s\n", why)
		}
		for _, p := range o.Near {
			fmt.Fprintf(&b, "    near: %s\n", p.Text)
		}
		for _, c := range o.Coming {
			fmt.Fprintf(&b, "  at %s: %s\n", (c.At - storyStart).Span(), c.Text)
		}
	}
	if x.WhyNot != nil {
		for _, m := range x.WhyNot.Moments {
			fmt.Fprintf(&b, "  why not at %s: %s\n", (m.At - storyStart).Span(), m.Text)
		}
	}
	for i := range x.Steps {
		s := &x.Steps[i]
		fmt.Fprintf(&b, "%s: %s\n", (s.Event.At - storyStart).Span(), s.Text)
		for _, note := range s.Notes {
			fmt.Fprintf(&b, "    %s\n", note)
		}
	}
	return b.String()
}

// golden compares with a file in testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update writes it anew); got:\n%s", path, got)
	}
}

// wait is a history up to where the work waits for the first time.
func wait(t *testing.T) (*history, engine.WorkID) {
	t.Helper()
	h := newHistory(t, centre())
	h.do(engine.RecordStrategy{By: engine.Decision{Strategy: "queue", Runtime: "builtin", Epoch: 1}, State: "active", Detail: "started"})
	h.signIn("online", "ann", "bob", "gus")
	h.until(5_000)
	h.signIn("online", "cid", "fay")
	h.signIn("break", "eve")
	h.until(10_000)
	id := h.do(engine.CreateWork{Spec: engine.WorkSpec{
		Channel: "chat", Queue: "support", Attributes: map[string]string{"tier": "gold"}, ExpiresAt: storyStart + 600_000,
		Needs:  []engine.Need{{Skill: "spanish", Level: 5000}},
		Ruled:  []engine.Need{{Skill: "german", Level: 3000, Additional: true}},
		Intake: []engine.Taken{{Step: "intake/language"}, {Step: "intake/vip", Failed: "no such key: vip"}},
	}}).Work
	return h, id
}

func TestStory(t *testing.T) {
	t.Parallel()
	h, id := wait(t)
	h.until(12_000)
	golden(t, "explain-waits.txt", told(h.explain(id, "bob")))
	h.propose(id, "bob")
	h.until(32_000) // tier 2 opens
	h.do(engine.Decline{Assignment: h.propose(id, "cid"), Agent: "cid", Reason: "lunch"})
	h.until(93_000) // german is dropped
	h.propose(id, "ann")
	h.until(131_000) // ann lets it time out, and it overflows
	a := h.propose(id, "gus", "fay")
	h.until(133_000)
	golden(t, "explain-offered.txt", told(h.explain(id, "")))
	h.do(engine.Accept{Assignment: a, Agent: "gus"})
	h.until(140_000)
	h.do(engine.TransferWork{Work: id, Queue: "support", Reason: "needs a native", Needs: &[]engine.Need{{Skill: "spanish", Level: 5000}}, Attributes: map[string]string{"tier": "silver"}})
	h.until(141_000)
	a = h.propose(id, "ann")
	h.do(engine.Accept{Assignment: a, Agent: "ann"})
	h.until(200_000)
	h.do(engine.Complete{Assignment: a, Agent: "ann"})
	h.until(240_000) // wrap-up ends
	golden(t, "explain-life.txt", told(h.explain(id, "eve")))
}

// TestOlderThanTheLog begins the replay when the work has been there for a
// while.
func TestOlderThanTheLog(t *testing.T) {
	t.Parallel()
	h, id := wait(t)
	h.until(32_000)
	h.do(engine.Decline{Assignment: h.propose(id, "cid"), Agent: "cid"})
	late := engine.New()
	for i := range h.events {
		if err := late.Replay(h.events[i]); err != nil {
			t.Fatal(err)
		}
	}
	h.until(93_000)
	a := h.propose(id, "ann")
	h.do(engine.Accept{Assignment: a, Agent: "ann"})
	x := h.explainFrom(late, id, "")
	if x.Complete || x.Since == 0 {
		t.Errorf("it is complete %v, since %d", x.Complete, x.Since)
	}
	golden(t, "explain-older.txt", told(x))
	// Nothing is said of turns that are not known.
	for i := range x.Steps {
		if c := x.Steps[i].Choice; c != nil && c.Turns.First != 0 {
			t.Errorf("it claims to know turns from %d on", c.Turns.First)
		}
	}
	// What ended before needs no replay at all.
	h.do(engine.Complete{Assignment: a, Agent: "ann"})
	h.until(130_000)
	ended := engine.New()
	for i := range h.events {
		if err := ended.Replay(h.events[i]); err != nil {
			t.Fatal(err)
		}
	}
	x = h.explainFrom(ended, id, "")
	if last := x.Steps[len(x.Steps)-1]; x.Complete || last.State != engine.Closed || last.Event.Number != 0 || x.Outlook != nil {
		t.Errorf("it ends with %+v", last)
	}
}

// TestTheEnd expects the replay to stop where nothing more can follow.
func TestTheEnd(t *testing.T) {
	t.Parallel()
	h, id := wait(t)
	h.do(engine.CancelWork{Work: id, Reason: "called back"})
	number := h.Number()
	h.signIn("online", "dot")
	e := engine.New()
	x := h.explainFrom(e, id, "")
	if e.Number() != number || !x.Complete || x.Outlook != nil {
		t.Errorf("it went on to event %d, and the work ended with %d", e.Number(), number)
	}
}

// TestALongLife expects the middle to be left out, and refusals to be counted.
func TestALongLife(t *testing.T) {
	t.Parallel()
	h, id := wait(t)
	for range 30 {
		h.propose(id, "bob")
	}
	if x := h.explain(id, "bob"); len(x.Steps) != 2 || x.Steps[1].Times != 30 || len(x.WhyNot.Moments) != 2 {
		t.Fatalf("%d steps, %d moments", len(x.Steps), len(x.WhyNot.Moments))
	}
	for i := range 2 * maxSteps {
		h.do(engine.UpdateWork{Work: id, Attributes: map[string]string{"n": fmt.Sprint(i)}})
	}
	x := h.explain(id, "")
	if len(x.Steps) != maxSteps || x.Omitted != 2+2*maxSteps-maxSteps {
		t.Errorf("%d steps, %d left out", len(x.Steps), x.Omitted)
	}
	last := x.Steps[maxSteps-1]
	if !slices.ContainsFunc(last.Notes, func(n string) bool {
		return strings.Contains(n, fmt.Sprintf("attribute n is %q", fmt.Sprint(2*maxSteps-1)))
	}) {
		t.Errorf("the last step is %+v", last)
	}
}

// TestConsideration tells what the strategy that decides has to say.
func TestConsideration(t *testing.T) {
	t.Parallel()
	h, id := wait(t)
	w, _ := h.Work(id)
	tale := newTale(h.Engine, &ExplainRequest{Work: id}, &present{
		number: h.Number(), now: h.at, work: w.Clone(), decidedBy: "queue",
		considered: &strategy.Consideration{Strategy: "queue", Epoch: 1, First: 4, Last: 9, Note: "no_holder"},
	})
	x, err := tale.end()
	if err != nil {
		t.Fatal(err)
	}
	want := `strategy "queue" has had it before it in turns 4 to 9, and says: no_holder`
	if !slices.Contains(x.Outlook.Why, want) {
		t.Errorf("it waits because %q", x.Outlook.Why)
	}
}
