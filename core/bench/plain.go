// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"fmt"

	"google.golang.org/grpc"

	"github.com/patchbay-cx/patchbay/core/bench/wire"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// echo exchanges the turn's bytes for as many as its reply has.
func (c *carriers) echo(started *child, turn *route.Turn) (func() error, error) {
	frame, err := route.EncodeTurn(nil, turn)
	if err != nil {
		return nil, err
	}
	reply := new(route.Reply)
	stubReply(turn, reply)
	answer, err := route.EncodeReply(nil, reply)
	if err != nil {
		return nil, err
	}
	service := strategygrpc.NewStrategyServiceClient(started.conn)
	if _, err := service.Handshake(c.ctx, &strategyv1.HandshakeRequest{MaxReplyBytes: uint32(len(answer))}); err != nil {
		return nil, err
	}
	stream, err := service.Turns(c.ctx)
	if err != nil {
		return nil, err
	}
	request, response := &strategyv1.TurnsRequest{Frame: frame}, new(strategyv1.TurnsResponse)
	return func() error {
		if err := stream.SendMsg(request); err != nil {
			return err
		}
		if err := stream.RecvMsg(response); err != nil {
			return err
		}
		if len(response.GetFrame()) != len(answer) {
			return fmt.Errorf("bench: the echo has %d bytes instead of %d", len(response.GetFrame()), len(answer))
		}
		return nil
	}, nil
}

// stubReply is what the stub answers.
func stubReply(turn *route.Turn, reply *route.Reply) {
	reply.Epoch, reply.Seq = turn.Epoch, turn.Seq
	for i := range turn.Work {
		reply.Propose(&turn.Work[i], &turn.Agents[i], 0, 0)
	}
}

// plain exchanges the turn as protobuf messages, made from rows and made into
// rows, as a host would have to.
func (c *carriers) plain(started *child, turn *route.Turn) (func() error, error) {
	stream, err := started.conn.NewStream(c.ctx, &grpc.StreamDesc{StreamName: "Turns", ServerStreams: true, ClientStreams: true}, plainMethod)
	if err != nil {
		return nil, err
	}
	reply := new(route.Reply)
	return func() error {
		if err := stream.SendMsg(turnMessage(turn)); err != nil {
			return err
		}
		message := new(wire.Reply)
		if err := stream.RecvMsg(message); err != nil {
			return err
		}
		reply.Reset()
		for _, p := range message.GetProposals() {
			reply.Proposals = append(reply.Proposals, route.Proposal{
				Work: p.GetWork(), Revision: p.GetRevision(), Agent: p.GetAgent(), Score: p.GetScore(),
				Reason: uint16(p.GetReason()), Rank: uint16(p.GetRank()),
			})
		}
		if len(reply.Proposals) != len(turn.Work) {
			return fmt.Errorf("bench: %d proposals for %d items", len(reply.Proposals), len(turn.Work))
		}
		return nil
	}, nil
}

func turnMessage(turn *route.Turn) *wire.Turn {
	m := &wire.Turn{
		Epoch: turn.Epoch, Seq: turn.Seq, BaseSeq: turn.BaseSeq, Kind: uint32(turn.Kind), Now: turn.Now, Seed: turn.Seed,
		Budget: turn.Budget, Digest: turn.Digest,
		Agents: make([]*wire.Agent, 0, len(turn.Agents)), Work: make([]*wire.Work, 0, len(turn.Work)),
		Settled: make([]*wire.Settled, 0, len(turn.Settled)),
	}
	for i := range turn.Agents {
		m.Agents = append(m.Agents, agentMessage(turn, &turn.Agents[i]))
	}
	for i := range turn.Work {
		m.Work = append(m.Work, workMessage(turn, &turn.Work[i]))
	}
	for i := range turn.Settled {
		s := &turn.Settled[i]
		m.Settled = append(m.Settled, &wire.Settled{
			Seq: s.Seq, Work: s.Work, Revision: s.Revision, Agent: s.Agent, Verdict: uint32(s.Verdict), At: s.At,
		})
	}
	return m
}

func agentMessage(turn *route.Turn, a *route.Agent) *wire.Agent {
	m := &wire.Agent{
		Ref: a.Ref, Gen: a.Gen, Version: a.Version, Name: a.Name, Channels: a.Channels, Status: a.Status, Flags: uint32(a.Flags),
		Open: uint32(a.Open), Capacity: a.Capacity, Used: a.Used, IdleSince: a.IdleSince, SignedInAt: a.SignedInAt,
		AssignedAt: a.AssignedAt, MaxOpen: a.MaxOpen, Offers: uint32(a.Offers), MaxOffers: uint32(a.MaxOffers),
		StatusSince: a.StatusSince, Interruptible: a.Interruptible, InterruptibleUsed: a.InterruptibleUsed,
	}
	for _, member := range turn.Members[a.Members.At:][:a.Members.N] {
		m.Members = append(m.Members, &wire.Member{Queue: member.Queue, Tier: uint32(member.Tier), Weight: uint32(member.Weight)})
	}
	for _, skill := range turn.Skills[a.Skills.At:][:a.Skills.N] {
		m.Skills = append(m.Skills, &wire.Skill{Name: skill.Name, Level: skill.Level})
	}
	return m
}

func workMessage(turn *route.Turn, w *route.Work) *wire.Work {
	m := &wire.Work{
		Ref: w.Ref, Gen: w.Gen, Revision: w.Revision, Queue: w.Queue, Sequence: w.Sequence, RequestedAt: w.RequestedAt,
		TargetAcceptAt: w.TargetAcceptAt, Priority: w.Priority, Secondary: w.Secondary, Size: w.Size, Channel: uint32(w.Channel),
		State: uint32(w.State), Flags: uint32(w.Flags), Agent: w.Agent, Declines: w.Declines, PreferredUntil: w.PreferredUntil,
		Percent: w.Percent, Tier: uint32(w.Tier),
	}
	for _, need := range turn.Needs[w.Needs.At:][:w.Needs.N] {
		m.Needs = append(m.Needs, &wire.Skill{Name: need.Name, Level: need.Level, Flags: uint32(need.Flags)})
	}
	return m
}
