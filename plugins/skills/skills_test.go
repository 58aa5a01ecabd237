// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package skills_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

func suite() routetest.Suite {
	plugin := skills.Plugin()
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

// TestRandomDays shows over random days, with everything settled between
// turns, that what is proposed is what the plain rule proposes, and that no
// note speaks of what is proposed.
func TestRandomDays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }
		host, strategy, plain := routetest.NewHost(), skills.Plugin().New(), routetest.Plain(match.MaxProposals)
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
					t.Fatalf("turn %d:\nskills %+v\nplain %+v", turn.Seq, got, want)
				}
				for _, note := range got.Notes {
					if slices.ContainsFunc(got.Proposals, func(p route.Proposal) bool { return p.Work == note.Work }) {
						t.Fatalf("turn %d: work %d waits and is proposed", turn.Seq, note.Work)
					}
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

// TestNotesAreBounded shows that one turn says of so much work only why it
// waits.
func TestNotesAreBounded(t *testing.T) {
	t.Parallel()
	host, strategy := routetest.NewHost(), skills.Plugin().New()
	for i := range match.MaxNotes + 1 {
		host.Work(fmt.Sprintf("w%d", i)).In("support").On("case").Need("german", 1000, 0)
	}
	var reply route.Reply
	if err := strategy.Turn(host.Turns()[0], &reply); err != nil {
		t.Fatal(err)
	}
	if len(reply.Notes) != match.MaxNotes || reply.Notes[0].Reason != uint16(match.WaitNoHolder) {
		t.Errorf("%d notes: %+v", len(reply.Notes), reply.Notes[:1])
	}
}

// TestManifest shows that it promises what it keeps, has no settings, and says
// in one sentence each what a reason means.
func TestManifest(t *testing.T) {
	t.Parallel()
	manifest := skills.Plugin().Manifest
	if manifest.Name != "skills" || !manifest.Deterministic || len(manifest.Reasons) < 12 {
		t.Errorf("%+v", manifest)
	}
	for _, reason := range manifest.Reasons {
		if reason.Name == "" || !strings.HasSuffix(reason.Text, ".") {
			t.Errorf("reason %+v", reason)
		}
	}
	err := skills.Plugin().New().Configure([]byte(`{"levels": true}`))
	if err == nil || !strings.Contains(err.Error(), `skills: settings: json: unknown field "levels"`) {
		t.Errorf("got %v", err)
	}
}
