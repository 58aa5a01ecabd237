// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// everyDay is from one hour to another, each day of the week.
func everyDay(from, to uint16) engine.Shift {
	return engine.Shift{Days: 0x7f, Span: engine.Span{From: from * 60, To: to * 60}}
}

// opening gives support hours.
func opening(closed engine.ClosedRule, h engine.Hours) func(*engine.Definition) {
	h.Name = "desk"
	return func(d *engine.Definition) {
		d.Hours = []engine.Hours{h}
		d.Queues[3].Hours, d.Queues[3].Closed = "desk", closed
		d.Queues[3].Overflow = &engine.Overflow{To: "sales"}
	}
}

// The story begins on a Tuesday, at 22:13:20 UTC.
var night = engine.Hours{Zone: "UTC", Weekly: []engine.Shift{everyDay(8, 22)}}

// morning is an hour of the next day.
func morning(hour engine.Time) engine.Time {
	return (start/(24*60*minute)+1)*24*60*minute + hour*60*minute
}

func TestClosedQueueHoldsItsWork(t *testing.T) {
	t.Parallel()
	w := newWorld(t, opening(engine.ClosedHold, night))
	if b, _ := w.Backlog("support"); !b.Closed || !w.Held("support") || w.Held("nowhere") {
		t.Errorf("%+v", b)
	}
	w.present("ann")
	id := w.arrives("support")
	w.cannot(id, "ann", route.VerdictNotEligible)
	if _, stuck := w.Unroutable(w.item(id)); stuck {
		t.Error("it only has to wait")
	}
	if at, ok := w.NextTimer(); !ok || at != morning(8) {
		t.Errorf("next timer at %d, %v, want %d", at, ok, morning(8))
	}
	w.at = morning(8) - 1
	w.happens(0)
	if ev := w.happens(1, engine.KindQueueOpened)[0]; ev.Queue != "support" {
		t.Errorf("%+v", ev)
	}
	w.offered(id, "ann")
	w.at = morning(22)
	w.happens(0, engine.KindQueueClosed, engine.KindOfferTimedOut, engine.KindExclusionsCleared)
	w.cannot(id, "ann", route.VerdictNotEligible)
}

func TestClosedQueueRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, opening(engine.ClosedRefuse, night))
	w.present("ann")
	r := w.refused(engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "support"}}, engine.CodeQueueClosed, "queue")
	if want := `queue "support" is closed and takes nothing in until it opens`; r.Message != want {
		t.Errorf("%q", r.Message)
	}
	w.refused(engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "support", RequiredAgent: "ann"}}, engine.CodeQueueClosed, "queue")
	id := w.arrives("sales")
	w.refused(engine.TransferWork{Work: id, Queue: "support"}, engine.CodeQueueClosed, "queue")
	w.at = morning(9)
	w.happens(0, engine.KindQueueOpened)
	w.do(engine.TransferWork{Work: id, Queue: "support"})
	w.at = morning(23)
	w.happens(0, engine.KindQueueClosed)
	w.offered(id, "ann") // what waits is still offered
	w.do(engine.RequeueWork{Work: id})
	priority := int32(1)
	w.do(engine.UpdateWork{Work: id, Priority: &priority})
}

func TestClosedQueueOverflows(t *testing.T) {
	t.Parallel()
	w := newWorld(t, opening(engine.ClosedOverflow, night))
	w.present("ann")
	item := w.in(w.arrives("support"), "sales")
	if item.Reason != "closed" {
		t.Errorf("%+v", item)
	}
	w.offered(item.ID, "ann")
	w.at = morning(8)
	w.pass(0)
	w.in(w.arrives("support"), "support")
}

// A host that slept through an opening and a closing finds the next one.
func TestOpeningUnseen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, opening(engine.ClosedHold, night))
	w.at = morning(23)
	w.happens(0)
	again := restored(t, w.Engine)
	w.at += 9 * 60 * minute
	w.happens(0, engine.KindQueueOpened)
	if r, err := again.Step(w.at, engine.Tick{}); err != nil || len(r.Events) != 1 || r.Events[0].Kind != engine.KindQueueOpened {
		t.Errorf("%+v, %v", r, err)
	}
}

// A new definition opens and closes at once.
func TestHoursChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, opening(engine.ClosedHold, night))
	d := centre()
	opening(engine.ClosedHold, engine.Hours{Zone: "UTC", Weekly: []engine.Shift{everyDay(8, 23)}})(&d)
	w.did(engine.Configure{Definition: d}, engine.KindConfigured, engine.KindQueueOpened)
	w.at = morning(0) - 60*minute - 1
	w.happens(0)
	w.happens(1, engine.KindQueueClosed)
	w.did(engine.Configure{Definition: centre()}, engine.KindConfigured, engine.KindQueueOpened)
	w.happens(48 * 60 * minute)
}

// The edges of opening hours, by the wall clock of their place.
func TestHoursByTheWallClock(t *testing.T) {
	t.Parallel()
	weekdays := uint8(0b0111110)
	shift := func(days uint8, from, to uint16) engine.Shift {
		return engine.Shift{Days: days, Span: engine.Span{From: from, To: to}}
	}
	cases := []struct {
		name  string
		hours engine.Hours
		from  string
		want  []string // opens, closes, opens …
	}{
		{
			"on Monday again",
			engine.Hours{Zone: "Europe/Berlin", Weekly: []engine.Shift{shift(weekdays, 9*60, 17*60)}},
			"2026-03-06T18:00:00Z",
			[]string{"2026-03-09T08:00:00Z", "2026-03-09T16:00:00Z"},
		},
		{
			"clocks go forward",
			engine.Hours{Zone: "Europe/Berlin", Weekly: []engine.Shift{everyDay(1, 17)}},
			"2026-03-28T18:00:00Z",
			[]string{"2026-03-29T00:00:00Z", "2026-03-29T15:00:00Z", "2026-03-29T23:00:00Z"},
		},
		{
			"clocks go back",
			engine.Hours{Zone: "Europe/Berlin", Weekly: []engine.Shift{everyDay(1, 17)}},
			"2026-10-24T18:00:00Z",
			[]string{"2026-10-24T23:00:00Z", "2026-10-25T16:00:00Z", "2026-10-26T00:00:00Z"},
		},
		{
			"an hour that does not exist",
			engine.Hours{Zone: "America/New_York", Weekly: []engine.Shift{shift(0x7f, 150, 240)}},
			"2026-03-08T00:00:00Z",
			[]string{"2026-03-08T07:00:00Z", "2026-03-08T08:00:00Z", "2026-03-09T06:30:00Z"},
		},
		{
			"a midnight that does not exist",
			engine.Hours{Zone: "America/Santiago", Weekly: []engine.Shift{everyDay(0, 6), everyDay(20, 22)}},
			"2026-09-05T12:00:00Z",
			[]string{"2026-09-06T00:00:00Z", "2026-09-06T02:00:00Z", "2026-09-06T04:00:00Z", "2026-09-06T09:00:00Z"},
		},
		{
			"until a midnight that does not exist",
			engine.Hours{Zone: "America/Santiago", Weekly: []engine.Shift{everyDay(20, 24)}},
			"2026-09-05T12:00:00Z",
			[]string{"2026-09-06T00:00:00Z", "2026-09-06T04:00:00Z", "2026-09-06T23:00:00Z"},
		},
		{
			"through midnight",
			engine.Hours{Zone: "Asia/Kolkata", Weekly: []engine.Shift{everyDay(0, 2), everyDay(22, 24)}},
			"2026-05-01T12:00:00Z",
			[]string{"2026-05-01T16:30:00Z", "2026-05-01T20:30:00Z"},
		},
		{"holidays", engine.Hours{
			Zone: "Europe/London", Weekly: []engine.Shift{everyDay(9, 17)},
			Holidays: []engine.Holiday{{Date: "2026-12-25"}, {Date: "2026-12-26", Open: []engine.Span{{From: 600, To: 660}, {From: 720, To: 780}}}},
		}, "2026-12-24T18:00:00Z", []string{"2026-12-26T10:00:00Z", "2026-12-26T11:00:00Z", "2026-12-26T12:00:00Z", "2026-12-26T13:00:00Z", "2026-12-27T09:00:00Z"}},
		{
			"on one day of the year",
			engine.Hours{Zone: "UTC", Holidays: []engine.Holiday{{Date: "2027-01-01", Open: []engine.Span{{To: 1440}}}}},
			"2026-06-01T00:00:00Z",
			[]string{"2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z"},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			parse := func(s string) engine.Time {
				at, err := time.Parse(time.RFC3339, s)
				if err != nil {
					t.Fatal(err)
				}
				return engine.Time(at.UnixMilli())
			}
			w := newWorld(t)
			w.at = parse(c.from)
			w.defined(opening(engine.ClosedHold, c.hours))
			kinds := []engine.Kind{engine.KindQueueOpened, engine.KindQueueClosed}
			for i, edge := range c.want {
				w.at = parse(edge) - 1
				w.happens(0)
				if at, ok := w.NextTimer(); !ok || at > w.at+1 {
					t.Errorf("before %s the next timer is at %v", edge, time.UnixMilli(int64(at)).UTC())
				}
				w.happens(1, kinds[i%2])
			}
		})
	}
}

// Never open, and never to be.
func TestHoursWithoutAny(t *testing.T) {
	t.Parallel()
	w := newWorld(t, opening(engine.ClosedHold, engine.Hours{Zone: "UTC"}))
	w.happens(0)
	if at, ok := w.NextTimer(); ok {
		t.Errorf("next timer at %d", at)
	}
	w.happens(1000 * 24 * 60 * minute)
	if !w.Held("support") {
		t.Error("it opened")
	}
}
