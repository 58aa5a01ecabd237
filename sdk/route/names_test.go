// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"fmt"
	"testing"
)

// The names are stable: they show in logs, metrics and explanations.
func TestNames(t *testing.T) {
	t.Parallel()
	for want, value := range map[string]fmt.Stringer{
		"none": VerdictNone, "accepted_by_host": VerdictAcceptedByHost, "timed_out": VerdictTimedOut,
		"verdict(999)": Verdict(999), "waiting": WorkWaiting, "longest_idle": ModelLongestIdle,
		"additional|dropped": NeedAdditional | NeedDropped, "": NeedFlags(0), "connected|4": AgentConnected | 4,
		"work": TableWork, "ids": TableIDs, "table(99)": Table(99),
		"need_snapshot": StatusNeedSnapshot, "internal": StatusInternal, "status(77)": Status(77),
	} {
		if got := value.String(); got != want {
			t.Errorf("%T is %q, want %q", value, got, want)
		}
	}
}

func TestKinds(t *testing.T) {
	t.Parallel()
	for kind, want := range map[Kind][2]bool{ // resets, asks
		KindDelta: {false, true}, KindSnapshot: {true, true}, KindSnapshotFirst: {true, false},
		KindSnapshotMore: {false, false}, KindSnapshotLast: {false, true}, 0: {false, false},
	} {
		if kind.Resets() != want[0] || kind.Asks() != want[1] {
			t.Errorf("kind %d resets %v, asks %v", kind, kind.Resets(), kind.Asks())
		}
	}
}

func TestReset(t *testing.T) {
	t.Parallel()
	turn, reply := sampleTurn(), sampleReply()
	turn.Reset()
	reply.Reset()
	if frame := mustEncodeTurn(t, turn); len(frame) != headerSize {
		t.Errorf("a reset turn is %d bytes", len(frame))
	}
	if frame := mustEncodeReply(t, reply); len(frame) != headerSize {
		t.Errorf("a reset reply is %d bytes", len(frame))
	}
	if turn, frame := sampleTurn(), mustEncodeTurn(t, sampleTurn()); TurnLen(turn) != len(frame) {
		t.Errorf("TurnLen is %d for %d bytes", TurnLen(turn), len(frame))
	}
	if TableWork.Stride() != 112 || TableBytes.Stride() != 1 || Table(99).Stride() != 0 {
		t.Error("strides")
	}
	reply.Propose(&Work{Ref: 1, Revision: 2}, &Agent{Ref: 3}, 4, 5)
	if want := (Proposal{Work: 1, Revision: 2, Agent: 3, Score: 4, Reason: 5}); reply.Proposals[0] != want {
		t.Errorf("proposed %+v", reply.Proposals[0])
	}
}
