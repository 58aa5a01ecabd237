// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"slices"
	"strings"
	"sync"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

const (
	// remembered is how many assignments are remembered at most.
	remembered = 16_384
	// maxTurns is of how many turns one remembers that it was proposed in them,
	// when it is posted anew.
	maxTurns = 16
)

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
	agents   string
}

func newPast() *past { return &past{items: make(map[deed]*item)} }

// item returns the item of an assignment that is posted; again says that it is
// on its way already, or that the host took it. What answers a turn is new. What
// is tried anew remembers the turns in which it was proposed before: if the
// verdict was lost, the host may have taken it in one of them.
func (h *past) item(strategy, queue string, a *Assignment, answers bool) (x *item, again bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := deed{strategy, a.Work, a.Revision, strings.Join(a.Agents, "\x00")}
	former, known := h.items[key]
	if known && !answers && former.stands() {
		return former, true
	}
	x = &item{Assignment: *a, queue: queue, once: answers, done: make(chan struct{})}
	h.items[key] = x
	if known {
		x.turns = former.tried()
		return x, false
	}
	h.order = append(h.order, key)
	if len(h.order) > remembered {
		delete(h.items, h.order[0])
		h.order = h.order[1:]
	}
	return x, false
}

// stands reports whether the item did not come to nothing.
func (x *item) stands() bool {
	select {
	case <-x.done:
		return x.err == nil && x.result.Verdict == route.VerdictAcceptedByHost
	default:
		return true
	}
}

// tried are the last turns in which the item was proposed, once it is over.
func (x *item) tried() []Turn {
	select {
	case <-x.done:
		return slices.Clone(x.turns[max(0, len(x.turns)-maxTurns):])
	default:
		return nil
	}
}
