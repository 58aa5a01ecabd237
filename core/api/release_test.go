// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"strings"
	"testing"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// Only what is in quarantine is released; core/strategy and the repository's
// root try the release itself.
func TestReleaseIsRefused(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, _ *place, d door) {
		for name, want := range map[string]string{
			"first": `strategy "first" is active; only one that is quarantined can be released`,
			"third": `there is no strategy "third"`,
		} {
			err := d.ask("ReleaseStrategy", &patchbayv1.ReleaseStrategyRequest{Strategy: name}, &patchbayv1.ReleaseStrategyResponse{})
			if err == nil || !strings.Contains(strings.ReplaceAll(err.Error(), `\"`, `"`), want) {
				t.Errorf("release of %s: %v, want %s", name, err, want)
			}
		}
	})
}
