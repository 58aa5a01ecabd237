// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package calllog reads recorded logs of a call centre: who called when, how
// long they waited, whether they were answered or hung up, by whom, and for
// how long. It is made for logs as they really are: a row that cannot be read
// is reported with its line and skipped, a row that is odd is kept and
// remarked upon.
//
// It understands two formats: "bank", the tab-separated one of the AnonymousBank
// data set of the Technion's Service Enterprise Engineering laboratory; and a
// neutral one, a strict CSV table, for everybody else (see ReadTable).
//
// It must not know of hosts, queues, strategies or virtual time: what is played
// from a log, and how, is its user's matter.
package calllog

import (
	"fmt"
	"time"
)

// Outcome is how a call ended.
type Outcome uint8

// The outcomes of calls.
const (
	// Answered means that an agent spoke with the customer.
	Answered Outcome = 1 + iota
	// HungUp means that the customer hung up before an agent answered.
	HungUp
	// Phantom marks a row which is not a customer's call and is to be ignored.
	Phantom
)

// String returns the outcome as a word, such as "answered".
func (o Outcome) String() string {
	names := [...]string{"unknown", "answered", "hung_up", "phantom"}
	if int(o) >= len(names) {
		return names[0]
	}
	return names[o]
}

// Call is one row of a log. Times are spans since midnight of Day, and exceed
// 24 hours for what happened after the following midnight.
type Call struct {
	// Line is the row's line in the file, counted from 1, which is the header.
	Line int
	// ID is the line of the exchange and the call's number, which together are
	// unique for a caller's visit, such as "AA0101/46087".
	ID string
	// Customer is the customer's number; empty for one not identified.
	Customer string
	// Day is the date of the row, written "YYMMDD".
	Day string
	// Class is the kind of call, such as "PS".
	Class string
	// Priority is as in the log: 2 high, 1 regular, 0 low.
	Priority int
	// Entered is when the call reached the voice menu.
	Entered time.Duration
	// Arrived is when the customer asked for an agent: when queueing began, or,
	// without queueing, when an agent answered; for one who hung up without
	// queueing, when the menu ended.
	Arrived time.Duration
	// Queued says that the customer queued. One who did not was answered at
	// once or hung up before ever asking for an agent.
	Queued bool
	// Wait is how long the customer queued, until an agent answered or until
	// hanging up; 0 if not Queued. It is never negative.
	Wait time.Duration
	// Outcome is how the call ended.
	Outcome Outcome
	// ServiceStart is when an agent answered; 0 if none did, or if the log
	// does not say.
	ServiceStart time.Duration
	// Service is how long the agent spoke with the customer, as the log says;
	// it may be 0. It is never negative.
	Service time.Duration
	// Server is the agent's name; empty if none answered or the log does not
	// say which.
	Server string
}

// Remark is something said of one line of a log.
type Remark struct {
	// Line is counted from 1, which is the header.
	Line int
	// Text says what is wrong or odd.
	Text string
}

// String writes the remark as "line 7315: there are 16 columns …".
func (r Remark) String() string { return fmt.Sprintf("line %d: %s", r.Line, r.Text) }

// Log is what was read from one file.
type Log struct {
	// Rows is how many rows the file has, the header and empty lines not
	// counted.
	Rows int
	// Calls are the rows that could be read, in the order of the file.
	Calls []Call
	// Malformed names the rows that could not be read and were skipped.
	Malformed []Remark
	// Odd names rows that were kept though something in them cannot be, such as
	// a negative duration, which is taken for 0.
	Odd []Remark
}

// Count returns how many calls ended so.
func (l *Log) Count(outcome Outcome) int {
	n := 0
	for i := range l.Calls {
		if l.Calls[i].Outcome == outcome {
			n++
		}
	}
	return n
}
