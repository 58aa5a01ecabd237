// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// TestABadCanaryIsRolledBack has canaries that crash, are slow or propose what
// cannot be taken back by their guard, with the reason on record, while the
// queue's own strategy goes on.
func TestABadCanaryIsRolledBack(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, guard, want string
		play              func(turns int, turn *route.Turn, reply *route.Reply, closed <-chan struct{}) error
	}{
		{"crashes on its 100th turn", "error_rate < 1%", `guard "error_rate < 1%" does not hold`, func(turns int, _ *route.Turn, _ *route.Reply, _ <-chan struct{}) error {
			if turns == 100 {
				panic("the 100th")
			}
			return nil
		}},
		{"slow", "p99_decision < 5ms", `does not hold`, func(_ int, _ *route.Turn, _ *route.Reply, closed <-chan struct{}) error {
			<-closed // longer than any deadline
			return nil
		}},
		{"wrong", "error_rate < 1%", `guard "error_rate < 1%" does not hold`, func(_ int, turn *route.Turn, reply *route.Reply, _ <-chan struct{}) error {
			for i := range turn.Work {
				w := &turn.Work[i]
				reply.Proposals = append(reply.Proposals, route.Proposal{Work: w.Ref, Revision: w.Revision, Agent: 99})
			}
			return nil
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			closed := make(chan struct{})
			p := &place{t: t, dir: t.TempDir(), def: definition(1)}
			p.options = func(opts *host.Options) {
				opts.Strategies = append(queueStrategy(), strategy.Spec{
					Name: "played", Runtime: "builtin", Source: "played", Limits: strategy.Limits{TurnDeadline: 20 * time.Millisecond},
				})
				opts.Runtimes = builtins(map[string]func() route.Strategy{"played": func() route.Strategy {
					turns := 0
					return player{func(turn *route.Turn, reply *route.Reply) error {
						turns++
						return c.play(turns, turn, reply, closed)
					}}
				}})
			}
			p.open(host.Options{})
			t.Cleanup(func() {
				close(closed)
				p.close()
			})
			canary := &engine.Canary{Strategy: "played", Share: engine.WholeShare, Guards: []string{c.guard, strategy.DefaultGuards()[0]}}
			began := p.do(engine.Decide{Queue: "support", To: engine.Deciders{Canary: canary}, Reason: "try it", By: "root"})
			back := p.rolledBack(began.Events[0].Number)
			if !strings.HasPrefix(back.Reason, "canary played rolled back: ") || !strings.Contains(back.Reason, c.want) || back.Change != nil {
				t.Errorf("on record: %q by %v", back.Reason, back.Change)
			}
			versions, current, err := p.Versions(t.Context())
			if err != nil || current != back.Config || versions[len(versions)-1].Note != back.Reason {
				t.Errorf("versions %+v, %v", versions, err)
			}
			stream := p.attach("a1")
			if offer := await(t, stream, engine.KindWorkOffered); offer.Decision.Strategy != "queue" {
				t.Errorf("offered by %+v", offer.Decision)
			}
		})
	}
}

// rolledBack lets work arrive until the canary's trial is over, and returns the
// event that ended it.
func (p *place) rolledBack(began uint64) engine.Event {
	p.t.Helper()
	for range 10_000 {
		p.create()
		queues, _, err := p.Deciders(p.t.Context())
		if err != nil {
			p.t.Fatal(err)
		}
		if queues[0].Trial != nil {
			continue
		}
		feed := p.Feed(began)
		for {
			events, err := feed.Next(p.t.Context())
			if err != nil {
				p.t.Fatal(err)
			}
			for _, ev := range events {
				if ev.Kind == engine.KindDecidersChanged && ev.Number > began {
					return ev
				}
			}
		}
	}
	p.t.Fatal("the canary goes on")
	return engine.Event{}
}
