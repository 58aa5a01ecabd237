// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Engage takes over what configuration now says of strategies, while they are
// at work. A new one is there to be named. One that is not listed any more ends.
// One that has changed is started beside the former, is given the board, and
// takes over between two turns once it has proven itself; if it fails before
// that, the former goes on, and the record says why.
//
// Reconfigure follows, with a definition that names what there is now.
func (d *Desk) Engage(specs []Spec) error {
	parts := expanded(specs)
	listed := make(map[string]bool, len(parts))
	for _, spec := range parts {
		if d.runtimes[spec.Runtime] == nil {
			return fmt.Errorf("strategy: %s: there is no runtime %q", spec.Name, spec.Runtime)
		}
		listed[spec.Name] = true
	}
	for name := range d.named {
		if !listed[name] {
			d.dropSuccessor(d.named[name])
			delete(d.named, name)
		}
	}
	d.specs = slices.Clone(specs)
	for _, spec := range parts {
		spec.Limits = spec.Limits.WithDefaults()
		d.engage(spec)
	}
	return nil
}

func (d *Desk) engage(spec Spec) {
	p := d.named[spec.Name]
	if p == nil {
		if p = d.leaving(spec.Name); p != nil {
			d.named[spec.Name] = p
		}
	}
	if p == nil {
		p = newPost(d.engine, spec, d.runtimes[spec.Runtime])
		d.named[spec.Name] = p
		d.adopt(p)
		return
	}
	if next := p.successor; next != nil && reflect.DeepEqual(next.spec, spec) {
		return
	}
	d.dropSuccessor(p)
	switch {
	case reflect.DeepEqual(p.spec, spec):
	case p.instance == nil && !p.busy: // there is nobody to take over from
		p.spec, p.runtime, p.failures, p.falls, p.retryAt = spec, d.runtimes[spec.Runtime], 0, 0, 0
		if p.state == Quarantined { // that was another one
			p.state = Down
		}
		p.dismiss()
		queues := p.feed.scope
		p.feed = newFeed(d.engine, spec.Attributes)
		p.feed.setScope(queues, true)
	default:
		next := newPost(d.engine, spec, d.runtimes[spec.Runtime])
		next.predecessor, next.epoch = p, p.epoch
		p.successor = next
		d.adopt(next)
	}
}

// leaving returns the post with that name that is not listed any more and still
// at work, so that it goes on if it is listed again; nil if there is none.
func (d *Desk) leaving(name string) *post {
	for _, p := range d.posts {
		if p.spec.Name == name && p.shadows == "" && p.predecessor == nil && !p.former && p.state != Idle {
			return p
		}
	}
	return nil
}

func (d *Desk) dropSuccessor(p *post) {
	if p.successor != nil {
		p.successor.wanted = false
		p.successor = nil
	}
}

// succeed has a successor take over once it is active, and goes on with its
// predecessor if it has failed.
func (d *Desk) succeed(p *post, why string, step Step) {
	former := p.predecessor
	switch {
	case former.successor != p: // nobody waits for it any more
	case p.state == Active:
		former.successor, former.former, p.predecessor = nil, true, nil
		d.named[p.spec.Name] = p
		d.assign(false)
		step(engine.RecordStrategy{
			By: p.decision(), State: p.state.String(),
			Detail: fmt.Sprintf("took over from version %s, epoch %d", former.manifest.Version, former.epoch),
		})
	case p.state == Down || p.state == Quarantined:
		former.successor = nil
		d.assign(false)
		step(engine.RecordStrategy{
			By: former.decision(), State: former.state.String(), Detail: "goes on, as its successor failed: " + why,
		})
	}
}

// needed reports whether the post has a place in what configuration says.
func (d *Desk) needed(p *post) bool {
	switch {
	case p.shadows != "":
		s := d.shadows[p.shadows]
		return s != nil && s.post == p
	case p.predecessor != nil:
		return p.predecessor.successor == p
	default:
		return d.named[p.spec.Name] == p
	}
}

// leave forgets posts that have no place any more and hold nothing.
func (d *Desk) leave() {
	d.posts = slices.DeleteFunc(d.posts, func(p *post) bool {
		return !d.needed(p) && !p.busy && !p.warming && p.state == Idle && p.instance == nil && p.standby == nil && len(p.retired)+len(p.keeps) == 0
	})
}

// stops reports whether the post is to be stopped: nobody needs what it does.
// One in quarantine stays there as long as configuration lists it.
func (d *Desk) stops(p *post) bool {
	return !p.wanted && (p.instance != nil || p.state == Down || p.state == Quarantined && !d.needed(p))
}

// stopped deals with a post that has been: what was to take over from it does so
// when it is needed again.
func (d *Desk) stopped(now engine.Time, p *post, step Step) {
	d.change(now, p, Idle, "no queue needs it", step)
	if next := p.successor; next != nil {
		d.dropSuccessor(p)
		d.engage(next.spec)
	}
}
