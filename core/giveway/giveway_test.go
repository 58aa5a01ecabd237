// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package giveway

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestPause works for so long between calls, by a clock that only sleeping moves,
// and looks how long each pauses.
func TestPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		hurry := false
		p := &Pace{Times: 3, Most: 5 * time.Millisecond, Hurry: func() bool { return hurry }}
		for i, step := range []struct {
			work, pause time.Duration
			hurry       bool
		}{
			{time.Hour, 0, false}, // it has not begun
			{100 * time.Microsecond, 0, false},
			{199 * time.Microsecond, 0, false},
			{time.Microsecond, 900 * time.Microsecond, false}, // three times what all three took
			{time.Millisecond, 3 * time.Millisecond, false},
			{0, 0, false},
			{time.Second, 5 * time.Millisecond, false},
			{time.Second, 0, true},
			{time.Millisecond, 3 * time.Millisecond, false},
		} {
			hurry = step.hurry
			time.Sleep(step.work)
			began := time.Now()
			p.Pause()
			if got := time.Since(began); got != step.pause {
				t.Errorf("step %d paused for %v, want %v", i, got, step.pause)
			}
		}
	})
}

func TestPauseNil(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var p *Pace
		began := time.Now()
		p.Pause()
		time.Sleep(time.Second)
		p.Pause()
		if got := time.Since(began); got != time.Second {
			t.Errorf("paused for %v", got-time.Second)
		}
	})
}
