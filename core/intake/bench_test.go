// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// BenchmarkArrive measures arrivals through a flow of one step, by condition.
func BenchmarkArrive(b *testing.B) {
	for _, bc := range []struct{ name, when string }{
		{"none", ""},
		{"attribute", "work.attributes.tier == 'gold'"},
		{"typical", "has(work.attributes.tier) && work.attributes.tier in ['gold', 'platinum'] && work.queue == 'support'"},
		{"facts", "is_open('vip') && agents_available('vip') > 0"},
		{"age", "now - work.requested_at > duration('5m')"},
		{"zone", "now.getHours('Europe/Berlin') >= 18"},
		{"pattern", "work.attributes.subject.matches('^(Refund|Return)')"},
		{"walk", "work.attributes.exists(k, k.startsWith('vip_'))"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			plan := compiled(b, desk(intakeOf(engine.Step{Name: "a", When: bc.when, Queue: "vip"})))
			work, facts := refund(), today()
			b.ReportAllocs()
			for b.Loop() {
				facts.asked = facts.asked[:0]
				plan.Arrive(work, now, facts)
			}
		})
	}
}

// BenchmarkBudget measures conditions that cost nearly all that they may, with
// the largest work.
func BenchmarkBudget(b *testing.B) {
	for _, bc := range []struct{ name, when string }{
		{"search", "!work.attributes.exists(k, work.attributes[k].contains('vip'))"},
		{"split", "!('x' in work.attributes.text.split('a'))"},
		{"nested", "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15].all(a, [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15].all(b, [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15].all(c, a + b + c > 0)))"},
	} {
		b.Run(bc.name, func(b *testing.B) {
			plan := compiled(b, desk(intakeOf(engine.Step{Name: "a", When: bc.when, Queue: "vip"})))
			work := engine.WorkSpec{Channel: "chat", Queue: "support", Attributes: map[string]string{"text": strings.Repeat("a", 4096)}}
			for i := range 99 {
				work.Attributes[fmt.Sprint(i)] = work.Attributes["text"]
			}
			b.ReportAllocs()
			for b.Loop() {
				if got := plan.Arrive(work, now, nil); got.Queue != "vip" {
					b.Fatal(got.Intake)
				}
			}
		})
	}
}

// BenchmarkCompile measures a definition with one flow and one skill rule.
func BenchmarkCompile(b *testing.B) {
	d := desk(intakeOf(engine.Step{Name: "a", When: "work.attributes.tier == 'gold' && is_open('vip')", Queue: "vip"}))
	d.Channels[0].SkillRules = []engine.SkillRule{{When: "work.attributes.language == 'de'", Needs: []engine.Need{{Skill: "german"}}}}
	for b.Loop() {
		compiled(b, d)
	}
}
