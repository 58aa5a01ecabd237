// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	_ "embed"
	"slices"
)

// schemaJSON is made from the types and their comments by
// "go test ./core/sim/scenario -run TestSchema -update".
//
//go:embed schema.json
var schemaJSON []byte

// Schema returns the JSON Schema (draft 2020-12) of a scenario, for editors and
// for other tools. Each call returns a copy of its own. What Parse refuses
// besides, such as names that nothing has, is not in it.
func Schema() []byte { return slices.Clone(schemaJSON) }
