// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

// Each language says the same of a small layout: types, offsets that its
// compiler holds, spans that are checked, enums, and what they mean.
func TestGuestEmitters(t *testing.T) {
	t.Parallel()
	l, err := parse("good", good)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		emit func(*layout) ([]byte, error)
		want []string
	}{
		"rust": {emitRust, []string{
			"/// A row of the frame: a thing.\n#[repr(C)]", "pub struct Thing {\n    /// Its ref.\n    pub ref_: u32,\n    /// Its mode.\n    pub mode: Mode,\n    #[doc(hidden)]\n    pub reserved5: u8,",
			"    /// Its parts (span of the part rows).\n    pub parts: Span<Part>,", "pub name: Id", "pub text: Span<u8>",
			"pub const SOME_MS: Self = Self(1);", "assert!(offset_of!(Thing, at) == 16);", "assert!(size_of::<Top>() == 4);",
			"self.parts.within(counts[table::PART as usize])", "self.text.within(counts[table::BYTES as usize])", "pub const fn has(self",
		}},
		"c": {emitC, []string{
			"typedef struct pb_thing {\n\tuint32_t ref; // Its ref.\n\tpb_mode mode; // Its mode.\n\tuint8_t reserved5; // 0.",
			"\tpb_span parts; // Its parts (span of the part rows).", "PB_MODE_SOME_MS = 1, // Some.", "PB_BITS_B = 2, // The second.",
			`PB_ASSERT(offsetof(pb_thing, at) == 16, "thing.at");`, `PB_ASSERT(sizeof(pb_top) == 4, "top");`,
			"#define PB_SIZES { 0, 24, 12, 1, 4 }", "#define PB_SPANNING { PB_TABLE_THING, PB_TABLE_PART, 0 }",
			"pb_within(((const pb_part *)row)->text, counts[PB_TABLE_BYTES])",
		}},
		"assemblyscript": {emitAssemblyScript, []string{
			"@unmanaged export class Thing {\n  /** Its ref. */\n  ref: u32;\n  /** Its mode. */\n  mode: u8;\n  private reserved5: u8;",
			"changetype<Span>(changetype<usize>(this) + 8)", "export namespace Mode {", "export const SOME_MS: u8 = 1;",
			`if (offsetof<Thing>("at") != 16) ERROR("thing.at");`, `if (offsetof<Top>() != 4) ERROR("top");`,
			"within(r.parts, counts, Table.PART)", "case Table.IDS: return 4;",
		}},
		"rust dump":           {emitRustDump, []string{`"thing[{i}].mode={}", r.mode.0`, `"thing[{i}].parts.n={}", r.parts.n`, `"part[{i}].name={}", r.name.0`}},
		"c dump":              {emitCDump, []string{`signed_("thing", i, ".at", r->at);`, `named("part", i, ".text.at", r->text.at);`}},
		"assemblyscript dump": {emitAssemblyScriptDump, []string{`"small=" + r.small.toString()`, `"parts.at=" + r.parts.at.toString()`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			code, err := test.emit(l)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range append(test.want, "DO NOT EDIT") {
				if !strings.Contains(string(code), want) {
					t.Errorf("the code lacks %q:\n%s", want, code)
				}
			}
			if strings.Contains(string(code), "reserved=") {
				t.Error("what is reserved is read")
			}
		})
	}
}
