// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// The queue strategy as a process or as a WASM module, from the same source.
package main

import (
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

func init() { serve.Register(queue.Plugin()) }

func main() { serve.Run() }
