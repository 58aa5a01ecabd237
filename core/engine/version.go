// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "slices"

// Change says who put a definition in force, and what it changed.
type Change struct {
	// Patch makes the definition of the one before; nil if the event holds the
	// whole.
	Patch *Patch `cbor:"1,keyasint,omitempty"`
	// By names who did it; empty for the host itself.
	By string `cbor:"2,keyasint,omitempty"`
	// Source is a checksum of the configuration that the host was started with,
	// if that is where the definition comes from.
	Source string `cbor:"3,keyasint,omitempty"`
}

// Version is a definition that was in force.
type Version struct {
	// Config is its number, At since when it was in force.
	Config uint64 `cbor:"1,keyasint"`
	At     Time   `cbor:"2,keyasint"`
	// By names who put it in force, empty for the host itself; Note says why.
	By   string `cbor:"3,keyasint,omitempty"`
	Note string `cbor:"4,keyasint,omitempty"`
	// Back makes the definition before it of it; nil for the first.
	Back *Patch `cbor:"5,keyasint,omitempty"`
}

const (
	// maxVersions is how many versions are kept, maxVersionEntries how many
	// entries they may change together.
	maxVersions       = 100
	maxVersionEntries = 200_000
)

// keepVersion adds a version, of which former was the definition before, and
// forgets the oldest if they become too many.
func (e *Engine) keepVersion(v Version, former *Definition) {
	if v.Config > 1 {
		v.Back = Diff(e.definition, former)
	}
	e.versions = append(e.versions, v)
	keep, entries := 0, 0
	for _, v := range slices.Backward(e.versions) {
		if v.Back != nil {
			entries += len(v.Back.Set.Agents) + len(v.Back.Gone.Agents) + len(v.Back.Set.Queues)
		}
		if keep == maxVersions || keep > 1 && entries > maxVersionEntries {
			break
		}
		keep++
	}
	if keep < len(e.versions) {
		e.versions = slices.Clone(e.versions[len(e.versions)-keep:])
	}
}

// Versions returns the definitions that are remembered, oldest first. They must
// not be changed.
func (e *Engine) Versions() []Version { return slices.Clone(e.versions) }

// Source returns what the last Configure with a Source said; empty if there was
// none.
func (e *Engine) Source() string { return e.source }

// DefinitionAt returns the definition with that number, false if it is not
// remembered. It must not be changed.
func (e *Engine) DefinitionAt(config uint64) (*Definition, bool) {
	d := e.definition
	for i := len(e.versions) - 1; i >= 0; i-- {
		v := &e.versions[i]
		if v.Config == config {
			return d, true
		}
		if v.Config < config || v.Back == nil {
			break
		}
		d = d.Patched(v.Back)
	}
	return nil, false
}
