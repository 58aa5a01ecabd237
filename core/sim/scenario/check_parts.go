// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"math"
	"slices"
	"time"
)

func (c *checker) class(class *Class, path []string) {
	c.must(path[1] != "", path, "a class needs a name")
	c.must(class.Priority >= 0, under(path, "priority"), "it must not be negative; 0 is highest")
	c.must(class.Size.Units == 0 || class.Size.Percent == 0, under(path, "size"), "give units or a percentage")
	c.units(class.Size.Units, under(path, "size"))
	share := class.Size.Percent
	c.must(share == 0 || share >= 0.001 && share <= 100, under(path, "size"), "it must be between 0.001%% and 100%%")
	if len(class.Customers) > 0 {
		c.customers(class, under(path, "customers"))
	} else {
		c.arrivals(&class.Arrivals, under(path, "arrivals"))
	}
	c.distribution(&class.Service, under(path, "service"))
	if class.Patience != nil {
		c.distribution(class.Patience, under(path, "patience"))
	}
	if class.Retrials != nil {
		c.retrials(class, under(path, "retrials"))
	}
	for _, name := range sortedKeys(class.Skills) {
		need := class.Skills[name]
		c.need(&need, under(path, "skills", name))
	}
}

func (c *checker) arrivals(a *Arrivals, path []string) {
	given := 0
	for _, is := range []bool{a.Rate != 0, len(a.Periods) > 0, len(a.Times) > 0} {
		if is {
			given++
		}
	}
	c.must(given <= 1, path, "give one of rate, periods, times and file, not several")
	c.rate(a.Rate, under(path, "rate"))
	some := a.Rate > 0 || len(a.Times) > 0
	for i, p := range a.Periods {
		c.rate(p.Rate, index(under(path, "periods"), i, "rate"))
		c.must(p.Length > 0 && p.Length <= maxSpan, index(under(path, "periods"), i, "length"), "a period must be longer than 0, and not longer than ten years")
		some = some || p.Rate > 0
	}
	for i, t := range a.Times {
		c.must(t >= 0 && t <= maxSpan, index(under(path, "times"), i), "it must not be negative, nor later than ten years")
		if i > 0 && t < a.Times[i-1] {
			c.must(false, index(under(path, "times"), i), "arrivals must be in order; this one, the %dth, is before the one before it", i+1)
			break
		}
	}
	c.must(len(a.Times) <= maxCustomers, under(path, "times"), "at most %d customers can be played", maxCustomers)
	c.must(some, path, "a rate above 0 is needed, such as {rate: 48/min}, or times")
}

// customers checks those who are recorded one by one.
func (c *checker) customers(class *Class, path []string) {
	a := &class.Arrivals
	c.must(a.Rate == 0 && len(a.Periods) == 0 && len(a.Times) == 0, path, "customers come instead of arrivals; leave arrivals empty")
	c.must(len(class.Customers) <= maxCustomers, path, "at most %d customers can be played", maxCustomers)
	before := Span(0)
	for i := range class.Customers {
		one := &class.Customers[i]
		good := one.Arrived >= before && one.Arrived <= maxSpan && one.Service >= 0 && one.Service <= maxSpan &&
			one.Patience >= 0 && one.Patience <= maxSpan && (one.Priority == nil || *one.Priority >= 0)
		c.must(good, index(path, i), "customers are in order of arrival, and no time or priority is negative, or longer than ten years")
		if before = one.Arrived; !good {
			break
		}
		for _, name := range sortedKeys(one.Skills) {
			need := one.Skills[name]
			c.need(&need, index(path, i, "skills", name))
		}
	}
}

func (c *checker) retrials(class *Class, path []string) {
	r := class.Retrials
	c.must(r.AfterAbandonment >= 0 && r.AfterAbandonment <= 1, under(path, "after_abandonment"), "a probability is between 0 and 1")
	c.must(r.AfterBlock >= 0 && r.AfterBlock <= 1, under(path, "after_block"), "a probability is between 0 and 1")
	c.must(r.AfterAbandonment == 0 || class.Patience != nil, under(path, "after_abandonment"), "without patience nobody leaves")
	c.count(r.Max, maxRetrials, under(path, "max"))
	c.distribution(&r.Delay, under(path, "delay"))
}

func (c *checker) need(n *Need, path []string) {
	c.level(n.Level, under(path, "level"))
	c.must(n.Additional || n.Priority == 0, under(path, "priority"), "only additional skills are dropped in an order")
	level, after := n.Level, Span(0)
	for i, step := range n.Relax {
		c.must(step.After > after && step.After <= maxSpan && step.Level >= 0 && step.Level < level, index(under(path, "relax"), i),
			"each step must be later than the one before, at a lower level")
		level, after = step.Level, step.After
	}
}

func (c *checker) level(l Level, path []string) {
	c.must(l >= 0 && l <= 10, path, "a level is between 0 and 10")
}

// served checks that somebody can take the class's customers, at the latest when
// all that can be dropped is.
func (c *checker) served(name string, class *Class) {
	bySkills := c.RouteBy == routeBySkills && len(class.Skills) > 0
	able := false
	for _, g := range c.Groups {
		capacity := milli(g.Capacity)
		able = able || g.takes(class.channel()) && class.Size.of(capacity) <= capacity &&
			(bySkills || slices.Contains(g.Queues, class.queue(name))) && g.holds(class.Skills, c.DropAdditionalSkillsAfter > 0)
	}
	c.must(able || len(c.Groups) == 0, at("classes", name),
		"no group serves queue %q for work of this channel, size and skills", class.queue(name))
}

// holds reports whether the group holds what is required once levels are relaxed
// and, if so wanted, additional skills dropped.
func (g *Group) holds(needs Needs, dropped bool) bool {
	for name, need := range needs {
		level := need.Level
		if n := len(need.Relax); n > 0 {
			level = need.Relax[n-1].Level
		}
		held, ok := g.Skills[name]
		if (!ok || held < level) && (!dropped || !need.Additional) {
			return false
		}
	}
	return true
}

func (c *checker) units(units float64, path []string) {
	c.must(units == 0 || units >= 0.01 && units <= maxUnits, path, "it must be between 0.01 and %d units", maxUnits)
	c.must(math.Round(units*1000) == units*1000 || math.IsNaN(units), path, "capacity is counted in thousandths; write at most three decimals")
}

func (c *checker) rate(r Rate, path []string) {
	c.must(r == 0 || r >= minRate && r <= maxRate, path, "it must be 0, or between %g and %g a second", minRate, maxRate)
}

func (c *checker) distribution(d *Distribution, path []string) {
	c.one(d.Shape, []string{Exponential, Deterministic, Lognormal, Gamma, Empirical}, "distribution", under(path, "distribution"))
	shape := d.shape()
	if shape == Empirical {
		c.empirical(d, path)
		return
	}
	c.must(len(d.Values) == 0 && len(d.Weights) == 0, under(path, "values"), "only an empirical distribution has values")
	c.must(d.Mean > 0 && d.Mean <= maxSpan, under(path, "mean"), "a mean above 0 is needed, such as 180s, not longer than ten years")
	if shape == Lognormal || shape == Gamma {
		c.must(d.CV >= 0.01 && d.CV <= 100, under(path, "cv"), "a %s distribution needs cv, its standard deviation over its mean, between 0.01 and 100", shape)
	} else {
		c.must(d.CV == 0, under(path, "cv"), "a distribution that is %s has no cv to choose; leave it out", shape)
	}
}

func (c *checker) empirical(d *Distribution, path []string) {
	c.must(len(d.Values) > 0, under(path, "values"), "an empirical distribution needs values, or a file of them")
	c.must(d.Mean == 0 && d.CV == 0, under(path, "mean"), "an empirical distribution has the mean and cv of its values; leave them out")
	c.must(len(d.Weights) == 0 || len(d.Weights) == len(d.Values), under(path, "weights"), "there are %d weights for %d values", len(d.Weights), len(d.Values))
	for i, v := range d.Values {
		c.must(v >= 0 && v <= maxSpan, index(under(path, "values"), i), "it must not be negative, nor longer than ten years")
	}
	sum := 0.0
	for i, w := range d.Weights {
		c.must(w >= 0 && w <= 1e9, index(under(path, "weights"), i), "a weight is between 0 and a thousand million")
		sum += w
	}
	c.must(len(d.Weights) == 0 || sum > 0, under(path, "weights"), "one weight at least must be above 0")
}

func (c *checker) group(g *Group, path []string) {
	c.must(path[1] != "", path, "a group needs a name")
	c.staffing(g, path)
	c.units(g.Capacity, under(path, "capacity"))
	c.must(g.Speed == 0 || g.Speed >= 1e-3 && g.Speed <= 1e3, under(path, "speed"), "it must be between 0.001 and 1000")
	c.must(g.Weight <= maxWeight, under(path, "weight"), "a weight is between 1 and %d", maxWeight)
	c.must(len(g.Queues) > 0 || c.RouteBy == routeBySkills && len(g.Skills) > 0, under(path, "queues"), "at least one queue is needed")
	c.named(g.Queues, "queue", under(path, "queues"), func(name string) bool {
		return c.someClass(func(class string, k *Class) bool { return k.queue(class) == name })
	})
	c.named(g.Channels, "channel", under(path, "channels"), func(name string) bool {
		return c.someClass(func(_ string, k *Class) bool { return k.channel() == name })
	})
	for _, name := range sortedKeys(g.Skills) {
		c.level(g.Skills[name], under(path, "skills", name))
	}
	for _, name := range sortedKeys(g.Service) {
		_, ok := c.Classes[name]
		c.must(ok, under(path, "service", name), "there is no class %q%s", name, meant(name, sortedKeys(c.Classes)))
		d := g.Service[name]
		c.distribution(&d, under(path, "service", name))
	}
}

// named checks a list of names of what classes have.
func (c *checker) named(names []string, what string, path []string, known func(string) bool) {
	for i, name := range names {
		c.must(known(name), index(path, i), "no class waits in %s %q", what, name)
		c.must(!slices.Contains(names[:i], name), index(path, i), "%s %q is there twice", what, name)
	}
}

func (c *checker) staffing(g *Group, path []string) {
	given := 0
	for _, is := range []bool{g.Agents != 0, len(g.Periods) > 0, len(g.Shifts) > 0} {
		if is {
			given++
		}
	}
	c.must(given <= 1, path, "give one of agents, periods and shifts, not several")
	for i, p := range g.Periods {
		c.must(p.Length >= Span(time.Millisecond) && p.Length <= maxSpan, index(under(path, "periods"), i, "length"), "a period must be longer than 0, and not longer than ten years")
		c.count(p.Agents, maxAgents, index(under(path, "periods"), i, "agents"))
	}
	for i, s := range g.Shifts {
		c.must(s.Start >= 0 && s.Start < day, index(under(path, "shifts"), i, "start"), "a shift starts on its day, between 0s and 24h")
		c.must(s.End > s.Start && s.End <= s.Start+day, index(under(path, "shifts"), i, "end"), "a shift ends after its start, within 24h")
		c.count(s.Agents, maxAgents, index(under(path, "shifts"), i, "agents"))
	}
	for i, b := range g.Breaks {
		c.must(b.Start >= 0 && b.Start < day, index(under(path, "breaks"), i, "start"), "a break starts on its day, between 0s and 24h")
		c.must(b.Length > 0 && b.Length < day, index(under(path, "breaks"), i, "length"), "a break takes more than no time, and less than 24h")
		c.must(b.Spread >= 0 && b.Spread < day, index(under(path, "breaks"), i, "spread"), "beginnings are spread over less than 24h")
	}
	c.must(g.seats() > 0, under(path, "agents"), "at least one agent is needed")
}

// meant is the end of a sentence about a name that is none.
func meant(got string, names []string) string {
	if near := nearest(got, names); near != "" {
		return "; did you mean \"" + near + "\"?"
	}
	return ""
}
