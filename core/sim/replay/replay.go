// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package replay plays recorded days anew: it turns a log of who came when, and
// who answered, into a scenario, so that any strategy can be tried on it. Who
// came, when, for how long and with which patience is the log's; who is given to
// whom is the strategy's.
//
// It must not know of strategies, nor of how a scenario is played.
package replay

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// Recording is what a log says, whatever its format.
type Recording struct {
	// Name says which log it is.
	Name string
	// Customers are those who came, by class and in order of arrival, since the
	// midnight before the first.
	Customers map[string][]scenario.Customer
	// Groups are the agents, if the log tells; nil if it does not. Each serves
	// the queue named as the class.
	Groups map[string]scenario.Group
	// Kinds says of classes what the log knows of them but for services: queue,
	// channel and size. Nil if it knows nothing.
	Kinds map[string]scenario.Class
	// Strategy, Model, RouteBy and DropAfter are how the log's customers were
	// routed, as a scenario says it; nil and empty if the log does not tell.
	Strategy       *scenario.Strategy
	Model, RouteBy string
	DropAfter      scenario.Span
	// First has a line on which a class is, or the number of an event, for errors.
	First map[string]int
	// Import says how the log was read.
	Import Import

	drain scenario.Span // how long a replay goes on after the end
}

// Import says what became of the rows of a log.
type Import struct {
	// Log is the log's name, and Start the day, as YYYY-MM-DD, at whose midnight
	// the replay begins, or its minute; empty if the log has no dates.
	Log   string `json:"log"`
	Start string `json:"start,omitempty"`
	// Rows = Played + the sum of LeftOut + len(Malformed).
	Rows   int `json:"rows"`
	Played int `json:"played"`
	// LeftOut counts by reason the rows that were read, but are nobody who waited
	// for an agent.
	LeftOut []LeftOut `json:"left_out,omitempty"`
	// Fates counts, of those who are played, how they fared in the log; empty if
	// there is no more to say than Answered and Abandoned do.
	Fates []LeftOut `json:"fates,omitempty"`
	// Malformed names rows that could not be read, and Odd those that could, but
	// cannot be quite right, each as "line 7: what is wrong".
	Malformed []string `json:"malformed"`
	Odd       []string `json:"odd,omitempty"`
	// Answered and Abandoned are of those who are played, as the log has it; the
	// mean wait, in seconds, is of them, too. They are nil if it does not tell.
	Answered  *int     `json:"answered,omitempty"`
	Abandoned *int     `json:"abandoned,omitempty"`
	MeanWait  *float64 `json:"mean_wait_seconds,omitempty"`
}

// LeftOut is how many rows were left out for one reason.
type LeftOut struct {
	Reason string `json:"reason"`
	Rows   int    `json:"rows"`
}

// Outcome is what came of a replay.
type Outcome struct {
	Import Import           `json:"import"`
	Result *scenario.Result `json:"result"`
}

// drain is how long a replay goes on after the last that is in the log, beyond
// the longest service.
const drain = scenario.Span(time.Hour)

// Scenario makes a scenario of the recording. With a base, its agents, queues,
// strategy and settings are used, and the classes of the log must be among its
// classes, whose customers come as recorded; its arrivals, day factor, warm-up
// and retrials are not. Without one, the agents are the log's, each class waits
// in a queue of its name, and the longest idle is picked.
//
// Service times that the log does not know are drawn from those it knows of the
// class, or as the base says. Who did not leave in the log waits for as long as
// it takes, or as long as the base's class has patience.
//
// The base is not changed. Its faults are Faults of package scenario.
func (r *Recording) Scenario(base *scenario.Scenario) (*scenario.Scenario, error) {
	s := &scenario.Scenario{
		About: "Recorded days, played anew.", AcceptableWait: scenario.Span(20 * time.Second), Model: or(r.Model, "longest_idle"), Groups: r.Groups,
		RouteBy: r.RouteBy, DropAdditionalSkillsAfter: r.DropAfter,
	}
	if r.Strategy != nil {
		s.Strategy = *r.Strategy
	}
	if base != nil {
		one := *base
		s = &one
	}
	if len(s.Groups) == 0 {
		return nil, errors.New("replay: the log does not say who the agents were; name a scenario that does")
	}
	s.Name, s.Replications, s.DayFactor, s.WarmUp = r.Name, 1, nil, scenario.Extent{}
	classes, err := r.classes(base)
	if err != nil {
		return nil, err
	}
	s.Classes = classes
	s.Horizon = scenario.Extent{Time: r.end()}
	if base != nil {
		prune(s)
	}
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("replay: %w", err)
	}
	return s, nil
}

// classes are those of the log, as the base or the log itself describes them.
func (r *Recording) classes(base *scenario.Scenario) (map[string]scenario.Class, error) {
	out := make(map[string]scenario.Class)
	for _, name := range sorted(r.Customers) {
		var class scenario.Class
		if base != nil {
			known, ok := base.Classes[name]
			if !ok {
				return nil, fmt.Errorf("replay: the scenario has no class %q, as line %d of the log has; it has %s",
					name, r.First[name], strings.Join(sorted(base.Classes), ", "))
			}
			class = known
			class.Arrivals, class.Retrials = scenario.Arrivals{}, nil
		} else {
			service, ok := r.services(name)
			if !ok {
				return nil, fmt.Errorf("replay: the log has no service time of anybody, and no scenario is named that has")
			}
			class = r.Kinds[name]
			class.Service = service
		}
		class.Customers = slices.Clone(r.Customers[name])
		for i := range class.Customers {
			c := &class.Customers[i]
			c.Forever = c.Patience == 0 && class.Patience == nil
		}
		out[name] = class
	}
	return out, nil
}

// services is the distribution of the services that are known of a class, or, if
// none is, of all.
func (r *Recording) services(class string) (scenario.Distribution, bool) {
	counts := make(map[scenario.Span]float64)
	count := func(name string) {
		for _, c := range r.Customers[name] {
			if c.Service > 0 {
				counts[c.Service]++
			}
		}
	}
	if count(class); len(counts) == 0 {
		for name := range r.Customers {
			count(name)
		}
	}
	d := scenario.Distribution{Values: sorted(counts)}
	for _, value := range d.Values {
		d.Weights = append(d.Weights, counts[value])
	}
	return d, len(counts) > 0
}

// end is when everybody whom anybody can serve has been served: after the last
// arrival and the last agent's last period, with time for the longest service.
func (r *Recording) end() scenario.Span {
	last, longest := scenario.Span(0), scenario.Span(0)
	for _, customers := range r.Customers {
		for _, c := range customers {
			last, longest = max(last, c.Arrived), max(longest, c.Service)
		}
	}
	for _, g := range r.Groups {
		at := scenario.Span(0)
		for _, p := range g.Periods {
			if at += p.Length; p.Agents > 0 {
				last = max(last, at)
			}
		}
	}
	return last + longest + r.drain
}

// prune takes out of a scenario what refers to classes that nobody came of.
func prune(s *scenario.Scenario) {
	waits, comes := make(map[string]bool), make(map[string]bool)
	for name, c := range s.Classes {
		waits[or(c.Queue, name)], comes[or(c.Channel, "work")] = true, true
	}
	s.Queues = maps.Clone(s.Queues)
	maps.DeleteFunc(s.Queues, func(name string, _ scenario.Queue) bool { return !waits[name] })
	groups := make(map[string]scenario.Group)
	for name, g := range s.Groups {
		g.Queues = slices.DeleteFunc(slices.Clone(g.Queues), func(queue string) bool { return !waits[queue] })
		channels := slices.DeleteFunc(slices.Clone(g.Channels), func(channel string) bool { return !comes[channel] })
		idle := len(g.Channels) > 0 && len(channels) == 0
		g.Channels = channels
		g.Service = maps.Clone(g.Service)
		maps.DeleteFunc(g.Service, func(class string, _ scenario.Distribution) bool { _, ok := s.Classes[class]; return !ok })
		if bySkills := s.RouteBy == "skills" && len(g.Skills) > 0; !idle && (bySkills || len(g.Queues) > 0) {
			groups[name] = g
		}
	}
	s.Groups = groups
}

// Play plays a scenario that was made of the recording. It is scenario.Run, and
// checks that nobody of the log is missing: offered is who is in the log, and
// served, abandoned, blocked, waiting or open. What does not hold is in the
// result's Broken.
func (r *Recording) Play(ctx context.Context, s *scenario.Scenario, opts scenario.Options) (*Outcome, error) {
	result, err := scenario.Run(ctx, s, opts)
	if err != nil {
		return nil, err
	}
	c := &result.Overall.Counts
	if c.Offered != int64(r.Import.Played) {
		result.Broken = append(result.Broken, fmt.Sprintf("replay: %d came, but %d are in the log", c.Offered, r.Import.Played))
	}
	if c.Offered != c.Served+c.Abandoned+c.Blocked+c.Waiting+c.Open {
		result.Broken = append(result.Broken, fmt.Sprintf("replay: offered %d = served %d + abandoned %d + blocked %d + waiting %d + open %d does not hold",
			c.Offered, c.Served, c.Abandoned, c.Blocked, c.Waiting, c.Open))
	}
	return &Outcome{Import: r.Import, Result: result}, nil
}

func (r *Recording) add(class string, line int, c scenario.Customer) {
	if _, ok := r.First[class]; !ok {
		r.First[class] = line
	}
	r.Customers[class] = append(r.Customers[class], c)
	r.Import.Played++
}

func newRecording(name string) *Recording {
	return &Recording{
		Name: name, Customers: make(map[string][]scenario.Customer), First: make(map[string]int), drain: drain,
		Import: Import{Log: name, Malformed: []string{}},
	}
}

func or(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
