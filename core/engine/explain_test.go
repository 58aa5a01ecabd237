// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// bureau is a workspace in which every obstacle can be met: support asks its
// members tier by tier and holds its work while it is closed; desk goes to
// whoever holds the skills.
func bureau(d *engine.Definition) {
	d.Skills = []string{"german", "spanish"}
	d.Channels[0].Interruptible = true
	d.Channels = append(d.Channels, engine.Channel{Name: "walk-in", Size: engine.Units(500)})
	d.PresenceConfigs[3].Interruptible = 1000
	d.PresenceConfigs[2].MaxOffers = 1
	d.RoutingConfigs = append(d.RoutingConfigs, engine.RoutingConfig{
		Name: "skilled", Strategy: "skills", BySkills: true, DropAfter: minute, Model: route.ModelMostSkilled,
	})
	d.Hours = []engine.Hours{{Name: "day", Zone: "UTC", Weekly: []engine.Shift{{Days: 0x7f, Span: engine.Span{From: 0, To: 23 * 60}}}}}
	d.Queues = append(d.Queues, engine.QueueDefinition{Name: "desk", Routing: "skilled", Hours: "day"})
	for i := range d.Queues {
		if d.Queues[i].Name == "support" {
			d.Queues[i].Tiers = []engine.Time{minute}
		}
	}
	for i := range d.Agents {
		a := &d.Agents[i]
		switch a.ID {
		case "ann":
			a.Skills = []engine.Skill{{Name: "spanish", Level: 5000}}
		case "bob":
			a.Skills = []engine.Skill{{Name: "spanish", Level: 3000}, {Name: "german", Level: 9000, From: start + 10*minute}}
		case "cid":
			a.Skills = []engine.Skill{{Name: "spanish", Level: 9000, Until: start + minute/2}}
		case "dot":
			a.Queues = []engine.Membership{{Queue: "support", Tier: 2}}
		}
	}
}

func needing(needs ...engine.Need) func(*engine.WorkSpec) {
	return func(s *engine.WorkSpec) { s.Needs = needs }
}

func names(obstacles []engine.Obstacle) (out []string) {
	for _, o := range obstacles {
		out = append(out, strings.TrimSpace(o.Name+" "+o.Detail))
	}
	return out
}

func TestEachObstacle(t *testing.T) {
	t.Parallel()
	type try struct {
		name    string
		prepare func(*world) engine.WorkID
		agent   string
		want    []string
		text    string // of the last
		until   engine.Time
	}
	spanish := engine.Need{Skill: "spanish", Level: 5000}
	for _, c := range []try{
		{"nothing", func(w *world) engine.WorkID { w.present("ann"); return w.arrives("support") }, "ann", nil, "", 0},
		{"offline", func(w *world) engine.WorkID { return w.arrives("support") }, "ann", []string{"offline"}, "is offline", 0},
		{"no connection", func(w *world) engine.WorkID {
			w.do(engine.SignIn{Agent: "ann", Status: "online"})
			return w.arrives("support")
		}, "ann", []string{"not_connected"}, "has no connection", 0},
		{"busy and unskilled", func(w *world) engine.WorkID {
			w.do(engine.Connect{Agent: "bob"})
			w.do(engine.SignIn{Agent: "bob", Status: "break"})
			return w.arrives("support", needing(spanish))
		}, "bob", []string{"busy", "lacks_skill spanish 5"}, `holds skill "spanish" at level 3, of which level 5 is required`, 0},
		{"another channel, and busy for its connection", func(w *world) engine.WorkID {
			w.do(engine.SignIn{Agent: "ann", Status: "chatting"})
			return w.arrives("support", on("voice"))
		}, "ann", []string{"not_connected", "channel"}, `is in status "chatting", which does not list channel "voice"`, 0},
		{"no member", func(w *world) engine.WorkID { w.present("guy"); return w.arrives("support") }, "guy", []string{"not_member"}, `is no member of queue "support"`, 0},
		{"no member of a queue by skills", func(w *world) engine.WorkID { w.present("guy"); return w.arrives("desk") }, "guy", []string{"not_member"}, `is no member of queue "desk", whose work goes to others only while it requires skills`, 0},
		{"a later tier", func(w *world) engine.WorkID { w.present("dot"); return w.arrives("support", on("mail")) }, "dot", []string{"tier"}, "is of tier 2, and members up to tier 1 are asked by now", start + minute},
		{"another agent", func(w *world) engine.WorkID { w.present("ann"); return w.arrives("support", requires("bob")) }, "ann", []string{"other_agent_required"}, `is not agent "bob", whom it requires`, 0},
		{"declined", func(w *world) engine.WorkID {
			w.present("ann", "bob")
			id := w.arrives("support")
			w.declines(id, "ann")
			return id
		}, "ann", []string{"declined"}, "declined it, and is asked again once everybody has", 0},
		{"timed out, for good", func(w *world) engine.WorkID {
			w.present("ann", "bob")
			id := w.arrives("claims")
			w.offered(id, "ann")
			w.do(engine.Decline{Assignment: 1, Agent: "ann"})
			return id
		}, "ann", []string{"declined"}, "declined it, which excludes for good", 0},
		{"a skill from later on", func(w *world) engine.WorkID {
			w.present("bob")
			return w.arrives("desk", needing(engine.Need{Skill: "german"}))
		}, "bob", []string{"lacks_skill german 0"}, `does not hold skill "german" yet`, start + 10*minute},
		{"a skill until before", func(w *world) engine.WorkID {
			w.present("cid")
			w.pass(minute)
			return w.arrives("desk", needing(spanish))
		}, "cid", []string{"lacks_skill spanish 5"}, `does not hold skill "spanish" any more`, 0},
		{"two skills, one to be dropped", func(w *world) engine.WorkID {
			w.present("guy")
			return w.arrives("desk", needing(spanish, engine.Need{Skill: "german", Additional: true}))
		}, "guy", []string{"lacks_skill german 0", "lacks_skill spanish 5"}, `lacks skill "spanish", of which level 5 is required`, 0},
		{"a level that is relaxed", func(w *world) engine.WorkID {
			w.present("bob")
			return w.arrives("desk", needing(engine.Need{Skill: "spanish", Level: 5000, Relax: []engine.Relaxation{{After: minute, Level: 2000}}}))
		}, "bob", []string{"lacks_skill spanish 5"}, `holds skill "spanish" at level 3, of which level 5 is required`, start + minute},
		{"has it", func(w *world) engine.WorkID {
			w.present("ann")
			id := w.arrives("support")
			w.offered(id, "ann")
			return id
		}, "ann", []string{"has_it"}, "has it already", 0},
		{"too many offers, and too many open", func(w *world) engine.WorkID {
			w.present("fay")
			w.opened(w.arrives("support", on("mail")), "fay")
			w.offered(w.arrives("support", on("mail")), "fay")
			return w.arrives("support", on("mail"))
		}, "fay", []string{"max_open", "max_offers"}, "has 1 offers to answer, and may have 1", 0},
		{"no capacity", func(w *world) engine.WorkID {
			w.present("ann")
			w.opened(w.arrives("support", on("walk-in"), sized(2500)), "ann")
			return w.arrives("support", on("mail"), sized(1000))
		}, "ann", []string{"no_capacity"}, "has 0.5 of 3 units free, and it takes 1", 0},
		{"no interruptible capacity", func(w *world) engine.WorkID {
			w.present("ann")
			w.opened(w.arrives("support"), "ann")
			return w.arrives("support")
		}, "ann", []string{"no_capacity"}, "has 0 of 1 interruptible units free, and it takes 1", 0},
		{"closed", func(w *world) engine.WorkID {
			w.present("ann")
			w.pass(60*minute - (start % (60 * minute))) // 23:00 UTC
			w.do(engine.SignIn{Agent: "bob", Status: "online"})
			return w.arrives("desk", needing(spanish))
		}, "ann", []string{"queue_closed"}, `cannot be offered anything from queue "desk", which is closed and holds its work`, 1_700_006_400_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, bureau, func(d *engine.Definition) {
				d.Statuses[2].Channels = append(d.Statuses[2].Channels, "walk-in")
			})
			id := c.prepare(w)
			found := w.Obstacles(w.item(id), w.agent(c.agent))
			if got := names(found); !slices.Equal(got, c.want) {
				t.Fatalf("%q, want %q: %+v", got, c.want, found)
			}
			if len(found) == 0 {
				return
			}
			if last := found[len(found)-1]; last.Text != c.text || last.Until != c.until {
				t.Errorf("%q until %d, want %q until %d", last.Text, last.Until, c.text, c.until)
			}
			if w.item(id).State == engine.Waiting {
				w.cannot(id, c.agent, found[0].Verdict)
			}
		})
	}
}

func TestSurvey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bureau)
	w.present("ann", "dot", "fay")
	w.do(engine.Connect{Agent: "bob"})
	w.do(engine.SignIn{Agent: "bob", Status: "break"})
	s := w.Survey(w.item(w.arrives("support")), 2)
	want := engine.Survey{
		Asked: 6, Candidates: 1, Best: []string{"ann"}, Near: []string{"fay", "bob"},
		Against: []engine.Against{
			{Name: "offline", Verdict: route.VerdictAgentUnavailable, Agents: 2, Only: 1},
			{Name: "busy", Verdict: route.VerdictAgentUnavailable, Agents: 1, Only: 1},
			{Name: "tier", Verdict: route.VerdictNotEligible, Agents: 1},
			{Name: "no_capacity", Verdict: route.VerdictNoCapacity, Agents: 1, Only: 1},
		},
	}
	if fmt.Sprint(s) != fmt.Sprint(want) {
		t.Errorf("got  %+v\nwant %+v", s, want)
	}
	s = w.Survey(w.item(w.arrives("desk", needing(engine.Need{Skill: "spanish", Level: 5000}))), 2)
	if !s.Everybody || s.Asked != 7 || !slices.Equal(s.Best, []string{"ann"}) {
		t.Errorf("by skills: %+v", s)
	}
	s = w.Survey(w.item(w.arrives("sales", requires("guy"))), 9)
	if s.Asked != 4 || !slices.Contains(s.Near, "guy") {
		t.Errorf("an agent who is required and no member is not asked: %+v", s)
	}
}

// TestSurveyAgreesWithTheRule compares surveys of random histories with what a
// plain recomputation says: the verdicts on proposing the work to everybody.
func TestSurveyAgreesWithTheRule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := engine.New()
		d := centre()
		bureau(&d)
		d.Sort()
		at := start
		step := func(c engine.Command) {
			var refusal *engine.Refusal // somebody may ask for the impossible
			if _, err := e.Step(at, c); err != nil && !errors.As(err, &refusal) {
				t.Fatalf("%v", err)
			}
		}
		step(engine.Configure{Definition: d})
		agent := rapid.SampledFrom([]string{"ann", "bob", "cid", "dot", "eve", "fay", "guy"})
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			a := agent.Draw(t, "agent")
			id := engine.WorkID(rapid.Uint64Range(1, 8).Draw(t, "work"))
			switch rapid.IntRange(0, 8).Draw(t, "what") {
			case 0:
				step(engine.Connect{Agent: a})
				step(engine.SignIn{Agent: a, Status: "online"})
			case 1:
				step(engine.SetStatus{Agent: a, Status: rapid.SampledFrom([]string{"online", "chatting", "break"}).Draw(t, "status")})
			case 2, 3, 4:
				step(engine.CreateWork{Spec: randomSpec(t, a)})
			case 5, 6:
				if w, ok := e.Work(id); ok {
					step(engine.Propose{Proposals: []engine.Proposal{{Work: id, Revision: w.Revision, Agent: a}}})
				}
			case 7:
				if w, ok := e.Work(id); ok {
					if x := standing(w); x != nil {
						step(engine.Decline{Assignment: x.ID, Agent: x.Agent, Reason: "ill"})
					}
				}
			case 8:
				at += engine.Time(rapid.IntRange(0, 120_000).Draw(t, "passes"))
				step(engine.Tick{})
			}
		}
		e.EachWork(0, func(w *engine.Work) bool {
			if w.State == engine.Waiting || w.State == engine.Offered {
				plainly(t, e, w)
			}
			return true
		})
	})
}

func randomSpec(t *rapid.T, agent string) engine.WorkSpec {
	spec := engine.WorkSpec{
		Channel: rapid.SampledFrom([]string{"chat", "mail", "voice"}).Draw(t, "channel"),
		Queue:   rapid.SampledFrom([]string{"support", "sales", "claims", "desk"}).Draw(t, "queue"),
	}
	if rapid.Bool().Draw(t, "needs") {
		spec.Needs = append(spec.Needs, engine.Need{Skill: "spanish", Level: engine.Level(rapid.IntRange(0, 9000).Draw(t, "level"))})
	}
	if rapid.Bool().Draw(t, "additional") {
		spec.Needs = append(spec.Needs, engine.Need{Skill: "german", Additional: true})
	}
	if rapid.IntRange(0, 5).Draw(t, "required") == 0 {
		spec.RequiredAgent = agent
	}
	return spec
}

// plainly proposes the work to everybody in copies of the workspace.
func plainly(t *rapid.T, e *engine.Engine, w *engine.Work) {
	s := e.Survey(w, 100)
	verdicts := make(map[route.Verdict]int)
	var candidates []string
	e.EachAgent("", func(a *engine.Agent) bool {
		obstacles := e.Obstacles(w, a)
		verdict := route.VerdictNone
		if len(obstacles) > 0 {
			verdict = obstacles[0].Verdict
		}
		if w.State == engine.Waiting {
			copied := restored(t, e)
			result, err := copied.Step(e.Now(), engine.Propose{Proposals: []engine.Proposal{{Work: w.ID, Revision: w.Revision, Agent: a.ID}}})
			if err != nil {
				t.Fatalf("%v", err)
			}
			if got := result.Verdicts[0]; got != verdict && (got != route.VerdictAcceptedByHost || verdict != route.VerdictNone) {
				t.Fatalf("%v for %s: the host says %v, the obstacles are %+v", w.ID, a.ID, got, obstacles)
			}
		}
		member := slices.Contains(a.Definition.InQueues(), w.Queue)
		if s.Everybody || member || w.Agent == a.ID {
			verdicts[verdict]++
			if verdict == route.VerdictNone {
				candidates = append(candidates, a.ID)
			}
		} else if verdict == route.VerdictNone {
			t.Fatalf("%v could go to %s, who was not asked", w.ID, a.ID)
		}
		return true
	})
	sum := s.Candidates
	for _, g := range s.Against {
		verdicts[g.Verdict] -= g.Agents
		sum += g.Agents
		if g.Only > g.Agents || g.Agents == 0 {
			t.Fatalf("%v: %+v", w.ID, g)
		}
	}
	verdicts[route.VerdictNone] -= s.Candidates
	for verdict, left := range verdicts {
		if left != 0 {
			t.Fatalf("%v: the survey is %d wrong about %v: %+v", w.ID, left, verdict, s)
		}
	}
	best := slices.Clone(s.Best)
	slices.Sort(best)
	if sum != s.Asked || !slices.Equal(best, candidates) {
		t.Fatalf("%v: %d of %d, candidates %v, want %v", w.ID, sum, s.Asked, best, candidates)
	}
	for i := 1; i < len(s.Best); i++ {
		a, _ := e.Agent(s.Best[i-1])
		b, _ := e.Agent(s.Best[i])
		if e.ByModel(w, a, b) >= 0 {
			t.Fatalf("%v: %s comes before %s", w.ID, a.ID, b.ID)
		}
	}
}

// TestFigures names for each model what it compares, and who comes first.
func TestFigures(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		model    route.Model
		ann, bob string
		first    string
	}{
		{route.ModelLeastActive, "1 units used", "0 units used", "bob"},
		{route.ModelMostAvailable, "2 units free", "3 units free", "bob"},
		{route.ModelLongestIdle, "not idle", "idle for 20 s", "bob"},
		{route.ModelRoundRobin, "last assigned something 10 s before", "never assigned anything", "bob"},
		{route.ModelMostSkilled, "levels 5 in all that is required", "levels 3 in all that is required", "ann"},
		{route.ModelLeastSkilled, "levels 5 in all skills", "levels 3 in all skills", "bob"},
		{route.ModelWeightedRandom, "weight 7", "weight 1", "ann"},
		{0, "1 units used", "0 units used", "bob"},
	} {
		t.Run(c.model.String(), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, bureau, func(d *engine.Definition) {
				d.RoutingConfigs[1].Model = c.model
				d.Agents[0].Queues[1].Weight = 7
			})
			w.present("ann", "bob")
			w.pass(10 * second)
			w.offered(w.arrives("sales", on("mail"), sized(1000)), "ann")
			id := w.arrives("sales", needing(engine.Need{Skill: "spanish"}))
			w.pass(10 * second)
			item, ann, bob := w.item(id), w.agent("ann"), w.agent("bob")
			if got := w.Figure(item, ann, w.at); got != c.ann {
				t.Errorf("ann has %q, want %q", got, c.ann)
			}
			if got := w.Figure(item, bob, w.at); got != c.bob {
				t.Errorf("bob has %q, want %q", got, c.bob)
			}
			if w.ByModel(item, ann, bob) < 0 != (c.first == "ann") || w.ByModel(item, bob, ann) < 0 == (c.first == "ann") {
				t.Errorf("%s does not come first", c.first)
			}
			if w.Drawn(item) != (c.model == route.ModelWeightedRandom) {
				t.Error("it is wrong about who draws")
			}
		})
	}
}

// TestComing foretells what then happens, at the time told.
func TestComing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bureau, func(d *engine.Definition) {
		for i := range d.Queues {
			if q := &d.Queues[i]; q.Name == "desk" {
				q.Tiers, q.Hours = []engine.Time{30 * second, 50 * second}, ""
				q.Overflow = &engine.Overflow{To: "sales", After: 5 * minute}
			}
		}
	})
	id := w.arrives("desk", needing(
		engine.Need{Skill: "german", Additional: true},
		engine.Need{Skill: "spanish", Level: 9000, Additional: true, Group: 2, Relax: []engine.Relaxation{{After: 40 * second, Level: 7000}}},
	), expiring(start+10*minute))
	type came struct {
		at   engine.Time
		name string
	}
	var told, happened []came
	for _, c := range w.Coming(w.item(id)) {
		told = append(told, came{c.At, c.Name})
	}
	kinds := map[engine.Kind]string{
		engine.KindTierOpened: engine.ComingTier, engine.KindSkillsDropped: engine.ComingDrop,
		engine.KindSkillsRelaxed: engine.ComingRelax, engine.KindWorkOverflowed: engine.ComingOverflow,
	}
	for range 300 {
		for _, ev := range w.pass(second) {
			if name, ok := kinds[ev.Kind]; ok {
				happened = append(happened, came{ev.At, name})
			}
		}
	}
	if !slices.Equal(told, happened) {
		t.Errorf("foretold %v, came %v", told, happened)
	}
	if next := w.Coming(w.item(id)); len(next) != 2 || next[0].Name != engine.ComingRelax || next[1].Name != engine.ComingExpiry {
		t.Errorf("in its last queue %v comes", next)
	}
	w.present("ann")
	id = w.arrives("support")
	w.offered(id, "ann")
	if next := w.Coming(w.item(id)); len(next) != 1 || next[0].Name != engine.ComingTimeout || next[0].At != w.at+20*second {
		t.Errorf("to an offer %v comes", next)
	}
}

func TestRequirements(t *testing.T) {
	t.Parallel()
	w := newWorld(t, bureau, func(d *engine.Definition) {
		d.RoutingConfigs[2].Needs = []engine.Need{{Skill: "german"}}
		d.Queues[2].Needs = []engine.Need{{Skill: "spanish"}}
	})
	got := fmt.Sprint(w.Requirements(w.item(w.arrives("support", func(s *engine.WorkSpec) {
		s.Needs = []engine.Need{{Skill: "spanish", Level: 1000}}
		s.Ruled = []engine.Need{{Skill: "german", Level: 2000}}
	}))))
	if !strings.Contains(got, "[routing_config rules]") || !strings.Contains(got, "[source]") {
		t.Errorf("it is required by %v", got)
	}
	if got := w.Requirements(w.item(w.arrives("sales"))); len(got) != 1 || !slices.Equal(got[0].From, []string{"queue_default"}) {
		t.Errorf("nothing said what is needed, and it is %+v", got)
	}
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for span, want := range map[engine.Time]string{
		0: "0 s", 400: "0.4 s", 1500: "1.5 s", 12_345: "12 s", 320_000: "320 s", 20 * minute: "20 min", 200 * minute: "3 h 20 min",
		3 * 60 * minute: "3 h", 49 * 60 * minute: "2 days", -2000: "-2 s",
	} {
		if got := span.Span(); got != want {
			t.Errorf("%d ms is %q, want %q", span, got, want)
		}
	}
}
