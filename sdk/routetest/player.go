// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Result is what playing a script brought.
type Result struct {
	// Findings says where the strategy does not keep the contract; empty is
	// good.
	Findings []Finding
	// Transcript holds all proposals in order as text.
	Transcript string
}

// Play plays one script twice, unless Once, each time to a strategy opened anew, and
// compares the replies byte for byte. An error means that the strategy could
// not be opened or closed, or that ctx ended; what was found before is in the
// result.
func Play(ctx context.Context, suite Suite, script *Script) (Result, error) {
	first, err := play(ctx, suite, script, nil)
	if err != nil {
		return first.result(), err
	}
	if suite.Once {
		return first.result(), nil
	}
	again, err := play(ctx, suite, script, nil)
	if err != nil {
		return first.result(), err
	}
	if !bytes.Equal(first.frames, again.frames) && len(first.findings) == 0 {
		first.find("the same turns brought other replies the second time")
	}
	return first.result(), nil
}

// result is what was played; nothing if the strategy was not opened.
func (p *player) result() Result {
	if p == nil {
		return Result{}
	}
	return Result{Findings: p.findings, Transcript: p.transcript.String()}
}

// player plays one script to one strategy.
type player struct {
	ctx     context.Context
	suite   Suite
	script  *Script
	carrier Carrier
	host    *Host
	line    int

	reply     route.Reply
	last      []byte     // frame of the last turn
	fresh     []proposed // of the last reply, not settled yet
	held      []proposed
	offered   int // proposals settled well, in all
	expected  int // proposals of the last reply that were expected
	expecting bool
	tell      func(Happening) // nil if nobody watches
	known     names           // what refs stood for after the last turn, if somebody does

	frames     []byte // all replies
	buffer     []byte
	transcript strings.Builder
	findings   []Finding
}

// proposed is a proposal with what it names.
type proposed struct {
	route.Proposal
	seq         uint64
	work, agent string
	found       bool // it does not hold by itself, which has been found
}

// misuse is what a host panics with when it is told to do what cannot be done.
type misuse string

// Error implements error, so that the panic prints well.
func (m misuse) Error() string { return "routetest: " + string(m) }

// stop ends a script after a fault that makes the rest meaningless.
type stop struct{}

func play(ctx context.Context, suite Suite, script *Script, tell func(Happening)) (p *player, err error) {
	carrier, err := suite.Open(ctx)
	if err != nil {
		return nil, err
	}
	p = &player{ctx: ctx, suite: suite, script: script, carrier: carrier, host: NewHost(), tell: tell}
	p.run()
	if closer, ok := carrier.(io.Closer); ok {
		err = closer.Close()
	}
	return p, errors.Join(err, ctx.Err())
}

// run plays the script's steps.
func (p *player) run() {
	for _, step := range p.script.steps {
		if p.line = step.line; !p.step(step) {
			break
		}
	}
	p.closeExpectations()
	if p.tell != nil {
		p.settle() // for who watches; nothing follows on it
	}
}

// step runs one step and reports whether the script can go on.
func (p *player) step(s step) (ok bool) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case stop:
			ok = false
		case misuse:
			p.find("%s", string(r))
			ok = false
		default:
			panic(r)
		}
	}()
	if !s.asks {
		p.closeExpectations()
		p.settle()
	}
	p.happened(Happening{Step: s.text})
	s.run(p)
	return p.ctx.Err() == nil
}

func (p *player) find(format string, args ...any) {
	finding := Finding{Script: p.script.Name, Line: p.line, Text: fmt.Sprintf(format, args...)}
	p.findings = append(p.findings, finding)
	p.happened(Happening{Finding: finding.Text})
}

// turn brings the strategy up to date and takes its proposals.
func (p *player) turn() {
	p.fresh, p.expected = nil, 0
	for _, turn := range p.host.Turns() {
		asks, epoch, seq := turn.Kind.Asks(), turn.Epoch, turn.Seq
		if err := p.carry(turn); err != nil {
			p.find("turn %d, which follows on, was answered with: %v", seq, err)
			panic(stop{})
		}
		if p.reply.Epoch != epoch || p.reply.Seq != seq {
			p.find("turn %d of epoch %d was answered as turn %d of epoch %d", seq, epoch, p.reply.Seq, p.reply.Epoch)
		}
		if !asks && len(p.reply.Proposals) > 0 {
			p.find("turn %d, a page of a snapshot that goes on, was answered with proposals", seq)
		}
	}
	if p.reply.Digest != 0 && p.reply.Digest != p.host.Digest() {
		p.find("the digest is %#x; the rows that were sent give %#x", p.reply.Digest, p.host.Digest())
	}
	p.take()
}

// carry carries one turn, and spoils it afterwards: a strategy may keep nothing
// of it.
func (p *player) carry(turn *route.Turn) error {
	frame, err := route.EncodeTurn(nil, turn)
	if err != nil {
		panic(err) // scripts are small
	}
	p.last = frame
	seq := turn.Seq
	exchange := p.exchange(turn)
	p.reply.Reset()
	err = p.carrier.Turn(p.ctx, turn, &p.reply)
	p.exchanged(exchange, err)
	spoil(turn)
	if err == nil {
		p.buffer, err = route.EncodeReply(p.buffer, &p.reply)
		p.frames = append(p.frames, p.buffer...)
	}
	fmt.Fprintf(&p.transcript, "turn %d\n", seq)
	return err
}

func spoil(turn *route.Turn) {
	for i := range turn.Bytes {
		turn.Bytes[i] = '?'
	}
	for i := range turn.WordIDs {
		turn.WordIDs[i] = 1 << 30
	}
	clear(turn.Agents)
	clear(turn.Work)
	clear(turn.Queues)
	clear(turn.Members)
	clear(turn.Skills)
	clear(turn.Needs)
	clear(turn.Attributes)
	clear(turn.Words)
	clear(turn.Settled)
}

// take notes the proposals of the last reply and checks each by itself.
func (p *player) take() {
	for _, proposal := range p.reply.Proposals {
		pr := proposed{Proposal: proposal, seq: p.host.seq, work: "?", agent: "?"}
		if work := p.host.work.at(proposal.Work); work != nil {
			pr.work = work.name
		}
		if agent := p.host.agents.at(proposal.Agent); agent != nil {
			pr.agent = agent.name
		}
		if verdict := p.host.Verdict(pr.seq, &proposal); verdict != route.VerdictNone {
			p.find("%s is proposed, which does not hold: %s", pr, verdict)
			pr.found = true
		}
		fmt.Fprintf(&p.transcript, "%s revision %d reason %d score %d rank %d\n",
			pr, proposal.Revision, proposal.Reason, proposal.Score, proposal.Rank)
		p.fresh = append(p.fresh, pr)
	}
}

// String names the pair.
func (p proposed) String() string { return p.work + " -> " + p.agent }

// settle settles the proposals of the last reply that are not held.
func (p *player) settle() {
	for _, pr := range p.fresh {
		verdict := p.host.Settle(pr.seq, pr.Proposal)[0]
		p.settled(pr, verdict)
		switch {
		case verdict == route.VerdictAcceptedByHost:
			p.offered++
		case pr.Rank > 0 && verdict == route.VerdictAlreadyAssigned:
		case !pr.found:
			p.find("%s was proposed, which does not hold after the proposals before it: %s", pr, verdict)
		}
	}
	p.fresh = nil
}

// How long a script waits for a strategy that wants to be asked again.
const (
	mostWaits = 8
	longWait  = 10_000 // milliseconds
)

// untilQuiet exchanges turns until nothing is proposed, or nothing that holds.
// In scripts that hold for every strategy, one that wants a turn within seconds
// gets it first: it may gather work before it decides.
func (p *player) untilQuiet() {
	for waits := 0; ; {
		p.turn()
		offered := p.offered
		p.settle()
		if p.offered > offered {
			continue
		}
		wait := p.reply.WakeAt - p.host.now
		if len(p.script.Strategies) > 0 || wait <= 0 || wait > longWait || waits == mostWaits {
			return
		}
		waits++
		p.host.Wait(wait)
	}
}

// fromFresh takes a proposal of the last reply out of what is to be settled.
func (p *player) fromFresh(work string) (proposed, bool) {
	for i, pr := range p.fresh {
		if pr.work == work {
			p.fresh = append(p.fresh[:i:i], p.fresh[i+1:]...)
			return pr, true
		}
	}
	p.find("%s is not proposed", work)
	return proposed{}, false
}

// every stands for whatever was proposed.
const every = "all"

func (p *player) refuse(work string, verdict route.Verdict) {
	for _, pr := range p.chosen(work) {
		p.host.Refuse(pr.seq, pr.Proposal, verdict)
		p.settled(pr, verdict)
	}
}

func (p *player) hold(work string) { p.held = append(p.held, p.chosen(work)...) }

// chosen takes the proposal of the work, or all, out of what is to be settled.
func (p *player) chosen(work string) []proposed {
	if work == every {
		list := p.fresh
		p.fresh, p.expected = nil, len(p.reply.Proposals)
		return list
	}
	if pr, ok := p.fromFresh(work); ok {
		return []proposed{pr}
	}
	return nil
}

func (p *player) settleHeld(work string) {
	if work == every {
		for _, pr := range p.held {
			p.settled(pr, p.host.Settle(pr.seq, pr.Proposal)[0])
		}
		p.held = nil
		return
	}
	for i, pr := range p.held {
		if pr.work == work {
			p.held = append(p.held[:i:i], p.held[i+1:]...)
			p.settled(pr, p.host.Settle(pr.seq, pr.Proposal)[0])
			return
		}
	}
	p.find("%s is not held", work)
}
