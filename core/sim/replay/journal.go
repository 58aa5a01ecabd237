// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// Past is the events of a workspace, from a beginning on.
type Past interface {
	// Start returns the workspace as it was before the first event.
	Start(ctx context.Context) (*engine.Engine, error)
	// Events gives every event in order, or at last an error.
	Events(ctx context.Context) iter.Seq2[*engine.Event, error]
}

// Journal makes a recording of a workspace's past. Work is a customer of the
// class that is named as its queue, and its channel and size where there are
// several; agents are there while they were signed in and connected with a
// status that takes work, and take the channels of that status. Who waited when
// the past begins comes then; who was being served then is left out. What a
// scenario cannot say is noted in Import.Odd, with how often it happened. The
// name is for people, and progress is told how many events have been read; nil
// for nobody.
//
// It fails if events cannot be read or do not follow each other, or if no work
// came.
func Journal(ctx context.Context, name string, past Past, progress func(events uint64)) (*Recording, error) {
	e, err := past.Start(ctx)
	if err != nil {
		return nil, err
	}
	c := &chronicle{
		Recording: newRecording(name), engine: e, visits: make(map[engine.WorkID]*visit), stays: make(map[string]*stay),
		odd: make(map[string]int), specs: make(map[string]strategy.Spec),
	}
	c.drain = scenario.Span(time.Minute)
	read := uint64(0)
	for ev, err := range past.Events(ctx) {
		if err != nil {
			return nil, err
		}
		if read == 0 {
			c.open(ev.At)
		}
		if err := c.happens(ev); err != nil {
			return nil, err
		}
		if read++; progress != nil && read%progressEvery == 0 {
			progress(read)
		}
	}
	if len(c.order) == 0 {
		return nil, errors.New("replay: no work came while the journal was kept; there is nothing to play")
	}
	c.finish()
	return c.Recording, nil
}

// progressEvery is after how many events progress is told.
const progressEvery = 1000

// chronicle is a recording while it is made of events.
type chronicle struct {
	*Recording
	engine *engine.Engine
	begin  engine.Time // the whole minute in which the past begins
	now    engine.Time
	visits map[engine.WorkID]*visit
	order  []*visit
	stays  map[string]*stay
	odd    map[string]int
	specs  map[string]strategy.Spec
}

// visit is what became of one piece of work.
type visit struct {
	kind     kind
	customer scenario.Customer
	event    uint64
	arrived  engine.Time
	taken    engine.Time // when the present agent took it; 0 for nobody
	service  engine.Time // so far
	waited   engine.Time // until somebody took it first, or it ended
	served   bool        // somebody took it
	fate     string
	leftOut  string // why it is not played; empty if it is
}

// kind is what makes a class.
type kind struct {
	queue, channel string
	size           engine.Amount
}

// stay is when an agent was there, by what the agent took.
type stay struct {
	channels string // those taken now, joined; empty for none
	since    engine.Time
	spells   map[string][]spell
}

// The fates of work, as they are counted.
const (
	fateServed    = "served"
	fateAbandoned = "abandoned"
	fateExpired   = "expired (their time to live ran out), who leave then"
	fateCancelled = "cancelled by their source, who leave then"
	fateWaiting   = "waiting at the end"
	fateOpen      = "being served at the end"

	leftStarted = "started by an agent, and given to nobody"
	leftOpen    = "being served when the journal begins"
)

// open takes in what there is before the first event.
func (c *chronicle) open(at engine.Time) {
	c.begin, c.now = at-at%60_000, at
	start := time.UnixMilli(int64(c.begin)).UTC()
	c.Import.Start = start.Format("2006-01-02 15:04 UTC")
	c.engine.EachWork(0, func(w *engine.Work) bool {
		if w.State.Ended() {
			return true
		}
		v := c.comes(w.ID, &w.Placement, w.Spec.Channel, at)
		v.fate = fateWaiting
		if w.State.Owned() {
			v.leftOut = leftOpen
		}
		return true
	})
	c.engine.EachAgent("", func(a *engine.Agent) bool {
		c.sees(a)
		return true
	})
}

// comes notes somebody who came.
func (c *chronicle) comes(id engine.WorkID, p *engine.Placement, channel string, at engine.Time) *visit {
	priority := p.Priority
	v := &visit{
		kind: kind{p.Queue, channel, c.size(p, channel)}, event: c.engine.Number(), arrived: at, fate: fateWaiting,
		customer: scenario.Customer{Arrived: span(at - c.begin), Priority: &priority, Skills: needs(p.Needs)},
	}
	if p.Agent != "" {
		c.odd["asked for a certain agent, and is given to any"]++
	}
	c.visits[id] = v
	c.order = append(c.order, v)
	return v
}

// size is what the work takes: its own size, or its channel's.
func (c *chronicle) size(p *engine.Placement, channel string) engine.Amount {
	if !p.Size.IsZero() {
		return p.Size
	}
	for _, known := range c.engine.Definition().Channels {
		if known.Name == channel {
			return known.Size
		}
	}
	return engine.Units(engine.Unit)
}

func span(t engine.Time) scenario.Span { return scenario.Span(time.Duration(t) * time.Millisecond) }

func needs(list []engine.Need) scenario.Needs {
	if len(list) == 0 {
		return nil
	}
	out := make(scenario.Needs, len(list))
	for i := range list {
		n := &list[i]
		need := scenario.Need{Level: level(n.Level), Additional: n.Additional, Priority: n.Group}
		for _, step := range n.Relax {
			need.Relax = append(need.Relax, scenario.Relaxation{After: span(step.After), Level: level(step.Level)})
		}
		out[n.Skill] = need
	}
	return out
}

func level(l engine.Level) scenario.Level { return scenario.Level(float64(l) / 1000) }

func (c *chronicle) happens(ev *engine.Event) error {
	if err := c.engine.Replay(*ev); err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	c.now = ev.At
	switch {
	case ev.Kind == engine.KindWorkCreated:
		c.comes(ev.Work, ev.Placed, ev.Created.Channel, ev.At)
	case ev.Kind == engine.KindConfigured:
		c.engine.EachAgent("", func(a *engine.Agent) bool {
			c.sees(a)
			return true
		})
	case ev.Kind == engine.KindStrategiesEmployed:
		specs, err := strategy.DecodeSpecs(ev.Employed.Strategies)
		if err != nil {
			return fmt.Errorf("replay: event %d: %w", ev.Number, err)
		}
		for _, spec := range specs {
			c.specs[spec.Name] = spec
		}
	case c.visits[ev.Work] != nil && !ev.Guest:
		c.fares(ev, c.visits[ev.Work])
	}
	for _, name := range [...]string{ev.Agent, ev.From} {
		if a, ok := c.engine.Agent(name); ok {
			c.sees(a)
		}
	}
	return nil
}

// fares notes what happens to somebody who came.
func (c *chronicle) fares(ev *engine.Event, v *visit) {
	switch ev.Kind {
	case engine.KindWorkOffered:
		if ev.Decision.Reason == "agent_started" {
			v.leftOut = leftStarted
		}
	case engine.KindOfferAccepted:
		if !v.served {
			v.served, v.waited = true, ev.At-v.arrived
		}
		v.taken, v.fate = ev.At, fateOpen
	case engine.KindWorkCompleted:
		v.ends(ev.At)
		v.fate = fateServed
	case engine.KindWorkRequeued, engine.KindWorkTransferred, engine.KindWorkReopened:
		v.ends(ev.At)
		v.fate = fateWaiting
		c.odd[map[engine.Kind]string{
			engine.KindWorkRequeued: "requeued", engine.KindWorkTransferred: "transferred", engine.KindWorkReopened: "reopened",
		}[ev.Kind]+", and played as one service"]++
	case engine.KindWorkOverflowed:
		c.odd["overflowed to another queue, and stays in its first"]++
	case engine.KindWorkAbandoned:
		v.leaves(ev.At, fateAbandoned)
	case engine.KindWorkExpired:
		v.leaves(ev.At, fateExpired)
	case engine.KindWorkCancelled:
		v.leaves(ev.At, fateCancelled)
	case engine.KindOfferDeclined, engine.KindOfferTimedOut:
		c.odd["offers declined or not answered, which are taken at once"]++
	}
}

// ends ends what an agent does for the customer for now.
func (v *visit) ends(at engine.Time) {
	if v.taken > 0 {
		v.service += at - v.taken
	}
	v.taken = 0
}

func (v *visit) leaves(at engine.Time, fate string) {
	v.ends(at)
	v.fate = fate
	if v.served { // it was served before, and left when it waited again
		v.fate = fateServed
		return
	}
	v.waited = at - v.arrived
	v.customer.Patience = max(span(v.waited), scenario.Span(time.Millisecond))
}

// sees notes what an agent takes now.
func (c *chronicle) sees(a *engine.Agent) {
	s := c.stays[a.ID]
	if s == nil {
		s = &stay{spells: make(map[string][]spell)}
		c.stays[a.ID] = s
	}
	takes := ""
	if a.SignedIn() && a.Connected {
		takes = strings.Join(c.channels(a), " ")
	}
	if takes != s.channels {
		c.leave(s)
		s.channels, s.since = takes, c.now
	}
}

// leave ends a spell.
func (c *chronicle) leave(s *stay) {
	if s.channels != "" && c.now > s.since {
		s.spells[s.channels] = append(s.spells[s.channels], spell{
			time.Duration(s.since-c.begin) * time.Millisecond, time.Duration(c.now-c.begin) * time.Millisecond,
		})
	}
}

func (c *chronicle) channels(a *engine.Agent) (names []string) {
	for i, channel := range c.engine.Definition().Channels {
		if a.Channels&(1<<i) != 0 {
			names = append(names, channel.Name)
		}
	}
	return names
}

// finish makes classes, groups and counts of what was seen.
func (c *chronicle) finish() {
	names := c.names()
	leftOut, fates := make(map[string]int), make(map[string]int)
	answered, abandoned, waited := 0, 0, engine.Time(0)
	c.Kinds = make(map[string]scenario.Class)
	for _, v := range c.order {
		c.Import.Rows++
		if v.leftOut != "" {
			leftOut[v.leftOut]++
			continue
		}
		fates[v.fate]++
		if v.served {
			answered++
		} else if v.customer.Patience > 0 {
			abandoned++
		}
		waited += v.waited
		if v.fate == fateServed {
			v.customer.Service = max(span(v.service), scenario.Span(time.Millisecond))
		}
		name := names[v.kind]
		c.Kinds[name] = scenario.Class{Queue: v.kind.queue, Channel: v.kind.channel, Size: size(v.kind.size)}
		c.add(name, int(v.event), v.customer)
	}
	c.Import.LeftOut, c.Import.Fates = counted(leftOut), counted(fates)
	c.Import.Answered, c.Import.Abandoned = &answered, &abandoned
	mean := float64(waited) / 1000 / float64(max(answered+abandoned, 1))
	c.Import.MeanWait = &mean
	for _, what := range sorted(c.odd) {
		c.Import.Odd = append(c.Import.Odd, fmt.Sprintf("%d %s", c.odd[what], what))
	}
	for name := range c.Customers {
		slices.SortStableFunc(c.Customers[name], func(x, y scenario.Customer) int { return cmp.Compare(x.Arrived, y.Arrived) })
	}
	c.routes()
	c.staff()
}

// counted lists counts, the largest first.
func counted(counts map[string]int) (out []LeftOut) {
	for _, reason := range sorted(counts) {
		out = append(out, LeftOut{Reason: reason, Rows: counts[reason]})
	}
	slices.SortStableFunc(out, func(a, b LeftOut) int { return cmp.Compare(b.Rows, a.Rows) })
	return out
}

func size(a engine.Amount) scenario.Size {
	if a.Percent > 0 {
		return scenario.Size{Percent: float64(a.Percent) / 1000}
	}
	return scenario.Size{Units: float64(a.Units) / float64(engine.Unit)}
}

// names names the classes: as their queues, with as much as tells them apart.
func (c *chronicle) names() map[kind]string {
	channels, sizes := make(map[string]map[string]bool), make(map[string]map[engine.Amount]bool)
	for _, v := range c.order {
		k := v.kind
		if channels[k.queue] == nil {
			channels[k.queue], sizes[k.queue] = make(map[string]bool), make(map[engine.Amount]bool)
		}
		channels[k.queue][k.channel], sizes[k.queue][k.size] = true, true
	}
	names := make(map[kind]string)
	for _, v := range c.order {
		k := v.kind
		name := k.queue
		if len(channels[k.queue]) > 1 {
			name += " " + k.channel
		}
		if len(sizes[k.queue]) > len(channels[k.queue]) {
			name += " " + amount(k.size)
		}
		names[k] = name
	}
	return names
}

func amount(a engine.Amount) string {
	if a.Percent > 0 {
		return fmt.Sprintf("%g%%", float64(a.Percent)/1000)
	}
	return a.Units.String()
}

// routes finds how most customers were routed. A scenario has one way for all.
func (c *chronicle) routes() {
	d := c.engine.Definition()
	count := make(map[string]int)
	for _, v := range c.order {
		for i := range d.Queues {
			if q := &d.Queues[i]; q.Name == v.kind.queue && v.leftOut == "" {
				count[q.Routing]++
			}
		}
	}
	most := ""
	for _, name := range sorted(count) {
		if most == "" || count[name] > count[most] {
			most = name
		}
	}
	for i := range d.RoutingConfigs {
		routing := &d.RoutingConfigs[i]
		if routing.Name != most {
			continue
		}
		c.Model, c.DropAfter = routing.Model.String(), span(routing.DropAfter)
		if routing.BySkills {
			c.RouteBy = "skills"
		}
		if spec, ok := c.specs[routing.Strategy]; ok {
			c.Strategy = &scenario.Strategy{Runtime: spec.Runtime, Source: spec.Source, SHA256: spec.SHA256}
			settings := spec.Settings
			for i := range d.Strategies { // the record may leave them out
				if s := &d.Strategies[i]; s.Name == spec.Name && len(settings) == 0 {
					settings = []byte(s.Settings)
				}
			}
			if err := json.Unmarshal(settings, &c.Strategy.Settings); err != nil {
				c.Strategy.Settings = nil
			}
		}
	}
	if len(count) > 1 {
		c.Import.Odd = append(c.Import.Odd, fmt.Sprintf("%d routing configs were in use; all are routed by %q", len(count), most))
	}
}

// staff makes a group of every agent, or several of one who took other channels
// at other times.
func (c *chronicle) staff() {
	c.Groups = make(map[string]scenario.Group)
	comes := make(map[string]bool)
	waits := make(map[string]bool)
	for _, class := range c.Kinds {
		waits[class.Queue], comes[class.Channel] = true, true
	}
	for _, stay := range c.stays {
		c.leave(stay)
	}
	end := c.end()
	for _, id := range sorted(c.stays) {
		a, ok := c.engine.Agent(id)
		if !ok {
			continue
		}
		group := scenario.Group{Capacity: float64(a.Presence.Capacity) / float64(engine.Unit), Skills: make(map[string]scenario.Level)}
		for i := range a.Definition.Queues {
			if m := &a.Definition.Queues[i]; waits[m.Queue] {
				group.Queues = append(group.Queues, m.Queue)
			}
		}
		for i := range a.Definition.Skills {
			group.Skills[a.Definition.Skills[i].Name] = level(a.Definition.Skills[i].Level)
		}
		if len(group.Queues) == 0 && (c.RouteBy == "" || len(group.Skills) == 0) {
			continue
		}
		spells := c.stays[id].spells
		for _, takes := range sorted(spells) {
			one := group
			for channel := range strings.FieldsSeq(takes) {
				if comes[channel] {
					one.Channels = append(one.Channels, channel)
				}
			}
			if one.Periods = periods(spells[takes], end); len(one.Channels) > 0 && len(one.Periods) > 0 {
				name := id
				if len(spells) > 1 {
					name += " (" + takes + ")"
				}
				c.Groups[name] = one
			}
		}
	}
}
