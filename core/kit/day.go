// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

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
func (t Trial) day(ctx context.Context, seed uint64) ([]string, error) {
	first, findings, err := t.replies(ctx, seed)
	if err != nil {
		return findings, err
	}
	again, _, err := t.replies(ctx, seed)
	if err != nil {
		return findings, err
	}
	for i := range max(len(first), len(again)) {
		// One that failed where the other did not has answered less often.
		if i >= len(first) || i >= len(again) || !bytes.Equal(first[i], again[i]) {
			return append(findings, fmt.Sprintf(
				"turn %d: the same turns brought another reply the second time; the plugin is not deterministic", i+1)), nil
		}
	}
	return findings, nil
}

// replies plays the day to one instance and returns its replies as frames.
func (t Trial) replies(ctx context.Context, seed uint64) (frames [][]byte, findings []string, err error) {
	instance, err := t.start(ctx)
	if err != nil {
		return nil, nil, err
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
				return frames, append(findings, fmt.Sprintf("turn %d, which follows on, was answered with: %v", turn.Seq, err)), nil
			}
			frame, err := route.EncodeReply(nil, &reply)
			if err != nil {
				return frames, findings, err
			}
			frames = append(frames, frame)
			findings = append(findings, settle(host, turn.Seq, reply.Proposals)...)
		}
	}
	return frames, findings, nil
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
