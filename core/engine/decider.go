// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"slices"
)

// Deciders says who decides for a queue, beside what its routing config says.
// The zero Deciders leave it at that.
type Deciders struct {
	// Strategy decides in place of the routing config's; empty leaves it to
	// that one.
	Strategy string `cbor:"1,keyasint,omitempty"`
	// Shadow names a strategy that is given the same turns and whose proposals
	// are compared, and never used; empty for none.
	Shadow string `cbor:"2,keyasint,omitempty"`
	// Canary gives a share of the work to another strategy; nil for none.
	Canary *Canary `cbor:"3,keyasint,omitempty"`
	// Before is the strategy that decided before this one, to go back to. The
	// engine sets it, whatever a command says.
	Before string `cbor:"4,keyasint,omitempty"`
}

// Canary is a strategy on trial with a share of a queue's work.
type Canary struct {
	// Strategy is on trial.
	Strategy string `cbor:"1,keyasint"`
	// Share is how much of the work it decides for, in ten-thousandths, from 1
	// to WholeShare. Which work that is, depends on the work's id alone.
	Share uint16 `cbor:"2,keyasint"`
	// Guards are conditions that must hold, such as "error_rate < 1%"; the host
	// ends the trial when one does not. The engine does not read them.
	Guards []string `cbor:"3,keyasint,omitempty"`
}

// WholeShare is all of a queue's work, in ten-thousandths.
const WholeShare = 10_000

// Takes reports whether the canary decides for the work. About Share of any
// work is, whatever way the ids were given out.
func (c *Canary) Takes(id WorkID) bool {
	z := uint64(id) * 0x9e3779b97f4a7c15 // splitmix64's finalizer
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return (z^z>>31)%WholeShare < uint64(c.Share)
}

// Decide says who decides for a queue from now on. It raises the version of the
// definition, of which it becomes a part.
type Decide struct {
	Queue string
	To    Deciders
	// Reason and By, who wants that, are put on record; By is empty for the host
	// itself.
	Reason, By string
}

func (c Decide) decide(s *step) error {
	q := s.queues[c.Queue]
	if q == nil {
		return refuse(CodeUnknownQueue, "queue", "there is no queue %q", c.Queue)
	}
	if err := c.To.validate(CodeInvalid, "to"); err != nil {
		return err
	}
	if q.definition.Deciders.equal(&c.To) {
		return nil
	}
	to := c.To.clone()
	if to.Before = q.definition.Deciders.Before; q.strategy() != cmp.Or(to.Strategy, q.routing.Strategy) {
		to.Before = q.strategy()
	}
	var by *Change
	if c.By != "" {
		by = &Change{By: c.By}
	}
	s.emit(Event{Kind: KindDecidersChanged, Change: by, Queue: c.Queue, Config: s.config + 1, Decided: &to, Reason: c.Reason})
	return nil
}

// strategy returns the name of the strategy that is to decide.
func (q *queue) strategy() string {
	return cmp.Or(q.definition.Deciders.Strategy, q.routing.Strategy)
}

func (d *Deciders) validate(code Code, field string) error {
	c := d.Canary
	switch {
	case c == nil:
		return nil
	case c.Strategy == "":
		return refuse(code, field+".canary.strategy", "a canary needs a strategy")
	case c.Share == 0 || c.Share > WholeShare:
		return refuse(code, field+".canary.percent", "a canary decides for more than 0 %% and at most 100 %% of the work")
	}
	return nil
}

// equal compares all but Before, which is not for a command to say.
func (d *Deciders) equal(other *Deciders) bool {
	if d.Strategy != other.Strategy || d.Shadow != other.Shadow || (d.Canary == nil) != (other.Canary == nil) {
		return false
	}
	a, b := d.Canary, other.Canary
	return a == nil || a.Strategy == b.Strategy && a.Share == b.Share && slices.Equal(a.Guards, b.Guards)
}

func (d Deciders) clone() Deciders {
	if d.Canary = pointed(d.Canary); d.Canary != nil {
		d.Canary.Guards = copied(d.Canary.Guards)
	}
	return d
}

// decided puts other deciders in force. The definition may be read elsewhere,
// so it is not changed but replaced.
func (e *Engine) decided(ev *Event) {
	d := *e.definition
	d.Queues = slices.Clone(d.Queues)
	for i := range d.Queues {
		definition := &d.Queues[i]
		if definition.Name == ev.Queue {
			definition.Deciders = ev.Decided.clone()
		}
		e.names.queues[definition.Name] = definition
		e.queues[definition.Name].definition = definition
	}
	former := e.definition
	e.config, e.definition = ev.Config, &d
	version := Version{Config: ev.Config, At: ev.At, Note: ev.Reason}
	if ev.Change != nil {
		version.By = ev.Change.By
	}
	e.keepVersion(version, former)
}
