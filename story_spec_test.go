// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// spec reads what a line says of work beside its channel and queue:
//
//	priority 2, size 50%, waiting for 5m, target in 30s, time to live 1h,
//	needs english 5, prefers ann for 20s, requires ann, language=de
func (g *stage) spec(channel, queue, details string) (engine.WorkSpec, error) {
	spec := engine.WorkSpec{Channel: channel, Queue: queue}
	for detail := range strings.SplitSeq(details, ", ") {
		if detail == "" {
			continue
		}
		if err := g.detail(&spec, detail); err != nil {
			return spec, err
		}
	}
	return spec, nil
}

// detail reads one of the details.
func (g *stage) detail(spec *engine.WorkSpec, text string) error {
	if name, value, ok := strings.Cut(text, "="); ok {
		if spec.Attributes == nil {
			spec.Attributes = make(map[string]string)
		}
		spec.Attributes[name] = value
		return nil
	}
	if required, ok := strings.CutPrefix(text, "needs "); ok {
		need, err := needOf(required)
		spec.Needs = append(spec.Needs, need)
		return err
	}
	for _, read := range []func(*engine.WorkSpec, string) (bool, error){g.quantity, g.person, reference} {
		if ok, err := read(spec, text); ok || err != nil {
			return err
		}
	}
	return fmt.Errorf("nothing known of work reads like %q", text)
}

// quantity reads details with a number or a time.
func (g *stage) quantity(spec *engine.WorkSpec, text string) (ok bool, err error) {
	at := strings.LastIndex(text, " ")
	if at < 0 {
		return false, nil
	}
	var span engine.Time
	now := g.world.Now()
	switch name, value := text[:at], text[at+1:]; name {
	case "priority":
		var n int
		n, err = strconv.Atoi(value)
		priority := int32(n)
		spec.Priority = &priority
	case "size":
		spec.Size, err = amount(value)
	case "waiting for":
		span, err = milliseconds(value)
		spec.RequestedAt = now - span
	case "target in":
		span, err = milliseconds(value)
		spec.TargetAcceptAt = now + span
	case "time to live":
		span, err = milliseconds(value)
		spec.ExpiresAt = now + span
	default:
		return false, nil
	}
	return true, err
}

// person reads details about one agent.
func (*stage) person(spec *engine.WorkSpec, text string) (ok bool, err error) {
	prefers := regexp.MustCompile(`^prefers (\S+) for (\S+)$`)
	requires := regexp.MustCompile(`^requires (\S+?)(?: for (\S+))?(?: then (\S+))?$`)
	if m := prefers.FindStringSubmatch(text); m != nil {
		spec.PreferredAgent = m[1]
		spec.PreferredFor, err = milliseconds(m[2])
		return true, err
	}
	m := requires.FindStringSubmatch(text)
	if m == nil {
		return false, nil
	}
	spec.RequiredAgent, spec.Backup = m[1], m[3]
	if m[2] != "" {
		spec.PreferredFor, err = milliseconds(m[2])
	}
	return true, err
}

// reference reads keys of the outside.
func reference(spec *engine.WorkSpec, text string) (ok bool, err error) {
	switch name, value, _ := strings.Cut(text, " "); name {
	case "key":
		spec.Key = value
	case "customer":
		spec.Customer = value
	case "conversation":
		spec.Conversation = value
	case "transcript":
		spec.Transcript = value
	default:
		return false, nil
	}
	return true, nil
}

// needOf reads a required skill, such as "english 5 relaxing to 3 after 30s" or
// "french 2 additional 1".
func needOf(text string) (engine.Need, error) {
	words := strings.Fields(text)
	need := engine.Need{Skill: words[0]}
	words = words[1:]
	for len(words) > 0 {
		var used int
		var err error
		switch {
		case words[0] == "additional" && len(words) > 1:
			var group int
			group, err = strconv.Atoi(words[1])
			need.Additional, need.Group, used = true, uint16(group), 2
		case words[0] == "additional":
			need.Additional, used = true, 1
		case words[0] == "relaxing" && len(words) >= 5:
			var step engine.Relaxation
			step, err = relaxation(words[2], words[4])
			need.Relax, used = append(need.Relax, step), 5
		default:
			var level int
			level, err = thousandths(words[0])
			need.Level, used = engine.Level(level), 1
		}
		if err != nil {
			return need, fmt.Errorf("a required skill does not read like %q", text)
		}
		words = words[used:]
	}
	return need, nil
}

func relaxation(level, after string) (engine.Relaxation, error) {
	n, err := thousandths(level)
	if err != nil {
		return engine.Relaxation{}, err
	}
	span, err := milliseconds(after)
	return engine.Relaxation{After: span, Level: engine.Level(n)}, err
}
