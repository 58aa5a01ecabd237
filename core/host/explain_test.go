// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
)

func (p *place) explain(id engine.WorkID, whyNot string) *host.Explanation {
	p.t.Helper()
	x, err := p.Explain(p.t.Context(), host.ExplainRequest{Work: id, WhyNot: whyNot})
	if err != nil {
		p.t.Fatalf("%v: %v", id, err)
	}
	return x
}

func kindsOf(x *host.Explanation) (kinds []engine.Kind) {
	for i := range x.Steps {
		kinds = append(kinds, x.Steps[i].Event.Kind)
	}
	return kinds
}

func TestExplain(t *testing.T) {
	t.Parallel()
	p := open(t, definition(3))
	first := p.attach("a1")
	id := p.create()
	offer := await(t, first, engine.KindWorkOffered)
	p.do(engine.Accept{Assignment: offer.Assignment, Agent: "a1"})
	x := p.explain(id, "a2")
	if !x.Complete || x.Forgotten || x.Work.State != engine.Open || x.Outlook == nil || len(x.Outlook.Why) > 0 {
		t.Fatalf("%+v", x)
	}
	if kinds := kindsOf(x); !slices.Equal(kinds, []engine.Kind{engine.KindWorkCreated, engine.KindWorkOffered, engine.KindOfferAccepted}) {
		t.Fatalf("its life is %v", kinds)
	}
	c := x.Steps[1].Choice
	if c == nil || c.Survey == nil || c.Survey.Candidates != 1 || !c.Agrees || c.Turns.Strategy != "queue" || c.Turns.First == 0 || c.Turns.Last < c.Turns.First {
		t.Errorf("a1 was chosen like this: %+v", c)
	}
	if len(x.WhyNot.Moments) != 1 || x.WhyNot.Moments[0].Obstacles[0].Name != engine.ObstacleOffline {
		t.Errorf("a2 did not get it: %+v", x.WhyNot)
	}
	// The strategy that decides tells what it has seen of work that waits.
	for range 3 {
		id = p.create()
	}
	for x = p.explain(id, "a1"); x.Outlook.Considered == nil; x = p.explain(id, "a1") {
		p.do(engine.SetStatus{Agent: "a1", Status: "available"}) // a turn is under way
	}
	o := x.Outlook
	if o.Position != 2 || o.DecidedBy != "queue" || o.Survey.Candidates != 0 || o.Considered.First == 0 {
		t.Errorf("it waits like this: %+v, considered %+v", o, o.Considered)
	}
	if m := x.WhyNot.Moments; len(m) != 1 || m[0].Event != 0 || m[0].Obstacles[0].Name != engine.ObstacleCapacity {
		t.Errorf("a1 does not get it: %+v", m)
	}
}

func TestExplainRefuses(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	id := p.create()
	refused := errors.New("not yours")
	var refusal *engine.Refusal
	if _, err := p.Explain(t.Context(), host.ExplainRequest{Work: id + 1}); !errors.As(err, &refusal) || refusal.Code != engine.CodeUnknownWork {
		t.Errorf("work that never was: %v", err)
	}
	if _, err := p.Explain(t.Context(), host.ExplainRequest{Work: id, WhyNot: "nobody"}); !errors.As(err, &refusal) || refusal.Code != engine.CodeUnknownAgent || refusal.Field != "why_not" {
		t.Errorf("an agent who never was: %v", err)
	}
	if _, err := p.Explain(t.Context(), host.ExplainRequest{Work: id, Admit: func(w *engine.Work) error {
		if w.Queue != "support" {
			t.Errorf("admit is asked about %+v", w)
		}
		return refused
	}}); !errors.Is(err, refused) {
		t.Errorf("not admitted: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Explain(ctx, host.ExplainRequest{Work: id}); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	p.close()
	if _, err := p.Explain(t.Context(), host.ExplainRequest{Work: id}); !errors.Is(err, host.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
	p.open(host.Options{})
}

// TestExplainIsGivenUp cancels an explanation half-way.
func TestExplainIsGivenUp(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	id := p.create()
	var updating sync.WaitGroup
	for range 100 {
		updating.Go(func() {
			for range 101 {
				if _, err := p.Do(t.Context(), engine.UpdateWork{Work: id, Transcript: "more"}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	updating.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told := 0
	_, err := p.Explain(ctx, host.ExplainRequest{Work: id, Progress: func(done, total uint64) {
		told++
		if done > total {
			t.Errorf("%d of %d", done, total)
		}
		cancel()
	}})
	if !errors.Is(err, context.Canceled) || told != 1 {
		t.Errorf("%v, told %d times", err, told)
	}
	if x := p.explain(id, ""); x.Work.State != engine.Waiting || x.Omitted == 0 {
		t.Errorf("%+v", x)
	}
}

// TestExplainBeyondTheLog asks for work that is older than the two snapshots
// that are kept, and for work that is forgotten.
func TestExplainBeyondTheLog(t *testing.T) {
	t.Parallel()
	d := definition(1)
	d.KeepClosedItems = 1
	p := open(t, d)
	old := p.create()
	gone := p.create()
	p.do(engine.CancelWork{Work: gone, Reason: "never mind"})
	p.do(engine.CancelWork{Work: p.create()}) // which forgets the one before
	if x := p.explain(gone, ""); !x.Complete || !x.Forgotten || x.Work.State != engine.Cancelled || len(x.Steps) != 2 || x.Requirements != nil {
		t.Errorf("the journal tells of forgotten work: %+v", x)
	}
	refused := errors.New("not yours")
	if _, err := p.Explain(t.Context(), host.ExplainRequest{Work: gone, Admit: func(*engine.Work) error { return refused }}); !errors.Is(err, refused) {
		t.Errorf("forgotten work is shown to whoever asks: %v", err)
	}
	var young engine.WorkID
	for round := range 3 { // each end makes a snapshot, and two are kept
		p.close()
		p.open(host.Options{})
		if round == 1 {
			young = p.create()
		}
	}
	p.do(engine.CancelWork{Work: old, Reason: "too late"})
	x := p.explain(old, "")
	if x.Complete || x.Since == 0 || x.Work.State != engine.Cancelled {
		t.Fatalf("%+v", x)
	}
	first, last := x.Steps[0], x.Steps[len(x.Steps)-1]
	if first.Event.Number != 0 || !strings.HasPrefix(first.Text, "came in") || last.Event.Kind != engine.KindWorkCancelled || last.Event.Number <= x.Since {
		t.Errorf("it begins with %+v and ends with %+v", first, last)
	}
	if x := p.explain(young, ""); !x.Complete || x.Since == 0 {
		t.Errorf("work that came between the snapshots is told from %d on, complete %v", x.Since, x.Complete)
	}
	var refusal *engine.Refusal
	if _, err := p.Explain(t.Context(), host.ExplainRequest{Work: gone}); !errors.As(err, &refusal) || refusal.Code != engine.CodeUnknownWork {
		t.Errorf("work that nobody remembers: %v", err)
	}
}
