// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// recorded is what goes on record of a strategy in place of its secrets: the
// references to them.
type recorded struct {
	settings string
	args     []string
}

// onRecord returns how a strategy's settings and arguments are recorded. Paths
// in references become absolute: a record is in no folder.
func (d *document) onRecord(name string, s *Strategy) (recorded, error) {
	r := recorded{args: s.Args}
	var settings any = s.Settings
	if n := d.find([]string{"strategies", name, "settings"}); n != nil && n.fields != nil {
		settings = n.convert(referring)
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return r, fmt.Errorf("config: strategies.%s.settings: %w", name, err)
	}
	r.settings = string(text)
	if n := d.find([]string{"strategies", name, "args"}); n != nil && n.items != nil {
		r.args = make([]string, len(n.items))
		for i, item := range n.items {
			r.args[i], _ = referring(item).(string)
		}
	}
	return r, nil
}

// referring returns a scalar with its references as they are written.
func referring(n *node) any {
	if n.written == "" {
		if text, ok := n.scalar.(string); ok {
			return strings.ReplaceAll(text, "${", "$${")
		}
		return n.scalar
	}
	return secretReference.ReplaceAllStringFunc(n.written, func(found string) string {
		path, ok := strings.CutPrefix(found, "${file:")
		if path = strings.TrimSuffix(path, "}"); !ok || filepath.IsAbs(path) {
			return found
		}
		return "${file:" + filepath.Join(n.file.folder, path) + "}"
	})
}

func (s *Strategy) definition(name string) engine.StrategyDefinition {
	d := engine.StrategyDefinition{
		Name: name, Runtime: s.Runtime, Source: s.Source, Args: s.recorded.args, SHA256: s.SHA256,
		Settings: s.recorded.settings, Attributes: s.Attributes, MayExceed: s.MayExceedCapacity,
		Standby: s.Standby, QuarantineAfter: uint32(s.QuarantineAfter), Tokens: s.checksums(),
		Door: string(s.Door), Linger: millis(s.Linger),
		Limits: engine.StrategyLimits{
			TurnDeadline: millis(s.Limits.TurnDeadline), StartTimeout: millis(s.Limits.StartTimeout),
			MemoryBytes: uint64(s.Limits.Memory), ReplyBytes: uint64(s.Limits.ReplyBytes),
			ReplyProposals: uint32(s.Limits.ReplyProposals), LogLines: uint32(s.Limits.LogLines),
			CPUTime: millis(s.Limits.CPUTime), OpenFiles: uint32(s.Limits.OpenFiles), Processes: int32(processes(s.Limits.Processes)),
		},
	}
	if d.Settings == "{}" {
		d.Settings = ""
	}
	return d
}

// processes is the limit as strategies have it, where 0 means the default.
func processes(most int) int {
	if most == 0 {
		return strategy.NoProcesses
	}
	return most
}

// Specs returns the strategies as their starter takes them, in the order of
// names, all limits set and all references followed. It fails only for a Config
// that Load or Parse did not make, if its settings cannot be written as JSON.
func (c *Config) Specs() ([]strategy.Spec, error) {
	specs := make([]strategy.Spec, 0, len(c.Strategies))
	for _, name := range sortedKeys(c.Strategies) {
		s := c.Strategies[name]
		settings, err := json.Marshal(s.Settings)
		if err != nil {
			return nil, fmt.Errorf("config: strategies.%s.settings: %w", name, err)
		}
		d := s.definition(name)
		d.Split = c.split(&s)
		specs = append(specs, spec(&d, settings, s.Args))
	}
	return specs, nil
}

// Specs returns the strategies of a definition as their starter takes them, with
// references followed; Environment brings the variables. The error names the
// strategy of a reference that leads nowhere.
func Specs(d *engine.Definition, opts ...Option) ([]strategy.Spec, error) {
	o := apply(append([]Option{withFiles}, opts...))
	specs := make([]strategy.Spec, 0, len(d.Strategies))
	var errs []error
	for i := range d.Strategies {
		s := &d.Strategies[i]
		settings, args, err := o.followed(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("config: strategies.%s: %w", s.Name, err))
		}
		specs = append(specs, spec(s, settings, args))
	}
	return specs, errors.Join(errs...)
}

// followed returns a strategy's settings and arguments with references followed.
func (o *options) followed(s *engine.StrategyDefinition) (settings []byte, args []string, err error) {
	faults := &faults{}
	f := &follower{options: o, faults: faults}
	resolve := func(text string) string {
		n := &node{file: &file{data: []byte("${"), folder: string(filepath.Separator)}, scalar: text}
		f.node(n)
		out, _ := n.scalar.(string)
		return out
	}
	settings = []byte("{}")
	if s.Settings != "" {
		var value any
		if err := json.Unmarshal([]byte(s.Settings), &value); err != nil {
			return nil, nil, err
		}
		if settings, err = json.Marshal(mapTexts(value, resolve)); err != nil {
			return nil, nil, err
		}
	}
	for _, arg := range s.Args {
		args = append(args, resolve(arg))
	}
	for _, one := range faults.found {
		err = errors.Join(err, errors.New(one.Message))
	}
	return settings, args, err
}

// mapTexts replaces every text in a value of JSON.
func mapTexts(v any, replace func(string) string) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = mapTexts(v[k], replace)
		}
	case []any:
		for i := range v {
			v[i] = mapTexts(v[i], replace)
		}
	case string:
		return replace(v)
	}
	return v
}

func spec(d *engine.StrategyDefinition, settings []byte, args []string) strategy.Spec {
	l, attributes := &d.Limits, d.Attributes
	if len(args) == 0 { // no matter which way it came
		args = nil
	}
	if len(attributes) == 0 {
		attributes = nil
	}
	var split *strategy.Split
	if d.Split != nil {
		split = &strategy.Split{By: d.Split.By, Name: d.Split.Name, Classes: d.Split.Classes}
	}
	span := func(t engine.Time) time.Duration { return time.Duration(t) * time.Millisecond }
	return strategy.Spec{
		Name: d.Name, Runtime: d.Runtime, Source: d.Source, Args: args, SHA256: d.SHA256,
		Settings: settings, Attributes: attributes, MayExceed: d.MayExceed,
		Standby: d.Standby, QuarantineAfter: int(d.QuarantineAfter), Split: split,
		Limits: strategy.Limits{
			TurnDeadline: span(l.TurnDeadline), StartTimeout: span(l.StartTimeout), MemoryBytes: l.MemoryBytes,
			ReplyBytes: int(l.ReplyBytes), ReplyProposals: int(l.ReplyProposals), LogLines: int(l.LogLines),
			CPUTime: span(l.CPUTime), OpenFiles: int(l.OpenFiles), Processes: int(l.Processes),
		},
	}
}

// settings holds what is given to a built-in strategy against its schema.
func (c *checker) settings() {
	for name, s := range c.section("strategies") {
		source, _ := s["source"].(string)
		schema := c.options.schemas[source]
		given, ok := s["settings"].(map[string]any)
		if s["runtime"] != runtimeBuiltin || schema == "" || !ok {
			continue
		}
		text, err := json.Marshal(given)
		if err != nil {
			continue
		}
		at := []string{"strategies", name, "settings"}
		for _, err := range separate(strategy.CheckSettings(schema, text)) {
			if fault, ok := errors.AsType[*route.SettingError](err); ok {
				c.report(stageRules, c.doc.value(append(at, settingSteps(fault.Path)...)), CodeSettings, "%s", fault.Text)
			}
		}
	}
}

// settingSteps turns a path such as "tiers[2].name" into steps.
func settingSteps(path string) []string {
	var steps []string
	for step := range strings.SplitSeq(path, ".") {
		name, rest, _ := strings.Cut(step, "[")
		if name != "" {
			steps = append(steps, name)
		}
		for part := range strings.SplitSeq(rest, "[") {
			if i, ok := strings.CutSuffix(part, "]"); ok {
				if _, err := strconv.Atoi(i); err == nil {
					steps = append(steps, i)
				}
			}
		}
	}
	return steps
}
