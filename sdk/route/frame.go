// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"errors"
	"fmt"
	"strconv"
)

// A frame is a turn or a reply as bytes, the same on every lane. The written
// description is frame.md beside the protobuf files of
// patchbay.strategy.v1; the rows are generated from frame.layout there.

const (
	frameMagic  = 0x314e5254 // "TRN1"
	maxSections = 64
	// kindResult is the header's kind of a reply; those of turns are Kind.
	kindResult = 16
)

// MaxFrameBytes is the length of the longest frame that is written or read.
const MaxFrameBytes = 1 << 30

// What a section's rows are meant as.
const (
	opPut  = 1 // rows that come or change, and everything that only comes
	opGone = 2 // rows of type gone: refs of the named table that left
)

// Status says in the header of a reply how the turn went.
type Status uint16

// The statuses of a reply. All but StatusOK come without proposals.
const (
	// StatusOK: the turn was taken, and here are the proposals.
	StatusOK Status = 0
	// StatusNeedSnapshot: the strategy's board is out of step.
	StatusNeedSnapshot Status = 1
	// StatusStaleEpoch: the turn belongs to another start of the instance. The
	// host takes it as StatusNeedSnapshot.
	StatusStaleEpoch Status = 2
	// StatusBadFrame: the turn could not be read.
	StatusBadFrame Status = 3
	// StatusNotReady: the strategy is not configured yet, or is draining.
	StatusNotReady Status = 4
	// StatusOverBudget: the strategy gave up because its budget ran out.
	StatusOverBudget Status = 5
	// StatusInternal: the strategy is broken; the text says how.
	StatusInternal Status = 6
)

// String returns the status's stable name.
func (s Status) String() string {
	names := [...]string{
		"ok", "need_snapshot", "stale_epoch", "bad_frame", "not_ready", "over_budget", "internal",
	}
	if int(s) < len(names) {
		return names[s]
	}
	return "status(" + strconv.Itoa(int(s)) + ")"
}

// FrameError says why bytes are not a frame.
type FrameError struct {
	// Offset is where in the frame the fault lies, in bytes.
	Offset int
	// Reason says what is wrong.
	Reason string
}

// Error implements error.
func (e *FrameError) Error() string {
	return "route: frame: at byte " + strconv.Itoa(e.Offset) + ": " + e.Reason
}

func frameErrorf(offset int, format string, args ...any) error {
	return &FrameError{Offset: offset, Reason: fmt.Sprintf(format, args...)}
}

// StatusError is what a reply frame with a status other than StatusOK decodes
// to. It is ErrNeedSnapshot, by errors.Is, if the status says so.
type StatusError struct {
	// Status is the frame's.
	Status Status
	// Text says more, for people; may be empty.
	Text string
}

// Error implements error.
func (e *StatusError) Error() string {
	if e.Text == "" {
		return "route: reply: " + e.Status.String()
	}
	return "route: reply: " + e.Status.String() + ": " + e.Text
}

// Is reports whether target is ErrNeedSnapshot and the status says the same.
func (e *StatusError) Is(target error) bool {
	return target == ErrNeedSnapshot && (e.Status == StatusNeedSnapshot || e.Status == StatusStaleEpoch)
}

// StatusOf returns the status and text that tell the host of an error of
// Strategy.Turn: StatusOK for nil.
func StatusOf(err error) (Status, string) {
	if err == nil {
		return StatusOK, "" // without what errors.As allocates
	}
	var carried *StatusError
	var frame *FrameError
	switch {
	case errors.As(err, &carried):
		return carried.Status, carried.Text
	case errors.Is(err, ErrNeedSnapshot):
		return StatusNeedSnapshot, ""
	case errors.As(err, &frame):
		return StatusBadFrame, err.Error()
	default:
		return StatusInternal, err.Error()
	}
}
