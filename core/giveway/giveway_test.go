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
		p := &Pace{Times: 3, Most: 5 * time.Millisecond}
		for i, step := range []struct{ work, pause time.Duration }{
			{time.Hour, 0}, // it has not begun
			{100 * time.Microsecond, 0},
			{199 * time.Microsecond, 0},
			{time.Microsecond, 900 * time.Microsecond}, // three times what all three took
			{time.Millisecond, 3 * time.Millisecond},
			{0, 0},
			{time.Second, 5 * time.Millisecond},
		} {
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
