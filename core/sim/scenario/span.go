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

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
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

func (s Span) engine() engine.Time { return engine.Time(s.Milliseconds()) }

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

// Size is how much of an agent's capacity something takes: units, as in 0.5, or
// a share of what the agent has, as in 50%. The zero value is one unit.
type Size struct {
	// Units are given, or Percent is, or neither.
	Units, Percent float64
}

var _ yaml.Unmarshaler = (*Size)(nil)

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *Size) UnmarshalYAML(n *yaml.Node) error {
	number, share := strings.CutSuffix(n.Value, "%")
	value, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || n.Kind != yaml.ScalarNode || math.IsNaN(value) || value <= 0 {
		return refuse(n, "this is not a size; write units such as 0.5, or a share of an agent's capacity such as 50%")
	}
	if share {
		s.Percent = value
	} else {
		s.Units = value
	}
	return nil
}

// amount returns the size as the engine takes it.
func (s Size) amount() engine.Amount {
	if s.Percent != 0 {
		return engine.Percent(uint32(math.Round(s.Percent * route.WholePercent / 100)))
	}
	return engine.Units(milli(s.Units))
}

// of returns how much the size takes of an agent with that capacity.
func (s Size) of(capacity engine.Milli) engine.Milli {
	amount := s.amount()
	load := route.Load{Capacity: int32(capacity), Size: int32(amount.Units), Percent: amount.Percent}
	return engine.Milli(load.Takes())
}

func milli(units float64) engine.Milli { return engine.Milli(or(units, 1)*float64(engine.Unit) + 0.5) }

// refuse makes an error that the decoder collects with its own.
func refuse(n *yaml.Node, text string) error {
	return &yaml.TypeError{Errors: []string{fmt.Sprintf("line %d: %s", n.Line, text)}}
}
