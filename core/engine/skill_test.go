// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// talented gives ann, bob and guy skills. Work in claims goes by skills, to guy as
// well, who is a member of nothing.
func talented(d *engine.Definition) {
	d.Skills = []string{"english", "french", "law", "tax"}
	d.RoutingConfigs[0].BySkills = true
	d.Agents[0].Skills = []engine.Skill{{Name: "english", Level: 5000}, {Name: "law", Level: 7500}}
	d.Agents[1].Skills = []engine.Skill{{Name: "english", Level: 10_000}, {Name: "french", Level: 3000}}
	d.Agents[6].Skills = []engine.Skill{{Name: "english", Level: 2000}, {Name: "law", Level: 10_000}}
}

// dropping drops a group of additional skills every ten seconds.
func dropping(d *engine.Definition) {
	talented(d)
	d.RoutingConfigs[0].DropAfter = 10 * second
}

func TestAllSkillsAtTheirLevels(t *testing.T) {
	t.Parallel()
	w := newWorld(t, talented)
	w.present("ann", "bob", "cid", "guy")
	id := w.arrives("claims", needing(wants("english", 5), wants("law", 7)))
	w.cannot(id, "bob", route.VerdictNotEligible) // knows no law
	w.cannot(id, "cid", route.VerdictNotEligible) // is a member, and knows nothing
	w.cannot(id, "guy", route.VerdictNotEligible) // his English is not enough
	w.opened(id, "ann")
	// Members or not, whoever holds the skills is asked; without skills, members.
	w.opened(w.arrives("claims", needing(wants("law", 10))), "guy")
	w.cannot(w.arrives("claims"), "guy", route.VerdictNotEligible)
	w.opened(w.arrives("claims"), "cid")
	// Where work does not go by skills, members must hold them all the same.
	id = w.arrives("sales", needing(wants("law", 1)))
	w.cannot(id, "guy", route.VerdictNotEligible)
	w.cannot(id, "cid", route.VerdictNotEligible)
	w.offered(id, "ann")
}

// What routing config, source and rules require is one list: the higher level
// counts, and what one requires for good is not additional.
func TestSkillsAddUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t, talented, func(d *engine.Definition) {
		d.RoutingConfigs[0].Needs = []engine.Need{wants("english", 3), {Skill: "tax", Additional: true, Group: 5}}
		d.Queues[0].Needs = []engine.Need{wants("french", 9)} // for what requires nothing else
	})
	id := w.arrives("claims", needing(wants("english", 4), extra("tax", 2)), func(s *engine.WorkSpec) {
		s.Ruled = []engine.Need{wants("law", 1), {Skill: "english", Level: 1000, Additional: true}}
	})
	want := []engine.Need{
		{Skill: "english", Level: 4000, Now: 4000}, {Skill: "law", Level: 1000, Now: 1000}, {Skill: "tax", Additional: true, Group: 2},
	}
	if got := w.item(id).Needs; !slices.EqualFunc(got, want, sameNeed) {
		t.Errorf("%+v", got)
	}
	w.requiresNow(id, map[string]engine.Level{"english": 4000, "law": 1000, "tax": 0})
}

func sameNeed(a, b engine.Need) bool {
	return a.Skill == b.Skill && a.Level == b.Level && a.Now == b.Now && a.Additional == b.Additional && a.Group == b.Group &&
		a.Dropped == b.Dropped && slices.Equal(a.Relax, b.Relax)
}

// What no rule matches has the queue's default skills, and without those goes to
// its members: never to everybody.
func TestDefaultSkills(t *testing.T) {
	t.Parallel()
	w := newWorld(t, talented, func(d *engine.Definition) { d.Queues[0].Needs = []engine.Need{wants("law", 8)} })
	w.present("ann", "guy")
	id := w.arrives("claims")
	w.requiresNow(id, map[string]engine.Level{"law": 8000})
	w.cannot(id, "ann", route.VerdictNotEligible)
	w.opened(id, "guy")
	w.requiresNow(w.arrives("claims", needing(wants("french", 1))), map[string]engine.Level{"french": 1000})
}

func TestSkillsWithDates(t *testing.T) {
	t.Parallel()
	w := newWorld(t, talented, func(d *engine.Definition) {
		d.Agents[1].Skills[1].From, d.Agents[1].Skills[1].Until = start+10*second, start+30*second
	})
	w.present("bob")
	id := w.arrives("claims", needing(wants("french", 3)))
	w.cannot(id, "bob", route.VerdictNotEligible)
	if _, stuck := w.Unroutable(w.item(id)); stuck {
		t.Error("bob will know French")
	}
	if at, ok := w.NextTimer(); !ok || at != start+10*second {
		t.Errorf("next timer at %d, %v", at, ok)
	}
	if ev := w.happens(10*second, engine.KindAgentSkillsChanged)[0]; ev.Agent != "bob" {
		t.Errorf("%+v", ev)
	}
	w.opened(id, "bob")
	late := w.arrives("claims", needing(wants("french", 3)))
	w.happens(20*second, engine.KindAgentSkillsChanged)
	w.cannot(late, "bob", route.VerdictNotEligible)
	if u, stuck := w.Unroutable(w.item(late)); !stuck || u.Reason != "no_holder" {
		t.Errorf("bob has forgotten his French, but %+v", u)
	}
	if b, _ := w.Backlog("claims"); b.Unroutable != 1 {
		t.Errorf("%+v", b)
	}
	w.is(1, engine.Open) // what he has he keeps
	w.happens(100 * minute)
}

// Of a definition that came between, nothing runs out that no longer is.
func TestSkillDatesChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, talented, func(d *engine.Definition) { d.Agents[0].Skills[0].Until = start + 10*second })
	w.defined(func(d *engine.Definition) { talented(d); d.Agents[0].Skills[0].Until = start + 20*second })
	w.happens(10 * second)
	w.happens(10*second, engine.KindAgentSkillsChanged)
}

// The last who has not declined loses the skill: all are asked again.
func TestExhaustionByASkillThatEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, talented, func(d *engine.Definition) {
		d.RoutingConfigs[0].DeclineRule = engine.UntilExhausted
		d.Agents[6].Skills = []engine.Skill{{Name: "law", Level: 10_000, Until: start + 10*second}}
	})
	w.present("ann", "guy")
	id := w.arrives("claims", needing(wants("law", 5)))
	w.declines(id, "ann")
	w.is(id, engine.Waiting, "ann")
	w.happens(10*second, engine.KindAgentSkillsChanged, engine.KindExclusionsCleared)
	w.is(id, engine.Waiting)
}

// The group with the highest number is dropped first, equal ones together, and
// blank last.
func TestAdditionalSkillsAreDropped(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dropping)
	w.present("cid")
	id := w.arrives("claims", needing(extra("law", 1), extra("tax", 2), extra("french", 2), extra("english", 0)))
	w.cannot(id, "cid", route.VerdictNotEligible)
	w.happens(10*second - 1)
	if ev := w.happens(1, engine.KindSkillsDropped)[0]; ev.Work != id || ev.Queue != "claims" || ev.Placed.DropSince != start+10*second {
		t.Errorf("%+v", ev)
	}
	w.requiresNow(id, map[string]engine.Level{"law": 0, "english": 0})
	revision := w.item(id).Revision
	w.happens(10*second, engine.KindSkillsDropped)
	w.requiresNow(id, map[string]engine.Level{"english": 0})
	if w.item(id).Revision != revision+1 {
		t.Error("a proposal made before is not stale")
	}
	w.happens(10*second, engine.KindSkillsDropped)
	w.requiresNow(id, map[string]engine.Level{})
	w.happens(100 * minute)
	w.opened(id, "cid")
}

// A tick that comes late drops all that is due.
func TestDroppingLate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dropping)
	id := w.arrives("claims", needing(wants("law", 1), extra("tax", 2), extra("french", 1)))
	w.happens(25*second, engine.KindSkillsDropped, engine.KindSkillsDropped)
	w.requiresNow(id, map[string]engine.Level{"law": 1000})
}

// Without drop_additional_skills_after they are required for good.
func TestAdditionalSkillsWithoutATimeout(t *testing.T) {
	t.Parallel()
	w := newWorld(t, talented)
	id := w.arrives("claims", needing(extra("law", 1)))
	w.happens(100 * minute)
	w.requiresNow(id, map[string]engine.Level{"law": 0})
}

// What is already older than the timeout when it arrives loses a group at once.
func TestOldWorkLosesSkillsAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dropping)
	id := w.arrives("claims", needing(extra("law", 1), extra("tax", 2)), aged(10*second))
	w.requiresNow(id, map[string]engine.Level{"law": 0})
	young := w.arrives("claims", needing(extra("law", 1), extra("tax", 2)), aged(10*second-1))
	w.requiresNow(young, map[string]engine.Level{"law": 0, "tax": 0})
	w.happens(10*second, engine.KindSkillsDropped, engine.KindSkillsDropped)
	w.requiresNow(id, map[string]engine.Level{})
	w.requiresNow(young, map[string]engine.Level{"law": 0})
}

// A decline or an unavailable agent resets skills and timer; a timeout does not.
func TestSkillsAreReset(t *testing.T) {
	t.Parallel()
	relaxing := engine.Need{Skill: "english", Level: 9000, Relax: []engine.Relaxation{{After: 5 * second, Level: 1000}}}
	all := map[string]engine.Level{"english": 9000, "law": 0}
	less := map[string]engine.Level{"english": 1000}
	for name, c := range map[string]struct {
		end  func(w *world, a engine.AssignmentID)
		want map[string]engine.Level
	}{
		"declined":    {func(w *world, a engine.AssignmentID) { w.do(engine.Decline{Assignment: a, Agent: "ann"}) }, all},
		"unavailable": {func(w *world, _ engine.AssignmentID) { w.do(engine.SignOut{Agent: "ann"}) }, all},
		"timed out":   {func(w *world, _ engine.AssignmentID) { w.pass(20 * second) }, less},
		"taken back":  {func(w *world, _ engine.AssignmentID) { w.do(engine.RequeueWork{Work: 1}) }, less},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, dropping, func(d *engine.Definition) {
				d.RoutingConfigs[0].PushTimeout = 20 * second
				d.RoutingConfigs[0].DeclineRule = engine.UntilExhausted
			})
			w.present("ann")
			id := w.arrives("claims", needing(relaxing, extra("law", 1)))
			w.happens(10*second, engine.KindSkillsDropped, engine.KindSkillsRelaxed)
			w.requiresNow(id, less)
			a := w.offered(id, "ann")
			w.at += 5 * second
			c.end(w, a)
			w.requiresNow(id, c.want)
			if item := w.item(id); len(c.want) == 2 && (item.NeedsSince != w.at || item.DropSince != w.at || item.RequestedAt != start) {
				t.Errorf("%+v", item.Placement)
			}
			if len(c.want) == 2 {
				w.happens(5*second, engine.KindSkillsRelaxed)
				w.happens(5*second, engine.KindSkillsDropped)
			}
		})
	}
}

func TestLevelsRelax(t *testing.T) {
	t.Parallel()
	relaxing := engine.Need{Skill: "english", Level: 9000, Relax: []engine.Relaxation{{After: 5 * second, Level: 6000}, {After: 8 * second}}}
	w := newWorld(t, talented)
	w.present("ann", "guy")
	id := w.arrives("claims", needing(relaxing))
	w.cannot(id, "ann", route.VerdictNotEligible)
	w.happens(5*second, engine.KindSkillsRelaxed)
	w.requiresNow(id, map[string]engine.Level{"english": 6000})
	w.cannot(id, "ann", route.VerdictNotEligible)
	// Who was late is later still, and all that is due happens.
	late := w.arrives("claims", needing(relaxing))
	w.happens(minute, engine.KindSkillsRelaxed, engine.KindSkillsRelaxed)
	w.requiresNow(late, map[string]engine.Level{"english": 0})
	w.offered(id, "guy")
	w.happens(100 * minute)
}

// Once no skill is left to require, it is for members alone: if all of them
// declined, they are asked again.
func TestExhaustionByDroppedSkills(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dropping, func(d *engine.Definition) {
		d.RoutingConfigs[0].DeclineRule = engine.UntilExhausted
		d.RoutingConfigs[0].PushTimeout = second
	})
	w.present("ann", "guy")
	id := w.arrives("claims", needing(extra("law", 1)))
	w.offered(id, "ann")
	w.happens(second, engine.KindOfferTimedOut)
	w.is(id, engine.Waiting, "ann")
	w.happens(9*second, engine.KindSkillsDropped, engine.KindExclusionsCleared)
	w.opened(id, "ann")
}

func TestNeedsAreReplaced(t *testing.T) {
	t.Parallel()
	w := newWorld(t, dropping)
	id := w.arrives("claims", needing(wants("law", 2), extra("tax", 1)))
	w.happens(10*second, engine.KindSkillsDropped)
	ruled := []engine.Need{wants("french", 1)}
	ev := w.did(engine.UpdateWork{Work: id, Ruled: &ruled, Attributes: map[string]string{"language": "fr"}}, engine.KindWorkUpdated)[0]
	w.requiresNow(id, map[string]engine.Level{"french": 1000, "law": 2000, "tax": 0}) // and the time starts over
	if ev.Created.Attributes["language"] != "fr" || w.item(id).DropSince != w.at {
		t.Errorf("%+v", ev.Created)
	}
	none := []engine.Need{}
	w.do(engine.UpdateWork{Work: id, Needs: &none, Ruled: &none, Attributes: map[string]string{"language": ""}})
	w.requiresNow(id, map[string]engine.Level{})
	if item := w.item(id); item.NeedsSince != 0 || item.Spec.Attributes != nil {
		t.Errorf("%+v", item)
	}
	w.happens(100 * minute)
}
