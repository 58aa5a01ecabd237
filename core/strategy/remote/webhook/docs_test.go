// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	asking "github.com/patchbay-cx/patchbay/core/strategy/remote/webhook"
)

// TestPage holds that what the page shows is what is sent and taken.
func TestPage(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("../../../../docs/webhooks.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]int{}
	for _, part := range strings.Split(string(data), "\n```json ")[1:] {
		kind, rest, _ := strings.Cut(part, "\n")
		block, _, _ := strings.Cut(rest, "\n```")
		shown[kind]++
		var into any
		switch kind {
		case "question":
			into = &asking.Question{}
		case "reply":
			into = &document.Reply{}
		default:
			t.Errorf("what is a %q?", kind)
			continue
		}
		decoder := json.NewDecoder(bytes.NewReader([]byte(block)))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(into); err != nil {
			t.Errorf("%s: %v\n%s", kind, err, block)
			continue
		}
		written, err := json.Marshal(into)
		if err != nil {
			t.Fatal(err)
		}
		var is, want any
		if json.Unmarshal([]byte(block), &is) != nil || json.Unmarshal(written, &want) != nil || !reflect.DeepEqual(is, want) {
			t.Errorf("the page says\n%s\nbut it is\n%s", block, written)
		}
	}
	if shown["question"] == 0 || shown["reply"] == 0 {
		t.Errorf("the page shows %v", shown)
	}
}
