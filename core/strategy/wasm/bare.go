// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package wasm

import (
	"context"
	"fmt"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// Bare is a module of one function that does nothing. Calling it costs what a
// call into a guest costs at the least; turns are measured against that. It is
// not safe for concurrent use.
type Bare struct {
	runtime  wazero.Runtime
	function api.Function
	stack    [1]uint64
}

// OpenBare compiles the module.
func OpenBare(ctx context.Context) (*Bare, error) {
	// (module (func (export "f") (result i32) i32.const 1))
	code := []byte("\x00asm\x01\x00\x00\x00\x01\x05\x01\x60\x00\x01\x7f\x03\x02\x01\x00\x07\x05\x01\x01f\x00\x00\x0a\x06\x01\x04\x00\x41\x01\x0b")
	runtime := wazero.NewRuntime(ctx)
	module, err := runtime.Instantiate(ctx, code)
	if err != nil {
		_ = runtime.Close(ctx)
		return nil, fmt.Errorf("wasm: open a bare module: %w", err)
	}
	return &Bare{runtime: runtime, function: module.ExportedFunction("f")}, nil
}

// Call calls the function once.
func (b *Bare) Call(ctx context.Context) error { return b.function.CallWithStack(ctx, b.stack[:]) }

// Close releases the module.
func (b *Bare) Close() error { return b.runtime.Close(context.Background()) }
