// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package replay

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/patchbay-cx/patchbay/core/sim/calllog"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

// Bank makes a recording of a log in the bank format, of all its days. Rows that
// are phantoms are left out, and so is who hung up before asking for an agent.
// An agent is there from the beginning of the first call that the log shows to
// the end of the last, each day, and serves the kinds of calls answered in the
// whole log. The name is for people. It fails if a date is none, which a log
// that was read has not.
func Bank(name string, log *calllog.Log) (*Recording, error) {
	r := newRecording(name)
	r.Import.Rows = log.Rows
	for _, m := range log.Malformed {
		r.Import.Malformed = append(r.Import.Malformed, m.String())
	}
	for _, o := range log.Odd {
		r.Import.Odd = append(r.Import.Odd, o.String())
	}
	days := log.Days()
	if len(days) == 0 {
		return nil, fmt.Errorf("replay: %s: there is no call in it", name)
	}
	b := &bank{Recording: r, present: make(map[string][]spell), answers: make(map[string]map[string]bool)}
	for i := range days {
		date, err := time.Parse("060102", days[i].Date)
		if err != nil {
			return nil, fmt.Errorf("replay: %s: %q is no date: %w", name, days[i].Date, err)
		}
		if i == 0 {
			b.start = date
			r.Import.Start = date.Format(time.DateOnly)
		}
		b.day(&days[i], date.Sub(b.start))
	}
	b.finish()
	return r, nil
}

// bank is a recording while it is made.
type bank struct {
	*Recording
	start time.Time
	// present is when each agent was there, answers what each answered.
	present             map[string][]spell
	answers             map[string]map[string]bool
	phantoms, menu      int
	answered, abandoned int
	waited              time.Duration
}

// spell is a while, since the midnight before the first day.
type spell struct{ from, to time.Duration }

func (b *bank) day(d *calllog.Day, offset time.Duration) {
	b.phantoms += d.Phantoms
	for i := range d.Calls {
		b.call(&d.Calls[i], offset)
	}
	for _, shift := range d.Shifts() {
		b.present[shift.Server] = append(b.present[shift.Server], spell{offset + shift.Start, offset + shift.End})
		if b.answers[shift.Server] == nil {
			b.answers[shift.Server] = make(map[string]bool)
		}
		for _, class := range shift.Classes {
			b.answers[shift.Server][class] = true
		}
	}
}

func (b *bank) call(call *calllog.Call, offset time.Duration) {
	c := scenario.Customer{Arrived: scenario.Span(offset + call.Arrived), Service: scenario.Span(call.Service)}
	priority := int32(2 - call.Priority)
	c.Priority = &priority
	if call.Outcome == calllog.HungUp {
		if !call.Queued {
			b.menu++
			return
		}
		// Who hung up within the second had some patience.
		c.Patience, c.Service = max(scenario.Span(call.Wait), scenario.Span(time.Millisecond)), 0
		b.abandoned++
	} else {
		b.answered++
	}
	b.waited += call.Wait
	b.add(call.Class, call.Line, c)
}

func (b *bank) finish() {
	b.Import.LeftOut = []LeftOut{
		{"phantom rows, which the log's own guide says to ignore", b.phantoms},
		{"hung up in the menu, before asking for an agent", b.menu},
	}
	b.Import.Answered, b.Import.Abandoned = &b.answered, &b.abandoned
	mean := b.waited.Seconds() / float64(max(b.answered+b.abandoned, 1))
	b.Import.MeanWait = &mean
	// Calls after midnight belong to the day before, and come after some of the
	// day after.
	for class := range b.Customers {
		slices.SortStableFunc(b.Customers[class], func(x, y scenario.Customer) int { return cmp.Compare(x.Arrived, y.Arrived) })
	}
	b.Groups = make(map[string]scenario.Group)
	end := b.end()
	for _, server := range sorted(b.present) {
		var queues []string
		for _, class := range sorted(b.answers[server]) {
			if len(b.Customers[class]) > 0 {
				queues = append(queues, class)
			}
		}
		if periods := periods(b.present[server], end); len(queues) > 0 && len(periods) > 0 {
			b.Groups[server] = scenario.Group{Queues: queues, Periods: periods}
		}
	}
}

// periods are when somebody is there and when not, from the beginning to
// whichever is later, the end or the last spell's.
func periods(spells []spell, end scenario.Span) []scenario.Staffing {
	slices.SortFunc(spells, func(a, b spell) int { return cmp.Compare(a.from, b.from) })
	var out []scenario.Staffing
	at := time.Duration(0)
	there := false
	for _, s := range spells {
		switch {
		case s.to <= max(at, s.from):
			continue // within the one before, or of no length
		case s.from > at:
			out = append(out, scenario.Staffing{Length: scenario.Span(s.from - at)}, scenario.Staffing{Length: scenario.Span(s.to - s.from), Agents: 1})
		case len(out) == 0:
			out = append(out, scenario.Staffing{Length: scenario.Span(s.to), Agents: 1})
		default:
			out[len(out)-1].Length += scenario.Span(s.to - at)
		}
		at, there = s.to, true
	}
	if !there {
		return nil
	}
	// The roster comes round: nobody is to come again before all is over.
	return append(out, scenario.Staffing{Length: max(end-scenario.Span(at), 0) + 2*day})
}

const day = scenario.Span(24 * time.Hour)

func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
