// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"errors"
	"math/bits"
	"sync"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Dictionary is what a router was told of words and channels since its last
// snapshot, and the turn it was asked last. It outlives a connection that is
// lost and taken up again. It is safe for concurrent use.
type Dictionary struct {
	mu       sync.Mutex
	words    map[uint32]string
	channels map[uint16]string
	lease    uint64 // of the last turn
	epoch    uint64 // of the last turn
}

// NewDictionary returns an empty one.
func NewDictionary() *Dictionary {
	return &Dictionary{words: make(map[uint32]string), channels: make(map[uint16]string)}
}

// Frame writes a turn's frame as a document. An error means that the bytes are
// no turn.
func (d *Dictionary) Frame(lease uint64, frame []byte) (*Turn, error) {
	var turn route.Turn
	if err := route.DecodeTurn(frame, &turn); err != nil {
		return nil, err
	}
	return d.Turn(lease, &turn)
}

// Turn is Frame for a turn that has been read.
func (d *Dictionary) Turn(lease uint64, turn *route.Turn) (*Turn, error) {
	if kindName(turn.Kind) == "" {
		return nil, errors.New("document: the frame's kind has no name")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lease, d.epoch = lease, turn.Epoch
	d.learn(turn)
	w := writer{d, turn}
	return w.turn(), nil
}

// epochOf returns the epoch of the last turn under the lease; 0 if there was
// none.
func (d *Dictionary) epochOf(lease uint64) uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	if lease != d.lease {
		return 0
	}
	return d.epoch
}

// learn takes over the words and channels of the turn.
func (d *Dictionary) learn(t *route.Turn) {
	if t.Kind.Resets() || t.Kind == route.KindCandidates {
		clear(d.words)
		clear(d.channels)
	}
	for _, word := range t.Words {
		d.words[word.ID] = string(route.Of(t.Bytes, word.Text))
	}
	for _, channel := range t.Channels {
		d.channels[channel.Ordinal] = d.words[channel.Name]
	}
}

// writer writes one turn.
type writer struct {
	*Dictionary
	t *route.Turn
}

func (w writer) turn() *Turn {
	t := w.t
	out := &Turn{
		Kind: kindName(t.Kind), Epoch: t.Epoch, Seq: t.Seq, BaseSeq: t.BaseSeq, Now: t.Now, Seed: t.Seed,
		Budget: t.Budget, Digest: t.Digest,
		Channels: each(t.Channels, w.channel), Queues: each(t.Queues, w.queue),
		Agents: each(t.Agents, w.agent), Work: each(t.Work, w.work), Settled: each(t.Settled, settled),
		Items: each(t.Items, w.item),
	}
	if len(t.WorkGone)+len(t.AgentsGone)+len(t.QueuesGone) > 0 {
		out.Gone = &Gone{Work: each(t.WorkGone, slot), Agents: each(t.AgentsGone, slot), Queues: each(t.QueuesGone, slot)}
	}
	return out
}

// each writes a list of rows.
func each[R, D any](rows []R, write func(*R) D) []D {
	out := make([]D, len(rows))
	for i := range rows {
		out[i] = write(&rows[i])
	}
	return out
}

func slot(r *route.Gone) Slot { return Slot{Ref: r.Ref, Gen: r.Gen} }

func (w writer) channel(r *route.Channel) Channel {
	return Channel{Ordinal: r.Ordinal, Name: w.words[r.Name]}
}

func (w writer) queue(r *route.Queue) Queue {
	return Queue{
		Ref: r.Ref, Gen: r.Gen, Version: r.Version, Name: w.words[r.Name], Model: r.Model.String(),
		Flags: flagNames(r.Flags.String()), OfferTo: r.OfferTo, WithinMS: r.WithinMS, ChangedAt: r.ChangedAt,
	}
}

func (w writer) agent(r *route.Agent) Agent {
	return Agent{
		Ref: r.Ref, Gen: r.Gen, Version: r.Version, Name: w.words[r.Name], Channels: w.listed(r.Channels),
		Status: w.words[r.Status], Flags: flagNames(r.Flags.String()), Open: r.Open, Capacity: r.Capacity, Used: r.Used,
		IdleSince: r.IdleSince, SignedInAt: r.SignedInAt, AssignedAt: r.AssignedAt,
		Members: each(route.Of(w.t.Members, r.Members), member), Skills: each(route.Of(w.t.Skills, r.Skills), w.skill),
		MaxOpen: r.MaxOpen, Offers: r.Offers, MaxOffers: r.MaxOffers, StatusSince: r.StatusSince,
		Interruptible: r.Interruptible, InterruptibleUsed: r.InterruptibleUsed,
	}
}

// listed are the names of channels whose bits are set.
func (w writer) listed(set uint64) []string {
	names := make([]string, 0, bits.OnesCount64(set))
	for ; set != 0; set &= set - 1 {
		names = append(names, w.channels[uint16(bits.TrailingZeros64(set))])
	}
	return names
}

func member(r *route.Member) Member {
	return Member{Queue: r.Queue, Tier: r.Tier, Weight: r.Weight}
}

func (w writer) skill(r *route.Skill) Skill { return Skill{Name: w.words[r.Name], Level: r.Level} }

func (w writer) work(r *route.Work) Work {
	out := Work{
		Ref: r.Ref, Gen: r.Gen, Revision: r.Revision, Queue: r.Queue, Sequence: r.Sequence, RequestedAt: r.RequestedAt,
		TargetAcceptAt: r.TargetAcceptAt, Priority: r.Priority, Secondary: r.Secondary, Size: r.Size,
		Channel: w.channels[r.Channel], State: r.State.String(), Flags: flagNames(r.Flags.String()),
		Agent: w.words[r.Agent], Declines: r.Declines, PreferredUntil: r.PreferredUntil,
		Needs:      each(route.Of(w.t.Needs, r.Needs), w.need),
		Declined:   each(route.Of(w.t.WordIDs, r.Declined), func(id *uint32) string { return w.words[*id] }),
		Attributes: make(map[string]string, r.Attributes.N), External: w.words[r.External],
		Percent: r.Percent, Tier: r.Tier, Offers: r.Offers,
	}
	for _, a := range route.Of(w.t.Attributes, r.Attributes) {
		out.Attributes[w.words[a.Name]] = string(route.Of(w.t.Bytes, a.Value))
	}
	return out
}

func (w writer) need(r *route.Need) Need {
	return Need{Name: w.words[r.Name], Level: r.Level, Flags: flagNames(r.Flags.String()), Group: r.Group}
}

func settled(r *route.Settled) Settled {
	return Settled{Seq: r.Seq, Work: r.Work, Revision: r.Revision, Agent: r.Agent, Verdict: r.Verdict.String(), At: r.At}
}

func (w writer) item(r *route.Item) Item {
	return Item{Work: r.Work, Candidates: each(route.Of(w.t.Candidates, r.Candidates), candidate)}
}

func candidate(r *route.Candidate) Candidate { return Candidate{Agent: r.Agent, Takes: r.Takes} }
