// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// The shape that CI systems read: https://github.com/testmoapp/junitxml.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`

		seconds float64
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes reports as JUnit XML, the format that CI systems read: a
// suite for each group of cases of each report.
func WriteJUnit(w io.Writer, reports ...*Report) error {
	var all junitSuites
	for _, report := range reports {
		for _, suite := range report.junit() {
			all.Suites = append(all.Suites, suite)
			all.Tests += suite.Tests
			all.Failures += suite.Failures
		}
	}
	text, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return fmt.Errorf("kit: write JUnit: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

func (r *Report) junit() []junitSuite {
	var suites []junitSuite
	class := r.Name + "." + r.Runtime
	for i := range r.Cases {
		c := &r.Cases[i]
		name := fmt.Sprintf("patchbay plugin %s as %s: %s", r.Name, r.Runtime, c.Group)
		if n := len(suites); n == 0 || suites[n-1].Name != name {
			suites = append(suites, junitSuite{Name: name})
		}
		suite := &suites[len(suites)-1]
		one := junitCase{Class: class, Name: c.Name, Time: seconds(c.Seconds)}
		if len(c.Findings) > 0 {
			one.Failure = &junitFailure{Message: c.Findings[0], Text: strings.Join(c.Findings, "\n")}
			suite.Failures++
		}
		suite.Tests++
		suite.Cases = append(suite.Cases, one)
		suite.seconds += c.Seconds
		suite.Time = seconds(suite.seconds)
	}
	return suites
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }
