// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package queue_test

import (
	"context"
	"testing"

	"github.com/patchbay-cx/patchbay/plugins/queue"
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

func TestConformance(t *testing.T) {
	t.Parallel()
	routetest.Run(t, suite())
}
