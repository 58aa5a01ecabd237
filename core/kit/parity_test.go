// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/examples/hello"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// reported is the report of a plugin's random days.
func reported(t *testing.T, plugin route.Plugin) *kit.Report {
	t.Helper()
	trial := linked(plugin)
	trial.Only = []string{"determinism", "deltas"}
	report, err := trial.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if report.Failed > 0 || report.Decisions() == 0 {
		t.Fatalf("%+v, %d decisions", report, report.Decisions())
	}
	return report
}

// TestCompare shows that equal decisions are found equal, and where others part.
func TestCompare(t *testing.T) {
	t.Parallel()
	one, same, other := reported(t, hello.Plugin()), reported(t, hello.Plugin()), reported(t, queue.Plugin())
	if got := kit.Compare([]*kit.Report{one, same}); len(got) > 0 || one.Decisions() != same.Decisions() {
		t.Errorf("the same plugin: %v", got)
	}
	got := kit.Compare([]*kit.Report{one, same, other})
	if len(got) == 0 || !strings.Contains(strings.Join(got, "\n"), "in turn ") || !strings.Contains(got[0], " builtin says ") {
		t.Errorf("another plugin: %q", got)
	}
	if got := kit.Compare(nil); got != nil {
		t.Errorf("nothing: %v", got)
	}
}

// TestTrialOfManifests shows what is found wrong with a manifest.
func TestTrialOfManifests(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*route.Manifest){
		`version "new" is no semantic version`: func(m *route.Manifest) { m.Version = "new" },
		`the settings schema is no JSON`:       func(m *route.Manifest) { m.SettingsSchema = "{" },
		`reason "a" has the code 0`:            func(m *route.Manifest) { m.Reasons = []route.Reason{{Name: "a", Text: "A."}} },
		`reasons "a" and "b" have the same code 1`: func(m *route.Manifest) {
			m.Reasons = []route.Reason{{Code: 1, Name: "a", Text: "A."}, {Code: 1, Name: "b", Text: "B."}}
		},
		`reason 2 is called "A b"`: func(m *route.Manifest) { m.Reasons = []route.Reason{{Code: 2, Name: "A b", Text: "A."}} },
		`reason "a" has no text`:   func(m *route.Manifest) { m.Reasons = []route.Reason{{Code: 2, Name: "a"}} },
		"":                         func(*route.Manifest) {},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			plugin := route.Plugin{Manifest: route.Manifest{Name: "it", Version: "1.0.0"}, New: queue.Plugin().New}
			change(&plugin.Manifest)
			trial := linked(plugin)
			trial.Only = []string{"manifest"}
			report, err := trial.Run(t.Context())
			if want == "the settings schema is no JSON" && err != nil {
				return // no runtime starts it: that is found before
			}
			if err != nil {
				t.Fatal(err)
			}
			found := report.Cases[0].Findings
			if want == "" && len(found) > 0 || want != "" && !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, want) }) {
				t.Errorf("got %q, want %q", found, want)
			}
		})
	}
}

// TestScene shows that the scene plays to its end, whatever the strategy.
func TestScene(t *testing.T) {
	t.Parallel()
	for _, plugin := range []route.Plugin{hello.Plugin(), queue.Plugin()} {
		result, err := linked(plugin).Watch(t.Context(), kit.Scene(), func(routetest.Happening) {})
		if err != nil || len(result.Findings) > 0 {
			t.Errorf("%s: %v, %v", plugin.Manifest.Name, result.Findings, err)
		}
		if turns := strings.Count(result.Transcript, "turn "); turns < 5 {
			t.Errorf("%s: %d turns", plugin.Manifest.Name, turns)
		}
	}
}
