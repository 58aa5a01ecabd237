// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/config"
	"github.com/patchbay-cx/patchbay/core/engine"
)

// fataler is a test or a property.
type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

// parse reads a file as a host does that has both built-in strategies, as the
// example needs them.
func parse(data []byte) (*config.Config, error) {
	return config.Parse("x.yaml", data, config.Builtins("queue", "skills"))
}

// checkParse holds what is true of every input: an error has places inside the
// file, in order, each once; a configuration without one is a definition.
func checkParse(t fataler, data []byte) {
	t.Helper()
	c, err := parse(data)
	if err == nil {
		d, err := c.Definition()
		if err != nil {
			t.Fatalf("Parse accepts what Definition refuses: %v\n%s", err, data)
		}
		if err := d.Validate(); err != nil {
			t.Fatalf("Parse accepts what the engine refuses: %v\n%s", err, data)
		}
		return
	}
	var all *config.Errors
	if !errors.As(err, &all) || c != nil || len(all.List) == 0 {
		t.Fatalf("Parse: %v, %v; want *Errors alone", c, err)
	}
	lines := bytes.Count(data, []byte("\n")) + 1
	for i, e := range all.List {
		if e.File != "x.yaml" || e.Line < 1 || e.Line > lines || e.Column < 1 || e.Message == "" || e.Code == "" {
			t.Fatalf("error without a place, code or message: %+v", e)
		}
		if e.Code == config.CodeInternal || e.Code == config.CodeRefused {
			t.Fatalf("the checks let through what they should have refused: %v\n%s", e, data)
		}
		if i > 0 && (all.List[i-1].Line > e.Line || all.List[i-1] == e) {
			t.Fatalf("errors out of order, or twice: %v, %v", all.List[i-1], e)
		}
	}
	if _, again := parse(data); again.Error() != err.Error() {
		t.Fatalf("two answers to one file:\n%v\n%v", err, again)
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"example.yaml", "testdata/faults.yaml", "testdata/routing.yaml"} {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	rules, err := os.ReadFile("testdata/rules.txt")
	if err != nil {
		f.Fatal(err)
	}
	for part := range strings.SplitSeq(string(rules), "\n== ") {
		_, rest, _ := strings.Cut(part, "\n")
		text, _, _ := strings.Cut(rest, "\n--")
		f.Add([]byte(complete(text)))
	}
	for _, odd := range []string{"", "---", "&a [*a]", "a: &a {<<: *a}", "? [a]\n: b", "\xff", "\ufeffqueues: {}", "!!map {}", "!!binary aGk=", "a: 1e999", "a: 0x10", "...\n", "%YAML 1.2\n---\n{}", "a: |\n  b\n c"} {
		f.Add([]byte(odd))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkParse(t, data) })
}

// TestMutations cuts, swaps and repeats lines of the example.
func TestMutations(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	whole := strings.Split(string(text), "\n")
	rapid.Check(t, func(t *rapid.T) {
		lines := slices.Clone(whole)
		for range rapid.IntRange(1, 4).Draw(t, "mutations") {
			i := rapid.IntRange(0, len(lines)-1).Draw(t, "line")
			j := rapid.IntRange(0, len(lines)-1).Draw(t, "other")
			switch rapid.SampledFrom([]string{"cut", "swap", "repeat", "value"}).Draw(t, "kind") {
			case "cut":
				lines = slices.Delete(lines, i, i+1)
			case "swap":
				lines[i], lines[j] = lines[j], lines[i]
			case "repeat":
				lines = slices.Insert(lines, i, lines[j])
			default:
				key, _, _ := strings.Cut(lines[i], ":")
				lines[i] = key + ": " + rapid.SampledFrom([]string{"", "-1", "[]", "{}", "true", "queue", "1.0005", "~", "99999999999999999999", "'x y'", "100%", "[english]", "{english: 3}", "work.priority < 3", "08:00-18:00", "2026-01-01"}).Draw(t, "value")
			}
			if len(lines) == 0 {
				lines = []string{""}
			}
		}
		checkParse(t, []byte(strings.Join(lines, "\n")))
	})
}

// TestAmounts holds that what is written in units is exact in thousandths.
func TestAmounts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := engine.Milli(rapid.Int32Range(1, 1_000_000_000).Draw(t, "milli"))
		written := fmt.Sprintf("%d.%03d", want/engine.Unit, want%engine.Unit)
		c, err := config.Parse("x.yaml", []byte(complete("presence_configs: {normal: {capacity: "+written+"}}")))
		if err != nil {
			t.Fatalf("%s: %v", written, err)
		}
		if got := c.PresenceConfigs["normal"].Capacity; got != want {
			t.Fatalf("%s is %d, want %d", written, got, want)
		}
	})
}

// TestAliasBomb holds that a small file stays small.
func TestAliasBomb(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("workspace: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := range 12 {
		fmt.Fprintf(&b, "k%d: &a%d [%s*a%d]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 9), i)
	}
	_, err := config.Parse("x.yaml", []byte(b.String()))
	if err == nil || !strings.Contains(err.Error(), "aliases make this file too large") {
		t.Errorf("got %v", err)
	}
	checkParse(t, []byte(b.String()))
}

// BenchmarkParse reads a configuration with so many agents.
func BenchmarkParse(b *testing.B) {
	text, err := os.ReadFile("example.yaml")
	if err != nil {
		b.Fatal(err)
	}
	for _, agents := range []int{10, 1_000, 100_000} {
		var file strings.Builder
		file.Write(text)
		for i := range agents {
			fmt.Fprintf(&file, "  agent-%06d:\n    name: Agent %d\n    presence_config: generalist\n    queues: [accounts, loans]\n", i, i)
		}
		b.Run(fmt.Sprintf("agents=%d", agents), func(b *testing.B) {
			b.SetBytes(int64(file.Len()))
			for b.Loop() {
				if _, err := parse([]byte(file.String())); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
