// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package reservation_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/patchbay-cx/patchbay/core/webhook/reservation"
)

// TestPage holds that every answer that the page shows is one, and that it shows
// every verb.
func TestPage(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[reservation.Verb]bool{}
	for _, match := range regexp.MustCompile("`(\\{\"verb\".*?\\})`").FindAllSubmatch(data, -1) {
		a, err := reservation.ReadAnswer(match[1])
		if err != nil {
			t.Errorf("%s: %v", match[1], err)
			continue
		}
		shown[a.Verb] = true
	}
	if len(shown) != 9 {
		t.Errorf("the page shows %v", shown)
	}
}
