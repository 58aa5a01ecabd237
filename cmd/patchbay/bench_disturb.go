// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// disturber changes who decides, again and again, as admins would who cannot
// make up their minds.
type disturber struct {
	strategies patchbayv1.StrategyServiceClient
	configs    patchbayv1.ConfigServiceClient
	rng        *rand.Rand
	length     time.Duration // of a pass
	text       string        // the config
	versions   int           // of the process strategy
	done       map[string]int
}

// upgrading is the change that can always be made.
const upgrading = "upgrade"

func newDisturber(conn grpc.ClientConnInterface, s *swapping, text string) *disturber {
	return &disturber{
		strategies: patchbayv1.NewStrategyServiceClient(conn), configs: patchbayv1.NewConfigServiceClient(conn),
		rng: rand.New(rand.NewPCG(s.seed, 3)), length: s.length, text: text, done: make(map[string]int),
	}
}

// run makes as many changes, evenly spread, and returns when all are made or ctx
// ends. A change that does not fit the state, such as promoting where nothing is
// on trial, is another one instead.
func (d *disturber) run(ctx context.Context, changes int) error {
	began, every := time.Now(), d.length/time.Duration(changes+1)
	for i := range changes {
		select {
		case <-ctx.Done():
			return fmt.Errorf("only %s: the load was over before; give --for more time, or make fewer swaps", counted(d.done))
		case <-time.After(time.Until(began.Add(time.Duration(i+1) * every))):
		}
		if err := d.change(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (d *disturber) change(ctx context.Context) error {
	for {
		name, err := d.one(ctx)
		code := status.Code(err)
		switch {
		case code == codes.OK:
			d.done[name]++
			return nil
		case name != upgrading && (code == codes.FailedPrecondition || code == codes.InvalidArgument):
			continue // there is nothing to promote, or to go back to
		default:
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

// one tries one change, drawn at random.
func (d *disturber) one(ctx context.Context) (string, error) {
	queue := d.any("support", "sales")
	other := d.any("first", "second", "process", "wasm")
	switch d.rng.IntN(10) {
	default:
		_, err := d.strategies.SwapStrategy(ctx, &patchbayv1.SwapStrategyRequest{Queue: queue, Strategy: other})
		return "swap", err
	case 4:
		_, err := d.strategies.ShadowStrategy(ctx, &patchbayv1.ShadowStrategyRequest{Queue: queue, Strategy: other})
		return "shadow", err
	case 5, 6:
		_, err := d.strategies.StartCanary(ctx, &patchbayv1.StartCanaryRequest{
			Queue: queue, Strategy: other, Percent: float64(1 + d.rng.IntN(99)), Guards: []string{"error_rate < 50%"},
		})
		return "canary", err
	case 7:
		_, err := d.strategies.PromoteStrategy(ctx, &patchbayv1.PromoteStrategyRequest{Queue: queue})
		return "promote", err
	case 8:
		_, err := d.strategies.RollBackStrategy(ctx, &patchbayv1.RollBackStrategyRequest{Queue: queue})
		return "rollback", err
	case 9:
		return upgrading, d.upgrade(ctx)
	}
}

// upgrade applies the config with another version of a plugin: for the host it
// is one, although only its deadline differs.
func (d *disturber) upgrade(ctx context.Context) error {
	d.versions++
	line := "process: {runtime: process,"
	text := strings.Replace(d.text, line, fmt.Sprintf("%s limits: {turn_deadline: %dms},", line, 100+d.versions), 1)
	_, err := d.configs.ApplyConfig(ctx, &patchbayv1.ApplyConfigRequest{
		Files: []*patchbayv1.ConfigFile{{Name: "bench_swap.yaml", Content: []byte(text)}},
	})
	return err
}

func (d *disturber) any(names ...string) string { return names[d.rng.IntN(len(names))] }

// counted lists what was done how often, the most frequent first.
func counted(done map[string]int) string {
	names := slices.SortedFunc(maps.Keys(done), func(a, b string) int {
		return cmp.Or(cmp.Compare(done[b], done[a]), cmp.Compare(a, b))
	})
	parts := make([]string, len(names))
	for i, name := range names {
		parts[i] = fmt.Sprintf("%d %s", done[name], name)
	}
	return strings.Join(parts, ", ")
}
