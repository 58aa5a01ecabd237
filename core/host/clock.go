// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// clock tells a workspace's time: the machine's, but never less than it told
// before. When the machine's clock is set back, it goes on at its pace from
// where it was until the other has caught up. Were it to follow, or to stand
// still, offers would outlive their deadlines by as long.
type clock struct {
	began time.Time     // whence the time that passes is measured, which no setting changes
	at    engine.Time   // what it told last by the machine's clock
	then  time.Duration // and how long after began
}

// newClock returns a clock that begins at the later of now and at.
func newClock(at engine.Time) clock { return clock{began: time.Now(), at: at} }

func (c *clock) now() engine.Time {
	machine := time.Now()
	return c.read(engine.Time(machine.UnixMilli()), machine.Sub(c.began))
}

// read tells the time when the machine shows a time so long after the beginning.
func (c *clock) read(machine engine.Time, passed time.Duration) engine.Time {
	pace := c.at + engine.Time((passed - c.then).Milliseconds())
	if machine < pace {
		return pace
	}
	c.at, c.then = machine, passed
	return machine
}
