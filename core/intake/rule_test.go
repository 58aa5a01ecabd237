// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"reflect"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// TestSkillRules: what incoming chats require.
func TestSkillRules(t *testing.T) {
	t.Parallel()
	german, english := engine.Need{Skill: "german", Level: 3000}, engine.Need{Skill: "english"}
	refunds := engine.Need{Skill: "refunds", Level: 5000, Additional: true, Group: 2}
	table := engine.SkillRule{Attribute: "language", Values: map[string][]engine.Need{
		"de": {german}, "en": {english}, "de-CH": {german, english}, "": {english},
	}}
	expression := func(when string, needs ...engine.Need) engine.SkillRule {
		return engine.SkillRule{When: when, Needs: needs}
	}
	for _, tc := range []struct {
		name       string
		rules      []engine.SkillRule
		attributes map[string]string
		needs      []engine.Need
		taken      []engine.Taken
	}{
		{name: "no rules", attributes: map[string]string{"language": "de"}},
		{
			name: "a table of an attribute's values", rules: []engine.SkillRule{table},
			attributes: map[string]string{"language": "de"},
			needs:      []engine.Need{german}, taken: ruled("0"),
		},
		{
			name: "a value may require several skills", rules: []engine.SkillRule{table},
			attributes: map[string]string{"language": "de-CH"},
			needs:      []engine.Need{german, english}, taken: ruled("0"),
		},
		{name: "a value that is not in the table", rules: []engine.SkillRule{table}, attributes: map[string]string{"language": "fr"}},
		{name: "an attribute that is missing is not an empty one", rules: []engine.SkillRule{table}},
		{
			name: "an empty one may be in the table", rules: []engine.SkillRule{table},
			attributes: map[string]string{"language": ""},
			needs:      []engine.Need{english}, taken: ruled("0"),
		},
		{
			name: "an expression", rules: []engine.SkillRule{expression("work.attributes.subject.contains('efund')", refunds)},
			attributes: map[string]string{"subject": "Refund"},
			needs:      []engine.Need{refunds}, taken: ruled("0"),
		},
		{
			name:       "an expression that is false",
			rules:      []engine.SkillRule{expression("work.attributes.subject.contains('efund')", refunds)},
			attributes: map[string]string{"subject": "Hello"},
		},
		{
			name:       "every rule that matches counts",
			rules:      []engine.SkillRule{table, expression("false", english), expression("work.queue == 'support'", refunds)},
			attributes: map[string]string{"language": "de"},
			needs:      []engine.Need{german, refunds}, taken: ruled("0", "2"),
		},
		{
			name:       "a rule that fails is on record and passed over",
			rules:      []engine.SkillRule{expression("work.attributes.subject.contains('efund')", refunds), table},
			attributes: map[string]string{"language": "de"},
			needs:      []engine.Need{german},
			taken: append([]engine.Taken{{
				Step: "channels/chat/skill_rules/0", Failed: `there is no attribute "subject"; ask has() first`,
			}}, ruled("1")...),
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := desk()
			d.Channels[0].SkillRules = tc.rules
			plan := compiled(t, d)
			work := engine.WorkSpec{Channel: "chat", Queue: "support", Attributes: tc.attributes}
			needs, taken := plan.Rules(work, now)
			if !reflect.DeepEqual(needs, tc.needs) || !reflect.DeepEqual(taken, tc.taken) {
				t.Errorf("needs %+v, taken %+v\nwant  %+v, taken %+v", needs, taken, tc.needs, tc.taken)
			}
			got := plan.Arrive(work, now, today())
			if !reflect.DeepEqual(got.Ruled, tc.needs) || !reflect.DeepEqual(got.Intake, tc.taken) || got.Queue != "support" {
				t.Errorf("on arrival in %s %+v, taken %+v", got.Queue, got.Ruled, got.Intake)
			}
			if needs, taken := plan.Rules(engine.WorkSpec{Channel: "email", Attributes: tc.attributes}, now); needs != nil || taken != nil {
				t.Errorf("mail is ruled by the rules of chats: %+v %+v", needs, taken)
			}
		})
	}
}

// ruled is the record of skill rules of chats.
func ruled(rules ...string) []engine.Taken {
	var out []engine.Taken
	for _, number := range rules {
		out = append(out, engine.Taken{Step: "channels/chat/skill_rules/" + number})
	}
	return out
}

// TestRulesBeforeFlow holds that rules see what the source gave, and that the
// record is in the order in which things happened.
func TestRulesBeforeFlow(t *testing.T) {
	t.Parallel()
	d := desk(intakeOf(engine.Step{Name: "a", Queue: "sales", Needs: []engine.Need{{Skill: "sales"}}}))
	d.Channels[0].SkillRules = []engine.SkillRule{{When: "work.queue == 'support'", Needs: []engine.Need{{Skill: "german"}}}}
	got := compiled(t, d).Arrive(refund(), now, today())
	if want := []engine.Need{{Skill: "german"}, {Skill: "sales"}}; !reflect.DeepEqual(got.Ruled, want) {
		t.Errorf("required %+v, want %+v", got.Ruled, want)
	}
	if want := append(ruled("0"), took("a")...); !reflect.DeepEqual(got.Intake, want) {
		t.Errorf("on record %+v, want %+v", got.Intake, want)
	}
}

// TestRulesAgain: attributes change, and the skill rules are evaluated again.
// What the flow required stays.
func TestRulesAgain(t *testing.T) {
	t.Parallel()
	d := desk(intakeOf(
		engine.Step{Name: "refund", When: "work.attributes.subject.contains('Refund')", Needs: []engine.Need{{Skill: "refunds"}}},
		engine.Step{Name: "other", When: "!work.attributes.subject.contains('Refund')", Needs: []engine.Need{{Skill: "sales"}}},
	))
	d.Channels[0].SkillRules = []engine.SkillRule{{Attribute: "language", Values: map[string][]engine.Need{
		"de": {{Skill: "german"}}, "en": {{Skill: "english"}},
	}}}
	plan := compiled(t, d)
	work := plan.Arrive(refund(), now, today())
	if want := []engine.Need{{Skill: "german"}, {Skill: "refunds"}}; !reflect.DeepEqual(work.Ruled, want) {
		t.Fatalf("at first required %+v, want %+v", work.Ruled, want)
	}
	work.Attributes = map[string]string{"language": "en", "subject": "Hello"}
	needs, taken := plan.Rules(work, now+minute)
	if want := []engine.Need{{Skill: "english"}, {Skill: "refunds"}}; !reflect.DeepEqual(needs, want) {
		t.Errorf("then required %+v, want %+v", needs, want)
	}
	if !reflect.DeepEqual(taken, ruled("0")) {
		t.Errorf("on record %+v, want the rule alone", taken)
	}
}
