// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"slices"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Prepare returns the command as the engine should decide it at that time:
// incoming work has gone through rules and flow, what an agent starts through the
// rules, and an update that asks for it has the rules evaluated again. Other commands are returned as they are. The
// engine is read, not changed.
func (p *Plan) Prepare(command engine.Command, e *engine.Engine, now engine.Time) engine.Command {
	switch c := command.(type) {
	case engine.CreateWork:
		if !e.Known(c.Spec.Key) {
			c.Spec = p.Arrive(c.Spec, now, present{e})
		}
		return c
	case engine.StartWork:
		if !e.Known(c.Spec.Key) {
			c.Spec.Ruled, c.Spec.Intake = p.Rules(c.Spec, now)
		}
		return c
	case engine.UpdateWork:
		w, ok := e.Work(c.Work)
		if !ok || !c.Reevaluate {
			return c
		}
		ruled, taken := p.Rules(c.Changed(w), now)
		if c.Taken = taken; !slices.ContainsFunc(taken, func(t engine.Taken) bool { return t.Failed != "" }) {
			c.Ruled = &ruled // else what was required before is required still
		}
		return c
	default:
		return command
	}
}

// present answers conditions from a workspace.
type present struct{ *engine.Engine }

var _ Facts = present{}

// AgentsIn implements [Facts].
func (p present) AgentsIn(queue string) (online, available int) {
	b, _ := p.Backlog(queue)
	return b.Present, b.Available
}

// WaitingIn implements [Facts].
func (p present) WaitingIn(queue string) (waiting int, wait engine.Time, known bool) {
	b, _ := p.Backlog(queue)
	return b.Waiting, b.EstimatedWait, b.Estimated
}

// IsOpen implements [Facts].
func (p present) IsOpen(queue string) bool {
	b, _ := p.Backlog(queue)
	return !b.Closed
}
