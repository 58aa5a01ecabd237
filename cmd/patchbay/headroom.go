// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// headroom is how much a host allocates at least before garbage is collected.
	// Who waits for an offer meanwhile waits several times as long, so that it
	// should be seldom: every few seconds, not every second, on a busy Monday.
	headroom = 256 << 20
	// headroomMost is the headroom at most, by what is in use: a small host stays
	// one.
	headroomMost = 4
	// headroomEvery is how often it is looked at what is in use.
	headroomEvery = 2 * time.Second
)

// keepHeadroom sees to it that there is headroom until ctx ends, and leaves
// garbage collection as it was. Who has set $GOGC knows better.
func keepHeadroom(ctx context.Context) {
	if os.Getenv("GOGC") != "" {
		return
	}
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	percent := debug.SetGCPercent(100)
	defer debug.SetGCPercent(percent)
	ticker := time.NewTicker(headroomEvery)
	defer ticker.Stop()
	for now := 100; ; {
		metrics.Read(live)
		if want := gcPercent(live[0].Value.Uint64()); math.Abs(float64(want-now)) > 0.1*float64(now) { // to set it stops everybody
			now = want
			debug.SetGCPercent(now)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// gcPercent returns by how much what is in use may grow before garbage is
// collected, in percent: never less than Go's own 100.
func gcPercent(live uint64) int {
	return int(min(max(100*headroom/max(live, 1), 100), 100*headroomMost))
}
