// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"errors"
	"fmt"
	"testing"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestReplyError(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		kind FaultKind // 0: none
	}{
		"broken":      {errors.New("index broken"), FaultBroken},
		"over budget": {&route.StatusError{Status: route.StatusOverBudget}, FaultDeadline},
		"internal":    {&route.StatusError{Status: route.StatusInternal}, FaultBroken},
		"bad frame":   {&route.StatusError{Status: route.StatusBadFrame}, FaultBroken},
		"rubbish":     {&route.FrameError{Reason: "no"}, FaultRubbish},
		"snapshot":    {fmt.Errorf("gap: %w", route.ErrNeedSnapshot), 0},
		"by status":   {&route.StatusError{Status: route.StatusNeedSnapshot}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := ReplyError(test.err)
			var fault *Fault
			switch {
			case test.kind == 0 && err != route.ErrNeedSnapshot: //nolint:errorlint // the very value
				t.Errorf("got %v", err)
			case test.kind != 0 && (!errors.As(err, &fault) || fault.Kind != test.kind || !errors.Is(err, test.err)):
				t.Errorf("got %v, want %v", err, test.kind)
			}
		})
	}
	if ReplyError(nil) != nil {
		t.Error("nil is a fault")
	}
}
