// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route_test

import (
	"fmt"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// first offers each waiting work to the first agent who may take it.
type first struct{ board route.Board }

func (s *first) Configure([]byte) error { return nil }

func (s *first) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := s.board.Apply(turn); err != nil || !turn.Kind.Asks() {
		return err
	}
	for work := range s.board.AllWork() {
		for agent := range s.board.Candidates(work) {
			reply.Propose(work, agent, 0, 0)
			break
		}
	}
	reply.Digest = s.board.Digest()
	return nil
}

// A strategy keeps a Board and answers from it.
func ExampleBoard() {
	turn := route.Turn{
		Epoch: 1, Seq: 1, Kind: route.KindSnapshot, Now: 1_700_000_000_000,
		Bytes:  []byte("ada"),
		Words:  []route.Word{{ID: 1, Text: route.Span{At: 0, N: 3}}},
		Queues: []route.Queue{{Ref: 0, Gen: 1}},
		Agents: []route.Agent{{
			Ref: 0, Gen: 1, Name: 1, Flags: route.AgentConnected, Channels: 1,
			Capacity: 2000, MaxOpen: 10, Members: route.Span{At: 0, N: 1},
		}},
		Members: []route.Member{{Queue: 0, Tier: 1}},
		Work:    []route.Work{{Ref: 5, Gen: 1, Revision: 1, State: route.WorkWaiting, Size: 1000}},
	}
	var reply route.Reply
	strategy := &first{}
	if err := strategy.Turn(&turn, &reply); err != nil {
		fmt.Println(err)
	}
	for _, p := range reply.Proposals {
		fmt.Printf("work %d to %s\n", p.Work, strategy.board.Word(strategy.board.Agent(p.Agent).Name))
	}
	// Output: work 5 to ada
}

// What crosses a process boundary is a frame.
func ExampleEncodeTurn() {
	frame, err := route.EncodeTurn(nil, &route.Turn{Epoch: 1, Seq: 1, Kind: route.KindSnapshot})
	if err != nil {
		fmt.Println(err)
	}
	var turn route.Turn
	fmt.Println(len(frame), route.DecodeTurn(frame, &turn), turn.Seq)
	// Output: 64 <nil> 1
}

func ExamplePair_Verdict() {
	pair := route.Pair{
		Connected: true, Channels: 0b01, Channel: 0, Member: true, Skilled: true,
		MaxOpen: 10, Load: route.Load{Capacity: 1000, Used: 500, Size: 1000},
	}
	fmt.Println(pair.Verdict())
	// Output: no_capacity
}
