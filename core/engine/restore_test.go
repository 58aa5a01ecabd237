// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

func TestRestartLosesAllConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob")
	id := w.arrives("sales")
	w.offered(id, "ann")
	w.Engine = restored(t, w.Engine)
	w.did(engine.DisconnectAll{}, engine.KindAgentDisconnected, engine.KindAgentDisconnected)
	w.do(engine.Connect{Agent: "bob"})
	if got := kindsOf(w.pass(15 * second)); !slices.Equal(got, []engine.Kind{engine.KindOfferUnavailable, engine.KindAgentSignedOut}) {
		t.Errorf("%v", got)
	}
	if !w.agent("bob").SignedIn() || w.agent("ann").SignedIn() {
		t.Error("the wrong agent is gone")
	}
}

func TestForgettingByTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	a := w.opened(id, "ann")
	w.do(engine.Complete{Assignment: a, Agent: "ann"})
	w.at += 60 * minute
	w.arrives("support")
	w.is(id, engine.Closed) // not older than is kept
	w.at++
	w.arrives("support")
	if _, ok := w.Work(id); ok {
		t.Error("the work is still there")
	}
	if _, _, ok := w.Assignment(a); ok {
		t.Error("the assignment is still there")
	}
	w.refused(engine.Complete{Assignment: a, Agent: "ann"}, engine.CodeUnknownAssignment, "assignment")
	w.refused(engine.CancelWork{Work: id}, engine.CodeUnknownWork, "work")
}

func TestForgettingByCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) { d.KeepClosedItems = 3 })
	stays := w.arrives("support")
	for range 10 {
		w.do(engine.AbandonWork{Work: w.arrives("support")})
	}
	var left []engine.WorkID
	w.EachWork(0, func(item *engine.Work) bool {
		left = append(left, item.ID)
		return true
	})
	if !slices.Equal(left, []engine.WorkID{stays, 9, 10, 11}) {
		t.Errorf("left are %v", left)
	}
	var first []engine.WorkID
	w.EachWork(stays, func(item *engine.Work) bool {
		first = append(first, item.ID)
		return false
	})
	if !slices.Equal(first, []engine.WorkID{9}) {
		t.Errorf("%v comes after %v", first, stays)
	}
}

// Without a limit, ended work is kept by time alone.
func TestForgettingWithoutALimit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) { d.KeepClosedItems = 0 })
	for range 200 {
		w.do(engine.AbandonWork{Work: w.arrives("support")})
	}
	if got := len(allWork(w.Engine)); got != 200 {
		t.Errorf("%d are left", got)
	}
}

func TestManyTries(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	var tries []engine.AssignmentID
	for range 50 {
		a := w.offered(id, "ann")
		w.do(engine.Decline{Assignment: a, Agent: "ann"})
		tries = append(tries, a)
	}
	item := w.item(id)
	if len(item.Assignments) != 32 || item.Assignments[0].ID != tries[18] || item.Declines != 50 {
		t.Errorf("%d tries from %v, %d declines", len(item.Assignments), item.Assignments[0].ID, item.Declines)
	}
	w.refused(engine.Accept{Assignment: tries[17], Agent: "ann"}, engine.CodeUnknownAssignment, "assignment")
	w.refused(engine.Accept{Assignment: tries[18], Agent: "ann"}, engine.CodeWrongState, "")
}

func TestTimeDoesNotRunBackwards(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.at += minute
	w.present("ann")
	w.at = 5
	id := w.arrives("support")
	if got := w.item(id); got.CreatedAt != start+minute || got.RequestedAt != start+minute {
		t.Errorf("%+v", got)
	}
	w.offered(id, "ann")
	if events := w.do(engine.Tick{}).Events; len(events) > 0 {
		t.Errorf("%+v", events)
	}
	if w.Now() != start+minute {
		t.Errorf("now is %d", w.Now())
	}
	w.at = start + minute + 20*second
	w.did(engine.Tick{}, engine.KindOfferTimedOut, engine.KindExclusionsCleared)
}

// The time to live ends what waits; what is open meanwhile ends only if it
// comes back. A restored workspace must not think otherwise.
func TestTimeToLiveOfOpenWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support", expiring(start+10*second))
	w.opened(id, "ann")
	if events := w.pass(20 * second); len(events) > 0 {
		t.Errorf("%+v", events)
	}
	w.is(id, engine.Open)
	w.do(engine.RequeueWork{Work: id})
	other := restored(t, w.Engine)
	if events := w.pass(0); len(events) != 1 || events[0].Kind != engine.KindWorkExpired {
		t.Errorf("%+v", events)
	}
	if _, err := other.Step(w.at, engine.Tick{}); err != nil {
		t.Fatal(err)
	}
	same(t, "restored", w.Engine, other)
}

// Timers that have become void do not pile up until they are due.
func TestVoidTimersAreSwept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	last := w.arrives("support", expiring(start+90*minute))
	for i := range 2000 {
		id := w.arrives("support", expiring(start+60*minute+engine.Time(i)))
		w.do(engine.CancelWork{Work: id})
	}
	if w.Timers() > 2*(3*(100+1)+2*7+4)+64+1 {
		t.Errorf("%d timers for %d items", w.Timers(), len(allWork(w.Engine)))
	}
	w.pass(90 * minute)
	w.is(last, engine.Expired)
}

func TestReplayNamesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	created := w.events[len(w.events)-1]
	w.offered(id, "ann")
	offered := w.events[len(w.events)-1]
	next := w.Number() + 1
	bad := *created.Created
	bad.Queue = "nowhere"
	broken := centre()
	broken.Grace = 0
	inUse := centre()
	inUse.Agents = inUse.Agents[1:]
	cases := map[string]engine.Event{
		"a gap":                      {Number: next + 1, Kind: engine.KindWorkCancelled, Work: id},
		"a repetition":               offered,
		"no kind":                    {Number: next},
		"an unknown kind":            {Number: next, Kind: 200},
		"no definition":              {Number: next, Kind: engine.KindConfigured},
		"a wrong definition":         {Number: next, Kind: engine.KindConfigured, Definition: &broken},
		"a definition without ann":   {Number: next, Kind: engine.KindConfigured, Definition: &inUse},
		"created as nothing":         {Number: next, Kind: engine.KindWorkCreated, Work: 2},
		"created again":              {Number: next, Kind: engine.KindWorkCreated, Work: 1, Created: created.Created},
		"created nowhere":            {Number: next, Kind: engine.KindWorkCreated, Work: 2, Created: &bad},
		"unknown work":               {Number: next, Kind: engine.KindWorkCancelled, Work: 9},
		"another assignment":         {Number: next, Kind: engine.KindOfferAccepted, Work: id, Assignment: 9, Agent: "ann"},
		"another agent":              {Number: next, Kind: engine.KindOfferAccepted, Work: id, Assignment: 1, Agent: "bob"},
		"offered twice":              {Number: next, Kind: engine.KindWorkOffered, Work: id, Assignment: 2, Agent: "ann", Decision: offered.Decision},
		"created without a place":    {Number: next, Kind: engine.KindWorkCreated, Work: 2, Created: created.Created},
		"placed nowhere":             {Number: next, Kind: engine.KindTierOpened, Work: id},
		"transferred to nowhere":     {Number: next, Kind: engine.KindWorkTransferred, Work: id, Placed: &engine.Placement{Queue: "nowhere"}},
		"transferred by another":     {Number: next, Kind: engine.KindWorkTransferred, Work: id, Assignment: 9, Agent: "ann", Placed: created.Placed},
		"updated to another channel": {Number: next, Kind: engine.KindWorkUpdated, Work: id, Placed: created.Placed, Created: &engine.WorkSpec{Channel: "mail"}},
		"updated to another key":     {Number: next, Kind: engine.KindWorkUpdated, Work: id, Placed: created.Placed, Created: &engine.WorkSpec{Channel: "chat", Key: "k"}},
		"reopened while offered":     {Number: next, Kind: engine.KindWorkReopened, Work: id, Placed: created.Placed},
		"a guest of offered work":    {Number: next, Kind: engine.KindWorkOffered, Work: id, Assignment: 2, Agent: "bob", Decision: offered.Decision, Guest: true},
		"offered without a decision": {Number: next, Kind: engine.KindWorkOffered, Work: id, Assignment: 2, Agent: "bob"},
		"handed over to no guest":    {Number: next, Kind: engine.KindHandedOver, Work: id, Assignment: 1, Agent: "ann"},
		"paused without assignment":  {Number: next, Kind: engine.KindWorkPaused, Work: id},
		"a queue that is not there":  {Number: next, Kind: engine.KindQueueOpened, Queue: "nowhere"},
		"skills of nobody":           {Number: next, Kind: engine.KindAgentSkillsChanged, Agent: "zoe"},
		"an agent who is not there":  {Number: next, Kind: engine.KindAgentConnected, Agent: "zoe", Status: "online"},
		"a status that is not there": {Number: next, Kind: engine.KindAgentStatusChanged, Agent: "ann", Status: "asleep"},
	}
	before := picture(t, w.Engine)
	for name, ev := range cases {
		if err := w.Replay(ev); err == nil {
			t.Errorf("%s was replayed", name)
		}
		if !slices.Equal(before, picture(t, w.Engine)) {
			t.Fatalf("%s was refused and changed something", name)
		}
	}
	waits := w.arrives("support")
	if err := w.Replay(engine.Event{Number: w.Number() + 1, Kind: engine.KindWorkCompleted, Work: waits}); err == nil {
		t.Error("completed without an assignment")
	}
}

func TestRestoreNamesWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	cases := map[string]func(s *saved){
		"no definition":           func(s *saved) { s.State.Definition = nil },
		"a wrong definition":      func(s *saved) { s.State.Definition.Grace = 0 },
		"an unknown agent":        func(s *saved) { s.State.Agents[0].ID = "zoe" },
		"an unknown status":       func(s *saved) { s.State.Agents[0].Status = "asleep" },
		"a missing agent":         func(s *saved) { s.State.Agents = s.State.Agents[1:] },
		"an agent twice":          func(s *saved) { s.State.Agents[0].ID = "bob" },
		"work out of order":       func(s *saved) { slices.Reverse(s.Work) },
		"work of the future":      func(s *saved) { s.State.NextWork = 2 },
		"work without a state":    func(s *saved) { s.Work[0].State = 0 },
		"work of a strange state": func(s *saved) { s.Work[0].State = 77 },
		"offered to nobody":       func(s *saved) { s.Work[1].Assignments = nil },
		"work in no queue":        func(s *saved) { s.Work[0].Queue = "nowhere" },
		"work on no channel":      func(s *saved) { s.Work[0].Spec.Channel = "fax" },
		"ended work is missing":   func(s *saved) { s.State.Ended = append(s.State.Ended, 77) },
		"ended work still waits":  func(s *saved) { s.State.Ended = append(s.State.Ended, 1) },
	}
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := busyWorld(t)
			other := restored(t, w.Engine)
			s := saved{State: other.State(), Work: allWork(other)}
			spoil(&s)
			if _, err := engine.Restore(s.State, sequence(s.Work)); err == nil {
				t.Error("it was restored")
			}
		})
	}
	failed := fmt.Errorf("cannot read")
	w := newWorld(t)
	_, err := engine.Restore(w.State(), func(yield func(*engine.Work, error) bool) { yield(nil, failed) })
	if err == nil {
		t.Error("a failed read was restored")
	}
}

func TestAnEmptyWorkspace(t *testing.T) {
	t.Parallel()
	w := &world{T: t, Engine: engine.New(), at: start}
	w.refused(engine.CreateWork{}, engine.CodeUnknownQueue, "queue")
	w.refused(engine.SignIn{Agent: "ann"}, engine.CodeUnknownAgent, "agent")
	w.did(engine.Tick{})
	w.did(engine.DisconnectAll{})
	if _, ok := w.NextTimer(); ok || w.Number() != 0 || w.Config() != 0 {
		t.Error("something is there")
	}
	same(t, "restored", w.Engine, restored(t, w.Engine))
	w.refused(engine.Configure{}, engine.CodeInvalidDefinition, "connection_grace")
	w.did(engine.Configure{Definition: engine.Definition{Grace: 1}}, engine.KindConfigured)
	w.did(engine.Configure{Definition: engine.Definition{Grace: 1}})
	w.finish()
}

func TestClonesStayAsTheyWere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob")
	id := w.arrives("sales")
	w.declines(id, "ann")
	a := w.offered(id, "bob")
	item, bob := w.item(id).Clone(), w.agent("bob").Clone()
	w.do(engine.Decline{Assignment: a, Agent: "bob"})
	for range 40 {
		w.declines(id, "ann")
		w.declines(id, "bob")
	}
	w.opened(id, "ann")
	w.do(engine.SignOut{Agent: "bob"})
	if item.State != engine.Offered || !slices.Equal(item.Excluded, []string{"ann"}) || len(item.Assignments) != 2 ||
		standing(item).ID != a || standing(item).State != engine.AssignmentOffered {
		t.Errorf("the work's clone became %+v", item)
	}
	if !bob.SignedIn() || !slices.Equal(bob.Held, []engine.AssignmentID{a}) || bob.Used != 500 {
		t.Errorf("the agent's clone became %+v", bob)
	}
}
