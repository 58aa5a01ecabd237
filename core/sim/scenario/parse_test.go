// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

const small = `
name: small
seed: 7
horizon: {time: 4h}
acceptable_wait: 20s
model: longest_idle
classes:
  calls:
    arrivals: {rate: 2/min}
    service: {mean: 3m}
    patience: {mean: 1m}
groups:
  agents: {agents: 6, queues: [calls]}
`

func parse(t *testing.T, text string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse("small.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestFaultsNameTheirLine changes one line of a good scenario and wants the
// fault at that line.
func TestFaultsNameTheirLine(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ old, changed, want string }{
		"unknown key":       {"seed: 7", "seeed: 7", `small.yaml:3: seeed: there is no key "seeed" here; did you mean "seed"?`},
		"unknown key below": {"{mean: 3m}", "{mean: 3m, maen: 3m}", `small.yaml:10: classes.calls.service.maen: there is no key "maen" here; did you mean "mean"?`},
		"twice":             {"seed: 7", "seed: 7\nseed: 8", `small.yaml:4: mapping key "seed" already defined at line 3`},
		"no span":           {"acceptable_wait: 20s", "acceptable_wait: 20", "small.yaml:5: this is not a length of time"},
		"no rate":           {"2/min", "2", "small.yaml:9: this is not a rate"},
		"not a number":      {"rate: 2/min", "rate: NaN/s", "small.yaml:9: this is not a rate"},
		"wrong type":        {"agents: 6", "agents: six", "small.yaml:13: !!str `six` does not fit here; a whole number is wanted"},
		"not a map":         {"{time: 4h}", "4h", "small.yaml:4: !!str `4h` does not fit here; a map is wanted"},
		"no YAML":           {"{time: 4h}", "{time: 4h", "small.yaml:3: did not find"},
		"two documents":     {"seed: 7", "---\nseed: 7", "small.yaml:"},
		"no horizon":        {"horizon: {time: 4h}", "horizon: {}", "small.yaml:4: horizon: a horizon is needed"},
		"two horizons":      {"{time: 4h}", "{time: 4h, customers: 3}", "small.yaml:4: horizon: give customers or time"},
		"long warm-up":      {"{time: 4h}", "{time: 4h}\nwarm_up: {time: 5h}", "small.yaml:5: warm_up: the warm-up must be shorter"},
		"model":             {"longest_idle", "laziest", `small.yaml:6: model: there is no model "laziest"`},
		"runtime":           {"seed: 7", "strategy: {runtime: jvm}", `small.yaml:3: strategy.runtime: there is no runtime "jvm"`},
		"no arrivals":       {"rate: 2/min", "rate: 0/s", "small.yaml:9: classes.calls.arrivals: a rate above 0"},
		"period":            {"rate: 2/min", "periods: [{length: 1h, rate: 1/s},\n {length: 0s, rate: 1/s}]", "small.yaml:10: classes.calls.arrivals.periods.1.length: "},
		"negative mean":     {"mean: 3m", "mean: -3m", "small.yaml:10: classes.calls.service.mean: a mean above 0"},
		"merged":            {"{mean: 3m}", "{<<: {maen: 3m}}", `small.yaml:10: classes.calls.service.maen: there is no key "maen" here`},
		"misspelt model":    {"longest_idle", "longest_idel", `there is no model "longest_idel"; did you mean "longest_idle"?`},
		"share":             {"patience: {mean: 1m}", "size: 101%", "small.yaml:11: classes.calls.size: it must be between 0.001% and 100%"},
		"no size":           {"patience: {mean: 1m}", "size: big", "small.yaml:11: this is not a size"},
		"answer time":       {"seed: 7", "answer_time: soon", "small.yaml:3: this is not an answer time"},
		"answer key":        {"seed: 7", "answer_time: {maen: 1s}", `small.yaml:3: answer_time.maen: there is no key "maen" here; did you mean "mean"?`},
		"skill key":         {"patience: {mean: 1m}", "skills: {x: {levl: 3}}", `small.yaml:11: classes.calls.skills.x.levl: there is no key "levl" here`},
		"skill level":       {"patience: {mean: 1m}", "skills: {x: 11}", "small.yaml:11: classes.calls.skills.x.level: a level is between 0 and 10"},
		"nobody skilled":    {"patience: {mean: 1m}", "skills: [x]", `small.yaml:8: classes.calls: no group serves queue "calls"`},
		"file":              {"rate: 2/min", "file: x.csv", "small.yaml:9: classes.calls.arrivals.file: x.csv: it can be read only"},
		"disorder":          {"rate: 2/min", "times: [2s, 1s]", "small.yaml:9: classes.calls.arrivals.times.1: arrivals must be in order"},
		"several arrivals":  {"rate: 2/min", "rate: 2/min, times: [2s]", "small.yaml:9: classes.calls.arrivals: give one of"},
		"weights":           {"{mean: 3m}", "{values: [1s, 2s], weights: [1]}", "small.yaml:10: classes.calls.service.weights: there are 1 weights for 2 values"},
		"no weight":         {"{mean: 3m}", "{values: [1s], weights: [0]}", "small.yaml:10: classes.calls.service.weights: one weight"},
		"no values":         {"{mean: 3m}", "{distribution: empirical}", "small.yaml:10: classes.calls.service.values: an empirical"},
		"staffing":          {"agents: 6", "agents: 6, shifts: [{start: 1h, end: 2h, agents: 1}]", "small.yaml:13: groups.agents: give one of agents"},
		"shift":             {"agents: 6", "shifts: [{start: 2h, end: 1h, agents: 1}]", "small.yaml:13: groups.agents.shifts.0.end: a shift ends after its start"},
		"break":             {"agents: 6", "agents: 6, breaks: [{start: 25h, length: 1h}]", "small.yaml:13: groups.agents.breaks.0.start: a break starts"},
		"retrials":          {"patience: {mean: 1m}", "retrials: {after_abandonment: 0.5, delay: {mean: 1m}}", "small.yaml:11: classes.calls.retrials.after_abandonment: without patience"},
		"channel":           {"agents: 6", "agents: 6, channels: [chat]", `small.yaml:13: groups.agents.channels.0: no class waits in channel "chat"`},
		"queue":             {"seed: 7", "queues: {mail: {max_waiting: 3}}", `small.yaml:3: queues.mail: no class waits in queue "mail"`},
		"replications":      {"seed: 7", "replications: -1", "small.yaml:3: replications: it must be between 0 and 10000"},
		"day factor":        {"seed: 7", "day_factor: {cv: 9}", "small.yaml:3: day_factor.cv: it must be between"},
		"process":           {"seed: 7", "strategy: {runtime: process, source: x}", "small.yaml:3: strategy.sha256: a process"},
		"periods":           {"seed: 7", "period: 10ms", "small.yaml:3: period: that makes more than"},
		"shape":             {"{mean: 3m}", "{mean: 3m, distribution: normal}", `small.yaml:10: classes.calls.service.distribution: there is no distribution "normal"`},
		"no cv":             {"{mean: 3m}", "{mean: 3m, distribution: gamma}", "small.yaml:10: classes.calls.service.cv: a gamma distribution needs cv"},
		"cv":                {"{mean: 3m}", "{mean: 3m, cv: 1}", "small.yaml:10: classes.calls.service.cv: "},
		"patience":          {"{mean: 1m}", "{}", "small.yaml:11: classes.calls.patience.mean: "},
		"unserved":          {"patience: {mean: 1m}", "size: 2", `small.yaml:8: classes.calls: no group serves queue "calls"`},
		"nobody's queue":    {"[calls]", "[calls, chat]", `small.yaml:13: groups.agents.queues.1: no class waits in queue "chat"`},
		"same queue":        {"[calls]", "[calls, calls]", `small.yaml:13: groups.agents.queues.1: queue "calls" is there twice`},
		"own service":       {"[calls]", "[calls], service: {mail: {mean: 1s}}", `small.yaml:13: groups.agents.service.mail: there is no class "mail"`},
		"fine capacity":     {"agents: 6", "agents: 6, capacity: 1.0005", "small.yaml:13: groups.agents.capacity: capacity is counted in thousandths"},
		"speed":             {"agents: 6", "agents: 6, speed: -1", "small.yaml:13: groups.agents.speed: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(small, c.old, c.changed, 1)
			if text == small {
				t.Fatalf("%q is not in the scenario", c.old)
			}
			_, err := scenario.Parse("small.yaml", []byte(text))
			// The column follows from the line; one case wants it.
			said := regexp.MustCompile(`(small.yaml:\d+):\d+`).ReplaceAllString(fmt.Sprint(err), "$1")
			if _, ok := errors.AsType[scenario.Faults](err); !ok || !strings.Contains(said, c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

// TestFaultsNameTheirColumn wants the place of the key.
func TestFaultsNameTheirColumn(t *testing.T) {
	t.Parallel()
	for old, c := range map[string][2]string{
		"{mean: 3m}":  {"{mean: 3m, maen: 3m}", "small.yaml:10:25: classes.calls.service.maen: "},
		"rate: 2/min": {"rate: 0/s", "small.yaml:9:5: classes.calls.arrivals: "},
	} {
		_, err := scenario.Parse("small.yaml", []byte(strings.Replace(small, old, c[0], 1)))
		if err == nil || !strings.HasPrefix(err.Error(), c[1]) {
			t.Errorf("got %v, want %q", err, c[1])
		}
	}
}

func TestEmptyFile(t *testing.T) {
	t.Parallel()
	if _, err := scenario.Parse("x.yaml", []byte("# nothing\n")); err == nil || !strings.HasPrefix(err.Error(), "x.yaml:1: the file is empty") {
		t.Errorf("got %v", err)
	}
}

// TestLoad finds a strategy's file beside the scenario.
func TestLoad(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(path, []byte(small+"strategy: {runtime: wasm, source: mine.wasm}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := scenario.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(filepath.Dir(path), "mine.wasm"); s.Strategy.Source != want {
		t.Errorf("source %q, want %q", s.Strategy.Source, want)
	}
	if _, err := scenario.Load(path + ".not"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	lacking := strings.Replace(small, "rate: 2/min", "file: calls.csv", 1)
	if err := os.WriteFile(path, []byte(lacking), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := scenario.Load(path); err == nil || !strings.Contains(err.Error(), "a.yaml:9:16: classes.calls.arrivals.file: calls.csv: ") {
		t.Errorf("got %v", err)
	}
}

// FuzzParse wants an error or a scenario that can be used, whatever comes in.
func FuzzParse(f *testing.F) {
	f.Add([]byte(small))
	f.Add([]byte("classes: {a: &a {service: *a}}"))
	f.Add([]byte("horizon: {customers: 99999999999999999999}\ngroups: {x: }"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := scenario.Parse("fuzz.yaml", data)
		if err == nil {
			if err := s.Validate(); err != nil {
				t.Errorf("parsed but not valid: %v", err)
			}
			return
		}
		faults, ok := errors.AsType[scenario.Faults](err)
		if !ok || len(faults) == 0 || faults[0].Line < 1 || faults[0].Message == "" {
			t.Errorf("got %T %v", err, err)
		}
	})
}
