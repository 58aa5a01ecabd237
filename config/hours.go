// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Hours says when queues are open, in the local time of a place.
type Hours struct {
	// TimeZone is the place's, such as "Europe/Berlin".
	TimeZone string `koanf:"time_zone"`
	// Weekly are the usual hours, by days as they are written, such as
	// "mon-fri". No day is in two of them.
	Weekly map[string]Spans `koanf:"weekly"`
	// Holidays are days with other hours, or none, by date.
	Holidays map[string]Spans `koanf:"holidays"`
}

// Spans are the hours of a day, in order and apart; none means closed.
type Spans []engine.Span

func (h *Hours) definition(name string) engine.Hours {
	d := engine.Hours{Name: name, Zone: h.TimeZone}
	for _, on := range sortedKeys(h.Weekly) {
		bits, _ := days(on) // the schema has checked it
		for _, span := range h.Weekly[on] {
			d.Weekly = append(d.Weekly, engine.Shift{Days: bits, Span: span})
		}
	}
	for _, date := range sortedKeys(h.Holidays) {
		d.Holidays = append(d.Holidays, engine.Holiday{Date: date, Open: h.Holidays[date]})
	}
	return d
}

// closed is written for a day without hours.
const closed = "closed"

// weekdays are the days' names, from Sunday, as engine.Shift counts them.
const weekdays = "sun mon tue wed thu fri sat"

// days reads "mon", "mon-fri", "fri-mon" or "mon,thu" as the bits of an
// engine.Shift.
func days(text string) (uint8, error) {
	names := strings.Fields(weekdays)
	var bits uint8
	for part := range strings.SplitSeq(text, ",") {
		first, last, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			last = first
		}
		from, to := slices.Index(names, first), slices.Index(names, last)
		if from < 0 || to < 0 {
			return 0, fmt.Errorf("no days: %q", text)
		}
		for day := from; ; day = (day + 1) % len(names) {
			if bits&(1<<day) != 0 {
				return 0, fmt.Errorf("%s is there twice", names[day])
			}
			bits |= 1 << day
			if day == to {
				break
			}
		}
	}
	return bits, nil
}

// span reads "08:00-18:00".
func span(text string) (engine.Span, error) {
	from, to, _ := strings.Cut(text, "-")
	s := engine.Span{}
	var err1, err2 error
	s.From, err1 = clock(strings.TrimSpace(from))
	s.To, err2 = clock(strings.TrimSpace(to))
	if err := errors.Join(err1, err2); err != nil {
		return s, err
	}
	if s.From >= s.To {
		return s, errors.New("it ends before it begins")
	}
	return s, nil
}

// clock reads "08:00" as minutes since midnight, up to "24:00".
func clock(text string) (uint16, error) {
	hours, minutes, ok := strings.Cut(text, ":")
	h, err1 := strconv.ParseUint(hours, 10, 8)
	m, err2 := strconv.ParseUint(minutes, 10, 8)
	if !ok || err1 != nil || err2 != nil || len(hours) > 2 || len(minutes) != 2 || m > 59 || h*60+m > 24*60 {
		return 0, fmt.Errorf("no time of the day: %q", text)
	}
	return uint16(h*60 + m), nil
}

// spans reads the hours of a day: one span, a list of them, or "closed". Other
// types are none: the schema speaks of them.
func spans(v any) (Spans, error) {
	list := []any{v}
	switch v := v.(type) {
	case []any:
		list = v
	case string:
		if v == closed {
			return Spans{}, nil
		}
	default:
		return nil, nil
	}
	out := make(Spans, 0, len(list))
	for _, one := range list {
		text, _ := one.(string)
		s, err := span(text)
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// zone finds a time zone by the engine's rule: a machine's own is none, since
// it is another one elsewhere.
func zone(text string) (*time.Location, error) {
	if text == "" || text == "Local" {
		return nil, errors.New("no place")
	}
	return time.LoadLocation(text)
}

func date(text string) (time.Time, error) { return time.Parse(time.DateOnly, text) }

// hours checks that no day has hours twice, and that the hours of a day follow
// each other.
func (c *checker) hours() {
	for name, h := range c.section("hours") {
		weekly, _ := h["weekly"].(map[string]any)
		c.weekly([]string{"hours", name, "weekly"}, weekly)
		for _, key := range []string{"weekly", "holidays"} {
			section, _ := h[key].(map[string]any)
			for on, value := range section {
				c.follow([]string{"hours", name, key, on}, value)
			}
		}
	}
}

// weekly refuses a day that two keys name: does the one add to the other, or
// replace it?
func (c *checker) weekly(path []string, weekly map[string]any) {
	taken := map[string]string{}
	for _, on := range c.inOrder(path, sortedKeys(weekly)) {
		bits, err := days(on)
		if err != nil {
			continue // the schema speaks of it
		}
		twice := ""
		for day, short := range strings.Fields(weekdays) {
			if bits&(1<<day) == 0 {
				continue
			}
			if _, ok := taken[short]; ok && twice == "" {
				twice = short
			} else if !ok {
				taken[short] = on
			}
		}
		if twice != "" {
			c.report(stageRules, c.doc.key(under(path, on)), CodeDuplicate,
				"%s has hours already, under %q; give all hours of a day in one list", twice, taken[twice])
		}
	}
}

// follow checks that the hours of a day follow each other.
func (c *checker) follow(path []string, value any) {
	list, _ := value.([]any)
	var end uint16
	for i, one := range list {
		text, _ := one.(string)
		s, err := span(text)
		if err != nil {
			return // the schema speaks of it
		}
		if s.From < end {
			c.report(stageRules, c.doc.value(under(path, index(i))), CodeConflict,
				"this begins before the hours above end; give the hours of a day in order, and apart")
		}
		end = s.To
	}
}
