// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/sim/compare"
	"github.com/patchbay-cx/patchbay/core/sim/report"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// update writes the golden files anew.
var update = flag.Bool("update", false, "write testdata anew")

// desk has what a report must be careful with: names that are markup, two
// classes, a time with nobody there and nobody calling.
const desk = `
name: A <b>bold</b> desk & more
about: Two classes, and a night.
seed: 3
horizon: {time: 12h}
replications: 3
acceptable_wait: 20s
classes:
  calls: {arrivals: {periods: [{length: 8h, rate: 40/h}, {length: 4h}]}, service: {mean: 4m}, patience: {mean: 2m}}
  "<i>mail</i>": {priority: 1, arrivals: {periods: [{length: 8h, rate: 5/h}, {length: 4h}]}, service: {mean: 4m}}
groups:
  day: {periods: [{length: 9h, agents: 3}, {length: 3h}], queues: [calls, "<i>mail</i>"]}
`

func options() scenario.Options {
	return scenario.Options{Runtimes: map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin()})}}
}

func described(tb testing.TB) *scenario.Scenario {
	tb.Helper()
	s, err := scenario.Parse("desk.yaml", []byte(desk))
	if err != nil {
		tb.Fatal(err)
	}
	return s
}

// pages are a report of a run, and one of a comparison.
func pages(t *testing.T) map[string][]byte {
	t.Helper()
	s := described(t)
	result, err := scenario.Run(t.Context(), s, options())
	if err != nil {
		t.Fatal(err)
	}
	page, err := report.Result(result, report.Note{Heading: "The log", Text: "3 rows.", Items: []string{"line 7: <none>"}})
	if err != nil {
		t.Fatal(err)
	}
	variants := []compare.Variant{{Name: "idle", Model: "longest_idle"}, {Name: "random", Model: "weighted_random"}}
	comparison, err := compare.Run(t.Context(), s, variants, options())
	if err != nil {
		t.Fatal(err)
	}
	r, err := compare.Require("service_level >= 99%", compare.NamesOf(s, variants))
	if err != nil {
		t.Fatal(err)
	}
	both, err := report.Comparison(comparison, []compare.Ruling{r.Judge(comparison, "random")})
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"run": page, "comparison": both}
}

// element is a start of an element, with the text that follows it at once.
type element struct {
	name  string
	attrs map[string]string
	text  string
}

// elements reads a page, which must be well-formed.
func elements(t *testing.T, page []byte) []*element {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(page))
	var out []*element
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := &element{name: token.Name.Local, attrs: make(map[string]string)}
			for _, a := range token.Attr {
				e.attrs[a.Name.Local] = a.Value
			}
			out = append(out, e)
		case xml.CharData:
			if n := len(out); n > 0 {
				out[n-1].text += string(token)
			}
		}
	}
}

// outline is what a screen reader would find: headings, captions, labels, heads.
func outline(list []*element) string {
	var b strings.Builder
	for _, e := range list {
		text := strings.Join(strings.Fields(e.text), " ")
		switch e.name {
		case "title", "h1", "h2", "caption", "figcaption", "desc":
			fmt.Fprintf(&b, "%s: %s\n", e.name, text)
		case "th":
			fmt.Fprintf(&b, "  %s %s: %s\n", e.name, e.attrs["scope"], text)
		case "main", "nav", "section", "figure", "svg", "html":
			fmt.Fprintf(&b, "%s %s %s\n", e.name, e.attrs["role"], e.attrs["lang"])
		}
	}
	return regexp.MustCompile(`(?m) +$`).ReplaceAllString(b.String(), "")
}

// TestStructure holds what a page is made of against a golden outline.
func TestStructure(t *testing.T) {
	t.Parallel()
	for name, page := range pages(t) {
		got := outline(elements(t, page))
		file := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("the outline of %s is another; run go test ./core/sim/report -update if it should be:\n%s", name, got)
		}
	}
}

// TestAccessible wants every plot to have a name and a table beside it, every
// reference to lead somewhere, and every id to be there once.
func TestAccessible(t *testing.T) {
	t.Parallel()
	for name, page := range pages(t) {
		list := elements(t, page)
		ids := make(map[string]int)
		for _, e := range list {
			if id, ok := e.attrs["id"]; ok {
				ids[id]++
			}
		}
		figures, tables, plots := 0, 0, 0
		for _, e := range list {
			for id := range strings.FieldsSeq(e.attrs["aria-labelledby"] + " " + strings.TrimPrefix(e.attrs["href"], "#")) {
				if ids[id] != 1 {
					t.Errorf("%s: <%s> refers to %q, which is there %d times", name, e.name, id, ids[id])
				}
			}
			switch e.name {
			case "figure":
				if plots != figures || tables < figures {
					t.Errorf("%s: %d figures have %d plots and %d tables", name, figures, plots, tables)
				}
				figures++
			case "svg":
				if plots++; e.attrs["role"] != "img" || e.attrs["aria-labelledby"] == "" {
					t.Errorf("%s: a plot has no name", name)
				}
			case "table":
				tables++
			case "th":
				if e.attrs["scope"] == "" {
					t.Errorf("%s: a heading of a table has no scope: %s", name, e.text)
				}
			}
		}
		if figures < 4 || plots != figures {
			t.Errorf("%s: %d figures, %d plots", name, figures, plots)
		}
		for id, n := range ids {
			if n != 1 {
				t.Errorf("%s: the id %q is there %d times", name, id, n)
			}
		}
	}
}

// TestSelfContained wants nothing to be fetched or run, and names to be text.
func TestSelfContained(t *testing.T) {
	t.Parallel()
	for name, page := range pages(t) {
		for _, e := range elements(t, page) {
			if slices.Contains([]string{"script", "link", "img", "iframe", "object", "embed", "b", "i", "image", "use"}, e.name) {
				t.Errorf("%s has a <%s>", name, e.name)
			}
			for attr, value := range e.attrs {
				if attr == "src" || strings.HasPrefix(attr, "on") || attr == "href" && !strings.HasPrefix(value, "#") {
					t.Errorf("%s: <%s> has %s=%q", name, e.name, attr, value)
				}
			}
		}
		for _, no := range []string{"http://", "https://", "url(", "@import", "NaN", "Inf", "ZgotmplZ"} {
			if bytes.Contains(page, []byte(no)) {
				t.Errorf("%s has %q in it", name, no)
			}
		}
		if !bytes.Contains(page, []byte("prefers-color-scheme: dark")) || !bytes.Contains(page, []byte("@media print")) {
			t.Errorf("%s has no dark mode, or none for print", name)
		}
	}
}

func TestSameResultSameBytes(t *testing.T) {
	t.Parallel()
	first, second := pages(t), pages(t)
	for name := range first {
		if !bytes.Equal(first[name], second[name]) {
			t.Errorf("%s is another page for the same result", name)
		}
	}
}

// TestOddResults wants a page of whatever a result may be: with nothing in it,
// of one period, with broken invariants, without a name.
func TestOddResults(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]*scenario.Result{
		"empty":      {Replications: 1},
		"broken":     {Replications: 2, Broken: []string{"counts: <5> & 6"}},
		"one point":  {Replications: 1, Series: make([]scenario.Point, 1)},
		"all zero":   {Replications: 1, Series: []scenario.Point{{Start: 0}, {Start: 60}}, Periods: make([]scenario.PeriodFigures, 1)},
		"for months": {Replications: 1, Series: []scenario.Point{{Start: 0, Offered: 1}, {Start: 1e8}}, Periods: []scenario.PeriodFigures{{Length: 1e8}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			page, err := report.Result(r)
			if err != nil {
				t.Fatal(err)
			}
			if text := outline(elements(t, page)); !strings.Contains(text, "h1: A contact centre") || bytes.Contains(page, []byte("NaN")) {
				t.Errorf("a strange page:\n%s", page)
			}
			if len(r.Broken) > 0 != bytes.Contains(page, []byte("What must hold, and did not")) {
				t.Error("what is broken is not told, or what is not is")
			}
		})
	}
}

func ExampleResult() {
	s, err := scenario.Parse("desk.yaml", []byte(desk))
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := scenario.Run(context.Background(), s, options())
	if err != nil {
		fmt.Println(err)
		return
	}
	page, err := report.Result(result)
	fmt.Println(bytes.HasPrefix(page, []byte("<!DOCTYPE html>")), err)
	// Output: true <nil>
}
