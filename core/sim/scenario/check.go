// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// What a scenario may be at most, so that no sum can overflow and no slip of
// the pen takes the machine down.
const (
	maxCustomers = 10_000_000
	maxAgents    = 100_000
	maxSpan      = Span(10 * 366 * 24 * time.Hour)
	minRate      = 1e-6
	maxRate      = 1e5
	maxUnits     = 1000
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

type checker struct{ found []fault }

func (c *checker) must(holds bool, path []string, format string, args ...any) {
	if !holds {
		c.found = append(c.found, fault{slices.Clone(path), fmt.Sprintf(format, args...)})
	}
}

func (s *Scenario) check() []fault {
	c := &checker{}
	c.extent(s.Horizon, "horizon")
	c.must(s.Horizon != Extent{}, []string{"horizon"}, "a horizon is needed, such as {time: 8h} or {customers: 100000}")
	c.extent(s.WarmUp, "warm_up")
	sameKind := s.Horizon.Customers > 0 && s.WarmUp.Customers >= s.Horizon.Customers || s.Horizon.Time > 0 && s.WarmUp.Time >= s.Horizon.Time
	c.must(!sameKind, []string{"warm_up"}, "the warm-up must be shorter than the horizon, which includes it")
	c.must(s.AcceptableWait >= 0 && s.AcceptableWait <= maxSpan, []string{"acceptable_wait"}, "it must not be negative, nor longer than ten years")
	_, known := modelNamed(s.Model)
	c.must(known, []string{"model"}, "there is no model %q; there are least_active, most_available and longest_idle", s.Model)
	runtime := or(s.Strategy.Runtime, "builtin")
	c.must(slices.Contains([]string{"builtin", "process", "wasm"}, runtime), []string{"strategy", "runtime"}, "there is no runtime %q; there are builtin, process and wasm", runtime)
	c.must(runtime == "builtin" || s.Strategy.Source != "", []string{"strategy", "source"}, "the path of the program or module is needed")
	c.must(len(s.Classes) > 0, []string{"classes"}, "at least one class is needed")
	c.must(len(s.Groups) > 0, []string{"groups"}, "at least one group is needed")
	for _, name := range slices.Sorted(maps.Keys(s.Classes)) {
		class := s.Classes[name]
		c.class(&class, []string{"classes", name})
		c.served(s, name, &class)
	}
	agents := 0
	for _, name := range slices.Sorted(maps.Keys(s.Groups)) {
		group := s.Groups[name]
		c.group(s, &group, []string{"groups", name})
		agents += min(max(group.Agents, 0), maxAgents)
	}
	c.must(agents <= maxAgents, []string{"groups"}, "there are %d agents; at most %d can be played", agents, maxAgents)
	return c.found
}

func (c *checker) extent(e Extent, name string) {
	c.must(e.Customers == 0 || e.Time == 0, []string{name}, "give customers or time, not both")
	c.must(e.Customers >= 0 && e.Customers <= maxCustomers, []string{name, "customers"}, "it must be between 1 and %d", maxCustomers)
	c.must(e.Time >= 0 && e.Time <= maxSpan, []string{name, "time"}, "it must be above 0, and not longer than ten years")
}

func (c *checker) class(class *Class, path []string) {
	c.must(path[1] != "", path, "a class needs a name")
	c.must(class.Priority >= 0, append(path, "priority"), "it must not be negative; 0 is highest")
	c.units(class.Size, append(path, "size"))
	c.distribution(&class.Service, append(path, "service"))
	if class.Patience != nil {
		c.distribution(class.Patience, append(path, "patience"))
	}
	arrivals := append(path, "arrivals")
	periods := class.Arrivals.Periods
	c.must(class.Arrivals.Rate == 0 || len(periods) == 0, arrivals, "give a rate or periods, not both")
	c.rate(class.Arrivals.Rate, append(arrivals, "rate"))
	some := class.Arrivals.Rate > 0
	for i, p := range periods {
		at := append(arrivals, "periods", strconv.Itoa(i))
		c.rate(p.Rate, append(at, "rate"))
		c.must(p.Length > 0 && p.Length <= maxSpan, append(at, "length"), "a period must be longer than 0, and not longer than ten years")
		some = some || p.Rate > 0
	}
	c.must(some, arrivals, "a rate above 0 is needed, such as {rate: 48/min}")
}

// served checks that somebody can ever take the class's customers.
func (c *checker) served(s *Scenario, name string, class *Class) {
	able := false
	for _, g := range s.Groups {
		able = able || slices.Contains(g.Queues, class.queue(name)) && or(g.Capacity, 1) >= or(class.Size, 1)
	}
	c.must(able || len(s.Groups) == 0, []string{"classes", name}, "no group serves queue %q with a capacity of %g or more", class.queue(name), or(class.Size, 1))
}

func (c *checker) group(s *Scenario, g *Group, path []string) {
	c.must(path[1] != "", path, "a group needs a name")
	c.must(g.Agents > 0, append(path, "agents"), "at least one agent is needed")
	c.units(g.Capacity, append(path, "capacity"))
	c.must(g.Speed == 0 || g.Speed >= 1e-3 && g.Speed <= 1e3, append(path, "speed"), "it must be between 0.001 and 1000")
	c.must(len(g.Queues) > 0, append(path, "queues"), "at least one queue is needed")
	for i, queue := range g.Queues {
		used := false
		for name, class := range s.Classes {
			used = used || class.queue(name) == queue
		}
		c.must(used, append(path, "queues", strconv.Itoa(i)), "no class waits in queue %q", queue)
		c.must(!slices.Contains(g.Queues[:i], queue), append(path, "queues", strconv.Itoa(i)), "queue %q is there twice", queue)
	}
	for _, name := range slices.Sorted(maps.Keys(g.Service)) {
		at := append(path, "service", name)
		_, ok := s.Classes[name]
		c.must(ok, at, "there is no class %q", name)
		d := g.Service[name]
		c.distribution(&d, at)
	}
}

func (c *checker) units(units float64, path []string) {
	c.must(units == 0 || units >= 0.01 && units <= maxUnits, path, "it must be between 0.01 and %d units", maxUnits)
	c.must(math.Round(units*1000) == units*1000 || math.IsNaN(units), path, "capacity is counted in thousandths; write at most three decimals")
}

func (c *checker) rate(r Rate, path []string) {
	c.must(r == 0 || r >= minRate && r <= maxRate, path, "it must be 0, or between %g and %g a second", minRate, maxRate)
}

func (c *checker) distribution(d *Distribution, path []string) {
	shape := or(d.Shape, Exponential)
	c.must(slices.Contains([]string{Exponential, Deterministic, Lognormal, Gamma}, shape), append(path, "distribution"),
		"there is no distribution %q; there are exponential, deterministic, lognormal and gamma", shape)
	c.must(d.Mean > 0 && d.Mean <= maxSpan, append(path, "mean"), "a mean above 0 is needed, such as 180s, not longer than ten years")
	if shape == Lognormal || shape == Gamma {
		c.must(d.CV >= 0.01 && d.CV <= 100, append(path, "cv"), "a %s distribution needs cv, its standard deviation over its mean, between 0.01 and 100", shape)
	} else {
		c.must(d.CV == 0, append(path, "cv"), "a distribution that is %s has no cv to choose; leave it out", shape)
	}
}

// modelNamed finds a model by its stable name; empty is least_active.
func modelNamed(name string) (route.Model, bool) {
	for _, m := range []route.Model{route.ModelLeastActive, route.ModelMostAvailable, route.ModelLongestIdle} {
		if or(name, route.ModelLeastActive.String()) == m.String() {
			return m, true
		}
	}
	return 0, false
}
