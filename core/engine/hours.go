// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"time"
	_ "time/tzdata" // so that a workspace means the same on a machine without time zones
)

// Hours says when queues are open, in the local time of a place.
type Hours struct {
	Name string `cbor:"1,keyasint"`
	// Zone is the place's time zone, such as "Europe/Berlin".
	Zone string `cbor:"2,keyasint"`
	// Weekly are the usual hours.
	Weekly []Shift `cbor:"3,keyasint,omitempty"`
	// Holidays are days with other hours, or none.
	Holidays []Holiday `cbor:"4,keyasint,omitempty"`
}

// Shift is a span of time on some days of the week.
type Shift struct {
	// Days has bit 0 for Sunday, bit 1 for Monday, and so on.
	Days uint8 `cbor:"1,keyasint"`
	Span
}

// Span is a span of local time within a day, in minutes since midnight: From
// is within it, To, which may be 1440, is not.
type Span struct {
	From uint16 `cbor:"10,keyasint,omitempty"`
	To   uint16 `cbor:"11,keyasint"`
}

// Holiday is a day with hours of its own.
type Holiday struct {
	// Date is the local date, such as "2026-12-25".
	Date string `cbor:"1,keyasint"`
	// Open are the spans in which it is open; none means closed all day.
	Open []Span `cbor:"2,keyasint,omitempty"`
}

const (
	minutesOfDay = 24 * 60
	daysAhead    = 400 // how far a calendar looks for the next change
)

// calendar answers whether a place is open.
type calendar struct {
	*Hours
	zone     *time.Location
	holidays map[string][]Span
}

func (x *index) addHours(d *Definition) error {
	for i := range d.Hours {
		h := &d.Hours[i]
		at := "hours." + h.Name
		zone, err := time.LoadLocation(h.Zone)
		if err != nil || h.Zone == "" || h.Zone == "Local" {
			return refuse(CodeInvalidDefinition, at+".time_zone", "there is no time zone %q; it should look like Europe/Berlin", h.Zone)
		}
		c := &calendar{Hours: h, zone: zone, holidays: make(map[string][]Span, len(h.Holidays))}
		if err := put(x.hours, "hours", h.Name, c); err != nil {
			return err
		}
		for i := range h.Weekly {
			if !h.Weekly[i].sound() || h.Weekly[i].Days == 0 || h.Weekly[i].Days > 0x7f {
				return refuse(CodeInvalidDefinition, at+".weekly", "hours should be on some day and end after they begin, by 24:00")
			}
		}
		for _, holiday := range h.Holidays {
			if _, err := time.Parse(time.DateOnly, holiday.Date); err != nil {
				return refuse(CodeInvalidDefinition, at+".holidays", "%q is no date such as 2026-12-25", holiday.Date)
			}
			if slices.ContainsFunc(holiday.Open, func(s Span) bool { return !s.sound() }) {
				return refuse(CodeInvalidDefinition, at+".holidays", "the hours of %s should end after they begin, by 24:00", holiday.Date)
			}
			if err := put(c.holidays, at+".holidays", holiday.Date, holiday.Open); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s Span) sound() bool { return s.From < s.To && s.To <= minutesOfDay }

// open reports whether the place is open at that time.
func (c *calendar) open(at Time) bool {
	local := time.UnixMilli(int64(at)).In(c.zone)
	for _, s := range c.spans(local) {
		if from, to := c.instants(local, s); from <= at && at < to {
			return true
		}
	}
	return false
}

// change returns when the place opens or closes next, 0 if it does not within
// a year.
func (c *calendar) change(at Time) Time {
	now := c.open(at)
	local := time.UnixMilli(int64(at)).In(c.zone)
	for day := range daysAhead {
		date := time.Date(local.Year(), local.Month(), local.Day()+day, 12, 0, 0, 0, c.zone)
		var edges []Time
		for _, s := range c.spans(date) {
			from, to := c.instants(date, s)
			edges = append(edges, from, to)
		}
		slices.Sort(edges)
		for _, edge := range edges {
			if edge > at && c.open(edge) != now {
				return edge
			}
		}
	}
	return 0
}

// spans returns the hours of a day.
func (c *calendar) spans(day time.Time) []Span {
	if spans, ok := c.holidays[day.Format(time.DateOnly)]; ok {
		return spans
	}
	var out []Span
	for i := range c.Weekly {
		if c.Weekly[i].Days&(1<<day.Weekday()) != 0 {
			out = append(out, c.Weekly[i].Span)
		}
	}
	return out
}

// instants returns when the span begins and ends on that day: by the clock on
// the wall, whatever is done to it that day.
func (c *calendar) instants(day time.Time, s Span) (from, to Time) {
	at := func(minutes uint16) Time {
		on := func(t time.Time, zone *time.Location) time.Time {
			return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), 0, 0, zone)
		}
		wanted := time.Date(day.Year(), day.Month(), day.Day(), 0, int(minutes), 0, 0, time.UTC)
		is := on(wanted, c.zone)
		// A time that is skipped when clocks go forward is when they do.
		switch before, after := is.ZoneBounds(); on(is, time.UTC).Compare(wanted) {
		case -1:
			is = after
		case 1:
			is = before
		}
		return Time(is.UnixMilli())
	}
	return at(s.From), at(s.To)
}
