// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import "github.com/patchbay-cx/patchbay/core/engine"

// How turns are paced that a strategy gets only because it asks for them. What
// it asks for while one is under way is one more. One of which an offer comes
// does not count.
const (
	callPause   = engine.Time(10) // between two, as a rule
	callsAtOnce = 20              // so many may come without, after a rest
)

// OnWake has told be called, with a number for Wake, when a strategy wants a
// turn though nothing has changed. It is called by any goroutine, and must not
// block. OnWake is called before Start; without it such turns wait until there
// is other reason for one.
func (d *Desk) OnWake(told func(post uint32)) { d.woken = told }

// Wake has the strategy that asked for a turn given one, now or after the one
// that is under way; a little later if it asks again and again. Next gives it.
// Of a strategy that is gone nothing comes.
func (d *Desk) Wake(post uint32) {
	for _, p := range d.posts {
		if p.number == post && p.instance != nil {
			p.called = true
		}
	}
}

// heard reports whether the post has asked for a turn and is to have it now. A
// shadow is given turns with another's.
func (p *post) heard(now engine.Time) bool {
	return p.called && p.shadows == "" && p.callable() <= now
}

// callable is when the post's next call is heard.
func (p *post) callable() engine.Time { return p.calls - (callsAtOnce-1)*callPause }

// heed notes that the post is given a turn now.
func (p *post) heed(now engine.Time) {
	if p.heard(now) {
		p.calls = max(p.calls, now) + callPause
	}
	p.called = false
}

// wakes is when the post is to have a turn though nothing changes; 0 for never.
func (p *post) wakes() (at engine.Time) {
	if len(p.feed.scope) > 0 {
		at = p.wakeAt
		if p.tellAt != 0 && (at == 0 || p.tellAt < at) {
			at = p.tellAt
		}
	}
	if p.called && (at == 0 || p.callable() < at) {
		at = max(p.callable(), 1)
	}
	return at
}
