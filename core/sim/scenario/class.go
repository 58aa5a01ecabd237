// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

// Class is one kind of customers.
type Class struct {
	// Queue is where they wait; the class's own name if left out.
	Queue string `yaml:"queue"`
	// Channel is the kind of work they are, by which groups may differ; work if
	// left out.
	Channel string `yaml:"channel"`
	// Arrivals says how often they come.
	Arrivals Arrivals `schema:"required" yaml:"arrivals"`
	// Service is how long an agent takes for one.
	Service Distribution `schema:"required" yaml:"service"`
	// Patience is how long they wait before they leave; without it, for ever.
	Patience *Distribution `yaml:"patience"`
	// Retrials says who comes back after leaving or being blocked; without it,
	// nobody.
	Retrials *Retrials `yaml:"retrials"`
	// Priority, 0 highest.
	Priority int32 `yaml:"priority"`
	// Size is how much of an agent's capacity one takes, in units or as a share
	// such as 50%; 1 if left out.
	Size Size `yaml:"size"`
	// Skills are what an agent must hold to take one.
	Skills Needs `yaml:"skills"`
	// Customers are recorded one by one, in order of arrival. They are for
	// scenarios made in Go, and come instead of Arrivals.
	Customers []Customer
}

// Customer is one who came once. What is zero is drawn as for any other of the
// class.
type Customer struct {
	// Arrived is since the beginning.
	Arrived Span
	// Service is how long an agent takes, before the agent's speed, whatever the
	// group.
	Service Span
	// Patience is after how long the customer leaves. Forever says that this one
	// does not.
	Patience Span
	Forever  bool
	// Priority replaces the class's, if not nil, and so do Skills.
	Priority *int32
	Skills   Needs
}

// Arrivals says when customers come: by a Poisson process at one rate, or at a
// rate for each period, in order, the first after the last; or at recorded
// times, in a list or a file. One of the four is given.
type Arrivals struct {
	// Rate is how often they come.
	Rate Rate `yaml:"rate"`
	// Periods are parts of a day with rates of their own.
	Periods []Period `yaml:"periods"`
	// Times are when they came, since the beginning and in order.
	Times []Span `yaml:"times"`
	// File is a CSV file of such times, one to a line: spans such as 1h30m, times
	// of day such as 09:30:00, or seconds. A heading and further columns are
	// passed over.
	File string `yaml:"file"`
}

// Period is a part of a day with a rate of its own, which may be 0.
type Period struct {
	// Length is how long it takes.
	Length Span `schema:"required" yaml:"length"`
	// Rate is how often customers come in it; never if left out.
	Rate Rate `yaml:"rate"`
}

// Retrials says who comes back. One who does is a customer anew, with the same
// service and a patience drawn anew.
type Retrials struct {
	// AfterAbandonment is the probability that one who left comes back.
	AfterAbandonment float64 `yaml:"after_abandonment"`
	// AfterBlock is the probability that one who was blocked comes back.
	AfterBlock float64 `yaml:"after_block"`
	// Delay is after how long.
	Delay Distribution `schema:"required" yaml:"delay"`
	// Max is how often one comes back at most; 1 if left out.
	Max int `yaml:"max"`
}

// The shapes of distributions.
const (
	Exponential   = "exponential"
	Deterministic = "deterministic"
	Lognormal     = "lognormal"
	Gamma         = "gamma"
	Empirical     = "empirical"
)

// Distribution is a random length of time.
type Distribution struct {
	// Shape is exponential if left out, or empirical if values are given.
	Shape string `schema:"enum=exponential|deterministic|lognormal|gamma|empirical" yaml:"distribution"`
	// Mean is what all but an empirical distribution need.
	Mean Span `yaml:"mean"`
	// CV is the standard deviation over the mean; lognormal and gamma need it,
	// the others have their own.
	CV float64 `yaml:"cv"`
	// Values are what an empirical distribution draws from.
	Values []Span `yaml:"values"`
	// Weights say how often each value is drawn; all alike if left out.
	Weights []float64 `yaml:"weights"`
	// File is a CSV file of values and, in a second column, weights. Values are
	// written as in the file of arrivals.
	File string `yaml:"file"`
}

// shape returns the distribution's shape.
func (d *Distribution) shape() string {
	if d.Shape == "" && (len(d.Values) > 0 || d.File != "") {
		return Empirical
	}
	return or(d.Shape, Exponential)
}

// queue returns where customers of the class with that name wait.
func (c *Class) queue(name string) string { return or(c.Queue, name) }

// channel returns what kind of work they are.
func (c *Class) channel() string { return or(c.Channel, channelName) }
