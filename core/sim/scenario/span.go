// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Span is a length of time, written as in "90s" or "1h30m".
type Span time.Duration

var _ yaml.Unmarshaler = (*Span)(nil)

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *Span) UnmarshalYAML(n *yaml.Node) error {
	d, err := time.ParseDuration(n.Value)
	if err != nil || n.Kind != yaml.ScalarNode {
		return refuse(n, "this is not a length of time; write one such as 90s or 1h30m")
	}
	*s = Span(d)
	return nil
}

// Milliseconds returns the span in milliseconds, with fractions.
func (s Span) Milliseconds() float64 { return float64(s) / float64(time.Millisecond) }

// Rate is how often something happens, in times a second. It is written with
// its unit, as in "48/min", "0.5/s" or "200/h".
type Rate float64

var _ yaml.Unmarshaler = (*Rate)(nil)

// UnmarshalYAML implements yaml.Unmarshaler.
func (r *Rate) UnmarshalYAML(n *yaml.Node) error {
	number, unit, _ := strings.Cut(n.Value, "/")
	seconds := map[string]float64{"s": 1, "min": 60, "h": 3600}[strings.TrimSpace(unit)]
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || seconds == 0 || n.Kind != yaml.ScalarNode || math.IsNaN(value) || math.IsInf(value, 0) {
		return refuse(n, "this is not a rate; write one with its unit: s, min or h, such as 48/min")
	}
	*r = Rate(value / seconds)
	return nil
}

// refuse makes an error that the decoder collects with its own.
func refuse(n *yaml.Node, text string) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %s", n.Line, text)}}
}
