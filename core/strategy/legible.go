// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import "strings"

// How many bytes are kept of what a strategy says of itself. It goes on record
// with what the strategy does, so it may neither be anything nor any length.
const (
	maxNameBytes  = 200  // of a version, or of a reason's name
	maxFaultBytes = 4000 // of what is said of a fault
)

// Legible returns text as protocols take it, and as it may go on record: UTF-8,
// and of so many bytes at most, which are more than 4. What is cut off ends in an
// ellipsis.
func Legible(text string, most int) string {
	const rest = " …"
	text = strings.ToValidUTF8(text, "\uFFFD")
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most-len(rest)], "") + rest
	}
	return text
}
