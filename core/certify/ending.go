// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"context"
	"time"
)

// endingTrials are about a router that ends, or is not to come again.
func endingTrials() []trial {
	return []trial{
		{Requirement: Requirement{
			"leave", groupEnding, Should,
			"Told to end, it says leave, so that another one leads at once, and ends.",
			"On SIGTERM and on an interrupt, send leave, close the connection, and end.",
		}, try: (*course).leaves},
		{Requirement: Requirement{
			idRefused, groupEnding, Must,
			"When it is refused for good (unauthenticated, no_common_version, invalid), it does not dial again.",
			"Read the code of the refusal; end, or wait for a person, if dialling again cannot help.",
		}, try: (*course).refused},
	}
}

// leaves tells the router's program to end.
func (c *course) leaves(ctx context.Context) error {
	program := c.options.Program
	if program == nil {
		c.skip("the router's program was not started by the kit: give its command line to have this tried")
		return nil
	}
	mark := c.stand.mark()
	program.interrupt()
	waiting, cancel := context.WithTimeout(ctx, c.options.Patience)
	defer cancel()
	if !program.wait(waiting) {
		c.find("told to end by SIGTERM, it does not end within %v", c.options.Patience)
		program.kill()
	}
	// What it said last may still be on its way.
	soon, stop := context.WithTimeout(ctx, time.Second)
	defer stop()
	if _, ok := c.stand.await(soon, mark, func(h *happening) bool { return h.what == "leave" }); !ok {
		c.find("told to end by SIGTERM, it does not say leave")
	}
	return nil
}

// refused refuses the router for good, and watches whether it dials again.
func (c *course) refused(ctx context.Context) error {
	c.stand.setGate(refused)
	mark, ok := c.lose(ctx)
	if !ok {
		return nil
	}
	if _, again := c.returns(ctx, mark, c.options.Quiet); again {
		c.find("refused as unauthenticated, it dials again within %v", c.options.Quiet)
	}
	return nil
}
