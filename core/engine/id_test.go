// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

func TestParseIDs(t *testing.T) {
	t.Parallel()
	if id, err := engine.ParseWorkID("w42"); err != nil || id != 42 {
		t.Errorf("%v, %v", id, err)
	}
	if id, err := engine.ParseAssignmentID("a18446744073709551615"); err != nil || id != 1<<64-1 {
		t.Errorf("%v, %v", id, err)
	}
	for _, s := range []string{"", "w", "a", "42", "w0", "w042", "w+1", "w-1", "W1", "w1 ", " w1", "ww1", "w1_0", "w18446744073709551616", "a1"} {
		if id, err := engine.ParseWorkID(s); err == nil || id != 0 {
			t.Errorf("%q is read as %v", s, id)
		}
	}
	if _, err := engine.ParseAssignmentID("w1"); err == nil || err.Error() != `engine: "w1" is not an id: it should look like "a42"` {
		t.Errorf("%v", err)
	}
}

// An id has one spelling: whatever is read is written the same again.
func FuzzParseWorkID(f *testing.F) {
	for _, s := range []string{"w42", "w0", "a7", "w+1", "", "w00", "w18446744073709551615"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := engine.ParseWorkID(s); err == nil && (id == 0 || id.String() != s) || err != nil && id != 0 {
			t.Errorf("%q is read as %v, %v", s, id, err)
		}
	})
}

func FuzzParseAssignmentID(f *testing.F) {
	for _, s := range []string{"a7", "a0", "w42", "a-1", "", "a01"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if id, err := engine.ParseAssignmentID(s); err == nil && (id == 0 || id.String() != s) || err != nil && id != 0 {
			t.Errorf("%q is read as %v, %v", s, id, err)
		}
	})
}
