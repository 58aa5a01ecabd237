// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

const (
	// maxExamples is how many of the latest differences a shadow's report keeps.
	maxExamples = 20
	// maxAhead bounds of how much waiting work is remembered since when the
	// shadow would have offered it.
	maxAhead = 10_000
	// maxPairs bounds how many pairs of reasons are counted apart.
	maxPairs = 100
)

// Choice is whom a strategy proposed for work, and why; the zero Choice says
// that it proposed nobody.
type Choice struct {
	Agent  string
	Score  int32
	Reason string
}

// Difference is work for which a shadow chose otherwise.
type Difference struct {
	At   engine.Time
	Work engine.WorkID
	// Turn is that of the strategy that decides.
	Turn            uint64
	Decided, Shadow Choice
}

// Reasons is a pair of reasons for which the two chose differently; empty for
// no proposal.
type Reasons struct{ Decided, Shadow string }

// ShadowReport compares a shadow with who decides for its queue. Both are given
// turns at the same moments, with the same things on their boards.
type ShadowReport struct {
	Queue, Strategy string
	// Beside is who decides now; empty for nobody.
	Beside string
	Since  engine.Time
	// Turns were compared; Missed were not, as the shadow was still at an
	// earlier one or down, and Failed came to nothing at one of the two.
	Turns, Missed, Failed uint64
	// Agreed counts work for which both proposed the same agent, Differed
	// another agent; Held is what the shadow left waiting in a turn in which it
	// was decided, Extra what it would have offered in a turn in which it was
	// left waiting.
	Agreed, Differed, Held, Extra uint64
	// Sooner counts what the shadow would have offered in an earlier turn, and
	// SoonerBy says by how much altogether.
	Sooner   uint64
	SoonerBy time.Duration
	// Why counts differences by reasons.
	Why map[Reasons]uint64
	// Examples are the latest differences, oldest first.
	Examples []Difference
	// Decided and Shadow say what the decisions cost.
	Decided, Shadow Cost
}

// Cost is what a strategy's decisions took lately.
type Cost struct {
	P50, P99 time.Duration
	// Memory is what the instance holds, in bytes; 0 if that is not known.
	Memory uint64
}

// Footprint is what an instance implements that knows how much memory it holds.
type Footprint interface {
	// Memory returns how many bytes the instance holds now; 0 if unknown. It
	// may be called at any time, from any goroutine.
	Memory() uint64
}

// shadow is a strategy that looks over the shoulder of who decides for a queue.
type shadow struct {
	post   *post
	spec   Spec // of whom it is a copy, as it was then
	report ShadowReport
	ahead  map[engine.WorkID]engine.Time // since when it would have offered what waits
}

// comparison is one turn of both sides.
type comparison struct {
	of              *shadow
	turn            uint64
	at              engine.Time
	decided, shadow map[engine.WorkID]Choice // nil before the answer
	failed          bool
}

// watchOver sees to it that the queue's shadow, if it has one, has a post.
func (d *Desk) watchOver(queue *engine.QueueDefinition) {
	named, s := d.named[queue.Deciders.Shadow], d.shadows[queue.Name]
	switch {
	case named == nil:
		delete(d.shadows, queue.Name)
	case s == nil || s.post.predecessor != named || !reflect.DeepEqual(s.spec, named.spec):
		p := newPost(d.engine, named.spec, named.runtime)
		p.spec.Standby = false // nobody waits for it
		p.shadows, p.predecessor = queue.Name, named
		d.adopt(p)
		d.shadows[queue.Name] = &shadow{
			post: p, spec: named.spec, ahead: make(map[engine.WorkID]engine.Time),
			report: ShadowReport{Queue: queue.Name, Strategy: named.spec.Name, Since: d.engine.Now(), Why: make(map[Reasons]uint64)},
		}
	}
}

// accompany gives the shadows of who has just been given a turn a turn of the
// same moment.
func (d *Desk) accompany(p *post, now engine.Time) {
	p.comparisons = nil
	for _, name := range slices.Sorted(maps.Keys(d.shadows)) {
		s := d.shadows[name]
		if d.owner[name] != p || !p.turn.Kind.Asks() {
			continue
		}
		if s.post.instance == nil || s.post.busy || s.post.state != Active {
			s.report.Missed++
			continue
		}
		s.post.nextTurn(now, d.seed)
		s.post.busy = true
		d.ready = append(d.ready, &Job{post: s.post, turn: true, instance: s.post.instance})
		if s.post.turn.Kind.Asks() {
			c := &comparison{of: s, turn: p.seq, at: now}
			p.comparisons, s.post.comparisons = append(p.comparisons, c), []*comparison{c}
		}
	}
}

// compare takes what the post answered into its comparisons; ok is false if its
// turn came to nothing.
func (d *Desk) compare(p *post, ok bool) {
	for _, c := range p.comparisons {
		choices := make(map[engine.WorkID]Choice)
		if ok = ok && p.board == p.feed.board; ok {
			d.choices(p, c.of.report.Queue, choices)
		}
		if p == c.of.post {
			c.shadow = choices
		} else {
			c.decided = choices
		}
		if c.failed = c.failed || !ok; c.decided != nil && c.shadow != nil {
			c.of.take(c)
		}
	}
	p.comparisons = nil
}

// choices collects whom the post's reply proposes first for the queue's work.
func (d *Desk) choices(p *post, queue string, into map[engine.WorkID]Choice) {
	for i := range p.reply.Proposals {
		row := &p.reply.Proposals[i]
		id, known := p.feed.work.key(row.Work)
		agent, there := p.feed.agents.key(row.Agent)
		w, kept := d.engine.Work(id)
		if _, twice := into[id]; !known || !there || !kept || twice || w.Queue != queue {
			continue
		}
		into[id] = Choice{Agent: agent, Score: row.Score, Reason: p.reason(row.Reason)}
	}
}

// take counts a comparison that is complete.
func (s *shadow) take(c *comparison) {
	if c.failed {
		s.report.Failed++
		return
	}
	s.report.Turns++
	for _, id := range slices.Sorted(maps.Keys(c.decided)) {
		decided := c.decided[id]
		chosen, also := c.shadow[id]
		if since, ok := s.ahead[id]; ok {
			s.report.Sooner++
			s.report.SoonerBy += time.Duration(c.at-since) * time.Millisecond
			delete(s.ahead, id)
		}
		switch {
		case also && chosen.Agent == decided.Agent:
			s.report.Agreed++
			continue
		case also:
			s.report.Differed++
		default:
			s.report.Held++
		}
		s.differ(Difference{At: c.at, Work: id, Turn: c.turn, Decided: decided, Shadow: chosen})
	}
	for _, id := range slices.Sorted(maps.Keys(c.shadow)) {
		if _, both := c.decided[id]; both {
			continue
		}
		if _, known := s.ahead[id]; known {
			continue // it would have been offered long since
		}
		s.report.Extra++
		if len(s.ahead) < maxAhead {
			s.ahead[id] = c.at
		}
		s.differ(Difference{At: c.at, Work: id, Turn: c.turn, Shadow: c.shadow[id]})
	}
}

func (s *shadow) differ(d Difference) {
	why := Reasons{Decided: d.Decided.Reason, Shadow: d.Shadow.Reason}
	if _, known := s.report.Why[why]; known || len(s.report.Why) < maxPairs {
		s.report.Why[why]++
	}
	s.report.Examples = append(s.report.Examples, d)
	if extra := len(s.report.Examples) - maxExamples; extra > 0 {
		s.report.Examples = slices.Delete(s.report.Examples, 0, extra)
	}
}

// observe forgets work that needs no offer any more.
func (s *shadow) observe(ev *engine.Event, w *engine.Work) {
	if w == nil || w.State.Ended() || w.State == engine.Open {
		delete(s.ahead, ev.Work)
	}
}

// Shadow returns how the queue's shadow compares with who decides; false if it
// has none.
func (d *Desk) Shadow(queue string) (ShadowReport, bool) {
	s := d.shadows[queue]
	if s == nil {
		return ShadowReport{}, false
	}
	report := s.report
	report.Why, report.Examples = maps.Clone(report.Why), slices.Clone(report.Examples)
	report.Shadow = s.post.cost()
	if owner := d.owner[queue]; owner != nil {
		report.Beside, report.Decided = owner.spec.Name, owner.cost()
	}
	return report, true
}

func (p *post) cost() (c Cost) {
	c.P50, c.P99 = p.latency.percentiles()
	if f, ok := p.instance.(Footprint); ok {
		c.Memory = f.Memory()
	}
	return c
}
