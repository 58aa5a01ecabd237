// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"reflect"
	"time"

	"github.com/go-viper/mapstructure/v2"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// decode turns checked values into a Config. It is strict: a key without a
// field, or a type that does not fit, is a fault of this package.
//
// It is what koanf's Unmarshal does, without that method's copy of everything.
func decode(values map[string]any) (*Config, error) {
	c := &Config{}
	decoder, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		Result:      c,
		TagName:     "koanf",
		DecodeHook:  hook,
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

// hook reads the texts and numbers that have a type of their own.
func hook(_, to reflect.Type, v any) (any, error) {
	switch to {
	case reflect.TypeFor[time.Duration]():
		return duration(v)
	case reflect.TypeFor[Size]():
		return size(v)
	case reflect.TypeFor[engine.Milli]():
		amount, ok := milli(v)
		if !ok {
			return nil, fmt.Errorf("no amount: %v", v)
		}
		return amount, nil
	case reflect.TypeFor[route.Model]():
		return choose(v, models())
	case reflect.TypeFor[engine.DeclineRule]():
		return choose(v, map[string]engine.DeclineRule{
			"last": engine.LastOnly, "until_exhausted": engine.UntilExhausted, "forever": engine.Forever,
		})
	case reflect.TypeFor[engine.DisconnectRule]():
		return choose(v, map[string]engine.DisconnectRule{"keep": engine.KeepOpen, "requeue": engine.RequeueOpen})
	default:
		return v, nil
	}
}

func models() map[string]route.Model {
	return map[string]route.Model{
		"least_active":   route.ModelLeastActive,
		"most_available": route.ModelMostAvailable,
		"longest_idle":   route.ModelLongestIdle,
	}
}

func choose[T any](v any, from map[string]T) (T, error) {
	text, _ := v.(string)
	chosen, ok := from[text]
	if !ok {
		return chosen, fmt.Errorf("no choice: %v", v)
	}
	return chosen, nil
}
