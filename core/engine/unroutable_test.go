// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// What nobody who is configured could ever take is told, with the reason and the
// smallest change that would help.
func TestUnroutable(t *testing.T) {
	t.Parallel()
	bySkills := func(d *engine.Definition) {
		talented(d)
		d.Channels = append(d.Channels, engine.Channel{Name: "walk-in"})
	}
	cases := []struct {
		name   string
		queue  string
		change []func(*engine.WorkSpec)
		want   engine.Unroutable
	}{
		{"no status", "support", []func(*engine.WorkSpec){on("walk-in")}, engine.Unroutable{
			Reason: "no_status", Text: `no presence status lists channel "walk-in"`, Help: `add channel "walk-in" to a presence status`,
		}},
		{"no members", "empty", nil, engine.Unroutable{
			Reason: "no_members", Text: `queue "empty" has no members`, Help: `give queue "empty" a member`,
		}},
		{"required agent", "support", []func(*engine.WorkSpec){requires("guy")}, engine.Unroutable{
			Reason: "required_agent", Text: `it requires agent "guy", who is no member of queue "support" or lacks a skill or the capacity`,
			Help: `make agent "guy" able to take it, or transfer it`,
		}},
		{"required agent without the skill", "claims", []func(*engine.WorkSpec){requires("bob"), needing(wants("law", 1))}, engine.Unroutable{
			Reason: "required_agent", Text: `it requires agent "bob", who is no member of queue "claims" or lacks a skill or the capacity`,
			Help: `make agent "bob" able to take it, or transfer it`,
		}},
		{"a skill without holders", "claims", []func(*engine.WorkSpec){needing(wants("tax", 4))}, engine.Unroutable{
			Reason: "no_holder", Text: `skill "tax" has no holder`, Help: `give somebody skill "tax" at level 4`,
		}},
		{"a level that nobody has", "claims", []func(*engine.WorkSpec){needing(wants("french", 4))}, engine.Unroutable{
			Reason: "no_holder", Text: `nobody who could take it otherwise holds "french" at level 4`, Help: `give agent "ann" skill "french" at level 4`,
		}},
		{"a combination that nobody has", "claims", []func(*engine.WorkSpec){needing(wants("english", 9), wants("law", 9))}, engine.Unroutable{
			Reason: "no_holder", Text: `nobody who could take it otherwise holds "english" at level 9`, Help: `give agent "guy" skill "english" at level 9`,
		}},
		{"no member has it", "support", []func(*engine.WorkSpec){needing(wants("law", 9))}, engine.Unroutable{
			Reason: "no_holder", Text: `nobody who could take it otherwise holds "law" at level 9`, Help: `give agent "ann" skill "law" at level 9`,
		}},
		{"nothing of three", "claims", []func(*engine.WorkSpec){needing(wants("french", 9), wants("law", 9), wants("english", 10))}, engine.Unroutable{
			Reason: "no_holder", Text: `nobody in queue "claims" holds all the skills it requires`, Help: "give somebody the skills, or lower what is required",
		}},
		{"too large for who has the skill", "support", []func(*engine.WorkSpec){needing(wants("law", 7)), sized(5000)}, engine.Unroutable{
			Reason: "no_holder", Text: `nobody who could take it otherwise holds "law" at level 7`, Help: `give agent "fay" skill "law" at level 7`,
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, bySkills)
			w.arrives("support")
			id := w.arrives(c.queue, c.change...)
			got, stuck := w.Unroutable(w.item(id))
			if !stuck || got != c.want {
				t.Errorf("%v, %+v\nwant %+v", stuck, got, c.want)
			}
			if b, _ := w.Backlog(c.queue); b.Unroutable != 1 {
				t.Errorf("%+v", b)
			}
			w.do(engine.CancelWork{Work: id})
			if _, stuck := w.Unroutable(w.item(id)); stuck {
				t.Error("it has ended")
			}
			if b, _ := w.Backlog(c.queue); b.Unroutable != 0 {
				t.Errorf("%+v", b)
			}
		})
	}
}

func TestUnroutableSize(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	id := w.arrives("sales", sized(3000))
	w.defined(func(d *engine.Definition) { d.PresenceConfigs[3].Capacity = 2500 })
	want := engine.Unroutable{
		Reason: "too_large", Text: "it takes 3, more than anybody who could take it may hold",
		Help: "raise the capacity in a presence config to 3, or make the work smaller",
	}
	if got, stuck := w.Unroutable(w.item(id)); !stuck || got != want {
		t.Errorf("%v, %+v", stuck, got)
	}
}

// The help helps.
func TestUnroutableIsHelped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, talented)
	id := w.arrives("claims", needing(wants("tax", 4)))
	if _, stuck := w.Unroutable(w.item(id)); !stuck {
		t.Fatal("who is it for?")
	}
	w.defined(func(d *engine.Definition) {
		talented(d)
		d.Agents[2].Skills = []engine.Skill{{Name: "tax", Level: 4000}}
	})
	if u, stuck := w.Unroutable(w.item(id)); stuck {
		t.Errorf("%+v", u)
	}
	if b, _ := w.Backlog("claims"); b.Unroutable != 0 || b.Waiting != 1 {
		t.Errorf("%+v", b)
	}
}

// What waiting will change counts: skills that are dropped, levels that relax, a
// backup queue; and presence, load and hours do not.
func TestRoutableInTime(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dropping, func(d *engine.Definition) {
		d.Queues[1].Routing = "forever" // "empty", by skills
		d.RoutingConfigs[2].DropAfter = second
	})
	for name, id := range map[string]engine.WorkID{
		"dropped":        w.arrives("claims", needing(extra("tax", 1))),
		"relaxed":        w.arrives("claims", needing(engine.Need{Skill: "law", Level: 10_000, Relax: []engine.Relaxation{{After: minute, Level: 1}}})),
		"backed":         w.arrives("support", requires("guy"), func(s *engine.WorkSpec) { s.Backup = "sales" }),
		"nobody is in":   w.arrives("support"),
		"to holders":     w.arrives("empty", needing(wants("law", 1))),
		"while it lasts": w.arrives("empty", needing(extra("law", 1))),
	} {
		if u, stuck := w.Unroutable(w.item(id)); stuck {
			t.Errorf("%s: %+v", name, u)
		}
	}
	// The last is for holders of law until that is dropped, and then for nobody.
	last := w.arrives("empty", needing(extra("law", 1), extra("tax", 2)))
	if _, stuck := w.Unroutable(w.item(last)); stuck {
		t.Error("a lawyer can take it as soon as tax is dropped")
	}
	w.pass(20 * second)
	if u, stuck := w.Unroutable(w.item(last)); !stuck || u.Reason != "no_members" {
		t.Errorf("%v, %+v", stuck, u)
	}
}

// A share of a pool that is not there is never to be had.
func TestUnroutableShare(t *testing.T) {
	t.Parallel()
	w := newWorld(t, interrupts)
	id := w.arrives("sales", on("mail"), percent(50_000))
	if _, stuck := w.Unroutable(w.item(id)); stuck {
		t.Error("ann can take it")
	}
	w.defined(func(d *engine.Definition) { d.Channels[1].Interruptible = true })
	u, stuck := w.Unroutable(w.item(id))
	if !stuck || u.Reason != "too_large" || u.Text != "it takes 50 % of an agent's capacity, more than anybody who could take it may hold" {
		t.Errorf("%v, %+v", stuck, u)
	}
}
