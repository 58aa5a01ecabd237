// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// The stub as a WASM module or as a process, from the same source.
package main

import (
	"github.com/patchbay-cx/patchbay/core/bench/stub"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

func init() { serve.Register(stub.Plugin()) }

func main() { serve.Run() }
