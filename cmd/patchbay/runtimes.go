// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// plugins are the strategies that are linked in.
func plugins() map[string]route.Plugin {
	return map[string]route.Plugin{"queue": queue.Plugin(), "skills": skills.Plugin()}
}

// builtins are their names.
func builtins() []string { return slices.Sorted(maps.Keys(plugins())) }

// openRuntimes returns the runtimes by name, and what closes them.
func openRuntimes(logger *slog.Logger) (map[string]strategy.Runtime, func() error, error) {
	modules, err := wasm.Open(wasm.Options{Logger: logger, CacheDir: cacheDir("wasm")})
	if err != nil {
		logger.Warn("compiled WASM modules are not kept", "error", err)
		modules, err = wasm.Open(wasm.Options{Logger: logger})
	}
	if err != nil {
		return nil, nil, err
	}
	return shortlist.Wrap(map[string]strategy.Runtime{
		"builtin": builtin.New(plugins()),
		"process": process.New(process.Options{Logger: logger, HostVersion: version()}),
		"wasm":    modules,
	}), modules.Close, nil
}

// cacheDir is a folder for what can be made again; empty if this user has none.
func cacheDir(name string) string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "patchbay", name)
}
