// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"time"

	"github.com/patchbay-cx/patchbay/core/sim/calllog"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// Table makes a recording of a log in the neutral format. It has no agents. The
// name is for people.
func Table(name string, t *calllog.Table) *Recording {
	r := newRecording(name)
	r.Import.Rows = len(t.Rows)
	if !t.Start.IsZero() {
		r.Import.Start = t.Start.Format(time.DateOnly)
	}
	for i := range t.Rows {
		row := &t.Rows[i]
		c := scenario.Customer{Arrived: scenario.Span(row.Arrived), Priority: row.Priority}
		if row.ServiceKnown {
			// A customer whose service took no time took some.
			c.Service = max(scenario.Span(row.Service), scenario.Span(time.Millisecond))
		}
		if row.Leaves {
			c.Patience = scenario.Span(row.Patience)
		}
		if len(row.Skills) > 0 {
			c.Skills = make(scenario.Needs, len(row.Skills))
			for skill, level := range row.Skills {
				c.Skills[skill] = scenario.Need{Level: scenario.Level(level)}
			}
		}
		r.add(row.Class, row.Line, c)
	}
	return r
}
