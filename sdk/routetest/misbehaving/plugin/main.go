// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Command plugin packages the strategies of package misbehaving: as a process,
// and with GOOS=wasip1 GOARCH=wasm and -buildmode=c-shared as a WASM guest. It
// does without sdk/serve, as a plugin in another language would, for some ways
// break what sdk/serve keeps whole.
//
// What is wrong with the manifest comes before any settings: it is the first
// argument of a process, or the variable manifest of this package, set with
// -ldflags "-X main.manifest=rubbish_manifest".
package main

import (
	"strings"

	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving"
)

// manifest is a way of having a wrong manifest; empty for a right one.
//
//nolint:gochecknoglobals // the linker sets it
var manifest string

// endless is the length of a manifest without end, in bytes.
const endless = 8 << 20

// manifestOf returns the manifest by its way.
func manifestOf(way string) route.Manifest {
	m := misbehaving.Manifest()
	switch way {
	case "rubbish_manifest":
		m = route.Manifest{}
	case "endless_manifest":
		m.SettingsSchema = `{"description": "` + strings.Repeat("and ", endless/len("and ")) + `"}`
	}
	return m
}
