// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const layoutPath = "../../sdk/proto/patchbay/strategy/v1/frame.layout"

// What is checked in is what the layout gives, in every language.
func TestGeneratedIsCurrent(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := run(layoutPath, root, ""); err != nil {
		t.Fatal(err)
	}
	for _, target := range targets() {
		t.Run(target.language, func(t *testing.T) {
			t.Parallel()
			got, err := os.ReadFile(filepath.Join(root, target.file))
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join("../..", target.file))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s is not what frame.layout gives; run make generate", target.file)
			}
		})
	}
}

const good = `layout 1

row thing 1 24  a thing
   0 u32  ref       its ref
   4 Mode mode      its mode
   5 u8   reserved  0
   6 u16  small     a small number
   8 span part parts  its parts
  16 i64  at        a time

row part 2 12  a part
   0 word name      its name
   4 span byte text its text

bytes 3  text
ids 4  ids

part top 4  the top
   0 u32  magic     a number

enum Mode u8  tells a mode
  0 none  none at all
  1 some_ms  some

flags Bits u8  tells bits
  1 a  the first
  2 b  the second
`

func TestParse(t *testing.T) {
	t.Parallel()
	l, err := parse("good", good)
	if err != nil {
		t.Fatal(err)
	}
	if l.version != 1 || len(l.rows) != 3 || len(l.enums) != 2 || l.bytesTable != 3 || l.idsTable != 4 {
		t.Errorf("read %+v", l)
	}
	if f := l.rows[0].fields[4]; f.typ != "span" || f.target != "part" || f.name != "parts" || f.doc != "its parts" {
		t.Errorf("span read as %+v", f)
	}
	code, err := emit(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"type Thing struct", "type top struct", "const topSize = 4", "\tParts Span", "ModeSomeMS Mode = 1", "BitsB Bits = 2", "const thingSize = 24",
		"unsafe.Offsetof(Thing{}.At) - 16", "uint64(len(t.Parts)) - r.Parts.end()", "uint64(len(t.Bytes)) - r.Text.end()",
		"DO NOT EDIT",
	} {
		if !strings.Contains(string(code), want) {
			t.Errorf("the code lacks %q:\n%s", want, code)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ from, to, want string }{
		"no layout":        {"layout 1\n", "\n", "no layout directive"},
		"layout twice":     {"layout 1\n", "layout 1\nlayout 1\n", ":2: layout is given twice"},
		"layout 0":         {"layout 1", "layout 0", ":1: layout 0 is not within"},
		"layout tail":      {"layout 1", "layout 1 x", `:1: unexpected "x"`},
		"layout word":      {"layout 1", "layout x", `:1: layout "x" is not a whole number`},
		"directive":        {"bytes 3", "byte 3", `:15: unknown directive "byte"`},
		"stray line":       {"layout 1\n", "layout 1\n  0 u8 x\n", ":2: an indented line outside"},
		"short row":        {"row part 2 12  a part", "row part 2", ":11: expected 4 words"},
		"row name":         {"row part", "row Part", `:11: row name "Part"`},
		"row twice":        {"row part 2", "row thing 2", ":11: row thing is described already on line 3"},
		"table twice":      {"row part 2", "row part 1", ":11: table 1 is used already on line 3"},
		"table range":      {"row part 2", "row part 70000", ":11: table 70000"},
		"size multiple":    {"row part 2 12", "row part 2 13", ":11: row part: size 13 is not a multiple of 4"},
		"size short":       {"row part 2 12", "row part 2 8", ":11: row part: size 8, but its fields end at 12"},
		"size widest":      {"row thing 1 24  a thing\n", "row odd 9 12  x\n   0 u64 a x\n   8 u32 b x\nrow thing 1 24  a thing\n", ":3: row odd: size 12 is not a multiple of 8"},
		"part span":        {"  4 span byte text", "  4 span top text", `:13: span text counts the unknown row "top"`},
		"part size":        {"part top 4", "part top 8", ":18: row top: size 8"},
		"offset gap":       {"   6 u16", "   8 u16", ":7: field thing.small leaves a hole"},
		"offset overlap":   {"   6 u16", "   4 u16", ":7: field thing.small overlaps"},
		"misaligned":       {"   5 u8   reserved  0\n   6 u16", "   5 u16", ":6: field thing.small is misaligned"},
		"offset word":      {"   6 u16", "   x u16", `:7: offset "x" is not`},
		"negative":         {"   0 u32  ref ", "   -4 u32  ref ", `:4: offset "-4" is not`},
		"unknown type":     {"   6 u16", "   6 u12", `unknown type "u12"`},
		"unknown span row": {"span part parts", "span port parts", `:8: span parts counts the unknown row "port"`},
		"span without":     {"span part parts  its parts", "span part", ":8: expected 1 words"},
		"no bytes":         {"bytes 3  text\n", "", "there is no bytes section"},
		"no ids":           {"span part parts", "span word parts\n#", ""},
		"bytes twice":      {"ids 4", "bytes 4", ":16: bytes is given twice"},
		"field name":       {"u16  small", "u16  Small", `:7: field name "Small"`},
		"field twice":      {"u16  small", "u16  ref", ":7: field thing.ref is described already on line 4"},
		"enum name":        {"enum Mode", "enum mode", `:21: name "mode" does not begin`},
		"enum twice":       {"flags Bits", "enum Mode", ":25: Mode is described already on line 21"},
		"enum type":        {"enum Mode u8", "enum Mode u64", `:21: Mode: type "u64"`},
		"enum empty":       {"  1 a  the first\n  2 b  the second\n", "", "Bits has no values"},
		"value range":      {"  1 some_ms", "  256 some_ms", ":23: Mode.some_ms: 256 is not within"},
		"value twice":      {"  1 some_ms", "  0 some_ms", ":23: Mode.some_ms: name or number is used already on line 22"},
		"value name":       {"  1 some_ms", "  1 Some", `:23: value name "Some"`},
		"flag bits":        {"  2 b", "  3 b", ":27: Bits.b: 3 is not a single bit"},
		"flag zero":        {"  1 a", "  0 a", ":26: Bits.a: 0 is not a single bit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(good, test.from, test.to, 1)
			if text == good {
				t.Fatalf("%q is not in the layout", test.from)
			}
			_, err := parse("l", text)
			if test.want == "" {
				return // must not panic
			}
			if err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "framegen: l:") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// What parses can be written in every language, or is refused; it never
// panics.
func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Fuzz(func(_ *testing.T, text string) {
		l, err := parse("l", text)
		if err != nil {
			return
		}
		for _, target := range targets() {
			_, _ = target.emit(l)
		}
	})
}

func TestRunFails(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	if err := run(filepath.Join(dir, "none"), out, ""); err == nil {
		t.Error("a missing layout was read")
	}
	bad := filepath.Join(dir, "bad")
	if err := os.WriteFile(bad, []byte("nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(bad, out, ""); err == nil {
		t.Error("nonsense was read")
	}
	if err := run(layoutPath, out, "klingon"); err == nil || !strings.Contains(err.Error(), `no language "klingon"`) {
		t.Errorf("a language that there is not: %v", err)
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("something was written")
	}
	if err := run(layoutPath, bad, ""); err == nil {
		t.Error("a file is no folder")
	}
}

func TestOnlyOneLanguage(t *testing.T) {
	t.Parallel()
	for _, want := range targets() {
		root := t.TempDir()
		if err := run(layoutPath, root, want.language); err != nil {
			t.Fatal(err)
		}
		for _, other := range targets() {
			_, err := os.Stat(filepath.Join(root, other.file))
			if wrote := err == nil; wrote != (other.language == want.language) {
				t.Errorf("only %s: %s written: %v", want.language, other.file, wrote)
			}
		}
	}
}
