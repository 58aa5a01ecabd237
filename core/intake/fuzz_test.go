// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/intake"
)

// FuzzCompile: whatever an admin writes compiles or is a fault with a field and
// a message; what compiles takes any work, the same way each time.
func FuzzCompile(f *testing.F) {
	for _, when := range []string{
		"", "true", "work.attributes.tier == 'gold'", "has(work.attributes.tier) && work.attributes.tier in ['a', 'b']",
		"agents_online('support') > 1 || estimated_wait('sales') > duration('5m')", "wait_known(work.queue)",
		"work.attributes.exists(k, k.startsWith('x'))", "work.priority == null || work.priority < 3",
		"now - work.requested_at > duration('5m')", "now.getHours('Europe/Berlin') > 18", "work.attributes.?x.orValue('y') == 'y'",
		"work.attributes.tier.matches('^[a-z]+$')", "int(work.attributes.tier) > 1", "work{queue: 'a'} == work", "@facts", "[work].size() > 0",
		"work.attributes.map(k, k + work.attributes[k]).join(',').size() > 3", "'%s'.format([work.attributes]) == ''", "{'a': work}['a'] == work",
	} {
		f.Add(when, "tier", "gold", int64(now))
	}
	f.Fuzz(func(t *testing.T, when, name, value string, at int64) {
		d := desk(intakeOf(engine.Step{Name: "a", When: when, Queue: "sales"}, engine.Step{Name: "b", Queue: "vip"}))
		d.Channels[0].SkillRules = []engine.SkillRule{
			{When: when, Needs: []engine.Need{{Skill: "german"}}},
			{Attribute: name, Values: map[string][]engine.Need{value: {{Skill: "english"}}}},
		}
		plan, err := intake.Compile(d)
		if err != nil {
			var fault *intake.Fault
			if !errors.As(err, &fault) || fault.Field == "" || fault.Message == "" {
				t.Fatalf("%q: %#v", when, err)
			}
			d.Channels[0].SkillRules = nil // which have no functions of queues
			if plan, err = intake.Compile(d); err != nil {
				return
			}
		}
		work := engine.WorkSpec{
			Channel: "chat", Queue: "support", External: value, Customer: name, RequestedAt: engine.Time(at / 2),
			Attributes: map[string]string{name: value, "tier": name, "x": strings.Repeat(value, 3)},
		}
		got := plan.Arrive(work, engine.Time(at), today())
		for _, taken := range got.Intake {
			if !utf8.ValidString(taken.Failed) || strings.HasPrefix(taken.Failed, "internal error") {
				t.Errorf("%q: %s", when, taken.Failed)
			}
		}
		if got.Queue != "vip" && got.Queue != "lost" {
			t.Errorf("%q: went to %s", when, got.Queue)
		}
		if again := plan.Arrive(work, engine.Time(at), today()); !reflect.DeepEqual(got, again) {
			t.Errorf("%q: then %+v\nnow %+v", when, got, again)
		}
	})
}
