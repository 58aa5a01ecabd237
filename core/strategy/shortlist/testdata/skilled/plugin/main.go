// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// The skilled strategy as a process or as a WASM module, from the same source.
package main

import (
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist/testdata/skilled"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

func init() { serve.Register(skilled.Plugin()) }

func main() { serve.Run() }
