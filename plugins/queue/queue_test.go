// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package queue_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

func suite() routetest.Suite {
	plugin := queue.Plugin()
	return routetest.Suite{
		Strategy: plugin.Manifest.Name, Reasons: plugin.Manifest.Reasons,
		Open: func(context.Context) (routetest.Carrier, error) {
			strategy := plugin.New()
			return routetest.Direct(strategy), strategy.Configure([]byte("{}"))
		},
	}
}

// TestConformance plays the corpus.
func TestConformance(t *testing.T) {
	t.Parallel()
	routetest.RunSuite(t, suite())
}

// TestTranscriptIsThePlainOne shows, over the corpus, that every proposal is
// the one of the plain rule, byte for byte. The two boards that are too big for
// the plain rule are left out.
func TestTranscriptIsThePlainOne(t *testing.T) {
	t.Parallel()
	plain := suite()
	plain.Open = func(context.Context) (routetest.Carrier, error) {
		return routetest.Direct(routetest.Plain(queue.MaxProposals)), nil
	}
	for _, script := range routetest.Corpus("queue") {
		if strings.HasSuffix(script.Name, "-big.txt") {
			continue
		}
		t.Run(script.Name, func(t *testing.T) {
			t.Parallel()
			want, err := routetest.Play(t.Context(), plain, script)
			if err != nil {
				t.Fatal(err)
			}
			got, err := routetest.Play(t.Context(), suite(), script)
			if err != nil {
				t.Fatal(err)
			}
			if got.Transcript != want.Transcript {
				t.Errorf("queue:\n%s\nplain:\n%s", got.Transcript, want.Transcript)
			}
		})
	}
}

// TestRandomDays shows the same over random days, with everything settled
// between turns.
func TestRandomDays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }
		host, strategy, plain := routetest.NewHost(), queue.Plugin().New(), routetest.Plain(queue.MaxProposals)
		for range rapid.IntRange(1, 20).Draw(t, "turns") {
			for range draw(20) {
				routetest.Walk(host, draw)
			}
			for _, turn := range host.Turns() {
				var got, want route.Reply
				if err := errors.Join(strategy.Turn(turn, &got), plain.Turn(turn, &want)); err != nil {
					t.Fatal(err)
				}
				if !slices.Equal(got.Proposals, want.Proposals) || got.WakeAt != want.WakeAt || got.Digest != want.Digest {
					t.Fatalf("turn %d:\nqueue %+v\nplain %+v", turn.Seq, got, want)
				}
				for i, verdict := range host.Settle(turn.Seq, got.Proposals...) {
					if verdict != route.VerdictAcceptedByHost {
						t.Fatalf("turn %d: proposal %d: %s", turn.Seq, i, verdict)
					}
				}
			}
		}
	})
}

// TestConfigure shows that no settings are taken but none.
func TestConfigure(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		settings string
		want     string // in the error; empty if there is none
	}{
		{"", ""},
		{"{}", ""},
		{" {\n} ", ""},
		{`{"model": "longest_idle"}`, `unknown field "model"`},
		{"[]", "is no JSON object"},
		{"null", "is no JSON object"},
		{"{} {}", "more than one JSON value"},
		{"{}x", "more than one JSON value"},
		{"{", "unexpected EOF"},
	} {
		t.Run(test.settings, func(t *testing.T) {
			t.Parallel()
			err := queue.Plugin().New().Configure([]byte(test.settings))
			switch {
			case test.want == "" && err != nil:
				t.Errorf("got %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestManifest shows that the reasons are named after the models, and after why
// work waits, under codes that stay.
func TestManifest(t *testing.T) {
	t.Parallel()
	manifest := queue.Plugin().Manifest
	want := map[uint16]string{
		1: "least_active", 2: "most_available", 3: "longest_idle", 4: "round_robin",
		5: "most_skilled", 6: "least_skilled", 7: "weighted_random",
		32: "held", 33: "agent_absent", 34: "no_holder", 35: "no_member", 36: "nobody_free",
	}
	if manifest.Name != "queue" || !manifest.Deterministic || len(manifest.Reasons) != len(want) {
		t.Errorf("%+v", manifest)
	}
	for _, reason := range manifest.Reasons {
		if want[reason.Code] != reason.Name || reason.Text == "" {
			t.Errorf("reason %+v", reason)
		}
	}
}

// TestTurnIsBounded shows that one turn proposes only so much, and the next
// goes on with the rest though nothing else changed.
func TestTurnIsBounded(t *testing.T) {
	t.Parallel()
	const waiting = queue.MaxProposals + 10
	host, strategy := routetest.NewHost(), queue.Plugin().New()
	for i := range waiting {
		name := string(rune('a'+i%26)) + string(rune('0'+i/26))
		host.Agent(name).In("support").On("case")
		host.Work(name).In("support").On("case")
	}
	for _, want := range []int{queue.MaxProposals, 10, 0} {
		var reply route.Reply
		for _, turn := range host.Turns() {
			if err := strategy.Turn(turn, &reply); err != nil {
				t.Fatal(err)
			}
		}
		if len(reply.Proposals) != want {
			t.Fatalf("%d proposals, want %d", len(reply.Proposals), want)
		}
		host.Settle(host.Seq(), reply.Proposals...)
	}
}

// TestUnknownModel shows that a model which is not known is routed as, and
// called, least active.
func TestUnknownModel(t *testing.T) {
	t.Parallel()
	host, strategy := routetest.NewHost(), queue.Plugin().New()
	host.Queue("support").Model(99)
	host.Agent("anna").Holding(500, 1).Capacity(9000).In("support").On("case")
	host.Agent("bert").Holding(200, 1).Capacity(2000).In("support").On("case")
	host.Work("w1").In("support").On("case")
	var reply route.Reply
	if err := strategy.Turn(host.Turns()[0], &reply); err != nil {
		t.Fatal(err)
	}
	if p := reply.Proposals[0]; p.Agent != 1 || p.Reason != uint16(route.ModelLeastActive) || p.Score != 200 {
		t.Errorf("%+v", p)
	}
}
