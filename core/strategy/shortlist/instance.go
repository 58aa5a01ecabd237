// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package shortlist

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

const (
	// maxItems is how many items a frame holds at most.
	maxItems = 256
	// maxRounds is how many frames a turn takes at most. What is not decided
	// then is gone on with in the next turn.
	maxRounds = 8
	// maxPace is how often the pace doubles at which frames offer work for the
	// same room: up to so many items that a frame is full with room for one.
	maxPace = 8
	// refusedPause is for how many milliseconds an item rests for which nothing
	// but nonsense was proposed.
	refusedPause = 1000
)

// instance is one strategy with the board that it does not keep.
type instance struct {
	inner  strategy.Instance
	epoch  uint64
	most   int // candidates of an item
	limit  int // proposals of a reply
	frames uint64

	board route.Board
	index *match.Index

	frame    frame
	answer   route.Reply
	settled  []route.Settled // for the next frame
	proposed map[route.Proposal]uint64
	pace     int    // see collect
	claims   uint64 // counts calls of take

	order  []uint32         // scratch: the items, as they are proposed
	chain  []uint32         // scratch: of each proposal, where the item's next is, less 1
	rows   []route.Proposal // scratch: those of an item
	hands  []route.Proposal // scratch: what goes to the host
	groups []group          // scratch: of hands, by work
}

var (
	_ strategy.Instance  = (*instance)(nil)
	_ strategy.Footprint = (*instance)(nil)
	_ strategy.Waker     = (*instance)(nil)
	_ strategy.Explainer = (*instance)(nil)
)

func newInstance(inner strategy.Instance, manifest *route.Manifest, limit int, epoch uint64) *instance {
	in := &instance{
		inner: inner, epoch: epoch, limit: limit,
		most:     cmp.Or(manifest.Candidates, route.DefaultCandidates),
		proposed: make(map[route.Proposal]uint64),
	}
	in.index = match.New(&in.board)
	in.frame = newFrame(&in.board, manifest.Tables)
	return in
}

// Close implements strategy.Instance.
func (in *instance) Close() error { return in.inner.Close() }

// Memory implements strategy.Footprint: it is what the strategy holds.
func (in *instance) Memory() uint64 {
	if f, ok := in.inner.(strategy.Footprint); ok {
		return f.Memory()
	}
	return 0
}

// OnWake implements strategy.Waker, for a strategy that does. Items that it has
// declined to decide rest all the same.
func (in *instance) OnWake(wake func()) {
	if w, ok := in.inner.(strategy.Waker); ok {
		w.OnWake(wake)
	}
}

// Reason implements strategy.Explainer: of the last frame's answer.
func (in *instance) Reason(code uint16) string {
	if e, ok := in.inner.(strategy.Explainer); ok {
		return e.Reason(code)
	}
	return ""
}

// Turn implements strategy.Instance. A turn in which nothing is to be decided
// does not reach the strategy.
//
// Each frame holds work for all the room there is; what is decided on it counts
// before the next is made. So a turn is over after one frame, as a rule, and
// one more for what the strategy declined to decide. Should it decline again
// and again, each frame offers twice as much for the same room as the one
// before.
func (in *instance) Turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error {
	if err := in.board.Apply(turn); err != nil {
		return strategy.ReplyError(err)
	}
	if turn.Kind.Resets() {
		clear(in.proposed)
		in.settled = in.settled[:0]
	}
	in.index.Apply(turn)
	in.settle(turn.Settled)
	reply.Reset()
	reply.Epoch, reply.Seq, reply.Digest = turn.Epoch, turn.Seq, in.board.Digest()
	if !turn.Kind.Asks() {
		return nil
	}
	wakeAt := int64(0)
	for round := 0; ; round++ {
		if round == maxRounds || len(reply.Proposals) >= match.MaxProposals {
			break // to go on in the next turn, at the same pace
		}
		if !in.collect(turn) {
			in.pace = 0
			break
		}
		in.pace = min(in.pace+1, maxPace)
		if err := in.ask(ctx); err != nil {
			return err
		}
		wakeAt = earlier(wakeAt, in.answer.WakeAt)
		in.decide(reply)
		reply.Notes = append(reply.Notes, in.answer.Notes...)
	}
	reply.WakeAt = earlier(wakeAt, in.index.WakeAt())
	return nil
}

// earlier returns the earlier of two times, of which 0 is none.
func earlier(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// ask carries the frame to the strategy.
func (in *instance) ask(ctx context.Context) error {
	turn := &in.frame.turn
	in.answer.Reset()
	err := in.inner.Turn(ctx, turn, &in.answer)
	switch {
	case errors.Is(err, route.ErrNeedSnapshot):
		return &strategy.Fault{Kind: strategy.FaultBroken, Err: errors.New(
			"shortlist: it asks for a snapshot, but it is given candidates, of which nothing is kept")}
	case err != nil:
		return err
	case in.answer.Epoch != turn.Epoch || in.answer.Seq != turn.Seq:
		return &strategy.Fault{Kind: strategy.FaultWrongTurn, Err: fmt.Errorf(
			"answered frame %d of epoch %d when asked frame %d of epoch %d", in.answer.Seq, in.answer.Epoch, turn.Seq, turn.Epoch)}
	case len(in.answer.Proposals) > max(in.limit, len(turn.Candidates)):
		return &strategy.Fault{Kind: strategy.FaultTooLarge, Err: fmt.Errorf(
			"made %d proposals for one frame, %d are allowed", len(in.answer.Proposals), max(in.limit, len(turn.Candidates)))}
	default:
		return nil
	}
}

// collect makes the frame of the round, and reports whether there is anything
// to decide. Each item is put down for its best candidates while the frame is
// made, so that the next ones are offered others; in later rounds only one item
// of several, since the strategy has declined before.
func (in *instance) collect(turn *route.Turn) bool {
	f := &in.frame
	f.begin()
	for len(f.items) < maxItems {
		work, agents := in.index.NextWork(in.most)
		if work == nil {
			break
		}
		f.add(work, agents)
		if f.count(agents[0].Ref, 1<<in.pace) {
			f.items[len(f.items)-1].put = in.take(work, agents)
			f.items[len(f.items)-1].claim = in.claims
		} else {
			in.index.Hold(work, 0)
		}
	}
	if len(f.items) == 0 {
		return false
	}
	in.frames++
	head := route.Turn{
		Epoch: in.epoch, Seq: in.frames, Kind: route.KindCandidates, Now: turn.Now,
		Seed: turn.Seed + in.frames, Budget: turn.Budget,
	}
	f.finish(&head, in.settled)
	in.settled = in.settled[:0]
	return true
}

// take counts the work as taken by the agents, and returns how many those are.
func (in *instance) take(work *route.Work, agents []*route.Agent) int {
	in.claims++
	return in.index.Take(work, agents...)
}

// settle keeps what became of proposals for the next frame, under the number of
// the frame in which they were made.
func (in *instance) settle(rows []route.Settled) {
	for _, row := range rows {
		key := keyOf(row.Work, row.Revision, row.Agent)
		seq, ok := in.proposed[key]
		if !ok {
			continue
		}
		if row.Verdict != route.VerdictAcceptedByHost {
			delete(in.proposed, key)
		}
		row.Seq = seq
		in.settled = append(in.settled, row)
	}
}

func keyOf(work, revision, agent uint32) route.Proposal {
	return route.Proposal{Work: work, Revision: revision, Agent: agent}
}
