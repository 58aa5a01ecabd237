// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package intake does what is done with incoming work before it waits: it
// evaluates the skill rules of the work's channel and the flow that the channel
// goes through. That happens once per arrival, and for skill rules again when
// attributes are explicitly re-evaluated. What comes of it is filled into the
// work, and goes on record with it; a replay evaluates nothing.
//
// It knows the definition and the work, and asks [Facts] about the present. It
// must not know of engines, journals or connections, read a clock, or change
// anything.
//
// # Conditions
//
// The conditions of steps and skill rules are written in CEL, the Common
// Expression Language (https://cel.dev), and must be true or false. They see:
//
//	work.channel       string
//	work.queue         string; "" if the source named none. A step sees what
//	                   the steps before it set.
//	work.priority      int or null; null if none was given. As work.queue.
//	work.attributes    map of string to string
//	work.customer      string; "" if the source gave none
//	work.conversation  string; "" if the source gave none
//	work.external      string; the reference to the outside record
//	work.requested_at  timestamp; since when the customer waits
//	work.outbound      bool; an agent started it
//	now                timestamp; when the work arrived
//
// has(work.priority) says whether there is one, and so for every field: strings
// are there unless empty. An attribute that is not there fails the condition,
// unless it is guarded: has(work.attributes.tier), "tier" in work.attributes,
// or work.attributes.?tier.orValue("none").
//
// In flows, but not in skill rules, there are functions of a queue. A queue
// that is written out must exist, or the condition does not compile.
//
//	agents_online(queue)     int; members who are signed in
//	agents_available(queue)  int; those of them who could take more work now
//	waiting(queue)           int; items that wait
//	wait_known(queue)        bool; whether there is an estimated wait
//	estimated_wait(queue)    duration; fails if it is not known
//	is_open(queue)           bool
//
// Besides, there are CEL's operators, its macros (has, all, exists, exists_one,
// map, filter), its optional values, and these functions:
//
//	size contains startsWith endsWith matches          of text
//	indexOf lastIndexOf charAt substring split
//	replace reverse trim lowerAscii upperAscii
//	bool int uint double string duration timestamp     conversions
//	getFullYear getMonth getDate getDayOfMonth         of a time, with a
//	getDayOfWeek getDayOfYear getHours getMinutes      time zone or in UTC
//	getSeconds getMilliseconds
//	hasValue orValue or value optional.of              of what may be missing
//	optional.none
//
// What would make the same work come out differently elsewhere is refused: a
// time zone must be written out and cannot be the machine's own. A pattern for
// matches must be written out too. Attributes are walked in the order of their
// names.
//
// # Cost
//
// An expression may cost [Budget] at most, in the units in which CEL estimates
// cost: one for nearly everything, a tenth for each character looked at, and
// 100 for a function of a queue. What could cost more with the largest work
// that the API takes does not compile: at most 100 attributes, with names of
// 128 bytes and values of 4,096. With work that is larger, by whatever way it
// came, every condition fails.
package intake

// Budget is what one evaluation of one expression may cost, in CEL's units. It
// is worth two milliseconds or so.
const Budget = 50_000
