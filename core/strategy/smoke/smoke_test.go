// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package smoke_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/smoke"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// counted counts what is started, and has a stamp.
type counted struct {
	strategy.Runtime

	starts atomic.Int64
	stamp  string
}

func (c *counted) Start(ctx context.Context, spec strategy.Spec, epoch uint64) (strategy.Instance, route.Manifest, error) {
	c.starts.Add(1)
	return c.Runtime.Start(ctx, spec, epoch)
}

func (c *counted) Stamp(strategy.Spec) string { return c.stamp }

// odd is a plain strategy with a twist.
type odd struct {
	route.Strategy

	twist func(reply *route.Reply, err error) error
}

func (o odd) Turn(turn *route.Turn, reply *route.Reply) error {
	return o.twist(reply, o.Strategy.Turn(turn, reply))
}

func with(twist func(*route.Reply, error) error) *counted {
	plugin := route.Plugin{
		Manifest: route.Manifest{Name: "tried", Version: "1.0.0"},
		New:      func() route.Strategy { return odd{routetest.Plain(10), twist} },
	}
	return &counted{Runtime: builtin.New(map[string]route.Plugin{"tried": plugin}), stamp: "1"}
}

func good(_ *route.Reply, err error) error { return err }

var spec = strategy.Spec{Name: "front", Runtime: "builtin", Source: "tried"}

// TestTriesWhatIsNew: a plugin is tried when it is started first, and when its
// file or its settings are others, and not when it is started again.
func TestTriesWhatIsNew(t *testing.T) {
	t.Parallel()
	inner := with(good)
	r := smoke.New(inner)
	start := func(spec strategy.Spec) int64 {
		before := inner.starts.Load()
		instance, manifest, err := r.Start(t.Context(), spec, 7)
		if err != nil || manifest.Name != "tried" {
			t.Fatalf("%+v, %v", manifest, err)
		}
		if err := instance.Close(); err != nil {
			t.Fatal(err)
		}
		return inner.starts.Load() - before
	}
	tried := start(spec)
	if tried < 2 {
		t.Errorf("the first time there were %d starts", tried)
	}
	if again := start(spec); again != 1 {
		t.Errorf("again: %d starts", again)
	}
	if got := r.Stamp(spec); got != "1" {
		t.Errorf("stamp %q", got)
	}
	inner.stamp = "2"
	if changed := start(spec); changed != tried {
		t.Errorf("another file: %d starts, want %d", changed, tried)
	}
	other := spec
	other.Args = []string{"-v"}
	if changed := start(other); changed != tried {
		t.Errorf("other arguments: %d starts, want %d", changed, tried)
	}
}

func TestRefusesWhatDoesNotKeepTheContract(t *testing.T) {
	t.Parallel()
	for want, twist := range map[string]func(*route.Reply, error) error{
		"any-base: turn 1, which follows on, was answered with: strategy: broken: out of sorts": func(*route.Reply, error) error {
			return errors.New("out of sorts")
		},
		"any-base: ? -> anna is proposed, which does not hold: unknown_work (and 2 more)": func(reply *route.Reply, err error) error {
			reply.Proposals = append(reply.Proposals, route.Proposal{Work: 1 << 20, Revision: 1})
			return err
		},
		"any-base: no snapshot was asked for although a turn built on another than the last (and 1 more)": func(*route.Reply, error) error { return nil },
	} {
		r := smoke.New(with(twist))
		_, _, err := r.Start(t.Context(), spec, 7)
		fault, ok := errors.AsType[*strategy.Fault](err)
		if !ok || fault.Kind != strategy.FaultStart || fault.Err.Error() != "smoke: it does not keep the contract: "+want {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// TestPassesOnThatItDoesNotStart: the words are the runtime's own.
func TestPassesOnThatItDoesNotStart(t *testing.T) {
	t.Parallel()
	inner := with(good)
	nowhere := spec
	nowhere.Source = "nowhere"
	_, _, want := inner.Start(t.Context(), nowhere, 1)
	if _, _, err := smoke.New(inner).Start(t.Context(), nowhere, 7); err == nil || want == nil || err.Error() != want.Error() {
		t.Errorf("%v, want %v", err, want)
	}
}

func TestGivesUpInTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		slow := with(good)
		r := smoke.New(hanging{slow})
		_, _, err := r.Start(t.Context(), spec, 7)
		if err == nil {
			t.Fatal("it started")
		}
		if want := "smoke: it does not keep the contract: any-base: it was not done in time: context deadline exceeded"; !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
		if got := time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)); got != 30*time.Second {
			t.Errorf("it took %v", got)
		}
	})
}

// hanging starts strategies whose turns end with their context only.
type hanging struct{ strategy.Runtime }

func (h hanging) Start(ctx context.Context, spec strategy.Spec, epoch uint64) (strategy.Instance, route.Manifest, error) {
	in, manifest, err := h.Runtime.Start(ctx, spec, epoch)
	return stuck{in}, manifest, err
}

type stuck struct{ strategy.Instance }

func (stuck) Turn(ctx context.Context, _ *route.Turn, _ *route.Reply) error {
	<-ctx.Done()
	return &strategy.Fault{Kind: strategy.FaultDeadline, Err: ctx.Err()}
}
