// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// share is which of a queue's work is on a board: all of it, what a canary
// takes, or the rest, and of that all, or what is of some classes.
type share struct {
	of    uint16 // the canary's share in ten-thousandths; 0 for all work
	rest  bool
	split *Split // nil for all classes
	only  classes
	// besides says that it is what the canary takes, and of the rest those
	// classes.
	besides bool
}

func (s share) has(w *engine.Work) bool {
	taken := s.of == 0 || (&engine.Canary{Share: s.of}).Takes(w.ID) != s.rest
	classed := s.split == nil || s.split.of(&w.Spec)&s.only != 0
	if s.besides {
		return taken || classed
	}
	return taken && classed
}

// scope says which queues are on a board, and which of their work.
type scope map[string]share

// has reports whether the work is in scope.
func (s scope) has(w *engine.Work) bool {
	part, ok := s[w.Queue]
	return ok && part.has(w)
}

// assignment is being made: who decides for which queue, and who sees what.
type assignment struct {
	*Desk
	scopes map[*post]scope
	// pressed are those who are put in charge of a queue that is not yet on their
	// board as a whole, for want of others: they get a snapshot.
	pressed map[*post]bool
}

func (a *assignment) show(p *post, queue string, part share) {
	p.wanted = true
	a.scopes[p][queue] = part
}

// assign decides who decides for which queue, and gives everybody the queues
// that they decide for or prepare to. Who gets another queue goes on deciding for
// those it has, and decides for that one once it has answered for all of it;
// until then whoever did before goes on. Who gets other work of a queue that is
// its own decides for that at once, and the queue is held until it has all. Fresh
// begins everybody's board anew.
func (d *Desk) assign(fresh bool) {
	definition := d.engine.Definition()
	d.defined = definition
	d.follow(definition)
	a := assignment{Desk: d, scopes: make(map[*post]scope, len(d.posts)), pressed: make(map[*post]bool)}
	for _, p := range d.posts {
		a.scopes[p] = make(scope)
		p.wanted = false
	}
	d.owner, d.splits = make(map[string]*post), make(map[string]division)
	for i := range definition.Queues {
		a.charge(routed(definition, definition.Queues[i].Name))
	}
	for _, p := range d.posts {
		if next := p.successor; next != nil && p.wanted { // it prepares for what its predecessor does
			next.wanted, a.scopes[next] = true, a.scopes[p]
		}
	}
	d.sights = make(map[string][]*post)
	for _, p := range d.posts {
		if p.state == Idle && p.wanted {
			p.state, p.retryAt = Down, 0 // to be started at once
		}
		p.feed.setScope(a.scopes[p], fresh || a.pressed[p])
		for queue := range a.scopes[p] {
			d.sights[queue] = append(d.sights[queue], p)
		}
	}
}

// charge puts the first strategy that can in charge of a queue, and has those
// before it prepare.
func (a *assignment) charge(queue *engine.QueueDefinition, routing *engine.RoutingConfig) {
	name := queue.Name
	rest := share{}
	t := a.trials[name]
	if t != nil {
		a.show(t.post, name, share{of: t.canary.Share})
		if t.decides = t.post.ready(name); t.decides {
			rest = share{of: t.canary.Share, rest: true}
		}
	}
	main, fallback := a.named[cmp.Or(queue.Deciders.Strategy, routing.Strategy)], a.named[routing.Fallback]
	if fallback == main { // the fallback was put in charge: who was before it stands in for it
		fallback = a.named[routing.Strategy]
	}
	rest = a.divide(name, main, rest)
	if s := a.shadows[name]; s != nil { // classes are decided for in turns that it does not get
		a.show(s.post, name, share{split: rest.split, only: rest.only})
	}
	candidates := slices.DeleteFunc([]*post{main, a.before(name, main), fallback}, func(p *post) bool { return p == nil })
	at := a.elect(name, candidates)
	for i, p := range candidates {
		p.wanted = true
		if i > at {
			continue // a fallback that is not needed
		}
		part := rest
		if t != nil && t.post == p { // it has to stand in for the rest, too
			part = share{of: t.canary.Share, split: rest.split, only: rest.only, besides: true}
		}
		a.show(p, name, part)
	}
	if main != nil && a.owner[name] == main && main.ready(name) {
		a.proven[name] = main
	}
}

// elect puts the first of the candidates in charge of the queue who is ready for
// it, or else the first who is active, and returns which one that is: past the
// last if there is nobody.
func (a *assignment) elect(queue string, candidates []*post) int {
	at := slices.IndexFunc(candidates, func(p *post) bool { return p.ready(queue) })
	if at < 0 {
		at = slices.IndexFunc(candidates, func(p *post) bool { return p.state == Active })
		if at < 0 {
			return len(candidates)
		}
		if !candidates[at].feed.brings(queue) {
			a.pressed[candidates[at]] = true
		}
	}
	a.owner[queue] = candidates[at]
	return at
}

// ready reports whether the post can decide for the queue: it is active, and has
// answered a turn with all of it.
func (p *post) ready(queue string) bool { return p.state == Active && p.feed.holds(queue) }

// before returns who goes on deciding for the queue until its strategy, which
// has not decided for it yet, has proven itself and the queue on its board; nil
// for nobody.
func (d *Desk) before(queue string, main *post) *post {
	former := d.proven[queue]
	switch {
	case main == nil, main.ready(queue), former == nil, former == main, former != d.named[former.spec.Name]:
		return nil
	case main.state == Active && !former.ready(queue):
		return nil
	default:
		return former
	}
}

// follow has a trial for each canary of the definition and a post for each
// shadow, and none else.
func (d *Desk) follow(definition *engine.Definition) {
	for i := range definition.Queues {
		queue := &definition.Queues[i]
		d.try(queue)
		d.watchOver(queue)
	}
	gone := func(name string) bool { return !has(definition, name) }
	maps.DeleteFunc(d.trials, func(name string, _ *trial) bool { return gone(name) })
	maps.DeleteFunc(d.shadows, func(name string, _ *shadow) bool { return gone(name) })
	maps.DeleteFunc(d.proven, func(name string, _ *post) bool { return gone(name) })
	d.leave()
}

func has(d *engine.Definition, queue string) bool {
	_, ok := slices.BinarySearchFunc(d.Queues, queue, func(q engine.QueueDefinition, name string) int {
		return cmp.Compare(q.Name, name)
	})
	return ok
}

// decider returns who decides for the work now; nil if nobody does.
func (d *Desk) decider(w *engine.Work) *post {
	if t := d.trials[w.Queue]; t != nil && t.decides && t.canary.Takes(w.ID) {
		return t.post
	}
	if p := d.classed(w); p != nil {
		return p
	}
	return d.owner[w.Queue]
}

// revert goes back to who decided before, for the queues for which a strategy
// was to decide and could not be started.
func (d *Desk) revert(p *post, why string, step Step) {
	definition := d.engine.Definition()
	for i := range definition.Queues {
		queue, routing := routed(definition, definition.Queues[i].Name)
		former := d.proven[queue.Name]
		named := cmp.Or(queue.Deciders.Strategy, routing.Strategy)
		if d.divided(queue.Name) != nil {
			continue // its classes are decided for
		}
		if former == nil || former == p || d.named[named] != p || d.named[former.spec.Name] != former {
			continue
		}
		to := queue.Deciders
		if to.Strategy = former.spec.Name; to.Strategy == routing.Strategy {
			to.Strategy = ""
		}
		step(engine.Decide{Queue: queue.Name, To: to, Reason: fmt.Sprintf("%s did not take over from %s: %s", p.title(), former.spec.Name, why)})
	}
}

// follows tells trials and shadows what became of work.
func (d *Desk) follows(ev *engine.Event, w *engine.Work) {
	if t := d.trials[ev.Queue]; t != nil {
		t.observe(ev, w)
	}
	if s := d.shadows[ev.Queue]; s != nil {
		s.observe(ev, w)
	}
}

// adopt takes a post in, in the order of titles.
func (d *Desk) adopt(p *post) {
	d.hired++
	p.number = d.hired
	at, _ := slices.BinarySearchFunc(d.posts, p, byTitle)
	d.posts = slices.Insert(d.posts, at, p)
}

func byTitle(a, b *post) int {
	return cmp.Or(cmp.Compare(a.spec.Name, b.spec.Name), cmp.Compare(a.shadows, b.shadows), cmp.Compare(a.epoch, b.epoch))
}
