// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// shape is what a Go type and its tags say of a setting.
type shape struct {
	kind   string // as JSON Schema has it, or "duration"
	fields []field
	elem   *shape // of lists and maps
	isMap  bool
	ptr    bool
	word   string // what it is, for people: "a text"

	min, max *float64 // in milliseconds for durations
	enum     []string
}

// field is a setting in a struct.
type field struct {
	*shape
	name, desc string
	index      int
	required   bool
	def        any // as JSON has it; nil for none
}

var durations = [...]reflect.Type{reflect.TypeFor[Duration](), reflect.TypeFor[time.Duration]()}

// shapeOf returns the shape of a type. where names it in panics, within are the
// structs around it.
func shapeOf(typ reflect.Type, where string, within []reflect.Type) *shape {
	switch {
	case slices.Contains(durations[:], typ):
		return &shape{kind: "duration", word: "a duration such as \"200ms\""}
	case typ.Kind() == reflect.Pointer:
		s := *shapeOf(typ.Elem(), where, within)
		s.ptr = true
		return &s
	case typ.Kind() == reflect.Bool:
		return &shape{kind: "boolean", word: "true or false"}
	case typ.Kind() == reflect.String:
		return &shape{kind: "string", word: "a text"}
	case typ.Kind() >= reflect.Int && typ.Kind() <= reflect.Uint64:
		return wholeOf(typ)
	case typ.Kind() == reflect.Float32 || typ.Kind() == reflect.Float64:
		return &shape{kind: "number", word: "a number"}
	case typ.Kind() == reflect.Slice:
		return &shape{kind: "array", word: "a list", elem: shapeOf(typ.Elem(), where+"[]", within)}
	case typ.Kind() == reflect.Map && typ.Key().Kind() == reflect.String:
		return &shape{kind: "object", isMap: true, word: "an object", elem: shapeOf(typ.Elem(), where+"{}", within)}
	case typ.Kind() == reflect.Struct && !slices.Contains(within, typ):
		return structOf(typ, where, append(within, typ))
	default:
		panic(fmt.Sprintf("route: settings: %s: a %v cannot be a setting", where, typ))
	}
}

// wholeOf returns the shape of a type of whole numbers, whose range is that of
// the type where JSON numbers can say it.
func wholeOf(typ reflect.Type) *shape {
	s := &shape{kind: "integer", word: "a whole number"}
	if bits := typ.Bits(); typ.Kind() >= reflect.Uint {
		s.min = new(0.0)
		if bits < 64 {
			s.max = new(float64(uint64(1)<<bits - 1))
		}
	} else if bits < 64 {
		s.min, s.max = new(-float64(uint64(1)<<(bits-1))), new(float64(uint64(1)<<(bits-1)-1))
	}
	return s
}

func structOf(typ reflect.Type, where string, within []reflect.Type) *shape {
	s := &shape{kind: "object", word: "an object"}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if !f.IsExported() || name == "-" {
			continue
		}
		if name == "" {
			name = f.Name
		}
		s.fields = append(s.fields, fieldOf(f, i, name, where+"."+f.Name, within))
	}
	return s
}

func fieldOf(f reflect.StructField, index int, name, where string, within []reflect.Type) field {
	out := field{shape: shapeOf(f.Type, where, within), name: name, desc: f.Tag.Get("desc"), index: index}
	out.required = f.Tag.Get("required") == "true"
	for tag, to := range map[string]**float64{"min": &out.min, "max": &out.max} {
		if text, ok := f.Tag.Lookup(tag); ok {
			*to = out.bound(text, where+": "+tag)
		}
	}
	if text, ok := f.Tag.Lookup("enum"); ok {
		out.enumerate(strings.Split(text, ","), where)
	}
	if text, ok := f.Tag.Lookup("default"); ok {
		out.def = out.initial(text, f.Type, where)
	}
	return out
}

// bound reads the tag min or max.
func (s *shape) bound(text, where string) *float64 {
	if s.kind == "duration" {
		d, err := ParseDuration(text)
		if err != nil {
			panic(fmt.Sprintf("route: settings: %s: %v", where, err))
		}
		return new(float64(d))
	}
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || s.kind == "boolean" || s.fields != nil {
		panic(fmt.Sprintf("route: settings: %s: %q is no bound of %s", where, text, s.word))
	}
	return &v
}

func (s *shape) enumerate(values []string, where string) {
	switch {
	case s.kind == "string":
		s.enum = values
	case s.elem != nil && s.elem.kind == "string":
		s.elem.enum = values
	default:
		panic(fmt.Sprintf("route: settings: %s: only texts have an enum", where))
	}
}

// initial reads the tag default, which must be right itself.
func (f *field) initial(text string, typ reflect.Type, where string) any {
	raw := []byte(text)
	if f.kind == "string" || f.kind == "duration" {
		raw = []byte(asJSON(text))
	}
	value, err := decodeJSON(raw)
	fault := ""
	if err != nil {
		fault = err.Error()
	} else {
		f.decode("", value, reflect.New(typ).Elem(), func(_, format string, args ...any) { fault = fmt.Sprintf(format, args...) })
	}
	if fault != "" || f.required {
		panic(fmt.Sprintf("route: settings: %s: the default %q does not fit: %s", where, text, fault))
	}
	return value
}

func decodeJSON(text []byte) (value any, err error) {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	return value, err
}

// schema writes the shape as a JSON Schema.
func (s *shape) schema() string {
	var b strings.Builder
	b.WriteString(`{"$schema":"https://json-schema.org/draft/2020-12/schema",`)
	s.write(&b)
	b.WriteString("}")
	return b.String()
}

// write writes what stands between the braces.
func (s *shape) write(b *strings.Builder) {
	switch {
	case s.kind == "duration":
		b.WriteString(`"type":"string","pattern":"^[-+]?([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|ms|s|m|h)(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|ms|s|m|h))*$|^0$"`)
		return
	case s.kind == "array":
		b.WriteString(`"type":"array","items":{`)
		s.elem.write(b)
		b.WriteString("}")
		s.bounds(b, "minItems", "maxItems")
	case s.isMap:
		b.WriteString(`"type":"object","additionalProperties":{`)
		s.elem.write(b)
		b.WriteString("}")
		s.bounds(b, "minProperties", "maxProperties")
	case s.kind == "object":
		s.writeFields(b)
	case s.kind == "string":
		b.WriteString(`"type":"string"`)
		if s.enum != nil {
			b.WriteString(`,"enum":` + asJSON(s.enum))
		}
		s.bounds(b, "minLength", "maxLength")
	default:
		b.WriteString(`"type":` + asJSON(s.kind))
		s.bounds(b, "minimum", "maximum")
	}
}

func (s *shape) writeFields(b *strings.Builder) {
	b.WriteString(`"type":"object","properties":{`)
	var required []string
	for i := range s.fields {
		f := &s.fields[i]
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(asJSON(f.name) + ":{")
		f.write(b)
		if f.desc != "" {
			b.WriteString(`,"description":` + asJSON(f.desc))
		}
		if f.kind == "duration" && (f.min != nil || f.max != nil) {
			b.WriteString(`,"$comment":` + asJSON(strings.TrimPrefix(f.limits(), ", ")))
		}
		if f.def != nil {
			b.WriteString(`,"default":` + asJSON(f.def))
		}
		b.WriteString("}")
		if f.required {
			required = append(required, f.name)
		}
	}
	b.WriteString("}")
	if required != nil {
		b.WriteString(`,"required":` + asJSON(required))
	}
	b.WriteString(`,"additionalProperties":false`)
}

func (s *shape) bounds(b *strings.Builder, least, most string) {
	if s.min != nil {
		fmt.Fprintf(b, `,"%s":%s`, least, plainNumber(*s.min))
	}
	if s.max != nil {
		fmt.Fprintf(b, `,"%s":%s`, most, plainNumber(*s.max))
	}
}

func plainNumber(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// asJSON is a value as JSON.
func asJSON(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // texts and what came from JSON always marshal
	}
	return string(out)
}
