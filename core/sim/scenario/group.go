// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import "slices"

// Group is agents who are alike. How many there are is given by one of Agents,
// Periods and Shifts.
type Group struct {
	// Agents is how many there are from the beginning to the end.
	Agents int `yaml:"agents"`
	// Periods says how many there are in each period, in order, the first after
	// the last.
	Periods []Staffing `yaml:"periods"`
	// Shifts are agents of their own, who sign in and out, every day anew.
	Shifts []Shift `yaml:"shifts"`
	// Breaks are when they take nothing new, every day anew.
	Breaks []Break `yaml:"breaks"`
	// Capacity is how much one can hold at once, in units; 1 if left out.
	Capacity float64 `yaml:"capacity"`
	// Channels lists the kinds of work they take; all if left out.
	Channels []string `yaml:"channels"`
	// Queues lists the queues they are members of. Those who work by skills
	// alone need none.
	Queues []string `yaml:"queues"`
	// Weight is how often one is drawn by the model weighted_random, 1 to 100;
	// 1 if left out.
	Weight uint16 `yaml:"weight"`
	// Skills are what they hold, at levels from 0 to 10.
	Skills map[string]Level `yaml:"skills"`
	// Speed divides the time they take, 1 if left out: at 2 they take half.
	Speed float64 `yaml:"speed"`
	// Service replaces the service of some classes, before Speed.
	Service map[string]Distribution `yaml:"service"`
}

// Staffing is how many agents of a group are there for a period.
type Staffing struct {
	// Length is how long it takes.
	Length Span `schema:"required" yaml:"length"`
	// Agents is how many there are; nobody if left out.
	Agents int `yaml:"agents"`
}

// Shift is when some agents of a group work. What they hold at its end they
// finish first.
type Shift struct {
	// Start is since midnight, which is when a run begins. A shift that began the
	// day before is under way then.
	Start Span `schema:"required" yaml:"start"`
	// End may be on the next day, as in 30h, but not more than a day after the
	// start.
	End Span `schema:"required" yaml:"end"`
	// Agents is how many work it.
	Agents int `schema:"required" yaml:"agents"`
}

// Break is when the agents of a group take nothing new. It begins for each when
// what they hold is finished, and ends when it should.
type Break struct {
	// Start is when it begins for the first, since midnight.
	Start Span `schema:"required" yaml:"start"`
	// Length is how long it takes each.
	Length Span `schema:"required" yaml:"length"`
	// Spread is over how long their beginnings are spread evenly; without it all
	// begin at once.
	Spread Span `yaml:"spread"`
}

// seats returns how many agents there are altogether.
func (g *Group) seats() int {
	n := g.Agents
	for _, p := range g.Periods {
		n = max(n, p.Agents)
	}
	for _, s := range g.Shifts {
		n += s.Agents
	}
	return n
}

// takes reports whether the group takes work of the channel.
func (g *Group) takes(channel string) bool {
	return len(g.Channels) == 0 || slices.Contains(g.Channels, channel)
}
