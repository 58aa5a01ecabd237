// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

// Timers returns how many timers are kept, void ones included.
func (e *Engine) Timers() int { return len(e.timers) }
