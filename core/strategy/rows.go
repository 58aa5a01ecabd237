// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"cmp"
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// sending notes that a row goes out under a version.
func sending[K comparable](f *feed, of route.Table, ref uint32, s *slot[K], version uint32) {
	if s.sent {
		f.digest.Toggle(of, ref, s.gen, s.version)
	}
	if !s.sent {
		s.since = f.turn
	}
	s.version, s.sent = version, true
	f.digest.Toggle(of, ref, s.gen, version)
}

// fillChannels sends what only a new definition changes, which begins a
// snapshot.
func (f *feed) fillChannels(t *route.Turn) {
	if f.next != route.KindSnapshotFirst || !f.sends(route.TableChannel) {
		return
	}
	channels := f.engine.Definition().Channels
	for i := range channels {
		t.Channels = append(t.Channels, route.Channel{Ordinal: uint16(i), Name: f.word(t, channels[i].Name)})
	}
}

// fillQueues sends the queues that have changed.
func (f *feed) fillQueues(t *route.Turn) {
	for {
		ref, s, ok := f.queues.pop()
		if !ok {
			return
		}
		if !f.shows(s.key) {
			t.QueuesGone = leave(f, &f.queues, route.TableQueue, ref, t.QueuesGone)
			continue
		}
		queue, routing := routed(f.engine.Definition(), s.key)
		sending(f, route.TableQueue, ref, s, s.version+1)
		t.Queues = append(t.Queues, route.Queue{
			Ref: ref, Gen: s.gen, Version: s.version, Name: f.word(t, s.key), Model: routing.Model,
			Flags: queueFlags(routing.BySkills, f.held(s.key)), OfferTo: queue.OfferTo,
			WithinMS: uint32(min(queue.Within, 1<<32-1)),
		})
	}
}

func queueFlags(bySkills, held bool) (flags route.QueueFlags) {
	if bySkills {
		flags |= route.QueueBySkills
	}
	if held {
		flags |= route.QueueHeld
	}
	return flags
}

// routed finds a queue's definition and its routing config, which must be
// there.
func routed(d *engine.Definition, name string) (*engine.QueueDefinition, *engine.RoutingConfig) {
	at, _ := slices.BinarySearchFunc(d.Queues, name, func(q engine.QueueDefinition, name string) int {
		return cmp.Compare(q.Name, name)
	})
	queue := &d.Queues[at]
	at, _ = slices.BinarySearchFunc(d.RoutingConfigs, queue.Routing, func(r engine.RoutingConfig, name string) int {
		return cmp.Compare(r.Name, name)
	})
	return queue, &d.RoutingConfigs[at]
}

func (f *feed) putAgent(t *route.Turn, ref uint32, s *slot[string], a *engine.Agent) {
	sending(f, route.TableAgent, ref, s, s.version+1)
	row := route.Agent{
		Ref: ref, Gen: s.gen, Version: s.version, Name: f.word(t, a.ID), Status: f.word(t, a.Status),
		Channels: a.Channels, Open: uint16(len(a.Held)), MaxOpen: uint32(a.Presence.MaxOpen),
		Capacity: int32(a.Presence.Capacity), Used: int32(a.Used),
		IdleSince: int64(a.IdleSince), SignedInAt: int64(a.SignedInAt), AssignedAt: int64(a.AssignedAt),
		StatusSince: int64(a.StatusSince), Offers: a.Offers, MaxOffers: a.Presence.MaxOffers,
		Interruptible: int32(a.Presence.Interruptible), InterruptibleUsed: int32(a.InterruptibleUsed),
		Members: f.members(t, a), Skills: f.skills(t, a),
	}
	if a.Connected {
		row.Flags |= route.AgentConnected
	}
	t.Agents = append(t.Agents, row)
}

// sends reports whether the strategy wants a table. What a board is made of is
// always sent: agents, work, queues, words and their text.
func (f *feed) sends(table route.Table) bool {
	return f.wants == nil || slices.Contains(f.wants, table)
}

// members, declined and attributes send the lists of a row.
func (f *feed) members(t *route.Turn, a *engine.Agent) route.Span {
	span := route.Span{At: uint32(len(t.Members))}
	if !f.sends(route.TableMember) {
		return span
	}
	for i := range a.Definition.Queues {
		m := &a.Definition.Queues[i]
		if _, ok := f.scope[m.Queue]; ok {
			queue := f.queues.refs[m.Queue]
			t.Members = append(t.Members, route.Member{Queue: queue, Tier: max(m.Tier, 1), Weight: m.Weight})
			span.N++
		}
	}
	return span
}

func (f *feed) skills(t *route.Turn, a *engine.Agent) route.Span {
	span := route.Span{At: uint32(len(t.Skills))}
	if !f.sends(route.TableSkill) {
		return span
	}
	for i := range a.Skills {
		t.Skills = append(t.Skills, route.Skill{Name: f.word(t, a.Skills[i].Name), Level: uint32(a.Skills[i].Level)})
		span.N++
	}
	return span
}

func (f *feed) needs(t *route.Turn, w *engine.Work) route.Span {
	span := route.Span{At: uint32(len(t.Needs))}
	if !f.sends(route.TableNeed) {
		return span
	}
	for i := range w.Needs {
		n := &w.Needs[i]
		row := route.Need{Name: f.word(t, n.Skill), Level: uint32(n.Now), Group: n.Group}
		if n.Additional {
			row.Flags |= route.NeedAdditional
		}
		if n.Dropped {
			row.Flags |= route.NeedDropped
		}
		t.Needs = append(t.Needs, row)
		span.N++
	}
	return span
}

func (f *feed) declined(t *route.Turn, w *engine.Work) route.Span {
	span := route.Span{At: uint32(len(t.WordIDs))}
	if !f.sends(route.TableIDs) {
		return span
	}
	for _, agent := range w.Excluded {
		t.WordIDs = append(t.WordIDs, f.word(t, agent))
		span.N++
	}
	return span
}

func (f *feed) attributes(t *route.Turn, spec *engine.WorkSpec) route.Span {
	span := route.Span{At: uint32(len(t.Attributes))}
	if !f.sends(route.TableAttribute) {
		return span
	}
	for _, name := range f.lets {
		if value, ok := spec.Attributes[name]; ok {
			t.Attributes = append(t.Attributes, route.Attribute{Name: f.word(t, name), Value: text(t, value)})
			span.N++
		}
	}
	return span
}

func (f *feed) putWork(t *route.Turn, ref uint32, s *slot[engine.WorkID], w *engine.Work) {
	sending(f, route.TableWork, ref, s, w.Revision)
	spec := &w.Spec
	channel, _ := f.engine.ChannelOrdinal(spec.Channel)
	row := route.Work{
		Ref: ref, Gen: s.gen, Revision: w.Revision, Queue: f.queues.refs[w.Queue], Sequence: uint64(w.ID),
		RequestedAt: int64(w.RequestedAt), TargetAcceptAt: int64(spec.TargetAcceptAt),
		Priority: w.Priority, Secondary: w.Secondary, Size: int32(w.Size.Units), Percent: w.Size.Percent, Channel: channel,
		State: route.WorkWaiting, Declines: w.Declines, Tier: w.Tier, Offers: uint16(w.Offers()),
		Needs: f.needs(t, w), Declined: f.declined(t, w), Attributes: f.attributes(t, spec),
	}
	if w.State == engine.Offered {
		row.State = route.WorkOffered
	}
	if f.engine.Interruptible(spec.Channel) {
		row.Flags |= route.WorkInterruptible
	}
	if w.Hold != nil {
		row.Flags |= route.WorkHeld
	}
	if w.Agent != "" {
		row.Agent = f.word(t, w.Agent)
		if w.Required {
			row.Flags |= route.WorkRequired
		} else {
			row.PreferredUntil = int64(w.Until)
		}
	}
	t.Work = append(t.Work, row)
}

// word returns the string's dictionary id, and sends the string if that is new.
func (f *feed) word(t *route.Turn, s string) uint32 {
	if s == "" {
		return 0
	}
	id, ok := f.words[s]
	if !ok {
		id = uint32(len(f.words)) + 1
		f.words[s] = id
		t.Words = append(t.Words, route.Word{ID: id, Text: text(t, s)})
	}
	return id
}

func text(t *route.Turn, s string) route.Span {
	span := route.Span{At: uint32(len(t.Bytes)), N: uint32(len(s))}
	t.Bytes = append(t.Bytes, s...)
	return span
}
