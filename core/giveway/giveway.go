// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package giveway has long work that can wait take pauses beside work that
// somebody waits for.
//
// To yield is not enough: a processor whose goroutine yields runs what is ready
// on that processor, and goes on with the goroutine when there is no more. It
// neither takes work from other processors nor looks at the network; only one
// with nothing to do does. So the work sleeps.
package giveway

import "time"

// moment is what work takes at least between two pauses: shorter ones would cost
// more than they give.
const moment = 300 * time.Microsecond

// Pace is the pace of one piece of work. A nil Pace never pauses. It is for one
// goroutine.
type Pace struct {
	// Times is how many times as long as it has worked the work pauses.
	Times int
	// Most is how long it pauses at most.
	Most time.Duration
	// Hurry says when there is no time for pauses. Nil means never.
	Hurry func() bool

	rested time.Time // when the last pause ended, or the work began
}

// Pause pauses if there was a moment's work since the last pause. The first call
// begins the work. It may be called every few microseconds.
func (p *Pace) Pause() {
	if p == nil {
		return
	}
	if p.rested.IsZero() {
		p.rested = time.Now()
		return
	}
	worked := time.Since(p.rested)
	if worked < moment {
		return
	}
	if p.Hurry == nil || !p.Hurry() {
		time.Sleep(min(time.Duration(p.Times)*worked, p.Most))
	}
	p.rested = time.Now()
}
