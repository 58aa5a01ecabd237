// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

func accepted(h *past, a *Assignment) (again bool) {
	x, again := h.item("x", "", a, false)
	if !again {
		x.finish(route.VerdictAcceptedByHost)
	}
	return again
}

// What was posted lately is known, what was posted before that is forgotten, by
// number and by size.
func TestPastIsBounded(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options Options
		agents  int
		kept    int
	}{
		"by number": {Options{Posts: 10, PostBytes: 1 << 20}, 1, 10},
		"by size":   {Options{Posts: 1000, PostBytes: 10 * 11_000}, 100, 10}, // of about 10,500 bytes each
		"too large": {Options{Posts: 1000, PostBytes: 1000}, 100, 1},
	} {
		h := newPast(&c.options)
		for n := range uint64(100) {
			a := Assignment{Work: n, Revision: 1, Reason: strings.Repeat("x", 400)}
			for i := range c.agents {
				a.Agents = append(a.Agents, fmt.Sprintf("agent%09d", i))
			}
			if accepted(h, &a) {
				t.Errorf("%s: %d is known before it is posted", name, n)
			}
			if !accepted(h, &a) {
				t.Errorf("%s: %d is forgotten at once", name, n)
			}
		}
		if got := len(h.items); got != c.kept || len(h.order) != got {
			t.Errorf("%s: %d assignments are remembered, %d in order; want %d", name, got, len(h.order), c.kept)
		}
	}
}

// However posts come, again or not, with other reasons, refused or not, what is
// remembered stays within its bounds, and is reckoned right.
func TestPastProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		options := Options{Posts: rapid.IntRange(1, 20).Draw(t, "posts"), PostBytes: rapid.IntRange(1, 20_000).Draw(t, "bytes")}
		h := newPast(&options)
		for range rapid.IntRange(1, 100).Draw(t, "count") {
			a := Assignment{
				Work: uint64(rapid.IntRange(1, 30).Draw(t, "work")), Revision: 1, Agents: []string{"anna"},
				Reason: strings.Repeat("x", rapid.IntRange(0, 1000).Draw(t, "reason")),
			}
			x, again := h.item("x", "", &a, rapid.Bool().Draw(t, "answers"))
			if !again && rapid.Bool().Draw(t, "settled") {
				x.finish(rapid.SampledFrom([]route.Verdict{route.VerdictAcceptedByHost, route.VerdictStale}).Draw(t, "verdict"))
			}
			bytes := 0
			for key, x := range h.items {
				bytes += key.size() + len(x.Reason)
			}
			if len(h.items) != len(h.order) || bytes != h.bytes || len(h.items) > options.Posts || bytes > options.PostBytes && len(h.items) > 1 {
				t.Fatalf("%d of %d are remembered, %d bytes, said to be %d of %d", len(h.items), len(h.order), bytes, h.bytes, options.PostBytes)
			}
		}
	})
}

// Of events, so many are kept, of so many bytes; who has missed more is told so.
func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		most Options
		size int
		kept int
	}{
		{Options{Events: 10, Bytes: 1 << 20}, 100, 10},
		{Options{Events: 1000, Bytes: 1000}, 100, 10},
		{Options{Events: 1000, Bytes: 1000}, 2000, 0}, // each is too much
	} {
		var l log
		for n := range uint64(50) {
			l.put(Event{Turn: n, Data: make([]byte, c.size)}, c.most)
		}
		bytes := 0
		for _, ev := range l.events {
			bytes += len(ev.Data)
		}
		if len(l.events) != c.kept || l.bytes != bytes || bytes > c.most.Bytes {
			t.Errorf("%+v: %d events are kept, of %d bytes", c.most, len(l.events), l.bytes)
		}
		last, first := l.last, l.last-uint64(c.kept)
		if l.misses(first) || !l.misses(first-1) || l.misses(last) || !l.misses(last+1) {
			t.Errorf("%+v: what is kept, from %d to %d, is not what is told to be", c.most, first, last)
		}
	}
}
