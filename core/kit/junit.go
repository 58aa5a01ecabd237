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
		XMLName xml.Name   `xml:"testsuites"`
		Suite   junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
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

// WriteJUnit writes the report as JUnit XML, the format that CI systems read.
func (r *Report) WriteJUnit(w io.Writer) error {
	suite := junitSuite{Name: "patchbay plugin " + r.Name, Tests: len(r.Cases), Failures: r.Failed}
	var sum float64
	for _, c := range r.Cases {
		one := junitCase{Class: r.Name, Name: c.Name, Time: seconds(c.Seconds)}
		if len(c.Findings) > 0 {
			one.Failure = &junitFailure{Message: c.Findings[0], Text: strings.Join(c.Findings, "\n")}
		}
		suite.Cases = append(suite.Cases, one)
		sum += c.Seconds
	}
	suite.Time = seconds(sum)
	text, err := xml.MarshalIndent(junitSuites{Suite: suite}, "", "  ")
	if err != nil {
		return fmt.Errorf("kit: write JUnit: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }
