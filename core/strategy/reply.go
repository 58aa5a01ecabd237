// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"errors"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// ReplyError says what an error means that a strategy answered a turn with:
// ErrNeedSnapshot as it is, everything else as a *Fault. It returns nil for
// nil. The runtimes share it.
func ReplyError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, route.ErrNeedSnapshot) {
		return route.ErrNeedSnapshot
	}
	var status *route.StatusError
	var frame *route.FrameError
	switch {
	case errors.As(err, &status) && status.Status == route.StatusOverBudget:
		return &Fault{Kind: FaultDeadline, Err: err}
	case errors.As(err, &status):
		return &Fault{Kind: FaultBroken, Err: err}
	case errors.As(err, &frame):
		return &Fault{Kind: FaultRubbish, Err: err}
	default:
		return &Fault{Kind: FaultBroken, Err: err}
	}
}
