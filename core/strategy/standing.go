// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"fmt"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Standing is what an instance was started as: for which post of a desk, and
// under which epoch. Strategies of one name may have several posts at once: a
// shadow, what is to take over, what was taken over from. The zero Standing is
// nobody's.
type Standing struct {
	// Post is the number that Spec.Post gives it.
	Post uint32
	// Epoch is that of Runtime.Start.
	Epoch uint64
}

// Instructs refuses a verb unless who asks for it decides for the work now: a
// post that is in charge of its queue, or of what falls to a canary or to a
// class, by the instance that it has now. What is unknown of the work, or over,
// is left to the engine to refuse.
//
// # Errors
//
// An *engine.Refusal with engine.CodeNotYours.
func (d *Desk) Instructs(by Standing, id engine.WorkID) error {
	w, ok := d.engine.Work(id)
	if !ok || w.State.Ended() {
		return nil
	}
	p := d.decider(w)
	if p != nil && p.is(by) {
		return nil
	}
	who, instead := "who asks", "nobody does"
	for _, other := range d.posts {
		if other.number == by.Post {
			who = fmt.Sprintf("%s, epoch %d,", other.title(), by.Epoch)
		}
	}
	if p != nil {
		instead = fmt.Sprintf("%s does, epoch %d", p.title(), p.epoch)
	}
	return &engine.Refusal{Code: engine.CodeNotYours, Field: "work", Message: fmt.Sprintf(
		"%s does not decide for %v now, which is in queue %q: %s", who, id, w.Queue, instead)}
}

// is reports whether that is the post, with the instance that it has now.
func (p *post) is(by Standing) bool {
	return p.instance != nil && p.number == by.Post && p.epoch == by.Epoch
}
