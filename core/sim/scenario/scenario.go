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

// Scenario describes a contact centre and how long it is looked at.
type Scenario struct {
	// Name is for people.
	Name string `yaml:"name"`
	// About says what it is for; optional.
	About string `yaml:"about"`
	// Seed is where customers and the randomness of turns come from.
	Seed uint64 `yaml:"seed"`
	// Horizon is how long the run takes, warm-up included; WarmUp is the part
	// at its beginning that is played but not counted. Customers still there at
	// the end are counted as waiting or open.
	Horizon Extent `yaml:"horizon"`
	WarmUp  Extent `yaml:"warm_up"`
	// AcceptableWait is what service levels compare waits to.
	AcceptableWait Span `yaml:"acceptable_wait"`
	// Model is how an agent is picked among candidates: least_active (the
	// default), most_available or longest_idle.
	Model string `yaml:"model"`
	// Strategy decides for every queue.
	Strategy Strategy `yaml:"strategy"`
	// Classes are the kinds of customers by name, Groups the agents by name.
	Classes map[string]Class `yaml:"classes"`
	Groups  map[string]Group `yaml:"groups"`
}

// Extent is a length of a run: until so many customers have come, or for so
// long. One of the two is given.
type Extent struct {
	Customers int  `yaml:"customers"`
	Time      Span `yaml:"time"`
}

// Strategy says which strategy decides. The zero value is the built-in "queue".
type Strategy struct {
	// Runtime is how it runs: "builtin" (the default), "process" or "wasm".
	Runtime string `yaml:"runtime"`
	// Source is the built-in's name, or the path of a program or module, which
	// Load takes from the scenario's folder on.
	Source string `yaml:"source"`
	// SHA256 is the file's checksum, which a process needs.
	SHA256 string `yaml:"sha256"`
	// Settings are the strategy's own.
	Settings map[string]any `yaml:"settings"`
}

// Class is one kind of customers.
type Class struct {
	// Queue is where they wait; the class's own name if empty.
	Queue string `yaml:"queue"`
	// Arrivals says how often they come.
	Arrivals Arrivals `yaml:"arrivals"`
	// Service is how long an agent takes for one.
	Service Distribution `yaml:"service"`
	// Patience is how long they wait before they leave; without it, for ever.
	Patience *Distribution `yaml:"patience"`
	// Priority, 0 highest.
	Priority int32 `yaml:"priority"`
	// Size is how much of an agent's capacity one takes, 1 if left out.
	Size float64 `yaml:"size"`
}

// Arrivals is a Poisson process: at one rate, or at a rate for each period, in
// order. After the last period the first begins again.
type Arrivals struct {
	Rate    Rate     `yaml:"rate"`
	Periods []Period `yaml:"periods"`
}

// Period is a part of a day with a rate of its own, which may be 0.
type Period struct {
	Length Span `yaml:"length"`
	Rate   Rate `yaml:"rate"`
}

// The shapes of distributions.
const (
	Exponential   = "exponential"
	Deterministic = "deterministic"
	Lognormal     = "lognormal"
	Gamma         = "gamma"
)

// Distribution is a random length of time.
type Distribution struct {
	// Shape is one of the shapes above, Exponential if empty.
	Shape string `yaml:"distribution"`
	Mean  Span   `yaml:"mean"`
	// CV is the standard deviation over the mean; lognormal and gamma need it,
	// the others have their own.
	CV float64 `yaml:"cv"`
}

// Group is agents who are alike.
type Group struct {
	// Agents is how many there are; all work from the start to the end.
	Agents int `yaml:"agents"`
	// Capacity is how much one can hold at once, 1 if left out.
	Capacity float64 `yaml:"capacity"`
	// Queues lists the queues they are members of.
	Queues []string `yaml:"queues"`
	// Speed divides the time they take, 1 if left out: at 2 they take half.
	Speed float64 `yaml:"speed"`
	// Service replaces the service of some classes, before Speed.
	Service map[string]Distribution `yaml:"service"`
}

// queue returns where customers of the class with that name wait.
func (c *Class) queue(name string) string { return or(c.Queue, name) }

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}
