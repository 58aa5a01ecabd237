// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package wasm runs strategies as WebAssembly modules inside the host.
//
// A guest has no files, no arguments, no environment and no network. Its clock
// is the turn's Now and its randomness the turn's Seed, so the same turns give
// the same answers. Memory and time are limited; a guest that traps or is cut
// off is thrown away. How host and guest call each other is said in package
// sdk/serve/abi.
//
// # Notes
//
// With strategy.NoDeadline a guest is trusted to return: checks for the end of
// its time are left out of its code, which is faster, and nothing can end it.
//
// The package knows the contract and wazero, which nobody else imports. It does
// not know any strategy.
package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/tetratelabs/wazero"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/lines"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm/interrupt"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve/abi"
)

const (
	pageBytes = 64 << 10
	maxPages  = 65536
)

// Options say how a Runtime works. The zero Options are good.
type Options struct {
	// Logger takes what strategies print. Nil means that it is dropped.
	Logger *slog.Logger
	// CacheDir is a folder for compiled modules, made if need be. Empty means
	// that they are kept in memory only, and compiled anew by each process.
	CacheDir string
}

// Runtime starts strategies as WebAssembly modules. It is safe for concurrent
// use. Close it when no instance is left.
type Runtime struct {
	logger *slog.Logger
	cache  wazero.CompilationCache

	mu      sync.Mutex
	modules map[likeness]*compiled
}

var (
	_ strategy.Runtime  = (*Runtime)(nil)
	_ strategy.Stamper  = (*Runtime)(nil)
	_ strategy.Preparer = (*Runtime)(nil)
)

// Open returns a Runtime. It fails if the cache folder cannot be made.
func Open(options Options) (*Runtime, error) {
	r := &Runtime{logger: options.Logger, modules: make(map[likeness]*compiled)}
	if r.logger == nil {
		r.logger = slog.New(slog.DiscardHandler)
	}
	if options.CacheDir == "" {
		r.cache = wazero.NewCompilationCache()
		return r, nil
	}
	cache, err := wazero.NewCompilationCacheWithDir(options.CacheDir)
	if err != nil {
		return nil, fmt.Errorf("wasm: open the compilation cache: %w", err)
	}
	r.cache = cache
	return r, nil
}

// Close releases the compiled modules. Instances must be closed before.
func (r *Runtime) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.forget(), r.cache.Close(context.Background()))
}

// Prepare implements strategy.Preparer: it compiles the module.
func (r *Runtime) Prepare(ctx context.Context, spec strategy.Spec) {
	code, sum, err := read(spec)
	if err != nil || ctx.Err() != nil {
		return
	}
	in := &instance{limits: spec.Limits.WithDefaults()}
	if of, err := r.compiled(code, likeness{sum: sum, pages: in.limitPages(), trusted: in.trusted()}); err == nil {
		_ = r.release(of)
	}
}

// Stamp implements strategy.Stamper.
func (r *Runtime) Stamp(spec strategy.Spec) string { return strategy.FileStamp(spec.Source) }

// Start implements strategy.Runtime. Compiling is not cut off by ctx; it is
// done once per module as long as the cache lasts.
func (r *Runtime) Start(ctx context.Context, spec strategy.Spec, epoch uint64) (strategy.Instance, route.Manifest, error) {
	in, manifest, err := r.start(ctx, spec, epoch)
	if err != nil {
		return nil, route.Manifest{}, &strategy.Fault{Kind: strategy.FaultStart, Err: fmt.Errorf("wasm: %s: %w", spec.Source, err)}
	}
	return in, manifest, nil
}

func (r *Runtime) start(ctx context.Context, spec strategy.Spec, epoch uint64) (*instance, route.Manifest, error) {
	limits := spec.Limits.WithDefaults()
	ctx, cancel := context.WithTimeout(ctx, limits.StartTimeout)
	defer cancel()
	code, sum, err := read(spec)
	if err != nil {
		return nil, route.Manifest{}, err
	}
	log := lines.New(r.logger.With("strategy", spec.Name, "epoch", epoch), limits.LogLines)
	in := &instance{limits: limits, log: log, world: newWorld(), release: r.release}
	if in.of, err = r.compiled(code, likeness{sum: sum, pages: in.limitPages(), trusted: in.trusted()}); err != nil {
		return nil, route.Manifest{}, fmt.Errorf("compile: %w", err)
	}
	manifest, err := in.open(ctx, spec.Settings)
	if err != nil {
		in.broken = &strategy.Fault{Kind: strategy.FaultStart, Err: err, Gone: true} // it is not asked for anything more
		_ = in.Close()
		if ctx.Err() != nil {
			err = fmt.Errorf("it did not start in time: %w", ctx.Err())
		}
		return nil, manifest, withTail(err, log)
	}
	return in, manifest, nil
}

// read reads the module, and checks it against its pinned checksum if there is
// one: what was checked is what runs.
func read(spec strategy.Spec) (code []byte, sum [sha256.Size]byte, err error) {
	if code, err = os.ReadFile(spec.Source); err != nil {
		return nil, sum, err
	}
	sum = sha256.Sum256(code)
	if got := hex.EncodeToString(sum[:]); spec.SHA256 != "" && !strings.EqualFold(got, spec.SHA256) {
		return nil, sum, fmt.Errorf("its SHA-256 is %s, but %s is pinned", got, spec.SHA256)
	}
	return code, sum, nil
}

// withTail adds the last the guest printed to an error.
func withTail(err error, log *lines.Log) error {
	if tail := log.Tail(); tail != "" {
		return fmt.Errorf("%w; the last it printed:\n%s", err, tail)
	}
	return err
}

// open makes the instance, and configures it.
func (in *instance) open(ctx context.Context, settings []byte) (route.Manifest, error) {
	var err error
	in.module, err = in.of.runtime.InstantiateModule(ctx, in.of.module, in.world.config().
		WithName("").WithStartFunctions().WithStdout(in.log).WithStderr(in.log))
	if err != nil {
		return route.Manifest{}, fmt.Errorf("instantiate: %w", err)
	}
	in.of.logs.Store(in.module, in.log)
	in.bind()
	if in.interrupt == nil && !in.trusted() {
		return route.Manifest{}, errors.New("instantiate: it cannot be interrupted")
	}
	for _, name := range []string{interrupt.ExportStart, "_initialize"} {
		if f := in.module.ExportedFunction(name); f != nil {
			if err := in.call(ctx, f); err != nil {
				return route.Manifest{}, fmt.Errorf("instantiate: %s: %w", name, err)
			}
		}
	}
	return in.introduce(ctx, settings)
}

// introduce checks the guest's ABI and manifest, and gives it its settings.
func (in *instance) introduce(ctx context.Context, settings []byte) (route.Manifest, error) {
	var manifest route.Manifest
	if err := in.call(ctx, in.abi); err != nil {
		return manifest, fmt.Errorf("%s: %w", abi.ExportABI, err)
	}
	if version := uint32(in.stack[0]); version != abi.Version {
		return manifest, fmt.Errorf("it speaks version %d of the guest interface; this host speaks %d", version, abi.Version)
	}
	if err := in.callCold(ctx, abi.OpManifest, nil, &manifest); err != nil {
		return manifest, fmt.Errorf("manifest: %w", err)
	}
	if manifest.Name == "" {
		return manifest, errors.New("its manifest has no name")
	}
	if manifest.Majors == nil {
		manifest.Majors = []uint32{route.ContractMajor}
	}
	if !speaks(manifest.Majors) {
		return manifest, fmt.Errorf("it speaks the contract's versions %v; this host speaks %d", manifest.Majors, uint32(route.ContractMajor))
	}
	spec := strategy.Spec{Settings: settings}
	settings, err := spec.SettingsFor(&manifest)
	if err != nil {
		return manifest, fmt.Errorf("it refuses its settings: %w", err)
	}
	var answer abi.Answer
	if err := in.callCold(ctx, abi.OpConfigure, settings, &answer); err != nil {
		return manifest, fmt.Errorf("configure: %w", err)
	}
	if answer.Error != "" {
		return manifest, fmt.Errorf("it refuses its settings: %s", answer.Error)
	}
	return manifest, nil
}

func speaks(majors []uint32) bool {
	return slices.Contains(majors, route.ContractMajor)
}
