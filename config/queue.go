// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"math"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// RoutingConfig is how the work of a queue is routed.
type RoutingConfig struct {
	// Priority is 0 for the highest.
	Priority int32 `koanf:"priority"`
	// Size is what an item takes; none leaves it to the channel.
	Size engine.Amount `koanf:"size"`
	// Model is how an agent is picked among candidates.
	Model route.Model `koanf:"model"`
	// RouteBy says who is asked.
	RouteBy RouteBy `koanf:"route_by"`
	// Skills are required of all work of the queue.
	Skills Needs `koanf:"skills"`
	// DropAdditionalSkillsAfter is after how long one group of additional skills
	// after the other is dropped; 0 means never.
	DropAdditionalSkillsAfter time.Duration `koanf:"drop_additional_skills_after"`
	// Strategy names the strategy that proposes.
	Strategy string `koanf:"strategy"`
	// Fallback names the one that proposes while the first is unwell.
	Fallback string `koanf:"fallback"`
	// PushTimeout is how long an offer stands; 0 means without end.
	PushTimeout time.Duration `koanf:"push_timeout"`
	// DeclineRule says to whom declined work is not offered again.
	DeclineRule engine.DeclineRule `koanf:"decline_rule"`
	// StallAfter is how long the strategy may make no offer from a queue although
	// something could be offered, before that is shown; 0 means for ever.
	StallAfter time.Duration `koanf:"stall_after"`
	// StallFallback then has the fallback decide.
	StallFallback bool `koanf:"stall_fallback"`
}

// RouteBy says who is asked to take work.
type RouteBy string

// Who is asked.
const (
	// ByQueue asks members of the queue.
	ByQueue RouteBy = "queue"
	// BySkills asks all who hold the skills that the work requires; work that
	// requires none goes to members.
	BySkills RouteBy = "skills"
)

// Queue is where work waits.
type Queue struct {
	// Reservation is where the queue's offers are posted; nil for nowhere.
	Reservation *Callback `koanf:"reservation"`
	// Routing names the queue's routing config.
	Routing string `koanf:"routing"`
	// OfferTo is to how many agents work is offered at once, 1 or more.
	OfferTo uint16 `koanf:"offer_to"`
	// Tiers are the waits after which members of tier 2, 3 … are asked too, each
	// longer than the one before.
	Tiers []time.Duration `koanf:"tiers"`
	// DefaultSkills are required of work that comes without any other.
	DefaultSkills Needs `koanf:"default_skills"`
	// Hours names when the queue is open; empty means always.
	Hours string `koanf:"hours"`
	// Closed says what becomes of work that arrives otherwise.
	Closed engine.ClosedRule `koanf:"closed"`
	// Strategy decides in place of the routing config's; empty for that one.
	Strategy string `koanf:"strategy"`
	// Shadow is compared with who decides; empty for none.
	Shadow string `koanf:"shadow"`
	// Canary is nil when nothing is on trial.
	Canary *Canary `koanf:"canary"`
	// Overflow is nil when all work stays.
	Overflow *Overflow `koanf:"overflow"`
	// MaxWaiting is how many items may wait; 0 means any number.
	MaxWaiting uint32 `koanf:"max_waiting"`
	// ServiceLevel is nil when there is no goal.
	ServiceLevel *ServiceLevel `koanf:"service_level"`
}

// Canary is a strategy on trial with a share of a queue's work.
type Canary struct {
	// Strategy is on trial.
	Strategy string `koanf:"strategy"`
	// Percent is its share, from 0.01 to 100.
	Percent float64 `koanf:"percent"`
	// Guards are conditions that must hold, or the trial ends.
	Guards []string `koanf:"guards"`
}

// Overflow sends work on to another queue.
type Overflow struct {
	// To names the other queue.
	To string `koanf:"to"`
	// After is how long work waits first; 0 means that waiting alone is no
	// reason.
	After time.Duration `koanf:"after"`
	// At is how many items may wait; 0 means any number.
	At uint32 `koanf:"at"`
	// WhenNobody sends work on at once when nobody who could ever take it is
	// signed in.
	WhenNobody bool `koanf:"when_nobody"`
}

// ServiceLevel is a goal: a share of the work accepted within a time.
type ServiceLevel struct {
	// Within is the time in which work should be accepted.
	Within time.Duration `koanf:"within"`
	// Target is the share that should be, above 0 and at most 1, in steps of a
	// thousandth.
	Target float64 `koanf:"target"`
}

func (r *RoutingConfig) definition(name string) engine.RoutingConfig {
	return engine.RoutingConfig{
		Name: name, Priority: r.Priority, Size: r.Size, Model: r.Model,
		Strategy: r.Strategy, Fallback: r.Fallback,
		PushTimeout: millis(r.PushTimeout), DeclineRule: r.DeclineRule,
		BySkills: r.RouteBy == BySkills, Needs: r.Skills.definition(), DropAfter: millis(r.DropAdditionalSkillsAfter),
		StallAfter: millis(r.StallAfter), StallFallback: r.StallFallback,
	}
}

func (q *Queue) definition(name string) engine.QueueDefinition {
	d := engine.QueueDefinition{
		Name: name, Routing: q.Routing, OfferTo: q.OfferTo, Needs: q.DefaultSkills.definition(),
		Hours: q.Hours, Closed: q.Closed, Overflow: q.Overflow.definition(), MaxWaiting: q.MaxWaiting,
	}
	for _, wait := range q.Tiers {
		d.Tiers = append(d.Tiers, millis(wait))
	}
	d.Deciders = engine.Deciders{Strategy: q.Strategy, Shadow: q.Shadow}
	if c := q.Canary; c != nil {
		share := math.Round(c.Percent * engine.WholeShare / 100)
		d.Deciders.Canary = &engine.Canary{Strategy: c.Strategy, Share: uint16(share), Guards: c.Guards}
	}
	if s := q.ServiceLevel; s != nil {
		d.Within = millis(s.Within)
		d.Target = uint16(math.Round(s.Target * 1000))
	}
	return d
}

// definition returns nil for nil.
func (o *Overflow) definition() *engine.Overflow {
	if o == nil {
		return nil
	}
	return &engine.Overflow{To: o.To, After: millis(o.After), At: o.At, WhenNobody: o.WhenNobody}
}

// queues checks what belongs together within a queue.
func (c *checker) queues() {
	for name, q := range c.section("queues") {
		path := []string{"queues", name}
		c.tiers(under(path, "tiers"), q["tiers"])
		c.guards(append(path, "canary", "guards"))
		overflow, _ := q["overflow"].(map[string]any)
		if q["closed"] == closedOverflow && q["overflow"] == nil && !c.misspelt[join(under(path, "overflow"))] {
			c.report(stageRules, c.doc.missing(under(path, "overflow")), CodeMissing,
				"the key \"overflow\" is missing; the queue overflows while it is closed, so say where, such as \"overflow: {to: QUEUE}\"")
		}
		if overflow != nil {
			c.overflow(under(path, "overflow"), name, overflow)
			after, err := duration(overflow["after"])
			if q["closed"] != closedOverflow && err == nil && after == 0 && overflow["at"] == int64(0) && overflow["when_nobody"] == false {
				c.warn(c.doc.key(under(path, "overflow")), CodeUnused,
					"nothing makes this queue overflow; give after, at or when_nobody, or set closed to overflow")
			}
		}
		if q["hours"] == nil && c.inFile(path, "closed", nil) && !c.misspelt[join(under(path, "hours"))] {
			c.warn(c.doc.key(under(path, "closed")), CodeUnused, "this queue has no hours, so it is never closed")
		}
	}
}

// guards checks that each guard can be read.
func (c *checker) guards(path []string) {
	guards, _ := c.lookup(path).([]any)
	for i, guard := range guards {
		text, _ := guard.(string)
		if _, err := strategy.ParseGuard(text); err != nil {
			c.report(stageRules, c.doc.value(under(path, index(i))), CodeFormat, "%s", strings.TrimPrefix(err.Error(), "strategy: "))
		}
	}
}

// tiers checks that later tiers are asked later.
func (c *checker) tiers(path []string, value any) {
	tiers, _ := value.([]any)
	var before time.Duration
	for i, tier := range tiers {
		wait, err := duration(tier)
		if err != nil || wait == 0 {
			return // the schema speaks of it
		}
		if wait <= before {
			c.report(stageRules, c.doc.value(under(path, index(i))), CodeConflict,
				"each tier is asked after the one before; this must be longer than %v", before)
		}
		before = wait
	}
}

// overflow checks that work does not overflow to where it is.
func (c *checker) overflow(path []string, from string, overflow map[string]any) {
	if to, _ := overflow["to"].(string); to != "" && to == from {
		c.report(stageRules, c.doc.value(under(path, "to")), CodeConflict,
			"the queue %q cannot overflow to itself; name another queue", clip(to))
	}
}
