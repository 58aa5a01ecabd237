// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package calllog

import (
	"sort"
	"time"
)

// Day is what happened on one date.
type Day struct {
	// Date is written "YYMMDD".
	Date string
	// Calls are the date's calls by time of arrival, then by line. They do not
	// include phantoms.
	Calls []Call
	// Phantoms is how many rows of the date are phantoms.
	Phantoms int
}

// Days returns the dates of the log in order, each with its calls.
func (l *Log) Days() []Day {
	byDate := make(map[string]*Day)
	for i := range l.Calls {
		c := &l.Calls[i]
		d := byDate[c.Day]
		if d == nil {
			d = &Day{Date: c.Day}
			byDate[c.Day] = d
		}
		if c.Outcome == Phantom {
			d.Phantoms++
			continue
		}
		d.Calls = append(d.Calls, *c)
	}
	days := make([]Day, 0, len(byDate))
	for _, d := range byDate {
		sort.Slice(d.Calls, func(i, j int) bool {
			a, b := &d.Calls[i], &d.Calls[j]
			if a.Arrived != b.Arrived {
				return a.Arrived < b.Arrived
			}
			return a.Line < b.Line
		})
		days = append(days, *d)
	}
	sort.Slice(days, func(i, j int) bool { return days[i].Date < days[j].Date })
	return days
}

// Day returns one date, written "YYMMDD", and whether the log has it.
func (l *Log) Day(date string) (Day, bool) {
	for _, d := range l.Days() {
		if d.Date == date {
			return d, true
		}
	}
	return Day{}, false
}

// Busiest returns the date with the most calls, phantoms not counted; the
// earliest of several. It is the zero Day for a log without calls.
func (l *Log) Busiest() Day {
	var busiest Day
	for _, d := range l.Days() {
		if len(d.Calls) > len(busiest.Calls) {
			busiest = d
		}
	}
	return busiest
}

// Classes returns the kinds of calls of the day, in order of name.
func (d Day) Classes() []string {
	seen := make(map[string]bool)
	var classes []string
	for i := range d.Calls {
		if class := d.Calls[i].Class; !seen[class] {
			seen[class] = true
			classes = append(classes, class)
		}
	}
	sort.Strings(classes)
	return classes
}

// Shift is when one agent worked on one day, as far as the log shows it: from
// the start of the first call answered to the end of the last.
type Shift struct {
	Server string
	// Start and End are spans since midnight; End may exceed 24 hours.
	Start, End time.Duration
	// Calls is how many calls the agent answered.
	Calls int
	// Busy is how long the agent spoke with customers, overlaps counted twice.
	Busy time.Duration
	// Overlaps is how many calls began before an earlier one of the same agent
	// had ended.
	Overlaps int
	// Classes are the kinds of calls the agent answered that day, by name.
	Classes []string
}

// Shifts returns the shifts of the day by the agents' names. Calls answered by
// an agent whom the log does not name, or at a time it does not tell, are in
// none.
func (d Day) Shifts() []Shift {
	byServer := make(map[string][]Call)
	for _, c := range d.Calls {
		if c.Outcome == Answered && c.Server != "" && c.ServiceStart > 0 {
			byServer[c.Server] = append(byServer[c.Server], c)
		}
	}
	shifts := make([]Shift, 0, len(byServer))
	for server, calls := range byServer {
		shifts = append(shifts, shiftOf(server, calls))
	}
	sort.Slice(shifts, func(i, j int) bool { return shifts[i].Server < shifts[j].Server })
	return shifts
}

// shiftOf sums up one agent's calls, of which there is at least one.
func shiftOf(server string, calls []Call) Shift {
	sort.SliceStable(calls, func(i, j int) bool { return calls[i].ServiceStart < calls[j].ServiceStart })
	s := Shift{Server: server, Start: calls[0].ServiceStart, Calls: len(calls), Classes: Day{Calls: calls}.Classes()}
	for _, c := range calls {
		if c.ServiceStart < s.End {
			s.Overlaps++
		}
		s.End = max(s.End, c.ServiceStart+c.Service)
		s.Busy += c.Service
	}
	return s
}
