// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import "sync"

// calls are the strategies that want a turn though nothing has changed, by the
// numbers that the desk gives them. It is safe for concurrent use: whoever calls
// does not wait for the loop.
type calls struct {
	signal chan struct{} // of one place: there is something to take

	mu    sync.Mutex
	posts map[uint32]bool
}

func newCalls() *calls {
	return &calls{signal: make(chan struct{}, 1), posts: make(map[uint32]bool)}
}

// put notes that a strategy wants a turn.
func (c *calls) put(post uint32) {
	c.mu.Lock()
	c.posts[post] = true
	c.mu.Unlock()
	select {
	case c.signal <- struct{}{}:
	default:
	}
}

// take gives each that wants one.
func (c *calls) take(give func(post uint32)) {
	c.mu.Lock()
	posts := c.posts
	c.posts = make(map[uint32]bool)
	c.mu.Unlock()
	for post := range posts {
		give(post)
	}
}
