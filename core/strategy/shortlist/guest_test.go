// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package shortlist_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// guest is a strategy that is given candidates, made of a function.
type guest func(turn *route.Turn, reply *route.Reply) error

func (g guest) Configure([]byte) error                          { return nil }
func (g guest) Turn(turn *route.Turn, reply *route.Reply) error { return g(turn, reply) }

// first proposes the best candidate of each item.
func first(t *route.Turn, reply *route.Reply) error {
	for i := range t.Items {
		propose(t, i, 1, reply)
	}
	return nil
}

// all proposes all candidates of each item, best first.
func all(t *route.Turn, reply *route.Reply) error {
	for i := range t.Items {
		propose(t, i, 1000, reply)
	}
	return nil
}

// last proposes all candidates of each item, from the last item on and the last
// candidate on.
func last(t *route.Turn, reply *route.Reply) error {
	for i := range slices.Backward(t.Items) {
		from := len(reply.Proposals)
		propose(t, i, 1000, reply)
		mine := reply.Proposals[from:]
		slices.Reverse(mine)
		for rank := range mine {
			mine[rank].Rank = uint16(rank)
		}
	}
	return nil
}

// propose proposes the n best candidates of the item.
func propose(t *route.Turn, at, n int, reply *route.Reply) {
	work := &t.Work[t.Items[at].Work]
	for rank, candidate := range route.Of(t.Candidates, t.Items[at].Candidates) {
		if rank < n {
			reply.Proposals = append(reply.Proposals, route.Proposal{
				Work: work.Ref, Revision: work.Revision, Agent: t.Agents[candidate.Agent].Ref, Rank: uint16(rank),
			})
		}
	}
}

// pluginOf returns a plugin that wants candidates.
func pluginOf(g guest) route.Plugin {
	return route.Plugin{
		Manifest: route.Manifest{Name: "guest", Version: "1.0.0", View: route.ViewCandidates, Candidates: 64, Deterministic: true},
		New:      func() route.Strategy { return g },
	}
}

// start starts the plugin behind the runtime under test.
func start(t testing.TB, plugin route.Plugin) (strategy.Instance, route.Manifest) {
	t.Helper()
	in, manifest, err := runtimeOf(plugin).Start(context.Background(), strategy.Spec{Name: "x", Source: "guest"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in, manifest
}

func runtimeOf(plugin route.Plugin) strategy.Runtime { return shortlist.New(runtimeOfInner(plugin)) }

func runtimeOfInner(plugin route.Plugin) strategy.Runtime {
	return builtin.New(map[string]route.Plugin{"guest": plugin})
}

// whole says what is wrong with a frame that a strategy was given; nil if
// nothing. Every candidate must pass the host's rule by what the frame alone
// says.
func whole(t *route.Turn) error {
	if t.Kind != route.KindCandidates || t.BaseSeq != 0 || t.Digest != 0 || len(t.Items) == 0 || len(t.Items) != len(t.Work) {
		return fmt.Errorf("kind %d, base %d, digest %d, %d items, %d work", t.Kind, t.BaseSeq, t.Digest, len(t.Items), len(t.Work))
	}
	frame, err := route.EncodeTurn(nil, t)
	if err != nil {
		return err
	}
	var decoded route.Turn
	if err := route.DecodeTurn(frame, &decoded); err != nil {
		return err
	}
	for i := range t.Words {
		if t.Words[i].ID != uint32(i+1) || t.Words[i].Text.N == 0 {
			return fmt.Errorf("word %d has the id %d and %d bytes", i, t.Words[i].ID, t.Words[i].Text.N)
		}
	}
	// A board is given the same rows and must find the same.
	asBoard := *t
	asBoard.Kind = route.KindSnapshot
	var board route.Board
	if err := board.Apply(&asBoard); err != nil {
		return err
	}
	for i := range t.Items {
		work := board.Work(t.Work[t.Items[i].Work].Ref)
		candidates := route.Of(t.Candidates, t.Items[i].Candidates)
		if len(candidates) == 0 || len(candidates) > 64 {
			return fmt.Errorf("item %d has %d candidates", i, len(candidates))
		}
		for _, candidate := range candidates {
			agent := board.Agent(t.Agents[candidate.Agent].Ref)
			load := route.LoadOf(work, agent)
			if v := board.Eligible(work, agent); v != route.VerdictNone || candidate.Takes != load.Takes() {
				return fmt.Errorf("item %d: agent %d: %v, takes %d", i, agent.Ref, v, candidate.Takes)
			}
		}
	}
	return nil
}

// checked is a guest that fails if it is not given whole frames.
func checked(g guest) guest {
	seq := uint64(0)
	return func(t *route.Turn, reply *route.Reply) error {
		if t.Epoch != 1 || t.Seq != seq+1 {
			return fmt.Errorf("frame %d of epoch %d follows frame %d", t.Seq, t.Epoch, seq)
		}
		seq++
		if err := whole(t); err != nil {
			return err
		}
		return g(t, reply)
	}
}

// TestConformance plays what holds for every strategy to several that are given
// candidates.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, g := range map[string]guest{"first": first, "all": all, "last": last} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if testing.Short() && name != "last" {
				t.Skip("skipped: large boards take long with the race detector; leave out -short")
			}
			routetest.RunSuite(t, routetest.Suite{
				Open: func(ctx context.Context) (routetest.Carrier, error) {
					in, _, err := runtimeOf(pluginOf(g)).Start(ctx, strategy.Spec{Source: "guest"}, 1)
					return in, err
				},
			})
		})
	}
}
