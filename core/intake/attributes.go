// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"maps"
	"slices"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/traits"
)

// attributes is a map of text that is walked in the order of its names, so that
// what fails first, and what that costs, is always the same.
type attributes struct {
	traits.Mapper
	given map[string]string
	names traits.Lister // made when somebody walks
}

func newAttributes(given map[string]string) *attributes {
	return &attributes{Mapper: types.NewStringStringMap(types.DefaultTypeAdapter, given), given: given}
}

// Iterator implements traits.Iterable.
func (a *attributes) Iterator() traits.Iterator {
	if a.names == nil {
		a.names = types.NewStringList(types.DefaultTypeAdapter, slices.Sorted(maps.Keys(a.given)))
	}
	return a.names.Iterator()
}
