// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// A random day has so many turns, before each of which something happens up to
// so often.
const (
	dayTurns = 60
	daySteps = 20
)

// day plays the random day of that seed to two instances: every proposal must
// hold, and both must answer the same, byte for byte.
func (a *attempt) day(ctx context.Context, seed uint64) (findings []string, decisions string, err error) {
	first, err := a.replies(ctx, seed)
	if err != nil {
		return first.findings, "", err
	}
	if a.Once {
		return first.findings, first.decisions.String(), nil
	}
	again, err := a.replies(ctx, seed)
	if err != nil {
		return first.findings, "", err
	}
	findings = first.findings
	for i := range max(len(first.frames), len(again.frames)) {
		// One that failed where the other did not has answered less often.
		if i >= len(first.frames) || i >= len(again.frames) || !bytes.Equal(first.frames[i], again.frames[i]) {
			findings = append(findings, fmt.Sprintf(
				"turn %d: the same turns brought another reply the second time; the plugin is not deterministic", i+1))
			break
		}
	}
	return findings, first.decisions.String(), nil
}

// played is what a day brought.
type played struct {
	frames    [][]byte // replies
	decisions strings.Builder
	findings  []string
}

// replies plays the day to one instance.
func (a *attempt) replies(ctx context.Context, seed uint64) (p *played, err error) {
	p = &played{}
	instance, err := a.start(ctx)
	if err != nil {
		return p, err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	random := rand.New(rand.NewPCG(seed, 0))
	host := routetest.NewHost()
	for range dayTurns {
		for range random.IntN(daySteps) {
			routetest.Walk(host, random.IntN)
		}
		for _, turn := range host.Turns() {
			var reply route.Reply
			if err := instance.Turn(ctx, turn, &reply); err != nil {
				p.findings = append(p.findings, fmt.Sprintf("turn %d, which follows on, was answered with: %v", turn.Seq, err))
				return p, nil
			}
			if err := p.take(host, turn.Seq, &reply); err != nil {
				return p, err
			}
		}
	}
	return p, nil
}

// take notes a reply and settles its proposals.
func (p *played) take(host *routetest.Host, seq uint64, reply *route.Reply) error {
	frame, err := route.EncodeReply(nil, reply)
	if err != nil {
		return err
	}
	p.frames = append(p.frames, frame)
	fmt.Fprintf(&p.decisions, "turn %d\n", seq)
	for _, x := range reply.Proposals {
		fmt.Fprintf(&p.decisions, "work %d revision %d -> agent %d reason %d score %d rank %d\n",
			x.Work, x.Revision, x.Agent, x.Reason, x.Score, x.Rank)
	}
	p.findings = append(p.findings, settle(host, seq, reply.Proposals)...)
	return nil
}

// settle settles the proposals, and says which do not hold. A second choice is
// there for when the first holds or does not.
func settle(host *routetest.Host, seq uint64, proposals []route.Proposal) []string {
	var findings []string
	for i, verdict := range host.Settle(seq, proposals...) {
		p := &proposals[i]
		if verdict != route.VerdictAcceptedByHost && (p.Rank == 0 || verdict != route.VerdictAlreadyAssigned) {
			findings = append(findings, fmt.Sprintf("turn %d: the proposal of work %d to agent %d does not hold: %s",
				seq, p.Work, p.Agent, verdict))
		}
	}
	return findings
}
