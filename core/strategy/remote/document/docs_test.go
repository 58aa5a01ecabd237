// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package document_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
)

// page is what vendors read.
const page = "../../../../docs/external-routing.md"

// TestPage holds that the messages on the page are messages: the host would
// write those of the host so, and reads those of the router.
func TestPage(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	blocks := map[string]int{}
	codec := document.NewCodec()
	for _, part := range strings.Split(string(data), "\n```json ")[1:] {
		kind, rest, _ := strings.Cut(part, "\n")
		block, _, ok := strings.Cut(rest, "\n```")
		if !ok {
			t.Fatalf("a block has no end: %.80s", part)
		}
		blocks[kind]++
		switch kind {
		case "router":
			if _, err := codec.Read([]byte(block)); err != nil {
				t.Errorf("the host does not read this: %v\n%s", err, block)
			}
		case "host":
			written(t, block)
		default:
			t.Errorf("who says this: %q", kind)
		}
	}
	if blocks["router"] < 5 || blocks["host"] < 5 {
		t.Errorf("the page has %v", blocks)
	}
}

// written holds that the block says exactly what its message says.
func written(t *testing.T, block string) {
	t.Helper()
	var message document.FromHost
	decoder := json.NewDecoder(bytes.NewReader([]byte(block)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&message); err != nil {
		t.Errorf("no router would read this: %v\n%s", err, block)
		return
	}
	var said, want any
	if err := json.Unmarshal([]byte(block), &said); err != nil {
		t.Error(err)
	}
	if err := json.Unmarshal([]byte(text(message)), &want); err != nil {
		t.Error(err)
	}
	if !reflect.DeepEqual(said, want) {
		t.Errorf("the page says\n%s\nbut the host would write\n%s", block, text(message))
	}
}

// TestPageNamesEveryNotice holds that every code is on the page.
func TestPageNamesEveryNotice(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range notices() {
		if !strings.Contains(string(data), "`"+name+"`") {
			t.Errorf("the page does not say what the notice %q means", name)
		}
	}
}
