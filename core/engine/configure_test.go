// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestConfigureWithThingsInUse(t *testing.T) {
	t.Parallel()
	remove := func(change func(*engine.Definition)) engine.Configure {
		d := centre()
		change(&d)
		return engine.Configure{Definition: d}
	}
	agent := func(id string) engine.Configure {
		return remove(func(d *engine.Definition) {
			d.Agents = slices.DeleteFunc(d.Agents, func(a engine.AgentDefinition) bool { return a.ID == id })
		})
	}
	w := newWorld(t)
	w.do(engine.SignIn{Agent: "ann", Status: "online"})
	w.do(engine.Connect{Agent: "bob"})
	w.refused(agent("ann"), engine.CodeInUse, "agents.ann")
	w.refused(agent("bob"), engine.CodeInUse, "agents.bob")
	w.refused(remove(func(d *engine.Definition) { d.Statuses = d.Statuses[:2] }), engine.CodeInUse, "statuses.online")
	w.do(engine.Connect{Agent: "ann"})
	id := w.arrives("support", requires("cid"))
	w.refused(agent("cid"), engine.CodeInUse, "agents.cid")
	withoutQueue := remove(func(d *engine.Definition) {
		d.Queues = d.Queues[:3]
		for i := range d.Agents {
			d.Agents[i].Queues = nil
		}
	})
	w.refused(withoutQueue, engine.CodeInUse, "queues.support")
	withoutChat := remove(func(d *engine.Definition) {
		d.Channels = d.Channels[1:]
		d.Statuses[1].Channels, d.Statuses[2].Channels = nil, nil
	})
	w.refused(withoutChat, engine.CodeInUse, "channels.chat")
	w.do(engine.CancelWork{Work: id})
	kept := w.arrives("sales")
	a := w.opened(kept, "ann")
	w.do(engine.SignOut{Agent: "ann"})
	w.do(engine.Disconnect{Agent: "ann"})
	w.refused(agent("ann"), engine.CodeInUse, "agents.ann") // open work was kept
	w.do(engine.Complete{Assignment: a, Agent: "ann"})
	for _, c := range []engine.Configure{agent("ann"), agent("cid"), withoutQueue, withoutChat} {
		if got := kindsOf(w.do(c).Events); !slices.Equal(got, []engine.Kind{engine.KindConfigured}) {
			t.Errorf("%v", got)
		}
	}
	// Work that ended in a queue, on a channel, by an agent that are gone.
	w.is(id, engine.Cancelled)
	w.is(kept, engine.Closed)
}

func TestConfigureDoesNotShareMemory(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := centre()
	slices.Reverse(d.Agents)
	d.Statuses[1].Channels = []string{}
	first := d.Agents[0].ID
	w.do(engine.Configure{Definition: d})
	if d.Agents[0].ID != first {
		t.Error("the caller's definition was sorted")
	}
	d.Agents[0].Queues = append(d.Agents[0].Queues, engine.Membership{Queue: "nowhere"})
	d.Statuses[2].Channels[0] = "fax"
	d.Queues[0].Name = "other"
	if err := w.Definition().Validate(); err != nil {
		t.Errorf("the caller can change the definition in force: %v", err)
	}
	if w.Config() != 2 || len(w.Definition().Agents) != 7 {
		t.Errorf("config %d, %d agents", w.Config(), len(w.Definition().Agents))
	}
	if n, ok := w.ChannelOrdinal("voice"); !ok || n != 2 {
		t.Errorf("voice is channel %d, %v", n, ok)
	}
}

// Presence, load and eligibility follow a new definition at once.
func TestConfigureReachesPresentAgents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support", on("voice"))
	version := w.agent("ann").Version
	d := centre()
	d.Channels = append(d.Channels, engine.Channel{Name: "a-new-one"}) // all ordinals move
	d.Statuses[2].Channels = []string{"chat"}
	w.do(engine.Configure{Definition: d})
	if a := w.agent("ann"); a.Channels != 2 || a.Version == version {
		t.Errorf("%+v", a)
	}
	w.cannot(id, "ann", route.VerdictChannelMismatch)
	w.offered(w.arrives("support"), "ann")
}

func TestLoweringCapacityBelowWhatIsHeld(t *testing.T) {
	t.Parallel()
	capacity := func(c engine.Milli) engine.Configure {
		d := centre()
		d.PresenceConfigs[3].Capacity = c
		return engine.Configure{Definition: d}
	}
	w := newWorld(t)
	w.present("ann", "bob")
	var held []engine.AssignmentID
	for range 3 {
		held = append(held, w.opened(w.arrives("support"), "ann"))
	}
	w.do(capacity(1000))
	if a := w.agent("ann"); a.Excess != 2000 || a.Used != 3000 {
		t.Errorf("%+v", a)
	}
	w.do(engine.Complete{Assignment: held[0], Agent: "ann"})
	if a := w.agent("ann"); a.Excess != 1000 {
		t.Errorf("%+v", a)
	}
	w.cannot(w.arrives("support", sized(1)), "ann", route.VerdictNoCapacity)
	w.do(engine.Complete{Assignment: held[1], Agent: "ann"})
	if a := w.agent("ann"); a.Excess != 0 {
		t.Errorf("%+v", a)
	}
	w.do(engine.Complete{Assignment: held[2], Agent: "ann"})
	w.offered(w.arrives("support"), "ann")
	w.do(capacity(500))
	w.do(capacity(3000))
	if a := w.agent("ann"); a.Excess != 0 {
		t.Errorf("%+v", a)
	}
	w.offered(w.arrives("support"), "ann")
}

// What waits keeps in the definition whatever it is about, not only its queue.
func TestConfigureWithWhatWorkIsAbout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, talented)
	w.arrives("support", needing(wants("tax", 1)))
	w.arrives("support", requires("ann"), func(s *engine.WorkSpec) { s.Backup = "claims" })
	w.arrives("support", func(s *engine.WorkSpec) { s.Overflow = &engine.Overflow{To: "empty", After: minute} })
	without := func(change func(*engine.Definition)) engine.Configure {
		d := centre()
		talented(&d)
		change(&d)
		return engine.Configure{Definition: d}
	}
	w.refused(without(func(d *engine.Definition) { d.Skills = d.Skills[:3] }), engine.CodeInUse, "skills.tax")
	w.refused(without(func(d *engine.Definition) { d.Queues = slices.Delete(d.Queues, 1, 2) }), engine.CodeInUse, "queues.empty")
	w.refused(without(func(d *engine.Definition) {
		d.Queues = d.Queues[1:]
		for i := range d.Agents {
			d.Agents[i].Queues = engine.Member("support")
		}
	}), engine.CodeInUse, "queues.claims")
	w.refused(without(func(d *engine.Definition) { d.Agents = d.Agents[1:] }), engine.CodeInUse, "agents.ann")
}

// Many definitions in a row do not pile timers up.
func TestTimersOfManyDefinitions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	change := func(i int) func(*engine.Definition) {
		return func(d *engine.Definition) {
			tiered(d)
			opening(engine.ClosedRefuse, night)(d)
			d.Queues[3].Closed = engine.ClosedHold
			d.Grace = engine.Time(i+1) * second
		}
	}
	w.defined(change(0))
	for range 40 {
		w.arrives("support")
	}
	for i := range 30 {
		w.defined(change(i + 1))
	}
	if w.Timers() > 3*(40+1)+64 {
		t.Errorf("%d timers", w.Timers())
	}
	w.present("ann")
	w.pass(10 * second)
	if at, ok := w.NextTimer(); !ok || at > start+30*second {
		t.Errorf("next timer at %d, %v", at, ok)
	}
}
