// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

// SetSmall lowers the sizes at which an index goes about things in another
// way, so that small boards get to both: see fewAgents, tidyShelves,
// promoteAfter, manySets and manyDemands.
func (x *Index) SetSmall(few, tidy, promote, sets, demands int) {
	x.small = sizes{few, tidy, promote, sets, demands}
}
