// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// What a scenario may be at most, so that no sum can overflow and no slip of
// the pen takes the machine down.
const (
	maxCustomers    = 10_000_000
	maxAgents       = 100_000
	maxReplications = 10_000
	maxPeriods      = 100_000
	maxSpan         = Span(10 * 366 * 24 * time.Hour)
	minRate         = 1e-6
	maxRate         = 1e5
	maxUnits        = 1000
	maxRetrials     = 1000
	maxWeight       = 100
	day             = Span(24 * time.Hour)
)

// fault is what check finds.
type fault struct {
	path    []string
	message string
}

// Validate checks that the scenario can be run. The error is Faults.
func (s *Scenario) Validate() error {
	found := s.check()
	if len(found) == 0 {
		return nil
	}
	faults := make(Faults, len(found))
	for i, one := range found {
		faults[i] = Fault{Path: strings.Join(one.path, "."), Message: one.message}
	}
	return faults
}

type checker struct {
	*Scenario
	found []fault
}

func (c *checker) must(holds bool, path []string, format string, args ...any) {
	if !holds {
		c.found = append(c.found, fault{slices.Clone(path), fmt.Sprintf(format, args...)})
	}
}

// at makes a path.
func at(steps ...string) []string { return steps }

// one checks that a value, if there is one, is among those there are.
func (c *checker) one(value string, of []string, what string, path []string) {
	if value == "" || slices.Contains(of, value) {
		return
	}
	hint := "there are " + strings.Join(of[:len(of)-1], ", ") + " and " + of[len(of)-1]
	if near := nearest(value, of); near != "" {
		hint = fmt.Sprintf("did you mean %q?", near)
	}
	c.must(false, path, "there is no %s %q; %s", what, value, hint)
}

func (s *Scenario) check() []fault {
	c := &checker{Scenario: s}
	c.run()
	c.deciding()
	c.must(len(s.Classes) > 0, at("classes"), "at least one class is needed")
	c.must(len(s.Groups) > 0, at("groups"), "at least one group is needed")
	for _, name := range sortedKeys(s.Classes) {
		class := s.Classes[name]
		c.class(&class, at("classes", name))
		c.served(name, &class)
	}
	agents := 0
	for _, name := range sortedKeys(s.Groups) {
		group := s.Groups[name]
		c.group(&group, at("groups", name))
		agents += min(max(group.seats(), 0), maxAgents)
	}
	c.must(agents <= maxAgents, at("groups"), "there are %d agents; at most %d can be played", agents, maxAgents)
	for _, name := range sortedKeys(s.Queues) {
		c.count(s.Queues[name].MaxWaiting, maxCustomers, at("queues", name, "max_waiting"))
		c.must(c.someClass(func(class string, k *Class) bool { return k.queue(class) == name }), at("queues", name), "no class waits in queue %q", name)
	}
	return c.found
}

// run checks how long and how often it is played.
func (c *checker) run() {
	c.extent(c.Horizon, "horizon")
	c.must(c.Horizon != Extent{}, at("horizon"), "a horizon is needed, such as {time: 8h} or {customers: 100000}")
	c.extent(c.WarmUp, "warm_up")
	sameKind := c.Horizon.Customers > 0 && c.WarmUp.Customers >= c.Horizon.Customers || c.Horizon.Time > 0 && c.WarmUp.Time >= c.Horizon.Time
	c.must(!sameKind, at("warm_up"), "the warm-up must be shorter than the horizon, which includes it")
	c.count(c.Replications, maxReplications, at("replications"))
	if c.DayFactor != nil {
		c.must(c.DayFactor.CV == 0 || c.DayFactor.CV >= 0.01 && c.DayFactor.CV <= 2, at("day_factor", "cv"), "it must be between 0.01 and 2, or 0 for no factor")
	}
	c.must(c.AcceptableWait >= 0 && c.AcceptableWait <= maxSpan, at("acceptable_wait"), "it must not be negative, nor longer than ten years")
	c.must(c.Period == 0 || c.Period >= Span(6*time.Millisecond) && c.Period <= maxSpan, at("period"), "it must be above 0, and not longer than ten years")
	tooMany := c.Period > 0 && c.Horizon.Time/max(c.Period, 1) > maxPeriods
	c.must(!tooMany, at("period"), "that makes more than %d periods; make them longer", maxPeriods)
	c.count(c.MaxWaiting, maxCustomers, at("max_waiting"))
}

// deciding checks who decides, and how.
func (c *checker) deciding() {
	var models []string
	for m := route.ModelLeastActive; m <= route.ModelWeightedRandom; m++ {
		models = append(models, m.String())
	}
	c.one(c.Model, models, "model", at("model"))
	c.one(c.RouteBy, []string{routeByQueue, routeBySkills}, "way", at("route_by"))
	c.must(c.DropAdditionalSkillsAfter >= 0 && c.DropAdditionalSkillsAfter <= maxSpan, at("drop_additional_skills_after"), "it must not be negative, nor longer than ten years")
	c.one(c.Strategy.Runtime, []string{"builtin", "process", "wasm"}, "runtime", at("strategy", "runtime"))
	builtin := or(c.Strategy.Runtime, "builtin") == "builtin"
	c.must(builtin || c.Strategy.Source != "", at("strategy", "source"), "the path of the program or module is needed")
	c.must(c.Strategy.Runtime != "process" || c.Strategy.SHA256 != "", at("strategy", "sha256"), "a process is not started without its checksum")
	if d := c.AnswerTime.Distribution; d != nil {
		c.distribution(d, at("answer_time"))
	}
}

func (c *checker) extent(e Extent, name string) {
	c.must(e.Customers == 0 || e.Time == 0, at(name), "give customers or time, not both")
	c.count(e.Customers, maxCustomers, at(name, "customers"))
	c.must(e.Time >= 0 && e.Time <= maxSpan, at(name, "time"), "it must be above 0, and not longer than ten years")
}

func (c *checker) count(n, most int, path []string) {
	c.must(n >= 0 && n <= most, path, "it must be between 0 and %d", most)
}

func (c *checker) someClass(holds func(string, *Class) bool) bool {
	for name, class := range c.Classes {
		if holds(name, &class) {
			return true
		}
	}
	return false
}

func index(path []string, i int, rest ...string) []string {
	return append(append(slices.Clip(path), strconv.Itoa(i)), rest...)
}

func under(path []string, rest ...string) []string { return append(slices.Clip(path), rest...) }
