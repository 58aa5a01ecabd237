// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"maps"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Reader reads the documents of one session. It is not safe for concurrent use.
type Reader struct {
	words    map[string]uint32
	channels map[string]uint16
}

// NewReader returns a reader for a session that begins.
func NewReader() *Reader {
	return &Reader{words: make(map[string]uint32), channels: make(map[string]uint16)}
}

// Rows reads a document back as a turn, for a router that is written in Go and
// gets documents. Every turn brings the words that it uses: a string has the
// same dictionary id in all turns that one Reader reads. Names that are not
// known count as nothing.
func (r *Reader) Rows(in *Turn) *route.Turn {
	t := &route.Turn{
		Epoch: in.Epoch, Seq: in.Seq, BaseSeq: in.BaseSeq, Kind: kindNamed(in.Kind), Now: in.Now, Seed: in.Seed,
		Budget: in.Budget, Digest: in.Digest,
	}
	if t.Kind.Resets() || t.Kind == route.KindCandidates {
		clear(r.channels)
		clear(r.words)
	}
	b := rows{r, t}
	if in.Gone != nil {
		t.WorkGone = each(in.Gone.Work, gone)
		t.AgentsGone = each(in.Gone.Agents, gone)
		t.QueuesGone = each(in.Gone.Queues, gone)
	}
	t.Channels = each(in.Channels, b.channel)
	t.Queues = each(in.Queues, b.queue)
	t.Agents = each(in.Agents, b.agent)
	t.Work = each(in.Work, b.work)
	t.Settled = each(in.Settled, b.settled)
	t.Items = each(in.Items, b.item)
	return t
}

// rows builds one turn.
type rows struct {
	*Reader
	t *route.Turn
}

func gone(s *Slot) route.Gone { return route.Gone{Ref: s.Ref, Gen: s.Gen} }

// word returns the id of a string; a new one is brought by the turn.
func (b rows) word(text string) uint32 {
	if text == "" {
		return 0
	}
	id, ok := b.words[text]
	if !ok {
		id = uint32(len(b.words) + 1)
		b.words[text] = id
		b.t.Words = append(b.t.Words, route.Word{ID: id, Text: b.bytes(text)})
	}
	return id
}

func (b rows) bytes(text string) route.Span {
	span := route.Span{At: uint32(len(b.t.Bytes)), N: uint32(len(text))}
	b.t.Bytes = append(b.t.Bytes, text...)
	return span
}

// list appends a list of rows and returns its span.
func list[D, R any](to *[]R, docs []D, read func(*D) R) route.Span {
	if len(docs) == 0 {
		return route.Span{}
	}
	add := each(docs, read) // it may append to other lists
	span := route.Span{At: uint32(len(*to)), N: uint32(len(docs))}
	*to = append(*to, add...)
	return span
}

func (b rows) channel(c *Channel) route.Channel {
	b.channels[c.Name] = c.Ordinal
	return route.Channel{Ordinal: c.Ordinal, Name: b.word(c.Name)}
}

func (b rows) queue(q *Queue) route.Queue {
	return route.Queue{
		Ref: q.Ref, Gen: q.Gen, Version: q.Version, Name: b.word(q.Name), Model: named[route.Model](q.Model),
		Flags: flags[route.QueueFlags](q.Flags, 8), OfferTo: q.OfferTo, WithinMS: q.WithinMS, ChangedAt: q.ChangedAt,
	}
}

func (b rows) agent(a *Agent) route.Agent {
	out := route.Agent{
		Ref: a.Ref, Gen: a.Gen, Version: a.Version, Name: b.word(a.Name), Status: b.word(a.Status),
		Flags: flags[route.AgentFlags](a.Flags, 16), Open: a.Open, Capacity: a.Capacity, Used: a.Used,
		IdleSince: a.IdleSince, SignedInAt: a.SignedInAt, AssignedAt: a.AssignedAt,
		Members: list(&b.t.Members, a.Members, func(m *Member) route.Member {
			return route.Member{Queue: m.Queue, Tier: m.Tier, Weight: m.Weight}
		}),
		Skills: list(&b.t.Skills, a.Skills, func(s *Skill) route.Skill {
			return route.Skill{Name: b.word(s.Name), Level: s.Level}
		}),
		MaxOpen: a.MaxOpen, Offers: a.Offers, MaxOffers: a.MaxOffers, StatusSince: a.StatusSince,
		Interruptible: a.Interruptible, InterruptibleUsed: a.InterruptibleUsed,
	}
	for _, name := range a.Channels {
		out.Channels |= 1 << b.channels[name]
	}
	return out
}

func (b rows) work(w *Work) route.Work {
	return route.Work{
		Ref: w.Ref, Gen: w.Gen, Revision: w.Revision, Queue: w.Queue, Sequence: w.Sequence, RequestedAt: w.RequestedAt,
		TargetAcceptAt: w.TargetAcceptAt, Priority: w.Priority, Secondary: w.Secondary, Size: w.Size,
		Channel: b.channels[w.Channel], State: named[route.WorkState](w.State), Flags: flags[route.WorkFlags](w.Flags, 8),
		Agent: b.word(w.Agent), Declines: w.Declines, PreferredUntil: w.PreferredUntil,
		Needs: list(&b.t.Needs, w.Needs, func(n *Need) route.Need {
			return route.Need{Name: b.word(n.Name), Level: n.Level, Flags: flags[route.NeedFlags](n.Flags, 16), Group: n.Group}
		}),
		Declined:   list(&b.t.WordIDs, w.Declined, func(name *string) uint32 { return b.word(*name) }),
		Attributes: b.attributes(w.Attributes), External: b.word(w.External), Percent: w.Percent, Tier: w.Tier, Offers: w.Offers,
	}
}

func (b rows) attributes(values map[string]string) route.Span {
	names := slices.Sorted(maps.Keys(values))
	return list(&b.t.Attributes, names, func(name *string) route.Attribute {
		return route.Attribute{Name: b.word(*name), Value: b.bytes(values[*name])}
	})
}

func (b rows) settled(s *Settled) route.Settled {
	return route.Settled{
		Seq: s.Seq, Work: s.Work, Revision: s.Revision, Agent: s.Agent, Verdict: named[route.Verdict](s.Verdict), At: s.At,
	}
}

func (b rows) item(i *Item) route.Item {
	return route.Item{Work: i.Work, Candidates: list(&b.t.Candidates, i.Candidates, func(c *Candidate) route.Candidate {
		return route.Candidate{Agent: c.Agent, Takes: c.Takes}
	})}
}

func kindNamed(name string) route.Kind {
	for kind := route.KindDelta; kindName(kind) != ""; kind++ {
		if kindName(kind) == name {
			return kind
		}
	}
	return 0
}

// enum is an enum or flags of the layout.
type enum interface {
	~uint8 | ~uint16
	String() string
}

// named returns the value that has the name; 0 if none has.
func named[E enum](name string) E {
	for value := range 256 { // there are fewer in every enum
		if E(value).String() == name {
			return E(value)
		}
	}
	return 0
}

// flags returns the bits, of so many, that have the names.
func flags[E enum](names []string, width int) (set E) {
	for _, name := range names {
		for bit := range width {
			if E(1<<bit).String() == name {
				set |= 1 << bit
				break
			}
		}
	}
	return set
}
