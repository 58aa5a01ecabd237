// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"time"
)

// WriteText writes one result for people: a line, and under it what was seen and
// what to do, or why it was not tried.
func (r *Result) WriteText(w io.Writer) error {
	mark := map[Outcome]string{Passed: "ok  ", Failed: "FAIL", Skipped: "skip"}[r.Outcome]
	if r.Outcome == Failed && r.Level == Should {
		mark = "warn"
	}
	took := time.Duration(r.Seconds * float64(time.Second)).Round(10 * time.Millisecond)
	if _, err := fmt.Fprintf(w, "%s  %-15s %s  %v\n", mark, r.ID, r.Text, took); err != nil {
		return err
	}
	for _, finding := range r.Findings {
		if _, err := fmt.Fprintf(w, "        seen: %s\n", finding); err != nil {
			return err
		}
	}
	var err error
	switch r.Outcome {
	case Failed:
		_, err = fmt.Fprintf(w, "       to do: %s\n", r.Fix)
	case Skipped:
		_, err = fmt.Fprintf(w, "     because: %s\n", r.Skipped)
	case Passed:
	}
	return err
}

// Verdict says in a sentence what came of it.
func (r *Report) Verdict() string {
	word := "is not certified"
	if r.Certified {
		word = "is certified"
	}
	name := strings.TrimSpace(r.Name + " " + r.Version)
	if name == "" {
		name = "the router"
	}
	return fmt.Sprintf("%s %s over %s: %d requirements passed, %d failed, %d warnings, %d not tried",
		name, word, orNone(r.Door), r.Passed, r.Failed, r.Warned, r.Skipped)
}

func orNone(door string) string {
	if door == "" {
		return "no door"
	}
	return door
}

// The shape that CI systems read: https://github.com/testmoapp/junitxml.
type (
	junitSuites struct {
		XMLName  xml.Name      `xml:"testsuites"`
		Tests    int           `xml:"tests,attr"`
		Failures int           `xml:"failures,attr"`
		Skipped  int           `xml:"skipped,attr"`
		Suites   []*junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string    `xml:"classname,attr"`
		Name    string    `xml:"name,attr"`
		Time    string    `xml:"time,attr"`
		Failure *junitWhy `xml:"failure"`
		Skipped *junitWhy `xml:"skipped"`
	}
	junitWhy struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report as JUnit XML, the format that CI systems read: a
// suite for each group of requirements. What should be kept and is not is no
// failure there.
func (r *Report) WriteJUnit(w io.Writer) error {
	var all junitSuites
	for i := range r.Results {
		result := &r.Results[i]
		name := "patchbay certify: " + result.Group
		if n := len(all.Suites); n == 0 || all.Suites[n-1].Name != name {
			all.Suites = append(all.Suites, &junitSuite{Name: name})
		}
		suite := all.Suites[len(all.Suites)-1]
		one := junitCase{Class: "certify." + r.Name, Name: result.ID, Time: fmt.Sprintf("%.3f", result.Seconds)}
		switch seen := strings.Join(result.Findings, "\n"); {
		case result.Outcome == Failed && result.Level == Must:
			one.Failure = &junitWhy{result.Findings[0], seen + "\nto do: " + result.Fix}
			suite.Failures++
			all.Failures++
		case result.Outcome == Failed:
			one.Skipped = &junitWhy{"a warning: " + result.Findings[0], seen + "\nto do: " + result.Fix}
			suite.Skipped++
			all.Skipped++
		case result.Outcome == Skipped:
			one.Skipped = &junitWhy{Message: result.Skipped}
			suite.Skipped++
			all.Skipped++
		}
		suite.Tests++
		all.Tests++
		suite.Cases = append(suite.Cases, one)
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("certify: write JUnit: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}
