// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"testing"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestCorpusOverGRPC plays the conformance corpus to a router that the SDK makes
// of a plugin.
func TestCorpusOverGRPC(t *testing.T) {
	t.Parallel()
	d := newDoor(t, newDoors(t, remote.Options{}))
	plugin := queue.Plugin()
	for range 4 { // so that cases need not wait for each other
		d.router(t, plugin, "corpus")
	}
	spec := strategy.Spec{Name: "x", Runtime: "remote", Limits: strategy.Limits{TurnDeadline: strategy.NoDeadline}}
	t.Run("corpus", func(t *testing.T) {
		t.Parallel()
		routetest.RunSuite(t, routetest.Suite{
			Strategy: plugin.Manifest.Name, Reasons: plugin.Manifest.Reasons,
			Open: func(ctx context.Context) (routetest.Carrier, error) {
				instance, _, err := remote.New(d.doors).Start(ctx, spec, 1)
				return instance, err
			},
		})
	})
}
