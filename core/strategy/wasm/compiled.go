// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package wasm

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"github.com/patchbay-cx/patchbay/core/strategy/lines"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm/interrupt"
	"github.com/patchbay-cx/patchbay/sdk/serve/abi"
)

// maxCompiled is how many modules are kept as they are compiled, whether they
// have guests or not.
const maxCompiled = 16

// likeness is what instances must have in common to share a compiled module.
type likeness struct {
	sum     [sha256.Size]byte // of the module
	pages   uint32            // of memory, at most
	trusted bool              // it is not interruptible
}

// compiled is a module that is ready to be instantiated, and what its guests
// may call. Guests share its code and nothing else: strategies are started
// again, and in a hurry.
type compiled struct {
	once    sync.Once
	err     error // of compiling
	runtime wazero.Runtime
	module  wazero.CompiledModule
	logs    sync.Map // of the guests: api.Module → *lines.Log

	guests int  // guarded by Runtime.mu
	kept   bool // guarded by Runtime.mu; who is not ends with the last guest
}

// compiled returns the module as it is compiled, for one guest more, who gives
// it back by release.
func (r *Runtime) compiled(code []byte, like likeness) (*compiled, error) {
	r.mu.Lock()
	c := r.modules[like]
	if c == nil {
		if len(r.modules) >= maxCompiled {
			_ = r.forget()
		}
		c = &compiled{kept: true}
		r.modules[like] = c
	}
	c.guests++
	r.mu.Unlock()
	c.once.Do(func() { c.err = c.compile(context.Background(), r.cache, code, like) })
	if c.err == nil {
		return c, nil
	}
	r.mu.Lock()
	if r.modules[like] == c {
		delete(r.modules, like)
	}
	c.kept = false
	r.mu.Unlock()
	return nil, errors.Join(c.err, r.release(c))
}

// release gives a module back that was used for one guest.
func (r *Runtime) release(c *compiled) error {
	r.mu.Lock()
	c.guests--
	last := c.guests == 0 && !c.kept
	r.mu.Unlock()
	if !last {
		return nil
	}
	return c.close()
}

// forget lets go of all modules; those that have guests end with them. The
// caller holds r.mu.
func (r *Runtime) forget() error {
	var errs error
	for like, c := range r.modules {
		delete(r.modules, like)
		c.kept = false
		if c.guests == 0 {
			errs = errors.Join(errs, c.close())
		}
	}
	return errs
}

func (c *compiled) close() error {
	if c.runtime == nil {
		return nil
	}
	return c.runtime.Close(context.Background())
}

// compile makes the module ready.
func (c *compiled) compile(ctx context.Context, cache wazero.CompilationCache, code []byte, like likeness) (err error) {
	if !like.trusted {
		if code, err = interrupt.Prepare(code); err != nil { // it is not compiled all the same: that could take all memory
			return err
		}
	}
	c.runtime = wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
		WithCompilationCache(cache).
		WithMemoryLimitPages(like.pages))
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, c.runtime); err != nil {
		return err
	}
	if err := c.exportLog(ctx); err != nil {
		return err
	}
	if c.module, err = c.runtime.CompileModule(ctx, code); err != nil {
		return err
	}
	return checkExports(c.module)
}

// exportLog makes patchbay.log.
func (c *compiled) exportLog(ctx context.Context) error {
	i32 := api.ValueTypeI32
	_, err := c.runtime.NewHostModuleBuilder(abi.ImportModule).NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(func(_ context.Context, guest api.Module, stack []uint64) {
			log, ok := c.logs.Load(guest)
			if !ok {
				return
			}
			// What lies outside the guest's memory is not logged.
			if text, ok := guest.Memory().Read(uint32(stack[1]), uint32(stack[2])); ok {
				log.(*lines.Log).Line(level(uint32(stack[0])), string(text[:min(len(text), lines.Longest)]))
			}
		}), []api.ValueType{i32, i32, i32}, nil).
		Export(abi.ImportLog).Instantiate(ctx)
	return err
}

func level(l uint32) slog.Level {
	switch l {
	case abi.LevelDebug:
		return slog.LevelDebug
	case abi.LevelWarn:
		return slog.LevelWarn
	case abi.LevelError:
		return slog.LevelError
	default:
		return slog.LevelInfo
	}
}

// signature is what an export must look like.
type signature struct {
	name            string
	params, results []api.ValueType
}

// checkExports names everything that the module lacks.
func checkExports(module wazero.CompiledModule) error {
	i32, i64 := api.ValueTypeI32, api.ValueTypeI64
	var missing []string
	if _, ok := module.ExportedMemories()[abi.ExportMemory]; !ok {
		missing = append(missing, abi.ExportMemory)
	}
	for _, want := range []signature{
		{abi.ExportABI, nil, []api.ValueType{i32}},
		{abi.ExportBuffer, []api.ValueType{i32}, []api.ValueType{i32}},
		{abi.ExportCold, []api.ValueType{i32, i32, i32}, []api.ValueType{i64}},
		{abi.ExportTurn, []api.ValueType{i32, i32}, []api.ValueType{i64}},
	} {
		got, ok := module.ExportedFunctions()[want.name]
		switch {
		case !ok:
			missing = append(missing, want.name)
		case string(got.ParamTypes()) != string(want.params) || string(got.ResultTypes()) != string(want.results):
			missing = append(missing, fmt.Sprintf("%s with the right parameters and result", want.name))
		}
	}
	if missing != nil {
		return fmt.Errorf("it is no strategy guest: it does not export %s", strings.Join(missing, ", "))
	}
	return nil
}
