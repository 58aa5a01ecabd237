// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"fmt"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// ByModel compares two agents by the model of the work's routing config: it is
// negative if a comes before b, positive if after, and never 0 for two. A
// strategy that does as the model says picks the first of the candidates. By
// weighted random, which draws, it compares names alone; Drawn tells.
func (e *Engine) ByModel(w *Work, a, b *Agent) int { return e.byModel(w, a, b) }

func (e *Engine) byModel(w *Work, a, b *Agent) int {
	model := e.queueOf(w).routing.Model
	if model == route.ModelWeightedRandom {
		return cmp.Compare(a.ID, b.ID)
	}
	x, y := rankOf(model, w, a), rankOf(model, w, b)
	return cmp.Or(
		cmp.Compare(x.group, y.group), cmp.Compare(x.key, y.key), cmp.Compare(min(len(a.Held), 1), min(len(b.Held), 1)),
		cmp.Compare(a.SignedInAt, b.SignedInAt), cmp.Compare(a.AssignedAt, b.AssignedAt), cmp.Compare(a.ID, b.ID),
	)
}

// Model returns the model of the work's routing config.
func (e *Engine) Model(w *Work) route.Model {
	model := e.queueOf(w).routing.Model
	if model < route.ModelLeastActive || model > route.ModelWeightedRandom {
		return route.ModelLeastActive
	}
	return model
}

// Drawn reports whether the work's agent is drawn by weight, and no order says
// who is picked.
func (e *Engine) Drawn(w *Work) bool { return e.Model(w) == route.ModelWeightedRandom }

// rank is an agent's place by a model, lower first.
type rank struct{ group, key int64 }

func rankOf(model route.Model, w *Work, a *Agent) rank {
	switch model {
	case route.ModelMostAvailable:
		return rank{key: -int64(a.Presence.Capacity - a.Used)}
	case route.ModelLongestIdle:
		if a.IdleSince == 0 {
			return rank{group: 1, key: int64(a.AssignedAt)}
		}
		return rank{key: int64(a.IdleSince)}
	case route.ModelRoundRobin:
		return rank{key: int64(a.AssignedAt)}
	case route.ModelMostSkilled:
		return rank{key: -a.levels(w.Needs)}
	case route.ModelLeastSkilled:
		return rank{key: a.levels(nil)}
	default:
		return rank{key: int64(a.Used) + int64(a.InterruptibleUsed)}
	}
}

// levels sums up the levels at which the agent holds what is required now; all
// that it holds if nothing is.
func (a *Agent) levels(needs []Need) (sum int64) {
	if !needy(needs) {
		for i := range a.Skills {
			sum += int64(a.Skills[i].Level)
		}
		return sum
	}
	for i := range needs {
		if level, _ := a.level(needs[i].Skill); !needs[i].Dropped {
			sum += int64(level)
		}
	}
	return sum
}

// Figure is what the model of the work's routing config compares of an agent,
// in a word or two: "idle for 320 s".
func (e *Engine) Figure(w *Work, a *Agent, now Time) string {
	switch e.Model(w) {
	case route.ModelMostAvailable:
		return fmt.Sprintf("%v units free", a.Presence.Capacity-a.Used)
	case route.ModelLongestIdle:
		switch {
		case a.IdleSince > 0:
			return "idle for " + (now - a.IdleSince).Span()
		case len(a.Held) > 0:
			return "not idle"
		default:
			return "idle, but in no status that takes work"
		}
	case route.ModelRoundRobin:
		if a.AssignedAt == 0 {
			return "never assigned anything"
		}
		return "last assigned something " + (now - a.AssignedAt).Span() + " before"
	case route.ModelMostSkilled:
		return fmt.Sprintf("levels %v in all that is required", Milli(a.levels(w.Needs)))
	case route.ModelLeastSkilled:
		return fmt.Sprintf("levels %v in all skills", Milli(a.levels(nil)))
	case route.ModelWeightedRandom:
		weight := uint16(1)
		if m := a.membership(w.Queue); m != nil {
			weight = max(m.Weight, 1)
		}
		return fmt.Sprintf("weight %d", weight)
	default:
		return fmt.Sprintf("%v units used", a.Used+a.InterruptibleUsed)
	}
}

// Span writes a span of time as people say it: "0.4 s", "320 s", "12 min",
// "3 h 20 min" or "2 days".
func (t Time) Span() string {
	const second, minute, hour = 1000, 60_000, 3_600_000
	switch {
	case t < 0:
		return "-" + (-t).Span()
	case t < 10*second && t%second != 0:
		return fmt.Sprintf("%.3g s", float64(t)/second)
	case t < 10*minute:
		return fmt.Sprintf("%d s", t/second)
	case t < 2*hour:
		return fmt.Sprintf("%d min", t/minute)
	case t < 48*hour && t%hour >= minute:
		return fmt.Sprintf("%d h %d min", t/hour, t%hour/minute)
	case t < 48*hour:
		return fmt.Sprintf("%d h", t/hour)
	default:
		return fmt.Sprintf("%d days", t/(24*hour))
	}
}
