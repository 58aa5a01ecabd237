// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

// Timers returns how many timers are kept, void ones included.
func (e *Engine) Timers() int { return len(e.timers) }

// Hear lets a workspace hear of the time that another has heard of, as a tick at
// which nothing is due would.
func (e *Engine) Hear(other *Engine) { e.told = max(e.told, other.told) }
