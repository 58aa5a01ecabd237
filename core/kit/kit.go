// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package kit is what the authors of plugins work with: it looks into a
// plugin's file, shows what the plugin does turn by turn, tries it against the
// contract, in one runtime or in all, signs it, and writes the project of a new
// one.
//
// A plugin is started as the host starts it, by the host's own runtimes, so
// that what is found here is what the host would find. The package does not
// know how a runtime carries turns, nor any strategy, nor the host's state.
package kit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// startTimeout is how long a plugin may take to start: a module is compiled
// first, which takes a while where there is little to compute with.
const startTimeout = 2 * time.Minute

// File is the file of a plugin, and how it is started.
type File struct {
	// Path is where the file is, as it was given; of a plugin that is linked
	// in, its name.
	Path string `json:"file"`
	// Runtime is the name of the runtime that the file is for: "wasm" if it
	// begins as a WebAssembly module does, else "process". Of a plugin that is
	// linked in it is "builtin".
	Runtime string `json:"runtime"`
	// Size is the file's length in bytes; 0 if there is no file.
	Size int64 `json:"size"`
	// SHA256 is its checksum in lower-case hex, as configs pin it.
	SHA256 string `json:"sha256"`
	// Args are what a process is given; nil for other runtimes.
	Args []string `json:"args,omitempty"`
	// Settings is the JSON object that the plugin is started with; nil means
	// the empty one.
	Settings json.RawMessage `json:"settings,omitempty"`

	code []byte // of a module
}

// Linked is the plugin of that name that is linked in.
func Linked(name string) *File { return &File{Path: name, Runtime: "builtin"} }

// Look reads a file and says what it is. Nothing of it is run.
func Look(path string) (*File, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("kit: look at a plugin: %w", err)
	}
	sum := sha256.Sum256(content)
	f := &File{Path: path, Runtime: "process", Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	if bytes.HasPrefix(content, []byte(magic)) {
		f.Runtime, f.code = "wasm", content
	}
	return f, nil
}

// spec is what starts the plugin.
func (f *File) spec() strategy.Spec {
	return strategy.Spec{
		Name: "kit", Runtime: f.Runtime, Source: f.Path, SHA256: f.SHA256, Args: f.Args, Settings: f.Settings,
		Limits: strategy.Limits{StartTimeout: startTimeout}.WithDefaults(),
	}
}

// Description is what there is to say of a plugin.
type Description struct {
	File

	// Contract is the major version of the contract in which this host and the
	// plugin speak with each other; 0 if it could not be started.
	Contract uint32 `json:"contract,omitempty"`
	// Manifest is what the plugin says of itself; nil if it could not be
	// started.
	Manifest *route.Manifest `json:"manifest,omitempty"`
	// Module is what a WebAssembly module takes from its host and gives to it;
	// nil for other files.
	Module *Module `json:"module,omitempty"`
}

// Spec is what starts the plugin in its runtime as a strategy of that name: its
// source, arguments, checksum and settings, and default limits but for the time
// to start, of which there is plenty.
func (f *File) Spec(name string) strategy.Spec {
	spec := f.spec()
	spec.Name = name
	return spec
}

// Inspect describes the plugin in a file. It starts the plugin in the runtime,
// which must be the one the file is for, asks for its
// manifest and ends it.
//
// If the plugin cannot be started, the description holds what can be said
// without, and the error says why.
func Inspect(ctx context.Context, runtime strategy.Runtime, file *File) (*Description, error) {
	d := &Description{File: *file}
	if file.code != nil {
		module, err := ReadModule(file.code)
		if err != nil {
			return d, err
		}
		d.Module = module
	}
	instance, manifest, err := runtime.Start(ctx, file.spec(), 1)
	if err != nil {
		return d, err
	}
	d.Contract, d.Manifest = route.ContractMajor, &manifest
	return d, instance.Close()
}
