// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package scenario runs described contact centres in virtual time, on the real
// engine, desk and strategies of package sim: who calls and how often, who
// answers, and which strategy decides. It measures what became of everybody,
// and checks on each run what must hold without tolerance.
//
// Customers are drawn item by item from the seed, the class's name and the
// item's number alone, so that two strategies, or two staffings, meet the same
// customers.
//
// The package must not know of real time, nor of any strategy in particular.
package scenario

// Scenario describes a contact centre and how long it is looked at. Its comments
// are what an editor shows: the JSON Schema is made of them.
type Scenario struct {
	// Name is for people.
	Name string `yaml:"name"`
	// About says what it is for; optional.
	About string `yaml:"about"`
	// Seed is where customers and the randomness of turns come from.
	Seed uint64 `yaml:"seed"`
	// Horizon is how long a run takes, warm-up included. Customers still there
	// at the end are counted as waiting or open.
	Horizon Extent `schema:"required" yaml:"horizon"`
	// WarmUp is the part at the beginning that is played but not counted.
	WarmUp Extent `yaml:"warm_up"`
	// Replications is how often it is played, each time with other customers; 1
	// if left out. Confidence intervals come from how the runs differ.
	Replications int `yaml:"replications"`
	// DayFactor makes some replications busier than others as a whole.
	DayFactor *DayFactor `yaml:"day_factor"`
	// AcceptableWait is what service levels compare waits to.
	AcceptableWait Span `yaml:"acceptable_wait"`
	// Period is the length of the periods that results are given for. Left out,
	// it fits the horizon. The finer series has six points to a period.
	Period Span `yaml:"period"`
	// Model is how an agent is picked among candidates; least_active if left
	// out.
	Model string `schema:"enum=least_active|most_available|longest_idle|round_robin|most_skilled|least_skilled|weighted_random" yaml:"model"`
	// RouteBy says whom work that requires skills is asked of: members of its
	// queue who hold them (queue, the default), or all who do (skills).
	RouteBy string `schema:"enum=queue|skills" yaml:"route_by"`
	// DropAdditionalSkillsAfter is after how long one group of additional skills
	// after the other is dropped; without it they never are.
	DropAdditionalSkillsAfter Span `yaml:"drop_additional_skills_after"`
	// Strategy decides for every queue.
	Strategy Strategy `yaml:"strategy"`
	// AnswerTime is how much virtual time passes until the strategy has answered
	// a turn: zero (the default), measured, or a distribution. With measured, no
	// two runs are the same.
	AnswerTime AnswerTime `yaml:"answer_time"`
	// MaxWaiting is how many customers may wait altogether; who comes beyond is
	// blocked. 0 means any number.
	MaxWaiting int `yaml:"max_waiting"`
	// Queues has what is to be said of queues; the others are there because
	// classes name them.
	Queues map[string]Queue `yaml:"queues"`
	// Classes are the kinds of customers by name.
	Classes map[string]Class `schema:"required" yaml:"classes"`
	// Groups are the agents, by the name of the group of those who are alike.
	Groups map[string]Group `schema:"required" yaml:"groups"`
}

// Extent is a length of a run: until so many customers have come, or for so
// long. One of the two is given.
type Extent struct {
	// Customers counts those who come, but not their retrials.
	Customers int `yaml:"customers"`
	// Time is in virtual time.
	Time Span `yaml:"time"`
}

// DayFactor multiplies every rate of arrivals by a number drawn anew for each
// replication, from a gamma distribution with mean 1. Recorded arrivals come as
// they did.
type DayFactor struct {
	// CV is the standard deviation of the factor; 0 for no factor.
	CV float64 `schema:"required" yaml:"cv"`
}

// Strategy says which strategy decides. The zero value is the built-in "queue".
type Strategy struct {
	// Runtime is how it runs; builtin if left out.
	Runtime string `schema:"enum=builtin|process|wasm" yaml:"runtime"`
	// Source is the built-in's name, or the path of a program or module, from
	// the scenario's folder on.
	Source string `yaml:"source"`
	// SHA256 is the file's checksum, which a process needs.
	SHA256 string `yaml:"sha256"`
	// Settings are the strategy's own.
	Settings map[string]any `yaml:"settings"`
	// Holds says that it may let work wait beside an agent who could take it, as
	// one does that gathers work for a while. Otherwise that is a breach.
	Holds bool `yaml:"holds"`
}

// AnswerTime is how much virtual time passes between a turn and its answer. The
// zero value is none. Fractions of a millisecond are carried over to later
// turns.
type AnswerTime struct {
	// Measured takes the time that each answer really took.
	Measured bool
	// Distribution draws it; nil for none.
	Distribution *Distribution
}

// Queue is where customers wait.
type Queue struct {
	// MaxWaiting is how many may wait in it; who comes beyond is blocked. 0
	// means any number.
	MaxWaiting int `yaml:"max_waiting"`
}

// zero reports whether answers take no time.
func (a *AnswerTime) zero() bool { return !a.Measured && a.Distribution == nil }

// replications returns how often the scenario is played.
func (s *Scenario) replications() int { return max(s.Replications, 1) }

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
