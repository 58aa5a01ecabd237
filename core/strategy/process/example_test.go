// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package process_test

import (
	"context"
	"fmt"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
)

// A process is not started unless its checksum is pinned.
func ExampleRuntime_Start() {
	runtime := process.New(process.Options{HostVersion: "1.0.0"})
	_, _, err := runtime.Start(context.Background(), strategy.Spec{Name: "ours", Source: "/opt/ours/strategy"}, 1)
	fmt.Println(err)
	// Output: strategy: start: process: /opt/ours/strategy: its SHA-256 is not pinned; a process is not started without
}
