// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/kit"
)

const head = "\x00asm\x01\x00\x00\x00"

// imports is a section that imports one of each kind.
const imports = "\x02\x28\x05" +
	"\x01m\x01f\x00\x07" +
	"\x01m\x01t\x01\x70\x01\x02\x85\x01" +
	"\x01m\x03mem\x02\x00\x01" +
	"\x01m\x01g\x03\x7f\x00" +
	"\x01m\x01x\x04\x00\x07"

// exports is a section that exports two.
const exports = "\x07\x12\x02\x06memory\x02\x00\x04turn\x00\x85\x01"

func TestReadModule(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, code string
		imports    string
		exports    string
		fails      string
	}{
		{name: "empty", code: head},
		{name: "custom section", code: head + "\x00\x05\x04name"},
		{
			name: "all", code: head + imports + "\x00\x02\x01x" + exports,
			imports: "m.f func, m.t table, m.mem memory, m.g global, m.x tag", exports: "memory memory, turn func",
		},
		{name: "nothing", fails: "it ends too early"},
		{name: "other version", code: "\x00asm\x0d\x00\x01\x00", fails: "it begins with 00 61 73 6d 0d 00 01 00; a module of version 1"},
		{name: "cut off", code: head + exports[:9], fails: "it ends too early"},
		{name: "no end of a number", code: head + "\x07\xff", fails: "a number does not end"},
		{name: "no UTF-8", code: head + "\x07\x05\x01\x01\xff\x00\x00", fails: "a name is not in UTF-8"},
		{name: "no kind", code: head + "\x07\x05\x01\x01a\x09\x00", fails: "there is no kind 9"},
		{name: "many", code: head + "\x07\x05\xff\xff\xff\xff\x0f", fails: "a number does not end"},
		{name: "too long", code: head + "\x07\x06\x01\x01a\x00\x00\x00", fails: "a section is longer than what it holds"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			module, err := kit.ReadModule([]byte(test.code))
			if test.fails != "" {
				if err == nil || !strings.Contains(err.Error(), test.fails) {
					t.Errorf("got %v, want %q", err, test.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := list(module.Imports); got != test.imports {
				t.Errorf("imports %s, want %s", got, test.imports)
			}
			if got := list(module.Exports); got != test.exports {
				t.Errorf("exports %s, want %s", got, test.exports)
			}
		})
	}
}

func list(externs []kit.Extern) string {
	var words []string
	for _, e := range externs {
		words = append(words, e.String()+" "+e.Kind)
	}
	return strings.Join(words, ", ")
}

// FuzzReadModule shows that whatever is read was in the code.
func FuzzReadModule(f *testing.F) {
	for _, seed := range []string{"", head, head + imports, head + exports, head + imports + exports} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, code []byte) {
		module, err := kit.ReadModule(code)
		if err != nil {
			if module != nil {
				t.Error("a module came with an error")
			}
			return
		}
		for _, e := range slices.Concat(module.Imports, module.Exports) {
			if e.Kind == "" || !strings.Contains(string(code), e.Module) || !strings.Contains(string(code), e.Name) {
				t.Errorf("%+v is not in the code", e)
			}
		}
	})
}
