// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"slices"
	"sync"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// remembered is how many assignments are remembered at most.
const remembered = 16_384

// past remembers what was posted, so that the same post twice has one effect. It
// is safe for concurrent use.
type past struct {
	mu    sync.Mutex
	items map[deed]*item
	order []deed // oldest first
}

// deed is what a repeated post is known by.
type deed struct {
	strategy string
	work     uint64
	revision uint32
}

func newPast() *past { return &past{items: make(map[deed]*item)} }

// item returns the item of an assignment that is posted; again says that it is
// on its way already, or that the host took it. What answers a turn is new.
func (h *past) item(strategy, queue string, a *Assignment, answers bool) (x *item, again bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := deed{strategy, a.Work, a.Revision}
	former, known := h.items[key]
	if known && !answers && former.stands(a) {
		return former, true
	}
	x = &item{Assignment: *a, queue: queue, once: answers, done: make(chan struct{})}
	h.items[key] = x
	if known {
		return x, false
	}
	h.order = append(h.order, key)
	if len(h.order) > remembered {
		delete(h.items, h.order[0])
		h.order = h.order[1:]
	}
	return x, false
}

// stands reports whether the item is the same and did not come to nothing.
func (x *item) stands(a *Assignment) bool {
	if !slices.Equal(x.Agents, a.Agents) {
		return false
	}
	select {
	case <-x.done:
		return x.err == nil && x.result.Verdict == route.VerdictAcceptedByHost
	default:
		return true
	}
}
