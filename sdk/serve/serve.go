// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package serve runs a strategy outside the host, from one source: as a
// process, or as a WASM guest. The program that packages a plugin is
//
//	func init() { serve.Register(queue.Plugin()) }
//
//	func main() { serve.Run() }
//
// Built as usual, it is a process plugin. Built with GOOS=wasip1 GOARCH=wasm
// and -buildmode=c-shared, it is a guest: the host calls its exports, main is
// never run, and init is where the strategy gets known.
//
// The package knows the contract and its carriers. It does not know the host.
package serve

import (
	"sync"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// registered holds the program's one plugin. It is a variable of the package
// because the exports of a WASM guest are functions without a receiver.
//
//nolint:gochecknoglobals // see above
var registered struct {
	once   sync.Once
	plugin route.Plugin
	ok     bool
}

// Register makes the plugin known that this program serves. Call it once, from
// init. It panics if the plugin has no New or no name, or if there is one
// already: these are faults of the program.
func Register(plugin route.Plugin) {
	if plugin.New == nil || plugin.Manifest.Name == "" {
		panic("serve: Register: the plugin needs a New and a name in its manifest")
	}
	first := false
	registered.once.Do(func() {
		registered.plugin, registered.ok, first = plugin, true, true
	})
	if !first {
		panic("serve: Register: a program serves one plugin, and one is registered already")
	}
}

// manifest returns the plugin's manifest with its defaults filled in.
func manifest(plugin route.Plugin) route.Manifest {
	m := plugin.Manifest
	if m.Majors == nil {
		m.Majors = []uint32{route.ContractMajor}
	}
	return m
}
