// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

// The languages whose plugins are processes say the same of a small layout, too:
// they read rows field by field, whatever a field is called.
func TestProcessEmitters(t *testing.T) {
	t.Parallel()
	l, err := parse("good", good)
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		emit func(*layout) ([]byte, error)
		want []string
	}{
		"python": {emitPython, []string{
			"class Thing(NamedTuple):\n    \"\"\"A thing.\"\"\"\n\n    ref: int = 0\n    \"\"\"Its ref.\"\"\"\n    mode: int = 0\n    \"\"\"Its mode. See Mode.\"\"\"\n    small: int = 0\n",
			"parts_at: int = 0\n    \"\"\"Its parts (span of the part rows). Where it begins.\"\"\"\n    parts_n: int = 0",
			"TABLE = Table.THING", "SIZE = 24", `FORMAT = Struct("<IBxHIIq")`, `FORMAT = Struct("<III")`,
			"class Mode(IntEnum):", "class Bits(IntFlag):", "SOME_MS = 1", "IDS = 4", "LAYOUT = 1",
		}},
		"typescript": {emitTypeScript, []string{
			"/** A thing. */\nexport interface Thing {\n  /** Its ref. */\n  readonly ref: number;\n  /** Its mode. See Mode. */\n  readonly mode: number;\n  /** A small number. */",
			"readonly parts: Span;", "table: 1,\n  size: 24,", "mode: from.getUint8(at + 4),", "small: from.getUint16(at + 6, true),",
			"parts: { at: from.getUint32(at + 8, true), n: from.getUint32(at + 12, true) },", "at: Number(from.getBigInt64(at + 16, true)),",
			"to.setBigInt64(at + 16, BigInt(row.at), true);", "to.setUint32(at + 12, row.parts.n, true);", "someMs: 1,", "ids: 4,",
		}},
		"java": {emitJava, []string{
			"public record Thing(\n            long ref,\n            int mode,\n            int small,\n            Span parts,\n            long at) {",
			"* @param mode Its mode. See {@link Mode}.", "public static final int TABLE = 1;", "public static final int SIZE = 24;",
			"from.get(at + 4) & 0xff", "from.getShort(at + 6) & 0xffff", "new Span(from.getInt(at + 8), from.getInt(at + 12))",
			"to.putLong(at + 16, this.at);", "to.putInt(at + 12, this.parts.n());", "int SOME_MS = 1;", "int IDS = 4;",
		}},
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
			if strings.Contains(string(code), "reserved") {
				t.Error("what is reserved is read")
			}
		})
	}
}
