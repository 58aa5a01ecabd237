// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/bench"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// BenchmarkDecide is Decide once at the scale of the largest contact centres,
// for both built-in strategies. -v prints the tables.
func BenchmarkDecide(b *testing.B) {
	for _, plugin := range []route.Plugin{queue.Plugin(), skills.Plugin()} {
		b.Run(plugin.Manifest.Name, func(b *testing.B) {
			options := bench.DecideOptions{Agents: 100_000, Waiting: 1_000_000, Skills: 1_000, Runs: 3, Seed: 1}
			for b.Loop() {
				report, err := bench.Decide(b.Context(), options, plugin)
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(report.Median.DecisionsPerSecond, "decisions/s")
				b.ReportMetric(float64(report.Median.Latencies[bench.NewBySkills].P99), "p99-ns/by-skills")
				b.ReportMetric(float64(report.Median.Latencies[bench.AgentFreed].P99), "p99-ns/freed")
				b.ReportMetric(float64(report.Median.StrategyBytes), "strategy-B")
				var text strings.Builder
				if err := report.WriteText(&text); err != nil {
					b.Fatal(err)
				}
				b.Log("\n" + text.String())
			}
		})
	}
}
