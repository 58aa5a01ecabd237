// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// The batch strategy as a process or as a WASM module, from the same source.
package main

import (
	"github.com/patchbay-cx/patchbay/examples/batch"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

func init() { serve.Register(batch.Plugin()) }

func main() { serve.Run() }
