// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Obstacle is one thing that stands against offering work to an agent.
type Obstacle struct {
	// Name is stable, one of the constants beside this type.
	Name string
	// Detail is what it is about, if there are several of the name: the skill
	// and level that is lacking, such as "spanish 5". Else it is empty.
	Detail string
	// Verdict is how a proposal would be refused were this all.
	Verdict route.Verdict
	// Text is the rest of a sentence that begins with the agent's name: "has
	// 0.5 of 3 units free, it takes 1".
	Text string
	// Until is when it passes by itself; 0 if that is not known.
	Until Time
}

// The names of obstacles, in the order in which they are found: that of
// route.Pair.Verdict.
const (
	ObstacleHasIt       = "has_it"
	ObstacleOffline     = "offline"
	ObstacleUnconnected = "not_connected"
	ObstacleBusy        = "busy"
	ObstacleChannel     = "channel"
	ObstacleQueueClosed = "queue_closed"
	ObstacleHeld        = "held"
	ObstacleNotMember   = "not_member"
	ObstacleTier        = "tier"
	ObstacleOtherAgent  = "other_agent_required"
	ObstacleDeclined    = "declined"
	ObstacleSkill       = "lacks_skill"
	ObstacleMaxOpen     = "max_open"
	ObstacleMaxOffers   = "max_offers"
	ObstacleCapacity    = "no_capacity"
)

// obstacles are the names and verdicts of the obstacles by their number.
var obstacles = [...]struct {
	name    string
	verdict route.Verdict
}{
	hasIt:       {ObstacleHasIt, route.VerdictAlreadyAssigned},
	offline:     {ObstacleOffline, route.VerdictAgentUnavailable},
	unconnected: {ObstacleUnconnected, route.VerdictAgentUnavailable},
	busy:        {ObstacleBusy, route.VerdictAgentUnavailable},
	offChannel:  {ObstacleChannel, route.VerdictChannelMismatch},
	queueClosed: {ObstacleQueueClosed, route.VerdictNotEligible},
	heldBack:    {ObstacleHeld, route.VerdictNotEligible},
	notMember:   {ObstacleNotMember, route.VerdictNotEligible},
	laterTier:   {ObstacleTier, route.VerdictNotEligible},
	otherAgent:  {ObstacleOtherAgent, route.VerdictNotEligible},
	declinedIt:  {ObstacleDeclined, route.VerdictNotEligible},
	lacksSkill:  {ObstacleSkill, route.VerdictNotEligible},
	maxOpen:     {ObstacleMaxOpen, route.VerdictLimit},
	maxOffers:   {ObstacleMaxOffers, route.VerdictLimit},
	noCapacity:  {ObstacleCapacity, route.VerdictNoCapacity},
}

const (
	hasIt = iota
	offline
	unconnected
	busy
	offChannel
	queueClosed
	heldBack
	notMember
	laterTier
	otherAgent
	declinedIt
	lacksSkill
	maxOpen
	maxOffers
	noCapacity
)

// hit is an obstacle that was found; need is which of the work's needs the
// agent does not meet, if it is that.
type hit struct{ kind, need uint16 }

// Obstacles returns all that stands against offering the work to the agent, in
// the order in which a proposal is checked; nil if nothing does. The work must
// not have ended.
func (e *Engine) Obstacles(w *Work, a *Agent) []Obstacle {
	var out []Obstacle
	for _, h := range e.hits(nil, w, a) {
		out = append(out, e.obstacle(h, w, a))
	}
	return out
}

// hits finds what stands against the pair. It finds nothing if and only if
// route's rule has no verdict against it and the agent does not have the work;
// the first that is found has the rule's verdict.
func (e *Engine) hits(found []hit, w *Work, a *Agent) []hit {
	if w.standingAt(a.ID) != nil {
		return append(found, hit{kind: hasIt})
	}
	pair := e.pair(w, a)
	note := func(stands bool, kind uint16) {
		if stands {
			found = append(found, hit{kind: kind})
		}
	}
	note(!a.SignedIn(), offline)
	note(a.SignedIn() && !a.Connected, unconnected)
	note(a.SignedIn() && pair.Channels == 0, busy)
	note(pair.Channels != 0 && pair.Channels&(1<<pair.Channel) == 0, offChannel)
	note(e.queueOf(w).held(), queueClosed)
	note(w.Hold != nil, heldBack)
	bySkills := pair.BySkills && pair.Needy
	note(!pair.Member && !bySkills, notMember)
	note(pair.Member && !bySkills && pair.Tiers > 0 && pair.Tier > pair.Tiers, laterTier)
	note(pair.OtherRequired, otherAgent)
	note(pair.Declined, declinedIt)
	if !pair.Skilled {
		for i := range w.Needs {
			if n := &w.Needs[i]; !n.Dropped && !a.meets(n) {
				found = append(found, hit{kind: lacksSkill, need: uint16(i)})
			}
		}
	}
	note(pair.Open >= pair.MaxOpen, maxOpen)
	note(pair.MaxOffers > 0 && pair.Offers >= pair.MaxOffers, maxOffers)
	note(!pair.Fits(), noCapacity)
	return found
}

// obstacle puts what was found into words.
func (e *Engine) obstacle(h hit, w *Work, a *Agent) Obstacle {
	o := Obstacle{Name: obstacles[h.kind].name, Verdict: obstacles[h.kind].verdict}
	q := e.queueOf(w)
	switch h.kind {
	case hasIt:
		o.Text = "has it already"
	case offline:
		o.Text = "is offline"
	case unconnected:
		o.Text = "has no connection"
	case busy:
		o.Text = fmt.Sprintf("is in status %q, which takes no work", a.Status)
	case offChannel:
		o.Text = fmt.Sprintf("is in status %q, which does not list channel %q", a.Status, w.Spec.Channel)
	case queueClosed:
		o.Text = fmt.Sprintf("cannot be offered anything from queue %q, which is closed and holds its work", w.Queue)
		o.Until = q.opens(e.now)
	case heldBack:
		o.Text, o.Until = "cannot be offered it, which is held"+w.Hold.why(), w.Hold.Until
	case notMember:
		o.Text = fmt.Sprintf("is no member of queue %q", w.Queue)
		if q.routing.BySkills {
			o.Text += ", whose work goes to others only while it requires skills"
		}
	case laterTier:
		tier := a.membership(w.Queue).tier()
		o.Text = fmt.Sprintf("is of tier %d, and members up to tier %d are asked by now", tier, w.Tier)
		o.Until = w.QueuedAt + q.definition.Tiers[tier-2]
	case otherAgent:
		o.Text = fmt.Sprintf("is not agent %q, whom it requires", w.Agent)
	case declinedIt:
		o.Text = w.declinedBy(a.ID, q.routing.DeclineRule)
	case lacksSkill:
		e.lacksSkill(&o, w, a, &w.Needs[h.need])
	default:
		e.laden(&o, h, w, a)
	}
	return o
}

// opens returns when the queue opens; 0 if that is not known.
func (q *queue) opens(from Time) Time {
	if q.calendar == nil {
		return 0
	}
	return q.calendar.change(from)
}

// declinedBy says how the agent came to be excluded, and for how long.
func (w *Work) declinedBy(agent string, rule DeclineRule) string {
	text := "declined it"
	for i := range w.Assignments {
		if x := &w.Assignments[i]; x.Agent == agent && x.State == AssignmentTimedOut {
			text = "let it time out"
		} else if x.Agent == agent {
			text = "declined it"
		}
	}
	switch rule {
	case LastOnly:
		return text + ", last of all"
	case Forever:
		return text + ", which excludes for good"
	default:
		return text + ", and is asked again once everybody has"
	}
}

// lacksSkill says in what way the agent does not meet a need, and until when.
func (e *Engine) lacksSkill(o *Obstacle, w *Work, a *Agent, n *Need) {
	o.Detail = fmt.Sprintf("%s %v", n.Skill, Milli(n.Now))
	level, holds := a.level(n.Skill)
	switch later := slices.IndexFunc(a.Definition.Skills, func(s Skill) bool { return s.Name == n.Skill }); {
	case holds:
		o.Text = fmt.Sprintf("holds skill %q at level %v, of which level %v is required", n.Skill, Milli(level), Milli(n.Now))
	case later >= 0 && a.Definition.Skills[later].From > e.now:
		o.Text = fmt.Sprintf("does not hold skill %q yet", n.Skill)
		if a.Definition.Skills[later].Level >= n.Now {
			o.Until = a.Definition.Skills[later].From
		}
	case later >= 0:
		o.Text = fmt.Sprintf("does not hold skill %q any more", n.Skill)
	default:
		o.Text = fmt.Sprintf("lacks skill %q, of which level %v is required", n.Skill, Milli(n.Now))
	}
	if at := e.passes(w, n, level, holds); at > 0 && (o.Until == 0 || at < o.Until) {
		o.Until = at
	}
}

// passes returns when the need is dropped, or relaxed to the level held, if the
// work only waits so long; 0 for never.
func (e *Engine) passes(w *Work, n *Need, level Level, holds bool) (at Time) {
	if w.State != Waiting {
		return 0
	}
	for _, drop := range e.drops(w) {
		if n.Additional && drop.group == n.Group {
			at = drop.at
		}
	}
	for _, step := range n.Relax {
		if holds && step.Level <= level {
			if relaxes := w.NeedsSince + step.After; at == 0 || relaxes < at {
				at = relaxes
			}
			break
		}
	}
	return at
}

// laden says in what way the agent has no room.
func (e *Engine) laden(o *Obstacle, h hit, w *Work, a *Agent) {
	load := e.load(w.Spec.Channel, w.Size, a)
	switch h.kind {
	case maxOpen:
		o.Text = fmt.Sprintf("holds %d assignments, and may hold %d", len(a.Held), a.Presence.MaxOpen)
	case maxOffers:
		o.Text = fmt.Sprintf("has %d offers to answer, and may have %d", a.Offers, a.Presence.MaxOffers)
	case noCapacity:
		takes, left := Milli(load.Takes()), a.Presence.Capacity-a.Used
		o.Text = fmt.Sprintf("has %v of %v units free, and it takes %v", max(left, 0), a.Presence.Capacity, takes)
		if load.Interruptible && left >= takes {
			o.Text = fmt.Sprintf("has %v of %v interruptible units free, and it takes %v",
				max(a.Presence.Interruptible-a.InterruptibleUsed, 0), a.Presence.Interruptible, takes)
		}
	}
}

// Survey is how those whom work is asked of stand to it.
type Survey struct {
	// Asked is how many they are: the members of its queue, of whatever tier;
	// all agents, if it goes to whoever holds the skills that it requires, and
	// then Everybody is true. The agent whom it is for is always one of them.
	Asked     int
	Everybody bool
	// Candidates is how many of them could be offered it, Best the first of
	// them by the routing config's model, best first. By weighted random, which
	// has no order, they are some of the candidates by name.
	Candidates int
	Best       []string
	// Against counts the others by the first thing that stands against each,
	// in the order in which a proposal is checked.
	Against []Against
	// Near are the others who are closest to being candidates, closest first.
	Near []string
}

// Against is how many agents something stands against.
type Against struct {
	// Name, Detail and Verdict are the obstacle's; see Obstacle.
	Name, Detail string
	Verdict      route.Verdict
	// Agents is how many find it first; Only, for how many of them it is all.
	Agents, Only int
}

// Survey asks of everybody concerned how they stand to the work, which must not
// have ended. It looks at each once; few is how many are named at most.
func (e *Engine) Survey(w *Work, few int) Survey {
	q := e.queueOf(w)
	s := Survey{Everybody: q.routing.BySkills && needy(w.Needs)}
	asked := q.members
	if s.Everybody {
		asked = e.roster
	}
	c := census{Engine: e, work: w, few: few, against: make(map[hit]*Against)}
	for _, a := range asked {
		c.ask(a)
	}
	if a := e.agents[w.Agent]; a != nil && !s.Everybody && !a.member(w.Queue) {
		c.ask(a)
	}
	c.finish(&s)
	return s
}

// census is a survey being made.
type census struct {
	*Engine
	work    *Work
	few     int
	asked   int
	free    int
	best    []*Agent
	near    []nearly
	against map[hit]*Against
	found   []hit
}

// nearly is an agent who is no candidate for so many reasons.
type nearly struct {
	agent   *Agent
	reasons int
	first   uint16
}

func (c *census) ask(a *Agent) {
	c.asked++
	c.found = c.hits(c.found[:0], c.work, a)
	if len(c.found) == 0 {
		c.free++
		c.best = insert(c.best, a, c.few, func(x, y *Agent) int { return c.byModel(c.work, x, y) })
		return
	}
	first := c.found[0]
	group := c.against[first]
	if group == nil {
		group = &Against{Name: obstacles[first.kind].name, Verdict: obstacles[first.kind].verdict}
		if first.kind == lacksSkill {
			n := &c.work.Needs[first.need]
			group.Detail = fmt.Sprintf("%s %v", n.Skill, Milli(n.Now))
		}
		c.against[first] = group
	}
	group.Agents++
	if len(c.found) == 1 {
		group.Only++
	}
	c.near = insert(c.near, nearly{a, len(c.found), first.kind}, c.few, func(x, y nearly) int {
		return cmp.Or(cmp.Compare(x.reasons, y.reasons), -cmp.Compare(x.first, y.first), cmp.Compare(x.agent.ID, y.agent.ID))
	})
}

func (c *census) finish(s *Survey) {
	s.Asked, s.Candidates = c.asked, c.free
	for _, a := range c.best {
		s.Best = append(s.Best, a.ID)
	}
	for _, n := range c.near {
		s.Near = append(s.Near, n.agent.ID)
	}
	found := make([]hit, 0, len(c.against))
	for h := range c.against {
		found = append(found, h)
	}
	slices.SortFunc(found, func(a, b hit) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.need, b.need)) })
	for _, h := range found {
		s.Against = append(s.Against, *c.against[h])
	}
}

// insert adds x to a sorted list of at most limit items.
func insert[T any](list []T, x T, limit int, compare func(a, b T) int) []T {
	at, _ := slices.BinarySearchFunc(list, x, compare)
	if at >= limit {
		return list
	}
	list = slices.Insert(list, at, x)
	return list[:min(len(list), limit)]
}
