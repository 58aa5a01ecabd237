// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"fmt"
	"reflect"
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/intake"
)

// Gold customers who write in German are asked for by name.
func ExamplePlan_Arrive() {
	plan, err := intake.Compile(&engine.Definition{
		Channels: []engine.Channel{{Name: "chat"}},
		Queues:   []engine.QueueDefinition{{Name: "support"}, {Name: "vip"}, {Name: "lost"}},
		Flows: []engine.Flow{{Name: "intake", Fallback: "lost", Steps: []engine.Step{
			{Name: "german", When: "work.attributes.language == 'de'", Needs: []engine.Need{{Skill: "german", Level: 3000}}},
			{Name: "gold", When: "work.attributes.?tier.orValue('none') == 'gold'", Queue: "vip"},
		}}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, attributes := range []map[string]string{
		{"language": "de", "tier": "gold"},
		{"language": "en"},
		{},
	} {
		work := plan.Arrive(engine.WorkSpec{Channel: "chat", Queue: "support", Attributes: attributes}, 1_795_514_400_000, nil)
		fmt.Println(work.Queue, len(work.Ruled), work.Intake)
	}
	// Output:
	// vip 1 [{intake/german } {intake/gold }]
	// support 0 []
	// lost 0 [{intake/german there is no attribute "language"; ask has() first}]
}

func TestFlow(t *testing.T) {
	t.Parallel()
	german := engine.Need{Skill: "german", Level: 5000}
	refunds := engine.Need{Skill: "refunds", Level: 3000, Relax: []engine.Relaxation{{After: minute}}}
	for _, tc := range []struct {
		name  string
		steps []engine.Step
		given func(w *engine.WorkSpec) // beyond refund()
		want  func(w *engine.WorkSpec) // beyond what is given
	}{
		{name: "without steps work stays as it is"},
		{
			name:  "a step without a condition always counts",
			steps: []engine.Step{{Name: "all", Queue: "sales"}},
			want:  func(w *engine.WorkSpec) { w.Queue, w.Intake = "sales", took("all") },
		},
		{
			name:  "a step whose condition is false does nothing and is not on record",
			steps: []engine.Step{{Name: "mail", When: "work.channel == 'email'", Queue: "sales"}},
		},
		{
			name: "the flow's queue and priority win over the source's",
			steps: []engine.Step{
				{Name: "first", Queue: "sales", Priority: new(int32(7))},
				{Name: "urgent", Priority: new(int32(0))},
			},
			given: func(w *engine.WorkSpec) { w.Priority = new(int32(9)) },
			want: func(w *engine.WorkSpec) {
				w.Queue, w.Priority, w.Intake = "sales", new(int32(0)), took("first", "urgent")
			},
		},
		{
			name: "a step sees what the steps before it have set",
			steps: []engine.Step{
				{Name: "first", Queue: "sales", Priority: new(int32(2))},
				{Name: "second", When: "work.queue == 'sales' && work.priority == 2 && is_open(work.queue)", Queue: "vip"},
			},
			want: func(w *engine.WorkSpec) {
				w.Queue, w.Intake = "vip", took("first", "second")
				w.Priority = new(int32(2))
			},
		},
		{
			name:  "the last step ends the flow if it does something",
			steps: []engine.Step{{Name: "no", When: "false", Last: true}, {Name: "a", Queue: "vip", Last: true}, {Name: "b", Queue: "sales"}},
			want:  func(w *engine.WorkSpec) { w.Queue, w.Intake = "vip", took("a") },
		},
		{
			name:  "skills add up, and those of the source stay its own",
			steps: []engine.Step{{Name: "a", Needs: []engine.Need{german}}, {Name: "b", Needs: []engine.Need{refunds}}},
			given: func(w *engine.WorkSpec) { w.Needs = []engine.Need{{Skill: "sales"}} },
			want:  func(w *engine.WorkSpec) { w.Ruled, w.Intake = []engine.Need{german, refunds}, took("a", "b") },
		},
		{
			name:  "a preferred agent replaces the source's",
			steps: []engine.Step{{Name: "ann", Preferred: "ann", For: minute}},
			given: func(w *engine.WorkSpec) { w.PreferredAgent, w.PreferredFor = "bob", second },
			want:  func(w *engine.WorkSpec) { w.PreferredAgent, w.PreferredFor, w.Intake = "ann", minute, took("ann") },
		},
		{
			name:  "but not one that it requires",
			steps: []engine.Step{{Name: "ann", Preferred: "ann", For: minute, Priority: new(int32(1))}},
			given: func(w *engine.WorkSpec) { w.RequiredAgent, w.Backup, w.PreferredFor = "bob", "sales", second },
			want:  func(w *engine.WorkSpec) { w.Priority, w.Intake = new(int32(1)), took("ann") },
		},
		{
			name:  "a time to live counts from now, and the last one counts",
			steps: []engine.Step{{Name: "a", TimeToLive: minute}, {Name: "b", TimeToLive: 2 * minute}},
			want:  func(w *engine.WorkSpec) { w.ExpiresAt, w.Intake = now+2*minute, took("a", "b") },
		},
		{
			name:  "a time to live brings the source's expiry forward",
			steps: []engine.Step{{Name: "a", TimeToLive: minute}},
			given: func(w *engine.WorkSpec) { w.ExpiresAt = now + 2*minute },
			want:  func(w *engine.WorkSpec) { w.ExpiresAt, w.Intake = now+minute, took("a") },
		},
		{
			name:  "and does not put it off",
			steps: []engine.Step{{Name: "a", TimeToLive: minute}, {Name: "b", TimeToLive: 3 * minute}},
			given: func(w *engine.WorkSpec) { w.ExpiresAt = now + 2*minute },
			want:  func(w *engine.WorkSpec) { w.Intake = took("a", "b") },
		},
		{
			name:  "an overflow",
			steps: []engine.Step{{Name: "a", Overflow: &engine.Overflow{To: "night", After: minute, At: 3, WhenNobody: true}}},
			want: func(w *engine.WorkSpec) {
				w.Overflow, w.Intake = &engine.Overflow{To: "night", After: minute, At: 3, WhenNobody: true}, took("a")
			},
		},
		{
			name: "an overflow to where the work ends up says nothing",
			steps: []engine.Step{
				{Name: "a", Overflow: &engine.Overflow{To: "night", After: minute}},
				{Name: "b", Queue: "night"},
			},
			want: func(w *engine.WorkSpec) { w.Queue, w.Intake = "night", took("a", "b") },
		},
		{
			name: "a step that fails ends the flow, and what was done before remains",
			steps: []engine.Step{
				{Name: "a", Priority: new(int32(1)), Queue: "sales", Needs: []engine.Need{german}},
				{Name: "b", When: "work.attributes.country == 'CH'", Queue: "vip"},
				{Name: "c", Queue: "vip"},
			},
			want: func(w *engine.WorkSpec) {
				w.Queue, w.Priority, w.Ruled = "lost", new(int32(1)), []engine.Need{german}
				w.Intake = failed(took("a"), "b", `there is no attribute "country"; ask has() first`)
			},
		},
		{
			name:  "an unknown wait fails",
			steps: []engine.Step{{Name: "a", When: "estimated_wait('sales') > duration('1m')", Queue: "vip"}},
			want: func(w *engine.WorkSpec) {
				w.Queue, w.Intake = "lost", failed(nil, "a", `the wait in queue "sales" is not known; ask wait_known("sales") first`)
			},
		},
		{
			name:  "a queue that only turns out when it is asked about must exist too",
			steps: []engine.Step{{Name: "a", When: "is_open(work.attributes.tier)"}},
			want: func(w *engine.WorkSpec) {
				w.Queue, w.Intake = "lost", failed(nil, "a", `there is no queue "gold"`)
			},
		},
		{
			name:  "null is no number",
			steps: []engine.Step{{Name: "a", When: "work.priority < 3"}},
			want: func(w *engine.WorkSpec) {
				w.Queue, w.Intake = "lost", failed(nil, "a", "< does not go with these values; is one of them null?")
			},
		},
		{
			name:  "no queue at the end of the flow",
			steps: []engine.Step{{Name: "a", Priority: new(int32(1))}},
			given: func(w *engine.WorkSpec) { w.Queue = "" },
			want: func(w *engine.WorkSpec) {
				w.Queue, w.Priority = "lost", new(int32(1))
				w.Intake = append(took("a"), engine.Taken{Step: "intake", Failed: "no step set a queue, and the source gave none"})
			},
		},
		{
			name:  "the source may leave the queue to the flow",
			steps: []engine.Step{{Name: "a", When: "!has(work.queue)", Queue: "sales"}},
			given: func(w *engine.WorkSpec) { w.Queue = "" },
			want:  func(w *engine.WorkSpec) { w.Queue, w.Intake = "sales", took("a") },
		},
		{
			name:  "a queue that does not exist is left for the engine to refuse",
			steps: []engine.Step{{Name: "a", Queue: "sales"}},
			given: func(w *engine.WorkSpec) { w.Queue = "sport" },
		},
		{
			name:  "what the host fills in is not taken from the source",
			given: func(w *engine.WorkSpec) { w.Ruled, w.Intake = []engine.Need{german}, took("x") },
			want:  func(w *engine.WorkSpec) { w.Ruled, w.Intake = nil, nil },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			plan := compiled(t, desk(intakeOf(tc.steps...)))
			given, want := refund(), refund()
			for _, change := range []func(*engine.WorkSpec){tc.given, tc.want} {
				if change != nil {
					change(&want)
				}
			}
			if tc.given != nil {
				tc.given(&given)
			}
			if got := plan.Arrive(given, now, today()); !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// took is the record of steps of the flow named intake.
func took(steps ...string) []engine.Taken {
	var out []engine.Taken
	for _, name := range steps {
		out = append(out, engine.Taken{Step: "intake/" + name})
	}
	return out
}

func failed(before []engine.Taken, step, why string) []engine.Taken {
	return append(before, engine.Taken{Step: "intake/" + step, Failed: why})
}

func TestFlowOfChannel(t *testing.T) {
	t.Parallel()
	mark := func(name string, channels ...string) engine.Flow {
		return engine.Flow{Name: name, Fallback: "lost", Channels: channels, Steps: []engine.Step{{Name: "mark", Queue: "sales"}}}
	}
	for _, tc := range []struct {
		name  string
		flows []engine.Flow
		want  map[string]string
	}{
		{name: "no flow", want: map[string]string{"chat": "", "email": ""}},
		{"one flow for all", []engine.Flow{mark("all")}, map[string]string{"chat": "all/mark", "email": "all/mark"}},
		{
			"the flow that names the channel goes before the one for all",
			[]engine.Flow{mark("all"), mark("chats", "chat", "voice")},
			map[string]string{"chat": "chats/mark", "email": "all/mark", "voice": "chats/mark"},
		},
		{"a channel that no flow takes", []engine.Flow{mark("chats", "chat")}, map[string]string{"chat": "chats/mark", "email": ""}},
		{"a channel that does not exist", []engine.Flow{mark("all")}, map[string]string{"fax": ""}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			plan := compiled(t, desk(tc.flows...))
			for channel, want := range tc.want {
				got := plan.Arrive(engine.WorkSpec{Channel: channel, Queue: "support"}, now, today())
				switch {
				case want == "" && (len(got.Intake) > 0 || got.Queue != "support"):
					t.Errorf("%s went through %v to %s, want no flow", channel, got.Intake, got.Queue)
				case want != "" && !slices.Equal(got.Intake, []engine.Taken{{Step: want}}):
					t.Errorf("%s went through %v, want %s", channel, got.Intake, want)
				}
			}
		})
	}
}

// TestOnlyWhatIsAsked holds that facts, which may have to be counted, are asked
// for only where a condition needs them.
func TestOnlyWhatIsAsked(t *testing.T) {
	t.Parallel()
	plan := compiled(t, desk(intakeOf(
		engine.Step{Name: "a", When: "work.channel == 'email' && waiting('vip') > 0", Queue: "vip"},
		engine.Step{Name: "b", When: "is_open('sales')", Last: true},
		engine.Step{Name: "c", When: "agents_online('night') > 0", Queue: "night"},
	)))
	facts := today()
	plan.Arrive(refund(), now, facts)
	if want := []string{"sales"}; !slices.Equal(facts.asked, want) {
		t.Errorf("asked about %v, want %v", facts.asked, want)
	}
}

// TestWithoutFacts holds that a step which asks fails, and nothing else.
func TestWithoutFacts(t *testing.T) {
	t.Parallel()
	plan := compiled(t, desk(intakeOf(
		engine.Step{Name: "a", When: "work.channel == 'chat'", Priority: new(int32(1))},
		engine.Step{Name: "b", When: "is_open('sales')"},
	)))
	got := plan.Arrive(refund(), now, nil)
	if want := failed(took("a"), "b", "is_open cannot be answered here"); !slices.Equal(got.Intake, want) {
		t.Errorf("got %v, want %v", got.Intake, want)
	}
}

// TestNothingGivenChanges holds that neither the work given nor the definition
// is changed, nor what came of one arrival by what is done with it.
func TestNothingGivenChanges(t *testing.T) {
	t.Parallel()
	d := desk(intakeOf(engine.Step{
		Name: "a", Priority: new(int32(1)), Overflow: &engine.Overflow{To: "night", After: minute},
		Needs: []engine.Need{{Skill: "refunds", Level: 3000, Relax: []engine.Relaxation{{After: minute, Level: 1000}}}},
	}))
	d.Channels[0].SkillRules = []engine.SkillRule{
		{When: "true", Needs: []engine.Need{{Skill: "german", Level: 3000}}},
		{Attribute: "tier", Values: map[string][]engine.Need{"gold": {{Skill: "sales", Level: 3000}}}},
	}
	plan := compiled(t, d)
	work := refund()
	work.Priority = new(int32(5))
	work.Ruled = make([]engine.Need, 0, 10)
	work.Intake = make([]engine.Taken, 0, 10)

	first := plan.Arrive(work, now, today())
	want := fmt.Sprintf("%+v %+v %d %+v", first.Ruled, first.Intake, *first.Priority, *first.Overflow)
	if *work.Priority != 5 || work.Ruled[:1][0].Skill != "" || work.Intake[:1][0].Step != "" {
		t.Errorf("the work given was changed: %+v", work)
	}
	// Whoever has the results, or the definition, may do as they like with it.
	*first.Priority, *first.Overflow = 99, engine.Overflow{}
	for i := range first.Ruled {
		first.Ruled[i].Level = 1
		for j := range first.Ruled[i].Relax {
			first.Ruled[i].Relax[j].After = 1
		}
	}
	*d.Flows[0].Steps[0].Priority, d.Flows[0].Steps[0].Needs[0].Skill = 99, "x"
	d.Channels[0].SkillRules[0].Needs[0].Skill, d.Channels[0].SkillRules[1].Values["gold"][0].Skill = "x", "x"

	second := plan.Arrive(work, now, today())
	if got := fmt.Sprintf("%+v %+v %d %+v", second.Ruled, second.Intake, *second.Priority, *second.Overflow); got != want {
		t.Errorf("then\n%s\nnow\n%s", want, got)
	}
}

// TestAlwaysTheSame holds that the same work comes out the same: attributes are
// walked in the order of their names, so that it is always the same one that
// fails.
func TestAlwaysTheSame(t *testing.T) {
	t.Parallel()
	work := engine.WorkSpec{Channel: "chat", Queue: "support", Attributes: make(map[string]string)}
	for i := range 90 {
		work.Attributes[fmt.Sprintf("key%02d", i)] = fmt.Sprint("value", i)
	}
	for _, tc := range []struct{ when, failed string }{
		{"work.attributes.all(k, is_open(k))", `there is no queue "key00"`},
		{"work.attributes.exists(k, is_open(work.attributes[k]))", `there is no queue "value0"`},
		{"work.attributes.exists(k, k == 'key01')", ""},
		{"work.attributes.map(k, k)[3] == 'key03'", ""},
	} {
		t.Run(tc.when, func(t *testing.T) {
			t.Parallel()
			plan := compiled(t, desk(intakeOf(engine.Step{Name: "a", When: tc.when})))
			for range 10 {
				got := plan.Arrive(work, now, today())
				if want := (engine.Taken{Step: "intake/a", Failed: tc.failed}); !slices.Equal(got.Intake, []engine.Taken{want}) {
					t.Fatalf("got %v, want %v", got.Intake, want)
				}
			}
		})
	}
}
