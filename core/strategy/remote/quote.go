// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote

import "github.com/patchbay-cx/patchbay/core/strategy"

const (
	// maxQuoteBytes is how much is repeated of what a router says: in logs, in
	// the status, on record, and to the router itself.
	maxQuoteBytes = 200
	// maxToldBytes is the longest answer to an instruct, which may quote it.
	maxToldBytes = 1000
)

// clip is what is repeated of a router's own words.
func clip(text string) string { return strategy.Legible(text, maxQuoteBytes) }

// quote is an error that may quote a router.
type quote struct{ err error }

// Error implements error.
func (q quote) Error() string { return clip(q.err.Error()) }

// Unwrap returns the error as it was.
func (q quote) Unwrap() error { return q.err }
