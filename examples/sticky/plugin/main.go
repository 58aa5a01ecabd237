// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// The sticky strategy as a process or as a WASM module, from the same source.
package main

import (
	"github.com/patchbay-cx/patchbay/examples/sticky"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

func init() { serve.Register(sticky.Plugin()) }

func main() { serve.Run() }
