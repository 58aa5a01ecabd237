// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"math"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// The enums of the protocol have the engine's numbers, so that converting them
// is a conversion of type. A test holds them together.

// stamp is nil for 0, which in the engine means that there is none.
func stamp(t engine.Time) *timestamppb.Timestamp {
	if t == 0 {
		return nil
	}
	return timestamppb.New(time.UnixMilli(int64(t)))
}

// moment is a time of a request in the engine's milliseconds, 0 if there is
// none.
func moment(field string, t *timestamppb.Timestamp) (engine.Time, error) {
	if t == nil {
		return 0, nil
	}
	if err := t.CheckValid(); err != nil {
		return 0, invalid(field, "%s is not a time: it should lie between the years 1 and 9999", field)
	}
	ms := t.AsTime().UnixMilli()
	if ms <= 0 {
		return 0, invalid(field, "%s should not lie before 1970", field)
	}
	return engine.Time(ms), nil
}

func units(m engine.Milli) float64 { return float64(m) / float64(engine.Unit) }

// milli is an amount of a request in thousandths. Finer ones are refused rather
// than rounded, so that sums are what the caller expects.
func milli(field string, size float64) (engine.Milli, error) {
	scaled := size * float64(engine.Unit)
	exact := math.Round(scaled)
	switch {
	case !(exact >= 0 && exact <= math.MaxInt32):
		return 0, invalid(field, "%v should be from 0 to %v", size, math.MaxInt32/engine.Unit)
	case math.Abs(scaled-exact) > 1e-6+1e-12*scaled:
		return 0, invalid(field, "%v has more than 3 decimals", size)
	}
	return engine.Milli(exact), nil
}

// parseWork and parseAssignment read ids of requests. What does not look like
// an id cannot be there.
func parseWork(s string) (engine.WorkID, error) {
	id, err := engine.ParseWorkID(s)
	if err != nil {
		return 0, invalid("work", "%q is not the id of work: it should look like w42", s)
	}
	return id, nil
}

func parseAssignment(s string) (engine.AssignmentID, error) {
	id, err := engine.ParseAssignmentID(s)
	if err != nil {
		return 0, invalid("assignment", "%q is not the id of an assignment: it should look like a7", s)
	}
	return id, nil
}

// numberOf is the number of the event that records a command: the first of the
// first kind of which there is one. What leads to it may come before, and what
// follows from it comes after. It is 0 if nothing changed.
func numberOf(events []engine.Event, kinds ...engine.Kind) uint64 {
	for _, kind := range kinds {
		for i := range events {
			if events[i].Kind == kind {
				return events[i].Number
			}
		}
	}
	return 0
}
