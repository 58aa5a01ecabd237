// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest_test

import (
	"context"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// plainSuite tests the plain strategy as the queue strategy.
func plainSuite() routetest.Suite {
	var reasons []route.Reason
	for model := route.ModelLeastActive; model <= route.ModelWeightedRandom; model++ {
		reasons = append(reasons, route.Reason{Code: uint16(model), Name: model.String()})
	}
	return routetest.Suite{
		Strategy: "queue", Reasons: reasons,
		Open: func(context.Context) (routetest.Carrier, error) {
			return routetest.Direct(routetest.Plain(0)), nil
		},
	}
}

// TestPlain shows that the plain rule keeps the whole corpus, but for the
// boards that are too big for it.
func TestPlain(t *testing.T) {
	t.Parallel()
	suite := plainSuite()
	for _, script := range routetest.Corpus(suite.Strategy) {
		if strings.HasSuffix(script.Name, "-big.txt") {
			continue
		}
		t.Run(script.Name, func(t *testing.T) {
			t.Parallel()
			result, err := routetest.Play(t.Context(), suite, script)
			if err != nil {
				t.Fatal(err)
			}
			for _, finding := range result.Findings {
				t.Error(finding)
			}
		})
	}
}
