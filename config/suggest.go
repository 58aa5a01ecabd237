// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"

	"github.com/patchbay-cx/patchbay/core/near"
)

// didYouMean returns the end of a sentence that names the nearest candidate,
// or else, if they are few, all of them.
func didYouMean(got string, candidates []string, plural string) string {
	const few = 12
	meant := near.Name(got, candidates)
	switch {
	case meant != "":
		return fmt.Sprintf("; did you mean %q?", meant)
	case len(candidates) == 0:
		return fmt.Sprintf("; there are no %s yet", plural)
	case len(candidates) > few:
		return fmt.Sprintf("; there are %d %s", len(candidates), plural)
	default:
		return fmt.Sprintf("; the %s are: %s", plural, strings.Join(candidates, ", "))
	}
}
