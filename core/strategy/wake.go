// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

// OnWake has told be called, with a number for Wake, when a strategy wants a
// turn though nothing has changed. It is called by any goroutine, and must not
// block. OnWake is called before Start; without it such turns wait until there
// is other reason for one.
func (d *Desk) OnWake(told func(post uint32)) { d.woken = told }

// Wake has the strategy that asked for a turn given one, now or after the one
// that is under way. Next gives it. Of a strategy that is gone nothing comes.
func (d *Desk) Wake(post uint32) {
	for _, p := range d.posts {
		if p.number == post && p.instance != nil {
			p.called = true
		}
	}
}
