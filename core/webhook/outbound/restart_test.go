// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package outbound_test

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/patchbay-cx/patchbay/core/webhook"
)

// TestRestarts ends a hook again and again while its receiver refuses some
// events: every event arrives at least once, and those of one piece of work
// arrive first in their order.
func TestRestarts(t *testing.T) {
	t.Parallel()
	const count, works = 150, 10
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 2))
	r := receive(t, func(*webhook.Event) int {
		mu.Lock()
		defer mu.Unlock()
		return []int{500, 0}[min(random.IntN(12), 1)]
	})
	dir, l := t.TempDir(), newLog(count, works)
	for range 8 {
		c := open(t, options(l, dir, r.URL, nil))
		r.wait(t, 10)
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	until(t, open(t, options(l, dir, r.URL, nil)), idle(count))
	first, last := map[string]bool{}, map[string]int{}
	for _, ev := range r.events() {
		number, err := strconv.Atoi(ev.Sequence)
		if err != nil {
			t.Fatal(err)
		}
		if first[ev.Sequence] {
			continue
		}
		first[ev.Sequence] = true
		if number < last[ev.Subject] {
			t.Errorf("%s: %d comes after %d", ev.Subject, number, last[ev.Subject])
		}
		last[ev.Subject] = number
	}
	if len(first) != count {
		t.Errorf("%d of %d events arrived", len(first), count)
	}
}
