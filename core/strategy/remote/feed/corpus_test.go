// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/feed"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// vendor is a plugin that reads a feed and posts.
type vendor struct {
	rig      *rig
	plugin   route.Plugin
	lease    uint64
	strategy route.Strategy
	reader   *document.Reader
	work     map[uint32]uint64 // numbers by refs
	agents   map[uint32]string
}

// run decides until the feed ends. What it posts is waited for by none: the host
// says in a later turn what became of it.
func (v *vendor) run(ctx context.Context, stream *feed.Stream) {
	for {
		ev, err := stream.Next(ctx)
		if err != nil {
			return
		}
		if ev.Kind == feed.KindStandby {
			continue
		}
		var doc document.Turn
		if err := json.Unmarshal(ev.Data, &doc); err != nil {
			v.rig.t.Error(err)
			return
		}
		if ev.Lease != v.lease {
			v.lease, v.strategy, v.reader = ev.Lease, v.plugin.New(), document.NewReader()
			_ = v.strategy.Configure([]byte("{}"))
		}
		v.learn(&doc)
		turn, reply := v.reader.Rows(&doc), new(route.Reply)
		if err := v.strategy.Turn(turn, reply); err != nil {
			v.rig.t.Errorf("the router is out of step: %v\n%s", err, ev.Data)
			return
		}
		if turn.Kind.Asks() {
			v.rig.post(v.answer(ev.Turn, reply))
		}
	}
}

// learn notes what refs stand for.
func (v *vendor) learn(doc *document.Turn) {
	if kind := doc.Kind; kind == "snapshot" || kind == "snapshot_first" {
		v.work, v.agents = make(map[uint32]uint64), make(map[uint32]string)
	}
	for _, w := range doc.Work {
		v.work[w.Ref] = w.Sequence
	}
	for _, a := range doc.Agents {
		v.agents[a.Ref] = a.Name
	}
}

// answer writes a reply as a post.
func (v *vendor) answer(turn uint64, reply *route.Reply) *feed.Post {
	p := &feed.Post{Lease: v.lease, Turn: turn, WakeAt: reply.WakeAt}
	for _, row := range reply.Proposals {
		if n := len(p.Assignments); row.Rank > 0 && n > 0 && p.Assignments[n-1].Work == v.work[row.Work] {
			p.Assignments[n-1].Agents = append(p.Assignments[n-1].Agents, v.agents[row.Agent])
			continue
		}
		p.Assignments = append(p.Assignments, feed.Assignment{
			Work: v.work[row.Work], Revision: row.Revision, Agents: []string{v.agents[row.Agent]}, Score: row.Score, Reason: v.reason(row.Reason),
		})
	}
	for _, row := range reply.Notes {
		p.Notes = append(p.Notes, feed.Note{Work: v.work[row.Work], Reason: v.reason(row.Reason)})
	}
	return p
}

func (v *vendor) reason(code uint16) string {
	for _, r := range v.plugin.Manifest.Reasons {
		if r.Code == code {
			return r.Name
		}
	}
	return ""
}

// named gives a carrier's reasons the codes of the plugin's manifest.
type named struct {
	strategy.Instance
	reasons []route.Reason
}

// Turn implements routetest.Carrier.
func (n *named) Turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute) // or a router that has failed would hold up the test
	defer cancel()
	err := n.Instance.Turn(ctx, turn, reply)
	for i := range reply.Proposals {
		reply.Proposals[i].Reason = n.code(reply.Proposals[i].Reason)
	}
	for i := range reply.Notes {
		reply.Notes[i].Reason = n.code(reply.Notes[i].Reason)
	}
	return err
}

func (n *named) code(code uint16) uint16 {
	name := n.Instance.(strategy.Explainer).Reason(code)
	for _, r := range n.reasons {
		if r.Name == name {
			return r.Code
		}
	}
	return 0
}

// TestCorpus plays the conformance corpus to routers that read a feed and post
// their answer to each turn, which lingers for it.
func TestCorpus(t *testing.T) {
	t.Parallel()
	plugin := queue.Plugin()
	r := newRig(t, feed.Options{}, time.Hour)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	const vendors = 4
	for range vendors { // so that cases need not wait for each other
		stream := r.subscribe(feed.Subscription{})
		go func() {
			(&vendor{rig: r, plugin: plugin}).run(ctx, stream)
			ended <- struct{}{}
		}()
	}
	t.Cleanup(func() {
		cancel()
		for range vendors {
			<-ended
		}
	})
	spec := strategy.Spec{Name: "x", Runtime: "remote", Limits: strategy.Limits{TurnDeadline: strategy.NoDeadline}}
	suite := routetest.Suite{
		Strategy: plugin.Manifest.Name, Reasons: plugin.Manifest.Reasons,
		Open: func(ctx context.Context) (routetest.Carrier, error) {
			in, _, err := remote.New(r.doors).Start(ctx, spec, 1)
			return &named{in, plugin.Manifest.Reasons}, err
		},
	}
	findings, err := routetest.Check(t.Context(), suite)
	if err != nil {
		t.Fatal(err)
	}
	for _, finding := range findings {
		t.Error(finding)
	}
}
