// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import (
	"cmp"
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

const (
	// lookAt is how many candidates are looked at for each work, if the author
	// does not say.
	lookAt = 64
	// maxOffers is about how many proposals are made in a turn at most, and
	// maxLooks how much work is decided on, so that no turn takes long in any
	// runtime. It goes on in the next.
	maxOffers = 256
	maxLooks  = 1024
)

// rung is the strategy behind Score and Pick.
type rung[S any] struct {
	route.Settings[S]

	scene
	most   int
	choose func(settings *S, work Work, agents []Agent, most int) Choice
	agents []Agent        // scratch
	rows   []*route.Agent // scratch
}

func newRung[S any](most int, value func(*S, Work) int64, choose func(*S, Work, []Agent, int) Choice) *rung[S] {
	r := &rung[S]{most: cmp.Or(most, lookAt), choose: choose}
	r.index = New(&r.board)
	if value != nil {
		r.index.Value(func(work *route.Work) int64 { return value(r.Get(), Work{work, &r.scene}) })
	}
	return r
}

// plugin returns the package of a strategy with these reasons and those for
// waiting.
func plugin[S any](m route.Manifest, reasons []route.Reason, create func() *rung[S]) route.Plugin {
	m.SettingsSchema = route.SettingsSchema[S]()
	m.Reasons = slices.Clone(m.Reasons)
	for _, reason := range append(reasons, waits()...) {
		if !slices.ContainsFunc(m.Reasons, func(r route.Reason) bool { return r.Code == reason.Code }) {
			m.Reasons = append(m.Reasons, reason)
		}
	}
	return route.Plugin{Manifest: m, New: func() route.Strategy { return create() }}
}

// waits are the reasons for waiting among a Rule's.
func waits() []route.Reason {
	return slices.DeleteFunc(Reasons(), func(r route.Reason) bool { return r.Code < uint16(WaitHeld) })
}

// Configure implements route.Strategy. Under other settings everything is decided
// anew, for which a board that is given up makes the host send it again.
func (r *rung[S]) Configure(settings []byte) error {
	if err := r.Settings.Configure(settings); err != nil {
		return err
	}
	if r.board.WorkCount() > 0 {
		r.board = route.Board{}
	}
	return nil
}

// Turn implements route.Strategy.
func (r *rung[S]) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := r.board.Apply(turn); err != nil {
		return err
	}
	r.index.Apply(turn)
	r.directory.follow(&r.board)
	reply.Digest = r.board.Digest()
	if !turn.Kind.Asks() {
		return nil
	}
	for range maxLooks {
		if len(reply.Proposals) >= maxOffers {
			break
		}
		work, agents := r.index.NextWork(r.most)
		if work == nil {
			break
		}
		r.decide(work, agents, reply)
	}
	note(r.index, &r.board, reply)
	reply.WakeAt = r.index.WakeAt()
	return nil
}

// decide has one work decided on.
func (r *rung[S]) decide(work *route.Work, agents []*route.Agent, reply *route.Reply) {
	r.agents = r.agents[:0]
	for _, agent := range agents {
		r.agents = append(r.agents, Agent{agent, &r.scene})
	}
	choice := r.choose(r.Get(), Work{work, &r.scene}, r.agents, max(1, r.index.offerTo(work)))
	r.rows = r.rows[:0]
	for _, agent := range choice.Agents {
		r.rows = append(r.rows, agent.Agent)
	}
	taken := r.index.Take(work, r.rows...)
	for rank, agent := range r.rows[:taken] {
		reply.Proposals = append(reply.Proposals, route.Proposal{
			Work: work.Ref, Revision: work.Revision, Agent: agent.Ref,
			Score: choice.Score, Reason: choice.Reason, Rank: uint16(rank),
		})
	}
	if taken > 0 {
		return
	}
	r.index.Hold(work, choice.Until)
	if choice.Reason != 0 && len(reply.Notes) < MaxNotes {
		reply.Notes = append(reply.Notes, route.Note{Work: work.Ref, Reason: choice.Reason})
	}
}

// offerTo returns to how many agents the work is offered at once.
func (x *Index) offerTo(work *route.Work) int { return int(x.queue(work.Queue).offerTo) }
