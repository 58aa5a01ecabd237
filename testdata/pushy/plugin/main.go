// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// The pushy strategy as a process or as a WASM module, from the same source.
package main

import (
	"github.com/patchbay-cx/patchbay/sdk/serve"
	"github.com/patchbay-cx/patchbay/testdata/pushy"
)

func init() { serve.Register(pushy.Plugin()) }

func main() { serve.Run() }
