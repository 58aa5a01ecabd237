// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	_ "embed"

	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

//go:embed scene.txt
var sceneText string

// Scene returns a short script in which a little of everything happens, for
// watching any strategy.
func Scene() *routetest.Script {
	script, err := routetest.Parse("scene.txt", sceneText)
	if err != nil {
		panic(err) // embedded, and a test plays it
	}
	return script
}
