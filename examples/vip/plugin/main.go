// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// The vip strategy as a process or as a WASM module, from the same source.
package main

import (
	"github.com/patchbay-cx/patchbay/examples/vip"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

func init() { serve.Register(vip.Plugin()) }

func main() { serve.Run() }
