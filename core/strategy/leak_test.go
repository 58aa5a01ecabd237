// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy_test

import (
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving"
)

// held is what a process holds.
type held struct {
	goroutines, descriptors, children int
	heap, resident                    uint64 // bytes
}

// holds measures what this process holds, once all that is on its way out has
// gone.
func holds(t testing.TB) held {
	t.Helper()
	for range 3 {
		runtime.GC()
	}
	debug.FreeOSMemory()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	h := held{goroutines: runtime.NumGoroutine(), heap: memory.HeapAlloc}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		h.descriptors = len(files)
	}
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		for line := range strings.Lines(string(status)) {
			if kib, ok := strings.CutPrefix(line, "VmRSS:"); ok {
				n, _ := strconv.ParseUint(strings.Fields(kib)[0], 10, 64)
				h.resident = n << 10
			}
		}
	}
	if tasks, err := os.ReadDir("/proc/self/task"); err == nil {
		for _, task := range tasks {
			list, _ := os.ReadFile("/proc/self/task/" + task.Name() + "/children")
			h.children += len(strings.Fields(string(list)))
		}
	}
	return h
}

// TestNoLeak restarts a strategy that dies in its third turn, again and again,
// and looks at what the host holds then: as much as after the first few. It
// restarts a few times, and PATCHBAY_RESTARTS times if that is set (make
// torture-strategies sets 1,000).
//
// Counting what the process holds forbids running beside other tests.
func TestNoLeak(t *testing.T) { //nolint:paralleltest // see above
	if testing.Short() {
		t.Skip("skipped: it builds plugins; leave out -short")
	}
	restarts := 20
	if text := os.Getenv("PATCHBAY_RESTARTS"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("PATCHBAY_RESTARTS: %v", err)
		}
		restarts = n
	}
	for _, carrier := range carriers() { //nolint:paralleltest // see above
		if carrier.name == "remote" {
			continue // a router is started by its vendor; that its connections leave nothing, core/strategy/remote tests
		}
		t.Run(carrier.name, func(t *testing.T) {
			c := newCentre(t, carrier, row{way: "panics"})
			c.opens(misbehaving.Settings{Way: "panics", From: 3})
			c.restarted(10)
			before, began := holds(t), time.Now()
			c.restarted(restarts)
			took := time.Since(began)
			after := holds(t)
			t.Logf("%d restarts, %v each: goroutines %d → %d, descriptors %d → %d, children %d → %d, heap %d → %d KiB, resident %d → %d KiB",
				restarts, took/time.Duration(restarts), before.goroutines, after.goroutines, before.descriptors, after.descriptors,
				before.children, after.children, before.heap>>10, after.heap>>10, before.resident>>10, after.resident>>10)
			// A few come and go. One per restart would be as many as restarts.
			if after.goroutines > before.goroutines+restarts/4 || after.descriptors > before.descriptors+restarts/4 || after.children > before.children+1 {
				t.Error("something is left of each restart")
			}
			if slack := uint64(8<<20 + restarts*4<<10); after.heap > before.heap+slack {
				t.Errorf("the heap has grown by %d KiB", (after.heap-before.heap)>>10)
			}
		})
	}
}

// restarted goes on until the strategy was started so many times more.
func (c *centre) restarted(times int) {
	c.t.Helper()
	until := c.status().Epoch + uint64(times)
	for c.status().Epoch < until || c.status().State != strategy.Down {
		c.round()
		c.pass(100 * time.Millisecond)
		c.events = c.events[:0]
		if c.status().State == strategy.Down {
			c.pass(31 * time.Second)
		}
	}
}
