// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/certify"
)

// The page has every requirement, in the same words.
func TestDocs(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/certify.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range append(certify.Requirements(), certify.WebhookRequirements()...) {
		if line := fmt.Sprintf("| `%s` | %s | %s |\n", r.ID, r.Level, r.Text); !strings.Contains(string(page), line) {
			t.Errorf("docs/certify.md lacks: %s", line)
		}
	}
}
