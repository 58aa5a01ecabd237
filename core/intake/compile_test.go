// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/intake"
)

// faults returns what is wrong with the definition's expressions.
func faults(t *testing.T, d *engine.Definition) []*intake.Fault {
	t.Helper()
	plan, err := intake.Compile(d)
	if (err == nil) != (plan != nil) {
		t.Fatalf("plan %v, error %v: want one of the two", plan, err)
	}
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%T joins nothing", err)
	}
	var out []*intake.Fault
	for _, err := range joined.Unwrap() {
		var fault *intake.Fault
		if !errors.As(err, &fault) {
			t.Fatalf("%v is a %T", err, err)
		}
		out = append(out, fault)
	}
	return out
}

func TestFault(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ when, want string }{
		{`work.attribute.tier == 'gold'`, `column 6: work has no field "attribute"; did you mean "attributes"?`},
		{`has(work.prio)`, `column 4: work has no field "prio"; the fields are: attributes, channel, conversation, customer, external, outbound, priority, queue, requested_at`},
		{"true &&\n work.qeue == 'a'", `line 2, column 7: work has no field "qeue"; did you mean "queue"?`},
		{`werk.queue == 'sales'`, `column 1: there is no variable or function "werk"; did you mean "work"?`},
		{`agents_onlin('sales') > 1`, `column 1: there is no variable or function "agents_onlin"; did you mean "agents_online"?`},
		{`agents_online('slaes') > 1`, `column 15: there is no queue "slaes"; did you mean "sales"?`},
		{`is_open('xyz')`, `column 9: there is no queue "xyz"; the queues are: lost, night, sales, support, vip`},
		{`agents_online() > 1`, `column 1: agents_online takes one queue, as in agents_online('support')`},
		{`agents_online > 1`, `column 1: agents_online is a function of a queue, as in agents_online('support')`},
		{`agents_online(3) > 1`, `column 15: agents_online takes the name of a queue in quotation marks`},
		{`is_open(work.attributes)`, `column 1: is_open does not take (map(string, string))`},
		{`work.queue == 1`, `column 12: == does not go with (string, int); make both sides of one type, as with int(...) or string(...)`},
		{`work.attributes[1] == ''`, `column 16: [] does not go with (map(string, string), int); make both sides of one type, as with int(...) or string(...)`},
		{`work.queue`, `this is of type string; a condition must be of type bool, true or false`},
		{`work.priority`, `this is of type wrapper(int); a condition must be of type bool, true or false`},
		{`work.queue ==`, `column 14: the expression ends too early`},
		{` `, `column 2: the expression ends too early`},
		{`'a' 'b'`, `column 5: this is not written as it should be: extraneous input ''b''`},
		{`work.attributes.tier.matches('[')`, `column 30: this is no regular expression, such as '^vip-[0-9]+$' (RE2 syntax)`},
		{`work.attributes.tier.matches(work.queue)`, `column 29: the pattern of matches should be written out, in quotation marks`},
		{`now - work.requested_at > duration('5x')`, `column 36: this is no duration, such as '5m' or '1h30m'`},
		{`now > timestamp('christmas')`, `column 17: this is no time, such as '2026-12-25T08:00:00Z'`},
		{`now.getHours('Local') > 18`, `column 13: there is no time zone "Local"; it should look like Europe/Berlin, or +01:00`},
		{`now.getDayOfWeek('Mars') == 1`, `column 17: there is no time zone "Mars"; it should look like Europe/Berlin, or +01:00`},
		{`now.getHours(work.queue) > 18`, `column 13: the time zone should be written out, as in getHours('Europe/Berlin')`},
		{`work{queue: 'a'} == work`, `column 5: messages cannot be made here; compare single fields instead`},
		{`dyn(work).queue == 'a'`, `column 4: dyn is not there for conditions; there are 38 functions`},
		{`'%s'.format([work.queue]) == 'a'`, `column 12: format is not there for conditions; there are 38 functions`},
		{`work.queue.lowerAsci() == 'a'`, `column 12: there is no variable or function "lowerAsci"; did you mean "lowerAscii"?`},
		{`[work.queue].exists(q, q.xyz() == 'a')`, `column 26: there is no variable or function "xyz"; the names are: agents_available, agents_online, estimated_wait, has, is_open, now, wait_known, waiting, work`},
		{
			`work.attributes.list.split(',').exists(x, x.contains('vip'))`,
			`its cost cannot be foreseen, since it looks into a value whose size CEL cannot tell; look into attributes themselves instead`,
		},
		{`@facts == 1`, `column 1: this is not written as it should be: token recognition error at: '@'`},
		{
			`work.attributes.exists(k, work.attributes.exists(l, k + l == 'ab'))`,
			`this could cost 330703 with large work; the limit is 50000. Ask for attributes by name rather than walking over all, or search for less`,
		},
		{
			`work.attributes.exists(k, work.attributes[k].matches('(?i)refund|money back'))`,
			`this could cost 246803 with large work; the limit is 50000. Ask for attributes by name rather than walking over all, or search for less`,
		},
	} {
		t.Run(tc.when, func(t *testing.T) {
			t.Parallel()
			got := faults(t, desk(intakeOf(engine.Step{Name: "vip", When: tc.when})))
			if len(got) != 1 || got[0].Field != "flows.intake.steps.vip.when" || got[0].Message != tc.want {
				t.Fatalf("got  %v\nwant %s", got, tc.want)
			}
			if at := strings.Contains(tc.want, "column "); at != (got[0].Column > 0) || at != (got[0].Line > 0) {
				t.Errorf("line %d, column %d of %s", got[0].Line, got[0].Column, tc.want)
			}
		})
	}
}

// TestAllFaults holds that everything wrong is told at once, each with its
// place.
func TestAllFaults(t *testing.T) {
	t.Parallel()
	d := desk(
		engine.Flow{Name: "first", Channels: []string{"chat"}, Fallback: "lost", Steps: []engine.Step{
			{Name: "a", When: "work.x == work.y"}, {Name: "b", When: "true"}, {Name: "c", When: "1"},
		}},
		engine.Flow{Name: "second", Fallback: "lost", Steps: []engine.Step{{Name: "d", When: "is_open('x')"}}},
	)
	d.Channels[1].SkillRules = []engine.SkillRule{
		{Attribute: "language"}, {When: "work.customer"}, {When: "is_open('support')"},
	}
	var got []string
	for _, fault := range faults(t, d) {
		got = append(got, fault.Error())
	}
	for i, want := range []string{
		"intake: channels.email.skill_rules.1.when: this is of type string",
		"intake: channels.email.skill_rules.2.when: column 1: is_open is for flows; a skill rule sees the work alone",
		"intake: flows.first.steps.a.when: column 6: work has no field \"x\"",
		"intake: flows.first.steps.a.when: column 16: work has no field \"y\"",
		"intake: flows.first.steps.c.when: this is of type int",
		"intake: flows.second.steps.d.when: column 9: there is no queue \"x\"",
	} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Errorf("fault %d should begin with %q:\n%s", i, want, strings.Join(got, "\n"))
		}
	}
	if len(got) != 6 {
		t.Errorf("%d faults, want 6:\n%s", len(got), strings.Join(got, "\n"))
	}
}

// TestOversized holds that conditions do not look at work that is larger than
// what their cost was estimated for. Tables do.
func TestOversized(t *testing.T) {
	t.Parallel()
	d := desk(intakeOf(engine.Step{Name: "a", Queue: "sales"}, engine.Step{Name: "b", Queue: "vip", When: "work.channel == 'chat'"}))
	d.Channels[0].SkillRules = []engine.SkillRule{
		{When: "work.attributes.text.matches('^(a|b)*$')", Needs: []engine.Need{{Skill: "german"}}},
		{Attribute: "tier", Values: map[string][]engine.Need{"gold": {{Skill: "english"}}}},
	}
	plan := compiled(t, d)
	for _, tc := range []struct {
		name    string
		given   func(w *engine.WorkSpec)
		failure string
	}{
		{"the largest value that the API takes", func(w *engine.WorkSpec) { w.Attributes["text"] = strings.Repeat("a", 4096) }, ""},
		{
			"a larger one", func(w *engine.WorkSpec) { w.Attributes["text"] = strings.Repeat("a", 4097) },
			"the work has an attribute of more than 4096 bytes, or a name of more than 128, too large for conditions",
		},
		{
			"a longer name", func(w *engine.WorkSpec) { w.Attributes[strings.Repeat("a", 129)] = "" },
			"the work has an attribute of more than 4096 bytes, or a name of more than 128, too large for conditions",
		},
		{
			"many attributes", func(w *engine.WorkSpec) {
				for i := range 101 {
					w.Attributes[fmt.Sprint(i)] = ""
				}
			},
			"the work has more than 100 attributes, too many for conditions",
		},
		{
			"a long reference", func(w *engine.WorkSpec) { w.External = strings.Repeat("a", 4097) },
			"the work has a text of more than 4096 bytes, too large for conditions",
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			work := refund()
			work.Attributes["text"] = "a"
			tc.given(&work)
			got := plan.Arrive(work, now, today())
			queue, want := "vip", append(ruled("0", "1"), took("a", "b")...)
			if tc.failure != "" {
				queue, want[0].Failed, want[3].Failed = "lost", tc.failure, tc.failure
			}
			if got.Queue != queue || !slices.Equal(got.Intake, want) {
				t.Errorf("went to %s, %+v\nwant    %s, %+v", got.Queue, got.Intake, queue, want)
			}
		})
	}
}

// TestBrief holds that a failure's text is fit to be kept, whatever attributes
// say.
func TestBrief(t *testing.T) {
	t.Parallel()
	plan := compiled(t, desk(intakeOf(engine.Step{Name: "a", When: "is_open(work.attributes.tier)"})))
	work := refund()
	work.Attributes["tier"] = "\xff" + strings.Repeat("ü", 2000)
	failure := plan.Arrive(work, now, today()).Intake[0].Failed
	if len(failure) > 220 || !strings.HasPrefix(failure, "there is no queue ") || strings.ToValidUTF8(failure, "") != failure {
		t.Errorf("%d bytes: %q", len(failure), failure)
	}
}
