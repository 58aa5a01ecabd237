// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

// SetSmall lowers the sizes at which an index goes about things in another
// way, so that small boards get to both: see fewAgents and tidyShelves.
func (x *Index) SetSmall(few, tidy int) { x.few, x.tidy = few, tidy }
