// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// report says what is wrong at a path.
type report func(path, format string, args ...any)

// decode puts a JSON value into dst, and reports all that is wrong with it.
func (s *shape) decode(path string, value any, dst reflect.Value, fault report) {
	if s.ptr {
		target := reflect.New(dst.Type().Elem())
		dst.Set(target)
		dst = target.Elem()
	}
	var ok bool
	switch {
	case s.kind == "duration":
		ok = s.decodeDuration(path, value, dst, fault)
	case s.kind == "array":
		ok = s.decodeList(path, value, dst, fault)
	case s.isMap:
		ok = s.decodeMap(path, value, dst, fault)
	case s.kind == "object":
		ok = s.decodeFields(path, value, dst, fault)
	case s.kind == "string":
		ok = s.decodeText(path, value, dst, fault)
	case s.kind == "boolean":
		var b bool
		if b, ok = value.(bool); ok {
			dst.SetBool(b)
		}
	default:
		ok = s.decodeNumber(path, value, dst, fault)
	}
	if !ok {
		s.refuse(path, shorten(value), fault)
	}
}

func (s *shape) decodeDuration(path string, value any, dst reflect.Value, fault report) bool {
	written, ok := value.(string)
	if !ok {
		return false
	}
	d, err := ParseDuration(written)
	if err != nil {
		return false
	}
	s.within(path, written, float64(d), fault)
	if dst.Type() == durations[0] {
		dst.SetInt(int64(d))
	} else {
		dst.SetInt(int64(d) * int64(time.Millisecond))
	}
	return true
}

func (s *shape) decodeText(path string, value any, dst reflect.Value, fault report) bool {
	written, ok := value.(string)
	if !ok {
		return false
	}
	if s.enum != nil && !slices.Contains(s.enum, written) {
		s.refuse(path, shorten(value), fault)
	} else {
		s.many(path, utf8.RuneCountInString(written), "characters", fault)
	}
	dst.SetString(written)
	return true
}

func (s *shape) decodeNumber(path string, value any, dst reflect.Value, fault report) bool {
	n, ok := value.(json.Number)
	if !ok {
		return false
	}
	v, err := n.Float64()
	if err != nil {
		return false
	}
	if s.kind == "number" {
		s.within(path, n.String(), v, fault)
		dst.SetFloat(v)
		return true
	}
	if v != math.Trunc(v) {
		return false
	}
	s.within(path, n.String(), v, fault)
	if dst.CanInt() {
		whole, err := strconv.ParseInt(n.String(), 10, 64)
		if err != nil {
			whole = int64(v) // 1e3
		}
		dst.SetInt(whole)
		return err == nil || math.Abs(v) < 1<<53
	}
	whole, err := strconv.ParseUint(n.String(), 10, 64)
	if err != nil {
		whole = uint64(max(v, 0))
	}
	dst.SetUint(whole)
	return err == nil || math.Abs(v) < 1<<53
}

func (s *shape) decodeList(path string, value any, dst reflect.Value, fault report) bool {
	list, ok := value.([]any)
	if !ok {
		return false
	}
	s.many(path, len(list), "elements", fault)
	out := reflect.MakeSlice(dst.Type(), len(list), len(list))
	for i, element := range list {
		s.elem.decode(path+"["+strconv.Itoa(i)+"]", element, out.Index(i), fault)
	}
	dst.Set(out)
	return true
}

func (s *shape) decodeMap(path string, value any, dst reflect.Value, fault report) bool {
	object, ok := value.(map[string]any)
	if !ok {
		return false
	}
	s.many(path, len(object), "entries", fault)
	out := reflect.MakeMap(dst.Type())
	for _, key := range sorted(object) {
		element := reflect.New(dst.Type().Elem()).Elem()
		s.elem.decode(below(path, key), object[key], element, fault)
		out.SetMapIndex(reflect.ValueOf(key).Convert(dst.Type().Key()), element)
	}
	dst.Set(out)
	return true
}

func (s *shape) decodeFields(path string, value any, dst reflect.Value, fault report) bool {
	object, ok := value.(map[string]any)
	if !ok {
		return false
	}
	var names []string
	for i := range s.fields {
		f := &s.fields[i]
		names = append(names, f.name)
		set, there := object[f.name]
		switch {
		case there:
			f.decode(below(path, f.name), set, dst.Field(f.index), fault)
		case f.required:
			fault(below(path, f.name), "it is missing: it must be %s", f.expected())
		case f.def != nil:
			f.decode(below(path, f.name), f.def, dst.Field(f.index), fault)
		case f.fields != nil && !f.ptr: // for the defaults in it
			f.decode(below(path, f.name), map[string]any{}, dst.Field(f.index), fault)
		}
	}
	for _, key := range sorted(object) {
		if !slices.Contains(names, key) {
			fault(below(path, key), "there is no such setting; %s", thereAre(names))
		}
	}
	return true
}

func thereAre(names []string) string {
	if len(names) == 0 {
		return "there are none, so {} is right"
	}
	return "there are " + strings.Join(names, ", ")
}

func sorted(object map[string]any) []string {
	keys := make([]string, 0, len(object))
	for key := range object {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func below(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// within reports a value that is out of bounds.
func (s *shape) within(path, written string, v float64, fault report) {
	if s.min != nil && v < *s.min || s.max != nil && v > *s.max {
		s.refuse(path, written, fault)
	}
}

// many reports a length or a count that is out of bounds.
func (s *shape) many(path string, n int, of string, fault report) {
	if s.min != nil && float64(n) < *s.min || s.max != nil && float64(n) > *s.max {
		s.refuse(path, strconv.Itoa(n)+" "+of, fault)
	}
}

func (s *shape) refuse(path, written string, fault report) {
	fault(path, "%s is wrong: it must be %s", written, s.expected())
}

// expected says what is right: "a whole number, 1 to 9".
func (s *shape) expected() string {
	if s.enum != nil {
		return "one of " + listed(s.enum)
	}
	return s.word + s.limits()
}

func (s *shape) limits() string {
	of := ""
	if s.kind == "string" {
		of = " characters long"
	}
	switch {
	case s.min != nil && s.max != nil:
		return ", " + s.bounded(*s.min) + " to " + s.bounded(*s.max) + of
	case s.min != nil:
		return ", at least " + s.bounded(*s.min) + of
	case s.max != nil:
		return ", at most " + s.bounded(*s.max) + of
	default:
		return ""
	}
}

func (s *shape) bounded(v float64) string {
	if s.kind == "duration" {
		return Duration(v).String()
	}
	return plainNumber(v)
}

func listed(values []string) string {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = strconv.Quote(value)
	}
	return strings.Join(quoted, ", ")
}

// shorten is a value as JSON, cut short.
func shorten(value any) string {
	const most = 40
	written := []rune(asJSON(value))
	if len(written) <= most {
		return string(written)
	}
	return string(written[:most]) + "…"
}
