// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake

import "github.com/patchbay-cx/patchbay/core/engine"

// Facts is what conditions can ask about the present. Queues are named, and
// are queues of the definition that the plan was compiled from. Methods are
// called while [Plan.Arrive] runs, on the same goroutine, and only if a
// condition asks; all answers during one call should be of the same moment.
type Facts interface {
	// AgentsIn returns how many members of the queue are signed in, and how many
	// of those could take more work now.
	AgentsIn(queue string) (online, available int)
	// WaitingIn returns how many items wait in the queue, and the estimated wait
	// in milliseconds if it is known.
	WaitingIn(queue string) (waiting int, wait engine.Time, known bool)
	// IsOpen reports whether the queue is open now.
	IsOpen(queue string) bool
}
