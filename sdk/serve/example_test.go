// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package serve_test

import (
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

// idle offers nothing to anybody.
type idle struct{}

func (idle) Configure([]byte) error               { return nil }
func (idle) Turn(*route.Turn, *route.Reply) error { return nil }

// A program that packages a strategy registers it in init, because a WASM
// guest's main is never run.
func Example() {
	initialize := func() { // func init()
		serve.Register(route.Plugin{
			Manifest: route.Manifest{Name: "idle", Version: "1.0.0"},
			New:      func() route.Strategy { return idle{} },
		})
	}
	run := func() { serve.Run() } // func main()
	_, _ = initialize, run
	// Output:
}
