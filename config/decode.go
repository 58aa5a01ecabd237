// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"net/netip"
	"reflect"
	"time"

	"github.com/go-viper/mapstructure/v2"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/giveway"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// decode turns checked values into a Config. It is strict: a key without a
// field, or a type that does not fit, is a fault of this package.
//
// It is what koanf's Unmarshal does, without that method's copy of everything, and
// at a pace.
func decode(values map[string]any, pace *giveway.Pace) (*Config, error) {
	c := &Config{}
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:      c,
		TagName:     "koanf",
		DecodeHook:  hook(pace),
		ErrorUnused: true,
	})
	if err != nil {
		return nil, fmt.Errorf("config: decode: %w", err)
	}
	if err := decoder.Decode(values); err != nil {
		return nil, fmt.Errorf("config: decode: %w", err)
	}
	return c, nil
}

// hook reads what has a type of its own, and what has a short form.
func hook(pace *giveway.Pace) mapstructure.DecodeHookFuncType {
	read := map[reflect.Type]func(any) (any, error){
		reflect.TypeFor[time.Duration]():         reading(duration),
		reflect.TypeFor[time.Time]():             reading(moment),
		reflect.TypeFor[Size]():                  reading(size),
		reflect.TypeFor[Spans]():                 reading(spans),
		reflect.TypeFor[netip.Prefix]():          reading(network),
		reflect.TypeFor[engine.Milli]():          amounting(milli),
		reflect.TypeFor[engine.Level]():          amounting(level),
		reflect.TypeFor[engine.Amount]():         amounting(amount),
		reflect.TypeFor[route.Model]():           choosing(models()),
		reflect.TypeFor[engine.DeclineRule]():    choosing(map[string]engine.DeclineRule{"last": engine.LastOnly, "until_exhausted": engine.UntilExhausted, "forever": engine.Forever}),
		reflect.TypeFor[engine.DisconnectRule](): choosing(map[string]engine.DisconnectRule{"keep": engine.KeepOpen, "requeue": engine.RequeueOpen}),
		reflect.TypeFor[engine.CapacityModel]():  choosing(map[string]engine.CapacityModel{modelSession: engine.BySession, "status": engine.ByStatus}),
		reflect.TypeFor[engine.ClosedRule]():     choosing(map[string]engine.ClosedRule{"hold": engine.ClosedHold, "refuse": engine.ClosedRefuse, closedOverflow: engine.ClosedOverflow}),
		reflect.TypeFor[Membership]():            short(func(queue string) Membership { return Membership{Queue: queue, Tier: 1, Weight: 1} }),
		reflect.TypeFor[Needs]():                 listed,
		reflect.TypeFor[Need]():                  atLevel(func(l engine.Level) Need { return Need{Level: l} }),
		reflect.TypeFor[Skill]():                 atLevel(func(l engine.Level) Skill { return Skill{Level: l} }),
	}
	return func(_, to reflect.Type, v any) (any, error) {
		pace.Pause()
		if read, ok := read[to]; ok {
			return read(v)
		}
		return v, nil
	}
}

func models() map[string]route.Model {
	named := map[string]route.Model{}
	for m := route.ModelLeastActive; m <= route.ModelWeightedRandom; m++ {
		named[m.String()] = m
	}
	return named
}

// reading, amounting and choosing make a hook of what reads a value.
func reading[T any](read func(any) (T, error)) func(any) (any, error) {
	return func(v any) (any, error) { return read(v) }
}

func amounting[T any](read func(any) (T, bool)) func(any) (any, error) {
	return func(v any) (any, error) {
		amount, ok := read(v)
		if !ok {
			return nil, fmt.Errorf("no amount: %v", v)
		}
		return amount, nil
	}
}

func choosing[T any](from map[string]T) func(any) (any, error) {
	return func(v any) (any, error) {
		text, _ := v.(string)
		choice, ok := from[text]
		if !ok {
			return nil, fmt.Errorf("no choice: %v", v)
		}
		return choice, nil
	}
}

// short reads a name that stands for a map.
func short[T any](long func(string) T) func(any) (any, error) {
	return func(v any) (any, error) {
		if text, ok := v.(string); ok {
			return long(text), nil
		}
		return v, nil
	}
}

// atLevel reads a level that stands for a map.
func atLevel[T any](long func(engine.Level) T) func(any) (any, error) {
	return func(v any) (any, error) {
		if l, ok := level(v); ok {
			return long(l), nil
		}
		return v, nil
	}
}

// listed reads a list of skills, each at any level.
func listed(v any) (any, error) {
	list, ok := v.([]any)
	if !ok {
		return v, nil
	}
	needs := make(map[string]any, len(list))
	for _, name := range texts(list) {
		needs[name] = int64(0)
	}
	return needs, nil
}
