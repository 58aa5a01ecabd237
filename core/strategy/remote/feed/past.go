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
	// maxTurns is of how many turns one remembers that it was proposed in them,
	// when it is posted anew.
	maxTurns = 16
	// Reckoned for each assignment, and for each agent that it names, beside
	// their texts.
	itemBytes, agentBytes = 512, 64
)

// past remembers what was posted, so that the same post twice has one effect: the
// latest of it, since the same comes again soon or never. What is posted again
// when it is forgotten is refused by its revision. It is safe for concurrent use.
type past struct {
	most, mostBytes int

	mu    sync.Mutex
	items map[deed]*item
	order []deed // oldest first
	bytes int
}

// deed is what a repeated post is known by.
type deed struct {
	strategy string
	work     uint64
	revision uint32
	agents   string
}

func newPast(options *Options) *past {
	return &past{most: options.Posts, mostBytes: options.PostBytes, items: make(map[deed]*item)}
}

// size is about how many bytes it takes to remember the assignment.
func (d *deed) size() int {
	return itemBytes + 2*len(d.agents) + agentBytes*(1+strings.Count(d.agents, "\x00"))
}

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
	h.bytes += len(a.Reason)
	if known {
		h.bytes -= len(former.Reason)
		x.turns = former.tried()
	} else {
		h.order = append(h.order, key)
		h.bytes += key.size()
	}
	for len(h.order) > h.most || h.bytes > h.mostBytes && len(h.order) > 1 {
		h.forget()
	}
	return x, false
}

// forget forgets what has been remembered for longest.
func (h *past) forget() {
	key := h.order[0]
	h.order[0] = deed{}
	h.order = h.order[1:]
	h.bytes -= key.size() + len(h.items[key].Reason)
	delete(h.items, key)
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
