// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
)

// Settings are a strategy's settings as a struct of type T. Embedded in a
// strategy, it is the strategy's Configure:
//
//	type config struct {
//		Wait  route.Duration   `json:"wait" default:"30s" min:"0s" max:"10m" desc:"How long to wait for an agent who is known."`
//		Worth map[string]int64 `json:"worth" min:"1" desc:"What a customer's tier is worth."`
//		Mode  string           `json:"mode" enum:"strict,loose" default:"loose"`
//	}
//
//	type strategy struct {
//		route.Settings[config]
//		board route.Board
//	}
//
// Manifest.SettingsSchema is SettingsSchema[config](), by which the host checks
// the settings before the strategy sees them. Get returns those in force.
//
// # Fields
//
// A field is set under the name in its json tag, else under its own; one without
// a capital, or with the tag "-", cannot be set. It may be a bool, a string, any
// number, a Duration or time.Duration, a struct, a list, a map of strings to any
// of these, or a pointer to one, which is nil unless it is set. These tags say
// more, each of them optional:
//
//   - desc: what it means and in which unit; one sentence for people.
//   - default: what it is if it is not set: text, a number, true, a duration, or
//     JSON for lists and maps. Else it is the zero value.
//   - required:"true": it must be set. Not together with a default.
//   - min, max: the least and the greatest: of numbers and durations the value,
//     of texts the length in characters, of lists and maps how many there are.
//   - enum: the texts that it may be, with commas between them. For lists and
//     maps of texts it speaks of each.
//
// Settings that are not there are refused, and so is every value out of range:
// see SettingError.
type Settings[T any] struct {
	value T
	set   bool
}

// Get returns the settings in force; the defaults before the first Configure.
// They are not to be changed, and valid until the next Configure.
func (s *Settings[T]) Get() *T {
	if !s.set {
		value, err := DecodeSettings[T](nil)
		if err != nil { // something is required and cannot be known yet
			var zero T
			value = zero
		}
		s.value, s.set = value, true
	}
	return &s.value
}

// Configure implements the method of Strategy of that name: it puts the
// settings in force, as a whole or not at all.
func (s *Settings[T]) Configure(settings []byte) error {
	value, err := DecodeSettings[T](settings)
	if err != nil {
		return err
	}
	s.value, s.set = value, true
	return nil
}

// SettingError says what is wrong with one setting.
type SettingError struct {
	// Path is where it is, such as "worth.gold" or "tiers[2].name"; empty for
	// the settings as a whole.
	Path string
	// Text says what is wrong, and what would be right.
	Text string
}

// Error implements error.
func (e *SettingError) Error() string {
	if e.Path == "" {
		return "settings: " + e.Text
	}
	return "settings: " + e.Path + ": " + e.Text
}

// DecodeSettings reads settings into a struct of type T, as Settings describes.
// No settings at all are "{}". The error is a *SettingError, or several of them,
// joined. It panics if T cannot be settings (see SettingsSchema).
func DecodeSettings[T any](settings []byte) (T, error) {
	var out T
	shape := shapeFor[T]()
	if len(bytes.TrimSpace(settings)) == 0 {
		settings = []byte("{}")
	}
	decoder := json.NewDecoder(bytes.NewReader(settings))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return out, &SettingError{Text: fmt.Sprintf("%.20q is no JSON object: %v", settings, err)}
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return out, &SettingError{Text: "more than one JSON value: one object is right"}
	}
	var faults []error
	shape.decode("", value, reflect.ValueOf(&out).Elem(), func(path, format string, args ...any) {
		faults = append(faults, &SettingError{Path: path, Text: fmt.Sprintf(format, args...)})
	})
	if faults != nil {
		var zero T
		return zero, errors.Join(faults...)
	}
	return out, nil
}

// SettingsSchema returns the JSON Schema (draft 2020-12) of settings of type T,
// for Manifest.SettingsSchema. The same T gives the same text.
//
// It panics, as a fault of the program, if T is no struct, if a field is of a
// type that settings cannot be, or if a tag does not fit the field.
func SettingsSchema[T any]() string { return shapeFor[T]().schema() }

func shapeFor[T any]() *shape {
	typ := reflect.TypeFor[T]()
	if typ.Kind() != reflect.Struct {
		panic(fmt.Sprintf("route: settings: %v is no struct", typ))
	}
	return shapeOf(typ, typ.String(), nil)
}
