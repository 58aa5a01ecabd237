// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package builtin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a strategy that does what its fields say.
type fake struct {
	configure func(string) error
	turn      func(*route.Turn, *route.Reply) error
	close     func() error
}

func (f *fake) Configure(settings []byte) error {
	if f.configure == nil {
		return nil
	}
	return f.configure(string(settings))
}

func (f *fake) Turn(turn *route.Turn, reply *route.Reply) error {
	if f.turn == nil {
		for i := range turn.Work {
			reply.Propose(&turn.Work[i], &route.Agent{}, 0, 0)
		}
		return nil
	}
	return f.turn(turn, reply)
}

func (f *fake) Close() error {
	if f.close == nil {
		return nil
	}
	return f.close()
}

var _ io.Closer = (*fake)(nil)

func runtimeOf(f *fake) *Runtime {
	return New(map[string]route.Plugin{"fake": {
		Manifest: route.Manifest{Name: "fake", Version: "1.0.0"}, New: func() route.Strategy { return f },
	}})
}

func mustStart(t testing.TB, f *fake) strategy.Instance {
	t.Helper()
	in, _, err := runtimeOf(f).Start(context.Background(), strategy.Spec{Source: "fake"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in
}

func wantFault(t *testing.T, err error, kind strategy.FaultKind, words string) {
	t.Helper()
	var fault *strategy.Fault
	if !errors.As(err, &fault) || fault.Kind != kind || !strings.Contains(err.Error(), words) {
		t.Errorf("got %v, want a fault of kind %v with %q", err, kind, words)
	}
}

func snapshot(seq uint64, n int) *route.Turn {
	return &route.Turn{Epoch: 3, Seq: seq, Kind: route.KindSnapshot, Work: make([]route.Work, n)}
}

func TestStartAndTurn(t *testing.T) {
	t.Parallel()
	var settings string
	closed := 0
	f := &fake{
		configure: func(s string) error { settings = s; return nil },
		close:     func() error { closed++; return errors.New("close trouble") },
	}
	in, manifest, err := runtimeOf(f).Start(context.Background(), strategy.Spec{Source: "fake"}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if manifest.Name != "fake" || manifest.Majors[0] != route.ContractMajor || settings != "{}" {
		t.Errorf("manifest %+v, settings %q", manifest, settings)
	}
	var reply route.Reply
	for seq := uint64(1); seq < 4; seq++ {
		if err := in.Turn(context.Background(), snapshot(seq, int(seq)), &reply); err != nil {
			t.Fatal(err)
		}
		if reply.Epoch != 3 || reply.Seq != seq || len(reply.Proposals) != int(seq) {
			t.Errorf("turn %d: %+v", seq, reply)
		}
	}
	for range 2 {
		if err := in.Close(); err == nil || err.Error() != "close trouble" {
			t.Errorf("close: %v", err)
		}
	}
	if closed != 1 {
		t.Errorf("the strategy was closed %d times", closed)
	}
	wantFault(t, in.Turn(context.Background(), snapshot(5, 1), &reply), strategy.FaultDied, "closed")
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	_, _, err := runtimeOf(&fake{}).Start(context.Background(), strategy.Spec{Source: "other"}, 1)
	wantFault(t, err, strategy.FaultStart, `no built-in strategy "other"; there are fake`)

	_, _, err = runtimeOf(&fake{configure: func(string) error { return errors.New("take another") }}).
		Start(context.Background(), strategy.Spec{Source: "fake", Settings: []byte(`{"a":1}`)}, 1)
	wantFault(t, err, strategy.FaultStart, "take another")

	_, _, err = runtimeOf(&fake{configure: func(string) error { panic("oh") }}).
		Start(context.Background(), strategy.Spec{Source: "fake"}, 1)
	wantFault(t, err, strategy.FaultStart, "panic: oh")

	newer := New(map[string]route.Plugin{"newer": {Manifest: route.Manifest{Name: "newer", Majors: []uint32{2}}}})
	_, _, err = newer.Start(context.Background(), strategy.Spec{Source: "newer"}, 1)
	wantFault(t, err, strategy.FaultStart, "versions [2]; this host speaks 1")
}

func TestStartHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, _, err := runtimeOf(&fake{configure: func(string) error { <-free; return nil }}).
			Start(ctx, strategy.Spec{Source: "fake"}, 1)
		wantFault(t, err, strategy.FaultStart, "in time")
		close(free)
	})
}

// nobody returns no instance.
func nobody() strategy.Instance { return nil }

func TestTurnFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		turn  func(*route.Turn, *route.Reply) error
		kind  strategy.FaultKind
		words string
		again bool
	}{
		"panic":      {func(*route.Turn, *route.Reply) error { panic("oh") }, strategy.FaultTrap, "panic: oh", false},
		"nil":        {func(*route.Turn, *route.Reply) error { return nobody().Close() }, strategy.FaultTrap, "nil pointer", false},
		"error":      {func(*route.Turn, *route.Reply) error { return errors.New("index broken") }, strategy.FaultBroken, "index broken", true},
		"overbudget": {func(*route.Turn, *route.Reply) error { return &route.StatusError{Status: route.StatusOverBudget} }, strategy.FaultDeadline, "over_budget", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := &fake{turn: test.turn}
			in := mustStart(t, f)
			wantFault(t, in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)), test.kind, test.words)
			f.turn = nil
			if err := in.Turn(context.Background(), snapshot(2, 1), new(route.Reply)); (err == nil) != test.again {
				t.Errorf("turn 2: %v", err)
			}
		})
	}
}

func TestNeedSnapshot(t *testing.T) {
	t.Parallel()
	in := mustStart(t, &fake{turn: func(*route.Turn, *route.Reply) error {
		return fmt.Errorf("gap: %w", route.ErrNeedSnapshot)
	}})
	if err := in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)); !errors.Is(err, route.ErrNeedSnapshot) {
		t.Errorf("got %v", err)
	}
}

// A strategy that is late may go on reading the turn it was given, and its
// answer harms nobody.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &fake{}
		f.turn = func(turn *route.Turn, reply *route.Reply) error {
			if turn.Seq == 1 {
				time.Sleep(time.Hour)
				if len(turn.Work) != 5 || turn.Work[4].Sequence != 44 {
					t.Error("the late strategy's turn has changed")
				}
			}
			reply.Propose(&turn.Work[0], &route.Agent{}, int32(turn.Seq), 0)
			return nil
		}
		in := mustStart(t, f)
		turn := snapshot(1, 5)
		turn.Work[4].Sequence = 44
		var reply route.Reply
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		wantFault(t, in.Turn(short, turn, &reply), strategy.FaultDeadline, "in time")
		if turn.Work[4].Sequence != 44 {
			t.Error("the caller's turn was emptied")
		}
		turn.Work[4].Sequence = 0 // the caller uses its memory again
		wantFault(t, in.Turn(short, snapshot(2, 1), &reply), strategy.FaultDeadline, "earlier turn")
		if err := in.Turn(context.Background(), snapshot(3, 1), &reply); err != nil {
			t.Fatal(err)
		}
		if reply.Seq != 3 || len(reply.Proposals) != 1 || reply.Proposals[0].Score != 3 {
			t.Errorf("turn 3: %+v", reply)
		}
	})
}

func TestLatePanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in := mustStart(t, &fake{turn: func(*route.Turn, *route.Reply) error {
			time.Sleep(time.Hour)
			panic("late")
		}})
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		wantFault(t, in.Turn(short, snapshot(1, 1), new(route.Reply)), strategy.FaultDeadline, "in time")
		for range 2 {
			wantFault(t, in.Turn(context.Background(), snapshot(2, 1), new(route.Reply)), strategy.FaultTrap, "late")
		}
	})
}

// Close does not wait for what hangs, and says so.
func TestCloseLeavesBehind(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		in := mustStart(t, &fake{turn: func(*route.Turn, *route.Reply) error { <-free; return nil }})
		done := make(chan error)
		go func() { done <- in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)) }()
		synctest.Wait()
		if err := in.Close(); err == nil || !strings.Contains(err.Error(), "left behind") {
			t.Errorf("close: %v", err)
		}
		wantFault(t, <-done, strategy.FaultDied, "closed")
		close(free)
	})
}

// Counting allocations forbids running beside other tests.
func TestTurnAllocations(t *testing.T) {
	in := mustStart(t, &fake{})
	turn := snapshot(1, 64)
	var reply route.Reply
	ctx := t.Context()
	if n := testing.AllocsPerRun(200, func() {
		if err := in.Turn(ctx, turn, &reply); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per turn, want 0", n)
	}
}

func BenchmarkTurn(b *testing.B) {
	for _, n := range []int{1, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			in := mustStart(b, &fake{})
			turn := snapshot(1, n)
			var reply route.Reply
			b.ReportAllocs()
			for b.Loop() {
				if err := in.Turn(context.Background(), turn, &reply); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func ExampleRuntime_Start() {
	runtime := New(map[string]route.Plugin{"queue": {New: func() route.Strategy { return &fake{} }}})
	_, _, err := runtime.Start(context.Background(), strategy.Spec{Source: "skills"}, 1)
	fmt.Println(err)
	// Output: strategy: start: builtin: there is no built-in strategy "skills"; there are queue
}

// Of a strategy that hangs one goroutine is lost, not one per start.
func TestHangsOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		free := make(chan struct{})
		r := runtimeOf(&fake{turn: func(*route.Turn, *route.Reply) error { <-free; return nil }})
		spec := strategy.Spec{Name: "ours", Source: "fake"}
		in, _, err := r.Start(t.Context(), spec, 1)
		if err != nil {
			t.Fatal(err)
		}
		short, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		wantFault(t, in.Turn(short, snapshot(1, 1), new(route.Reply)), strategy.FaultDeadline, "in time")
		if err := in.Close(); err == nil {
			t.Error("it was not left behind")
		}
		_, _, err = r.Start(t.Context(), spec, 2)
		wantFault(t, err, strategy.FaultStart, `"fake" is still at a call of its former start; it is not started again before that has returned`)
		close(free)
		synctest.Wait()
		again, _, err := r.Start(t.Context(), spec, 3)
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Turn(t.Context(), snapshot(1, 1), new(route.Reply)); err != nil {
			t.Error(err)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	})
}
