// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

var (
	jsonBlock = regexp.MustCompile("(?s)```json\n(.*?)```")
	celBlock  = regexp.MustCompile("(?s)```cel\n(.*?)```")
	celLine   = regexp.MustCompile(`^(.*\S) +// (true|false|fails)$`)
)

// TestPage evaluates every expression of docs/flows.md with the work that the
// page describes.
func TestPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/flows.md")
	if err != nil {
		t.Fatal(err)
	}
	var described struct {
		Channel, Queue, Customer string
		Priority                 *int32
		Attributes               map[string]string
		RequestedAt              string `json:"requested_at"`
	}
	if err := json.Unmarshal(jsonBlock.FindSubmatch(page)[1], &described); err != nil {
		t.Fatal(err)
	}
	work := engine.WorkSpec{
		Channel: described.Channel, Queue: described.Queue, Customer: described.Customer,
		Priority: described.Priority, Attributes: described.Attributes, RequestedAt: instant(t, described.RequestedAt),
	}
	count := 0
	for _, block := range celBlock.FindAllSubmatch(page, -1) {
		for line := range strings.Lines(string(block[1])) {
			parts := celLine.FindStringSubmatch(strings.TrimSpace(line))
			if parts == nil {
				t.Fatalf("%q does not say what it comes to", line)
			}
			count++
			plan := compiled(t, desk(intakeOf(engine.Step{Name: "a", When: parts[1]})))
			got := plan.Arrive(work, instant(t, "2026-11-24T10:00:00Z"), today()).Intake
			is := "false"
			switch {
			case len(got) == 1 && got[0].Failed != "":
				is = "fails"
			case len(got) == 1:
				is = "true"
			}
			if is != parts[2] {
				t.Errorf("%s: %s, the page says %s (%v)", parts[1], is, parts[2], got)
			}
		}
	}
	if count < 25 {
		t.Errorf("found %d expressions", count)
	}
}
