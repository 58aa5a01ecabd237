// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"context"
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
)

// TestAFailingStrategyIsReplaced has a running host routed by a plugin that
// dies, hangs or babbles: the fallback takes over, no work is lost, and the
// plugin decides again after its restart.
func TestAFailingStrategyIsReplaced(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: it builds plugins; leave out -short")
	}
	dir := t.TempDir()
	executable, executableSum := built(t, "./testdata/fickle", filepath.Join(dir, "fickle"))
	module, moduleSum := built(t, "./testdata/fickle", filepath.Join(dir, "fickle.wasm"), "GOOS=wasip1", "GOARCH=wasm")
	guests, err := wasm.Open(wasm.Options{CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guests.Close() })
	carriers := map[string]strategy.Runtime{
		"builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin()}),
		"process": process.New(process.Options{}),
		"wasm":    guests,
	}
	for _, spec := range []strategy.Spec{
		{Runtime: "process", Source: executable, SHA256: executableSum},
		{Runtime: "wasm", Source: module, SHA256: moduleSum},
	} {
		for _, fault := range []string{"die", "hang", "babble"} {
			t.Run(spec.Runtime+"/"+fault, func(t *testing.T) {
				t.Parallel()
				fickle := spec
				fickle.Name = "fickle"
				fickle.Settings = fmt.Appendf(nil, `{"fault": %q, "at": 8}`, fault)
				fickle.Limits = strategy.Limits{StartTimeout: 5 * time.Minute}
				replaced(t, fickle, carriers)
			})
		}
	}
}

// replaced brings work in until the strategy has failed, was stood in for, and
// decides again.
func replaced(t *testing.T, spec strategy.Spec, carriers map[string]strategy.Runtime) {
	t.Helper()
	w := opened(t, spec, carriers)
	stream, err := w.Attach(t.Context(), "anna")
	if err != nil {
		t.Fatal(err)
	}
	do(t, w, engine.SignIn{Agent: "anna", Status: "available"})
	decided := make(map[string]int) // by strategy and, for the plugin, by start
	for n := 0; decided["fickle 1"] == 0 || decided["queue 1"] == 0 || decided["fickle 2"] == 0; n++ {
		if n == 20_000 {
			t.Fatalf("after %d items the decisions are %v", n, decided)
		}
		id := do(t, w, engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: "support"}}).Work
		offer := offered(t, stream, id)
		decided[fmt.Sprintf("%s %d", offer.Decision.Strategy, offer.Decision.Epoch)]++
		do(t, w, engine.Accept{Assignment: offer.Assignment, Agent: "anna"})
		do(t, w, engine.Complete{Assignment: offer.Assignment, Agent: "anna"})
	}
	status, err := w.Status(t.Context())
	if err != nil || status.Violations != 0 || status.Queues[0].Waiting+status.Queues[0].Offered+status.Queues[0].Open != 0 {
		t.Fatalf("status %+v, %v", status, err)
	}
	t.Logf("decisions %v, last fault: %s", decided, status.Strategies[0].Counts.LastFault)
}

func opened(t *testing.T, spec strategy.Spec, carriers map[string]strategy.Runtime) *host.Workspace {
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
		Name: "test", Log: log, Seed: daySeed, Runtimes: carriers,
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
