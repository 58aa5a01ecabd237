// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"google.golang.org/protobuf/types/known/durationpb"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// optionals are the flags about work of which it counts whether they are given.
type optionals struct {
	priority      int32
	size, percent float64
	skill         []string
}

func (o *optionals) flags(f *pflag.FlagSet) {
	f.Int32Var(&o.priority, "priority", 0, "0 is highest; left out, the queue's")
	f.Float64Var(&o.size, "size", 0, "units of capacity; left out, the queue's or the channel's")
	f.Float64Var(&o.percent, "size-percent", 0, "per cent of the agent's capacity, instead of units")
	o.skillFlag(f)
}

func (o *optionals) skillFlag(f *pflag.FlagSet) {
	f.StringArrayVar(&o.skill, "skill", nil,
		"a required skill, NAME[=LEVEL][,additional][,priority=N][,relax=AFTER:LEVEL], such as german=7,relax=30s:5; may be repeated")
}

// given returns those of the flags that are given.
func (o *optionals) given(f *pflag.FlagSet) (priority *int32, size, percent *float64) {
	if f.Changed("priority") {
		priority = &o.priority
	}
	if f.Changed("size") {
		size = &o.size
	}
	if f.Changed("size-percent") {
		percent = &o.percent
	}
	return priority, size, percent
}

// skills reads the required skills.
func (o *optionals) skills() ([]*patchbayv1.RequiredSkill, error) {
	var skills []*patchbayv1.RequiredSkill
	for _, text := range o.skill {
		skill, err := parseSkill(text)
		if err != nil {
			return nil, err
		}
		skills = append(skills, skill)
	}
	return skills, nil
}

// parseSkill reads a required skill such as "german=7,additional,relax=30s:5".
func parseSkill(text string) (*patchbayv1.RequiredSkill, error) {
	parts := strings.Split(text, ",")
	name, level, leveled := strings.Cut(parts[0], "=")
	skill := &patchbayv1.RequiredSkill{Skill: name}
	if name == "" {
		return nil, usagef("--skill: %q should begin with the name of a skill", text)
	}
	if leveled {
		var err error
		if skill.Level, err = strconv.ParseFloat(level, 64); err != nil {
			return nil, usagef("--skill: the level %q of %s should be a number from 0 to 10", level, name)
		}
	}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		switch key {
		case "additional":
			skill.Additional = true
		case "priority":
			n, err := strconv.ParseUint(value, 10, 16)
			if err != nil {
				return nil, usagef("--skill: the priority %q of %s should be a number from 0", value, name)
			}
			skill.Priority = uint32(n)
		case "relax":
			step, err := parseRelaxation(name, value)
			if err != nil {
				return nil, err
			}
			skill.Relax = append(skill.Relax, step)
		default:
			return nil, usagef("--skill: %q of %s is none of additional, priority=N and relax=AFTER:LEVEL", part, name)
		}
	}
	return skill, nil
}

func parseRelaxation(name, text string) (*patchbayv1.Relaxation, error) {
	after, lower, _ := strings.Cut(text, ":")
	wait, err := time.ParseDuration(after)
	if err != nil {
		return nil, usagef("--skill: relax=%s of %s should be a span of time and a level, such as relax=30s:5", text, name)
	}
	level, err := strconv.ParseFloat(lower, 64)
	if err != nil {
		return nil, usagef("--skill: relax=%s of %s should be a span of time and a level, such as relax=30s:5", text, name)
	}
	return &patchbayv1.Relaxation{After: durationpb.New(wait), Level: level}, nil
}
