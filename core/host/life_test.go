// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"sync"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// untilClosed runs do on many goroutines, over and over, until it fails, and
// returns a function that waits for all of them and returns how they ended.
func untilClosed(do func(worker int) error) func() []error {
	ends := make([]error, 32)
	var running sync.WaitGroup
	for worker := range ends {
		running.Go(func() {
			for ends[worker] == nil {
				ends[worker] = do(worker)
			}
		})
	}
	return func() []error {
		running.Wait()
		return ends
	}
}

// acknowledged collects what callers were told to exist.
type acknowledged struct {
	mu    sync.Mutex
	work  []engine.WorkID
	some  chan struct{} // closed when there are a few
	count int
}

func newAcknowledged() *acknowledged { return &acknowledged{some: make(chan struct{})} }

func (a *acknowledged) add(id engine.WorkID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.work = append(a.work, id)
	if a.count++; a.count == 200 {
		close(a.some)
	}
}

// kept checks that all of it is there.
func (a *acknowledged) kept(p *place) {
	p.t.Helper()
	if err := p.View(p.t.Context(), func(e *engine.Engine) {
		for _, id := range a.work {
			if _, ok := e.Work(id); !ok {
				p.t.Errorf("%v was acknowledged and is not there", id)
			}
		}
	}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) creates(into *acknowledged) func(int) error {
	return func(int) error {
		result, err := p.Do(p.t.Context(), engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: "support"}})
		if err == nil {
			into.add(result.Work)
		}
		return err
	}
}

func TestCloseUnderLoadAnswersOrRefusesEverybody(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	told := newAcknowledged()
	wait := untilClosed(p.creates(told))
	<-told.some
	var closing sync.WaitGroup
	for range 3 {
		closing.Go(func() {
			if err := p.Workspace.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	for _, err := range wait() {
		if !errors.Is(err, host.ErrClosed) {
			t.Errorf("a caller was told %v", err)
		}
	}
	closing.Wait()
	if err := p.Err(); err != nil {
		t.Errorf("the workspace ended with %v", err)
	}
	p.close()
	p.open(host.Options{})
	told.kept(p)
}

func TestJournalFailureEndsTheWorkspaceForEverybody(t *testing.T) {
	t.Parallel()
	p := &place{t: t, dir: t.TempDir(), def: definition(1)}
	p.open(host.Options{})
	stream := p.attach("a1")
	told := newAcknowledged()
	wait := untilClosed(p.creates(told))
	viewed := untilClosed(func(int) error {
		runtime.Gosched()
		return p.View(t.Context(), func(*engine.Engine) {})
	})
	<-told.some
	if err := p.log.Close(); err != nil {
		t.Fatal(err)
	}
	<-p.Done()
	for _, err := range append(wait(), viewed()...) {
		if !errors.Is(err, journal.ErrClosed) {
			t.Errorf("a caller was told %v", err)
		}
	}
	if err := p.Err(); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("the workspace ended with %v", err)
	}
	if err := p.Workspace.Close(); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("closing what has failed returned %v", err)
	}
	var err error
	for err == nil {
		_, err = stream.Next(t.Context())
	}
	if !errors.Is(err, host.ErrClosed) {
		t.Errorf("the stream ended with %v", err)
	}
	stream.Close()
	if err := p.server.Close(); err != nil {
		t.Fatal(err)
	}
	p.open(host.Options{})
	t.Cleanup(p.close)
	told.kept(p)
}

func TestAttachRacesClose(t *testing.T) {
	t.Parallel()
	p := open(t, definition(4))
	attached := make(chan struct{})
	var first sync.Once
	wait := untilClosed(func(worker int) error {
		stream, err := p.Attach(t.Context(), fmt.Sprintf("a%d", worker%4+1))
		if err != nil {
			return err
		}
		defer stream.Close()
		first.Do(func() { close(attached) })
		if worker%2 == 0 {
			return nil
		}
		if _, err = stream.Next(t.Context()); errors.Is(err, host.ErrReplaced) {
			return nil
		}
		return err
	})
	<-attached
	if err := p.Workspace.Close(); err != nil {
		t.Fatal(err)
	}
	for _, err := range wait() {
		if !errors.Is(err, host.ErrClosed) {
			t.Errorf("a caller was told %v", err)
		}
	}
}

func TestAttachOfACallerWhoLeavesIsUndone(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	for range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		var leaving sync.WaitGroup
		leaving.Go(cancel)
		stream, err := p.Attach(ctx, "a1")
		leaving.Wait()
		if err == nil {
			stream.Close()
		} else if stream != nil {
			t.Fatal("there is a stream beside an error")
		}
		if err := p.View(t.Context(), func(e *engine.Engine) {
			if a, _ := e.Agent("a1"); a.Connected {
				t.Errorf("the agent is connected after %v", err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
	if stream, err := p.Attach(t.Context(), "nobody"); err == nil || stream != nil {
		t.Fatalf("got %v, %v", stream, err)
	}
}

// TestAViewIsOverWhenItReturns reads what the view wrote although its caller
// has left: the two must not happen at once.
func TestAViewIsOverWhenItReturns(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	ctx, cancel := context.WithCancel(t.Context())
	read := false
	if err := p.View(ctx, func(*engine.Engine) {
		cancel()
		for range 10_000 {
			runtime.Gosched()
		}
		read = true
	}); err == nil && !read || err != nil && !errors.Is(err, context.Canceled) {
		t.Fatalf("read %v, %v", read, err)
	}
	if !read {
		t.Fatal("the view returned while it was being read")
	}
}

func TestSlowReaderIsCutOff(t *testing.T) {
	t.Parallel()
	def := definition(1)
	for i := range 256 {
		def.Statuses = append(def.Statuses, engine.Status{Name: fmt.Sprintf("s%03d", i)})
	}
	p := open(t, def)
	stream := p.attach("a1")
	for changes := uint64(0); changes <= 10_000; {
		var running sync.WaitGroup
		for i := range 256 {
			running.Go(func() {
				for range 20 {
					p.do(engine.SetStatus{Agent: "a1", Status: fmt.Sprintf("s%03d", i)})
				}
			})
		}
		running.Wait()
		status, err := p.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		changes = status.Counts[engine.KindAgentStatusChanged]
	}
	if err := p.View(t.Context(), func(e *engine.Engine) {
		if a, _ := e.Agent("a1"); a.Connected {
			t.Error("an agent who hears nothing is still offered work")
		}
	}); err != nil {
		t.Fatal(err)
	}
	if notices, err := stream.Next(t.Context()); !errors.Is(err, host.ErrSlow) {
		t.Fatalf("got %d notices, %v", len(notices), err)
	}
	again, err := p.Attach(t.Context(), "a1")
	if err != nil {
		t.Fatal(err)
	}
	stream.Close() // must not take the new one down
	p.do(engine.SetStatus{Agent: "a1", Status: "available"})
	p.create()
	await(t, again, engine.KindWorkOffered)
}

func TestFeedOfATrimmedPast(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	for range 4 { // each leaves a snapshot; two are kept, and the log after the older
		for range 3 {
			p.create()
		}
		p.close()
		p.open(host.Options{})
	}
	if _, err := p.Feed(1).Next(t.Context()); !errors.Is(err, host.ErrForgotten) {
		t.Fatalf("a feed of what is gone said %v", err)
	}
	first := p.log.First()
	if first < 3 {
		t.Fatalf("the log still begins at %d", first)
	}
	events, err := p.Feed(0).Next(t.Context())
	if err != nil || events[0].Number < first || events[0].Number > first+5 { // records of turns are left out
		t.Fatalf("a feed of all that is kept began with %+v, %v", events, err)
	}
}

func TestFeedFromBeyondTheEndWaits(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, after := range []uint64{1_000_000, math.MaxUint64 - 1, math.MaxUint64} {
		if events, err := p.Feed(after).Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("after %d: got %d events, %v", after, len(events), err)
		}
	}
}

// starting is a runtime whose strategies take as long to start as they may.
type starting struct{ began chan struct{} }

func (r starting) Start(ctx context.Context, _ strategy.Spec, _ uint64) (strategy.Instance, route.Manifest, error) {
	close(r.began)
	<-ctx.Done()
	return nil, route.Manifest{}, ctx.Err()
}

func TestOpenEndsWithItsContext(t *testing.T) {
	t.Parallel()
	p := &place{t: t, dir: t.TempDir(), def: definition(1)}
	p.open(host.Options{})
	t.Cleanup(func() {
		if err := p.server.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := p.Workspace.Close(); err != nil {
		t.Fatal(err)
	}
	r := starting{began: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var leaving sync.WaitGroup
	leaving.Go(func() {
		<-r.began
		cancel()
	})
	w, err := host.Open(ctx, host.Options{
		Name: "test", Log: p.log, Definition: p.def, Strategies: queueStrategy(),
		Runtimes: map[string]strategy.Runtime{"builtin": r},
	})
	leaving.Wait()
	if !errors.Is(err, context.Canceled) || w != nil {
		t.Fatalf("got %v, %v", w, err)
	}
}
