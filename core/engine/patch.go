// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"cmp"
	"reflect"
	"slices"
	"sort"
)

// Patch is what makes one definition of another.
type Patch struct {
	// Set has all that is no list as it is to be, and of each list the entries
	// that are new or different.
	Set Definition `cbor:"1,keyasint"`
	// Gone names the entries that are no more.
	Gone Names `cbor:"2,keyasint,omitzero"`
}

// Names are names by section of a definition.
type Names struct {
	Channels        []string `cbor:"1,keyasint,omitempty"`
	Statuses        []string `cbor:"2,keyasint,omitempty"`
	PresenceConfigs []string `cbor:"3,keyasint,omitempty"`
	RoutingConfigs  []string `cbor:"4,keyasint,omitempty"`
	Queues          []string `cbor:"5,keyasint,omitempty"`
	Agents          []string `cbor:"6,keyasint,omitempty"`
	Skills          []string `cbor:"7,keyasint,omitempty"`
	Hours           []string `cbor:"8,keyasint,omitempty"`
	Flows           []string `cbor:"9,keyasint,omitempty"`
	Strategies      []string `cbor:"10,keyasint,omitempty"`
	Profiles        []string `cbor:"11,keyasint,omitempty"`
}

// Boards reports whether the patch of that definition may change what strategies
// are shown: more than which there are, who decides, who may do what, and how
// long what is kept.
func (p *Patch) Boards(of *Definition) bool {
	s, g := &p.Set, &p.Gone
	return len(s.Channels)+len(s.Statuses)+len(s.PresenceConfigs)+len(s.RoutingConfigs)+len(s.Agents)+len(s.Skills)+len(s.Hours)+
		len(g.Channels)+len(g.Statuses)+len(g.PresenceConfigs)+len(g.RoutingConfigs)+len(g.Queues)+len(g.Agents)+len(g.Skills)+len(g.Hours) > 0 ||
		slices.ContainsFunc(s.Queues, func(q QueueDefinition) bool {
			former := found(of.Queues, q.Name, queueName)
			return former == nil || !former.sameRules(&q)
		})
}

// sameRules reports whether the two differ in nothing but who decides.
func (q *QueueDefinition) sameRules(other *QueueDefinition) bool {
	mine, theirs := *q, *other
	mine.Deciders, theirs.Deciders = Deciders{}, Deciders{}
	return reflect.DeepEqual(mine, theirs)
}

// Diff returns what makes to of from. Both must be sorted; the patch shares
// memory with to.
func Diff(from, to *Definition) *Patch {
	p := &Patch{Set: to.scalars()}
	s, g := &p.Set, &p.Gone
	s.Channels, g.Channels = differing(from.Channels, to.Channels, channelName, deeply)
	s.Statuses, g.Statuses = differing(from.Statuses, to.Statuses, statusName, deeply)
	s.PresenceConfigs, g.PresenceConfigs = differing(from.PresenceConfigs, to.PresenceConfigs, presenceName, deeply)
	s.RoutingConfigs, g.RoutingConfigs = differing(from.RoutingConfigs, to.RoutingConfigs, routingName, deeply)
	s.Queues, g.Queues = differing(from.Queues, to.Queues, queueName, deeply)
	s.Agents, g.Agents = differing(from.Agents, to.Agents, agentID, (*AgentDefinition).same)
	s.Skills, g.Skills = differing(from.Skills, to.Skills, itself, deeply)
	s.Hours, g.Hours = differing(from.Hours, to.Hours, hoursName, deeply)
	s.Flows, g.Flows = differing(from.Flows, to.Flows, flowName, deeply)
	s.Strategies, g.Strategies = differing(from.Strategies, to.Strategies, strategyName, deeply)
	s.Profiles, g.Profiles = differing(from.Profiles, to.Profiles, profileName, deeply)
	return p
}

// Patched returns the definition as the patch makes it. It shares memory with
// both.
func (d *Definition) Patched(p *Patch) *Definition {
	out, s, g := p.Set.scalars(), &p.Set, &p.Gone
	out.Channels = merged(d.Channels, s.Channels, g.Channels, channelName)
	out.Statuses = merged(d.Statuses, s.Statuses, g.Statuses, statusName)
	out.PresenceConfigs = merged(d.PresenceConfigs, s.PresenceConfigs, g.PresenceConfigs, presenceName)
	out.RoutingConfigs = merged(d.RoutingConfigs, s.RoutingConfigs, g.RoutingConfigs, routingName)
	out.Queues = merged(d.Queues, s.Queues, g.Queues, queueName)
	out.Agents = merged(d.Agents, s.Agents, g.Agents, agentID)
	out.Skills = merged(d.Skills, s.Skills, g.Skills, itself)
	out.Hours = merged(d.Hours, s.Hours, g.Hours, hoursName)
	out.Flows = merged(d.Flows, s.Flows, g.Flows, flowName)
	out.Strategies = merged(d.Strategies, s.Strategies, g.Strategies, strategyName)
	out.Profiles = merged(d.Profiles, s.Profiles, g.Profiles, profileName)
	return &out
}

// Changes counts the entries that the patch sets or removes, and 1 if anything
// that is no entry differs from a definition.
func (p *Patch) Changes(from *Definition) int {
	s, g := &p.Set, &p.Gone
	n := len(s.Channels) + len(s.Statuses) + len(s.PresenceConfigs) + len(s.RoutingConfigs) + len(s.Queues) +
		len(s.Agents) + len(s.Skills) + len(s.Hours) + len(s.Flows) + len(s.Strategies) + len(s.Profiles) +
		len(g.Channels) + len(g.Statuses) + len(g.PresenceConfigs) + len(g.RoutingConfigs) + len(g.Queues) +
		len(g.Agents) + len(g.Skills) + len(g.Hours) + len(g.Flows) + len(g.Strategies) + len(g.Profiles)
	if before, after := from.scalars(), p.Set.scalars(); !reflect.DeepEqual(before, after) {
		n++
	}
	return n
}

// manyAgents is from how many changed agents on it is quicker to derive
// everything anew.
const manyAgents = 10_000

// narrow reports whether the patch leaves alone what nearly everything derived
// depends on.
func (p *Patch) narrow() bool {
	s, g := &p.Set, &p.Gone
	return len(s.Channels)+len(g.Channels)+len(s.Statuses)+len(g.Statuses)+len(s.PresenceConfigs)+len(g.PresenceConfigs)+
		len(s.Hours)+len(g.Hours) == 0 && len(s.Agents)+len(g.Agents) <= manyAgents
}

// scalars returns the definition without its lists.
func (d *Definition) scalars() Definition {
	return Definition{Grace: d.Grace, KeepClosed: d.KeepClosed, KeepClosedItems: d.KeepClosedItems, MaxWaiting: d.MaxWaiting}
}

// differing walks two sorted lists, and returns the entries of the second that
// are new or different, and the names of those that it lacks.
func differing[T any](from, to []T, name func(*T) string, same func(a, b *T) bool) (set []T, gone []string) {
	i, j := 0, 0
	for i < len(from) || j < len(to) {
		var order int
		switch {
		case i == len(from):
			order = 1
		case j == len(to):
			order = -1
		default:
			order = cmp.Compare(name(&from[i]), name(&to[j]))
		}
		switch {
		case order < 0:
			gone = append(gone, name(&from[i]))
			i++
		case order > 0:
			set = append(set, to[j])
			j++
		default:
			if !same(&from[i], &to[j]) {
				set = append(set, to[j])
			}
			i, j = i+1, j+1
		}
	}
	return set, gone
}

// found returns the entry of that name, nil if there is none. The list is sorted.
func found[T any](list []T, name string, of func(*T) string) *T {
	at := sort.Search(len(list), func(i int) bool { return of(&list[i]) >= name })
	if at == len(list) || of(&list[at]) != name {
		return nil
	}
	return &list[at]
}

// merged is what differing tells apart, put together again. All lists are
// sorted.
func merged[T any](list, set []T, gone []string, name func(*T) string) []T {
	if len(set) == 0 && len(gone) == 0 {
		return list
	}
	out := make([]T, 0, len(list)+len(set))
	for i := range list {
		at := name(&list[i])
		for len(set) > 0 && name(&set[0]) < at {
			out, set = append(out, set[0]), set[1:]
		}
		if _, is := slices.BinarySearch(gone, at); is {
			continue
		}
		if len(set) > 0 && name(&set[0]) == at {
			out, set = append(out, set[0]), set[1:]
			continue
		}
		out = append(out, list[i])
	}
	out = append(out, set...)
	if len(out) == 0 {
		return nil
	}
	return out
}

func deeply[T any](a, b *T) bool { return reflect.DeepEqual(a, b) }

// same is deeply for agents, of whom there are many.
func (a *AgentDefinition) same(b *AgentDefinition) bool {
	return a.ID == b.ID && a.Name == b.Name && a.PresenceConfig == b.PresenceConfig && a.Profile == b.Profile &&
		slices.Equal(a.Queues, b.Queues) && slices.Equal(a.Skills, b.Skills)
}

func channelName(c *Channel) string             { return c.Name }
func statusName(s *Status) string               { return s.Name }
func presenceName(p *PresenceConfig) string     { return p.Name }
func routingName(r *RoutingConfig) string       { return r.Name }
func queueName(q *QueueDefinition) string       { return q.Name }
func agentID(a *AgentDefinition) string         { return a.ID }
func hoursName(h *Hours) string                 { return h.Name }
func flowName(f *Flow) string                   { return f.Name }
func strategyName(s *StrategyDefinition) string { return s.Name }
func itself(s *string) string                   { return *s }
