// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"fmt"
	"math/bits"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Split divides the work of a strategy into classes. Each is decided on by
// routers of its own, with a lease, standbys and turns of its own. What is of no
// class, or of one for which no router decides, is the strategy's own: for its
// routers without a class, or else for its fallback.
type Split struct {
	// By says what the class of work is: SplitByChannel, or SplitByAttribute,
	// and then Name is the attribute's.
	By, Name string
	// Classes are the values of which each is a class: MaxClasses at most,
	// none twice.
	Classes []string
}

// What a strategy's work is split by.
const (
	SplitByChannel   = "channel"
	SplitByAttribute = "attribute"
)

// MaxClasses is how many classes a strategy may have.
const MaxClasses = 32

// others stands for work of no class, in a set of classes.
const others classes = 1 << MaxClasses

// classes is a set of a split's classes: bit n stands for class n.
type classes uint64

// of returns the class of the work as a set of one.
func (s *Split) of(spec *engine.WorkSpec) classes {
	value := spec.Channel
	if s.By == SplitByAttribute {
		value = spec.Attributes[s.Name]
	}
	if at := slices.Index(s.Classes, value); at >= 0 {
		return 1 << at
	}
	return others
}

// ClassName is what a strategy's class is called: by whoever decides for it.
func ClassName(strategy, class string) string { return strategy + "/" + class }

// expanded returns the specs, and after each that is split those of its classes.
func expanded(specs []Spec) []Spec {
	out := make([]Spec, 0, len(specs))
	for _, spec := range specs {
		out = append(out, spec)
		if spec.Split == nil {
			continue
		}
		for _, class := range spec.Split.Classes {
			part := spec
			part.Name, part.Of, part.Class, part.Split = ClassName(spec.Name, class), spec.Name, class, nil
			out = append(out, part)
		}
	}
	return out
}

// whole returns the strategy of that name; nil if there is none. A class is no
// strategy that could be named.
func (d *Desk) whole(name string) *post {
	p := d.named[name]
	if p == nil || p.spec.Of != "" {
		return nil
	}
	return p
}

// undivided refuses a strategy that is split where only its routers without a
// class would be asked. What is in force since before is not refused.
func (d *Desk) undivided(role, name string) error {
	p := d.named[name]
	if p == nil || p.spec.Split == nil {
		return nil
	}
	return &engine.Refusal{Code: engine.CodeInvalid, Field: "strategy", Message: fmt.Sprintf(
		"strategy %q is split into classes, and as a %s only its routers without a class would be asked; name a strategy that is not split",
		name, role)}
}

// parts returns who decides for the classes of a strategy, in their order; nil
// if it is not split.
func (d *Desk) parts(p *post) []*post {
	if p == nil || p.spec.Split == nil {
		return nil
	}
	out := make([]*post, len(p.spec.Split.Classes))
	for i, class := range p.spec.Split.Classes {
		out[i] = d.named[ClassName(p.spec.Name, class)]
	}
	return out
}

// divide has those who decide for the classes of the queue's strategy do so, or
// prepare to, and returns what they leave of its work.
func (a *assignment) divide(queue string, main *post, part share) share {
	parts := a.parts(main)
	if parts == nil {
		return part
	}
	part.split, part.only = main.spec.Split, others
	by := make([]*post, len(parts))
	for i, p := range parts {
		class := part
		class.only = 1 << i
		if p != nil {
			a.show(p, queue, class)
		}
		if p != nil && p.ready(queue) {
			by[i] = p
		} else {
			part.only |= class.only
		}
	}
	a.splits[queue] = division{main.spec.Split, by}
	return part
}

// division is who decides for the classes of a queue's work, in their order; nil
// for a class for which nobody does.
type division struct {
	split *Split
	by    []*post
}

// classed returns who decides for the class of the work; nil if nobody does, or
// its queue's strategy is not split.
func (d *Desk) classed(w *engine.Work) *post {
	division := d.splits[w.Queue]
	if division.split == nil {
		return nil
	}
	class := division.split.of(&w.Spec)
	if class == others {
		return nil
	}
	return division.by[bits.TrailingZeros64(uint64(class))]
}

// divided returns one of those who decide for a class of the queue's work; nil
// if there is nobody.
func (d *Desk) divided(queue string) *post {
	for _, p := range d.splits[queue].by {
		if p != nil {
			return p
		}
	}
	return nil
}

// Classed returns the names of those who decide for a class of the queue's work
// now, in the order of classes.
func (d *Desk) Classed(queue string) (names []string) {
	for _, p := range d.splits[queue].by {
		if p != nil {
			names = append(names, p.spec.Name)
		}
	}
	return names
}

// DecidedBy returns the strategy, or its class, that decides for the work now;
// false if none does.
func (d *Desk) DecidedBy(w *engine.Work) (name string, ok bool) {
	p := d.decider(w)
	if p == nil {
		return "", false
	}
	return p.spec.Name, true
}
