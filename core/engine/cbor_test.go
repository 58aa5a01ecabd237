// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// durable lists the structs that are written to disk: events and the state, and
// all that they hold.
func durable() []reflect.Type {
	var list []reflect.Type
	var add func(reflect.Type)
	add = func(of reflect.Type) {
		switch of.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Map:
			add(of.Elem())
		case reflect.Struct:
			if slices.Contains(list, of) {
				return
			}
			list = append(list, of)
			for f := range fields(of) {
				if f.Tag.Get("cbor") != "-" {
					add(f.Type)
				}
			}
		}
	}
	for _, root := range []reflect.Type{reflect.TypeFor[engine.Event](), reflect.TypeFor[engine.State](), reflect.TypeFor[engine.Work]()} {
		add(root)
	}
	return list
}

// What is written has a number of its own in its struct, from 1 without gaps,
// and whatever is written within it does so too.
func TestNumbersOnDisk(t *testing.T) {
	t.Parallel()
	for _, s := range durable() {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			all := numbers(t, s)
			slices.Sort(all)
			for i, number := range all {
				if number != i+1 && s != reflect.TypeFor[engine.Span]() {
					t.Errorf("number %d comes where %d should be", number, i+1)
				}
			}
		})
	}
}

func fields(s reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for f := range s.Fields() {
			if f.IsExported() && !yield(f) {
				return
			}
		}
	}
}

func numbers(t *testing.T, s reflect.Type) []int {
	t.Helper()
	var all []int
	for f := range fields(s) {
		tag := f.Tag.Get("cbor")
		if tag == "-" || f.Anonymous && tag == "" { // the latter's fields stand beside the others
			continue
		}
		number, options, _ := strings.Cut(tag, ",")
		n, err := strconv.Atoi(number)
		if err != nil || !strings.HasPrefix(options, "keyasint") {
			t.Errorf("%s has tag %q", f.Name, tag)
		}
		all = append(all, n)
	}
	return all
}

// Whatever a durable struct holds comes back from its bytes.
func TestBytesComeBack(t *testing.T) {
	t.Parallel()
	for _, s := range durable() {
		t.Run(s.Name(), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				in := reflect.New(s)
				fill(t, in.Elem())
				data, err := cbor.Marshal(in.Interface())
				if err != nil {
					t.Fatal(err)
				}
				out := reflect.New(s)
				if err := cbor.Unmarshal(data, out.Interface()); err != nil {
					t.Fatal(err)
				}
				if !reflect.DeepEqual(in.Interface(), out.Interface()) {
					t.Fatalf("%+v came back as %+v", in.Elem(), out.Elem())
				}
			})
		})
	}
}

// fill sets every durable field at random: to nothing, to its smallest and
// largest values, or between. Lists are nil or not empty, as in the engine.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() && f.Tag.Get("cbor") != "-" {
				fill(t, v.Field(i))
			}
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "set") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Slice:
		for range rapid.IntRange(0, 2).Draw(t, "length") {
			item := reflect.New(v.Type().Elem()).Elem()
			if item.Kind() == reflect.Pointer {
				item.Set(reflect.New(item.Type().Elem()))
				fill(t, item.Elem())
			} else {
				fill(t, item)
			}
			v.Set(reflect.Append(v, item))
		}
	case reflect.Map:
		for _, key := range rapid.SliceOfNDistinct(rapid.String(), 0, 3, rapid.ID).Draw(t, "keys") {
			if v.IsNil() {
				v.Set(reflect.MakeMap(v.Type()))
			}
			item := reflect.New(v.Type().Elem()).Elem()
			fill(t, item)
			v.SetMapIndex(reflect.ValueOf(key), item)
		}
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(rapid.Uint64().Draw(t, "number") >> (64 - v.Type().Bits()))
	case reflect.Int32, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "number") >> (64 - v.Type().Bits()))
	default:
		t.Fatalf("a durable field is of kind %v", v.Kind())
	}
}

// A shift's span is written beside its days, under numbers of its own, and the
// whole of a definition comes back as it was.
func TestDefinitionOnDisk(t *testing.T) {
	t.Parallel()
	data, err := cbor.Marshal(engine.Shift{Days: 62, Span: engine.Span{From: 540, To: 1020}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := cbor.Diagnose(data); err != nil || got != "{1: 62, 10: 540, 11: 1020}" {
		t.Errorf("%s, %v", got, err)
	}
	d := everything(t).Definition()
	data, err = cbor.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	var back engine.Definition
	if err := cbor.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(*d, back) {
		t.Errorf("%+v came back as %+v, %v", *d, back, err)
	}
	if err := back.Validate(); err != nil {
		t.Error(err)
	}
}
