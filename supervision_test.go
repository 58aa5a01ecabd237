// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving"
)

// misfits has the misbehaving plugin in every runtime that takes files.
func misfits(t *testing.T) (specs []strategy.Spec, carriers map[string]strategy.Runtime) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: it builds plugins; leave out -short")
	}
	const source = "github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving/plugin"
	dir := t.TempDir()
	executable, executableSum := built(t, source, filepath.Join(dir, "misfit"))
	module, moduleSum := built(t, source, filepath.Join(dir, "misfit.wasm"), "GOOS=wasip1", "GOARCH=wasm")
	guests, err := wasm.Open(wasm.Options{CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guests.Close() })
	carriers = map[string]strategy.Runtime{
		"builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin()}),
		"process": process.New(process.Options{}),
		"wasm":    guests,
	}
	// Only what hangs is to be late, however busy the machine is.
	patient := strategy.Limits{StartTimeout: 5 * time.Minute, TurnDeadline: 3 * time.Second}
	return []strategy.Spec{
		{Name: "odd", Runtime: "process", Source: executable, SHA256: executableSum, Limits: patient},
		{Name: "odd", Runtime: "wasm", Source: module, SHA256: moduleSum, Limits: patient},
	}, carriers
}

// TestAFailingStrategyIsReplaced has a running host routed by a plugin that
// dies, hangs or babbles: the fallback takes over, no work is lost, and the
// plugin decides again after its restart, or after its standby's. Every way of
// misbehaving is tried in core/strategy; this is the same with journal, loop and
// real time.
func TestAFailingStrategyIsReplaced(t *testing.T) {
	t.Parallel()
	specs, carriers := misfits(t)
	for _, spec := range specs {
		for _, way := range []string{"panics", "loops", "too_many_proposals"} {
			for _, standby := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/standby %t", spec.Runtime, way, standby), func(t *testing.T) {
					t.Parallel()
					odd := spec
					odd.Standby = standby
					odd.Settings = misbehaving.Settings{Way: way, From: 8, Epochs: 1}.JSON()
					replaced(t, odd, carriers)
				})
			}
		}
	}
}

// replaced brings work in until the strategy has failed, was stood in for, and
// decides again.
func replaced(t *testing.T, spec strategy.Spec, carriers map[string]strategy.Runtime) {
	t.Helper()
	w := opened(t, spec, carriers, "")
	stream, err := w.Attach(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	do(t, w, engine.SignIn{Agent: "anna", Status: "available"})
	decided := make(map[string]int) // by strategy and, for the plugin, by start
	for n := 0; decided["odd 1"] == 0 || decided["queue 1"] == 0 && !spec.Standby || decided["odd 2"] == 0; n++ {
		if n == 20_000 {
			t.Fatalf("after %d items the decisions are %v", n, decided)
		}
		decided[served(t, w, stream)]++
	}
	status, err := w.Status(t.Context())
	if err != nil || status.Violations != 0 || status.Queues[0].Waiting+status.Queues[0].Offered+status.Queues[0].Open != 0 {
		t.Fatalf("status %+v, %v", status, err)
	}
	t.Logf("decisions %v, last fault: %.120s", decided, status.Strategies[0].Counts.LastFault)
}

// served brings one item in, has anna do it, and returns who decided that.
func served(t *testing.T, w *host.Workspace, stream *host.Stream) string {
	t.Helper()
	id := do(t, w, engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: "support"}}).Work
	offer := offered(t, stream, id)
	do(t, w, engine.Accept{Assignment: offer.Assignment, Agent: "anna"})
	do(t, w, engine.Complete{Assignment: offer.Assignment, Agent: "anna"})
	return fmt.Sprintf("%s %d", offer.Decision.Strategy, offer.Decision.Epoch)
}

// TestQuarantine has a plugin that always dies put into quarantine, with the turn
// of which it dies kept, and released by an admin.
func TestQuarantine(t *testing.T) {
	t.Parallel()
	specs, carriers := misfits(t)
	spec, folder := specs[1], filepath.Join(t.TempDir(), "post-mortem")
	spec.QuarantineAfter = 3
	spec.Settings = misbehaving.Settings{Way: "panics"}.JSON()
	w := opened(t, spec, carriers, folder)
	stream, err := w.Attach(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	do(t, w, engine.SignIn{Agent: "anna", Status: "available"})
	odd := func() strategy.Status {
		status, err := w.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return status.Strategies[0]
	}
	for odd().State != strategy.Quarantined {
		if by := served(t, w, stream); by != "queue 1" {
			t.Fatalf("decided by %s", by)
		}
	}
	if s := odd(); s.Epoch != 3 || s.Counts.Faults != 3 {
		t.Errorf("%+v", s)
	}
	var refusal *engine.Refusal
	if err := w.Release(t.Context(), "queue", "root"); !errors.As(err, &refusal) || refusal.Code != engine.CodeWrongState {
		t.Errorf("release of what is well: %v", err)
	}
	if err := w.Release(t.Context(), "odd", "root"); err != nil {
		t.Fatal(err)
	}
	for odd().State != strategy.Quarantined {
		served(t, w, stream)
	}
	if s := odd(); s.Epoch != 6 {
		t.Errorf("after it was released it was started %d times", s.Epoch-3)
	}
	kept, err := filepath.Glob(filepath.Join(folder, "odd-*.frame"))
	if err != nil || len(kept) == 0 {
		t.Errorf("no turn is kept for the post-mortem: %v", err)
	}
}

func opened(t *testing.T, spec strategy.Spec, carriers map[string]strategy.Runtime, keep string) *host.Workspace {
	t.Helper()
	server, err := journal.Open(t.Context(), journal.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	log, err := server.Log(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	w, err := host.Open(t.Context(), host.Options{
		Name: "test", Log: log, Seed: daySeed, Runtimes: carriers, KeepFrames: keep,
		Strategies: []strategy.Spec{spec, {Name: "queue", Runtime: "builtin", Source: "queue"}},
		Definition: engine.Definition{
			Channels:        []engine.Channel{{Name: "case", Size: engine.Units(engine.Unit)}},
			Statuses:        []engine.Status{{Name: "available", Channels: []string{"case"}}},
			PresenceConfigs: []engine.PresenceConfig{{Name: "one", Capacity: engine.Unit, MaxOpen: 1}},
			RoutingConfigs: []engine.RoutingConfig{{
				Name: "plain", Model: route.ModelLongestIdle, Strategy: spec.Name, Fallback: "queue",
			}},
			Queues: []engine.QueueDefinition{{Name: "support", Routing: "plain"}},
			Agents: []engine.AgentDefinition{{ID: "anna", PresenceConfig: "one", Queues: engine.Member("support")}},
			Grace:  60_000,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
}

func do(t *testing.T, w *host.Workspace, command engine.Command) engine.Result {
	t.Helper()
	result, err := w.Do(context.WithoutCancel(t.Context()), command)
	if err != nil {
		t.Fatalf("%T: %v", command, err)
	}
	return result
}

// offered waits for the offer of that work.
func offered(t *testing.T, stream *host.Stream, id engine.WorkID) engine.Event {
	t.Helper()
	for {
		notices, err := stream.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range notices {
			if ev := notices[i].Event; ev.Kind == engine.KindWorkOffered && ev.Work == id {
				return ev
			}
		}
	}
}
