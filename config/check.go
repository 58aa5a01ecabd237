// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/patchbay-cx/patchbay/core/near"
)

// checker finds what is wrong with merged values and says where it stands.
type checker struct {
	doc     *document
	schema  *schema
	all     map[string]any
	options *options
	faults  *faults
	// misspelt holds the keys that an unknown key was probably meant to be, by
	// joined path: their absence needs no second complaint.
	misspelt map[string]bool
	// names keeps what defined found.
	names map[string]map[string]bool
}

// check adds everything that is wrong with the values to faults. The schema
// looks at each value alone, the rules at what belongs together; the rules read
// plain maps, so that they work beside faults of the schema.
func check(doc *document, values map[string]any, o *options, faults *faults) {
	if values == nil {
		return
	}
	c := &checker{
		doc: doc, schema: theSchema(), all: values, options: o, faults: faults,
		misspelt: map[string]bool{}, names: map[string]map[string]bool{},
	}
	c.shape()
	c.schema.keysOf(c.schema.raw, c.all, nil, func(path []string, title string) {
		name := path[len(path)-1]
		c.report(stageSchema, c.doc.key(path), CodeFormat, "this key is %q; it must be %s", clip(name), title)
	})
	c.rules()
}

func (c *checker) report(s stage, place Error, code Code, format string, args ...any) {
	place.Code, place.Message = code, fmt.Sprintf(format, args...)
	c.faults.add(s, place)
}

// shape holds the values against the schema.
func (c *checker) shape() {
	var invalid *jsonschema.ValidationError
	if err := c.schema.compiled.Validate(c.all); !errors.As(err, &invalid) {
		return
	}
	found := leaves(invalid, nil)
	for _, e := range found {
		if k, ok := e.ErrorKind.(*kind.AdditionalProperties); ok {
			c.unknownKeys(e, k.Properties)
		}
	}
	for _, e := range found {
		switch k := e.ErrorKind.(type) {
		case *kind.AdditionalProperties:
		case *kind.Required:
			c.missingKeys(e, k.Missing)
		case *kind.UniqueItems:
			c.duplicateItem(e, k)
		default:
			c.wrongValue(e)
		}
	}
}

// leaves gathers the errors that have no cause of their own. Those of
// propertyNames are left out: the validator's location for them is overwritten
// while it goes on, so names are checked by schema.names.
func leaves(e *jsonschema.ValidationError, into []*jsonschema.ValidationError) []*jsonschema.ValidationError {
	if _, ok := e.ErrorKind.(*kind.PropertyNames); ok {
		return into
	}
	if len(e.Causes) == 0 {
		return append(into, e)
	}
	for _, cause := range e.Causes {
		into = leaves(cause, into)
	}
	return into
}

func (c *checker) unknownKeys(e *jsonschema.ValidationError, unknown []string) {
	keys := c.schema.keys(c.schema.at(e.SchemaURL))
	var free []string
	there, _ := c.lookup(e.InstanceLocation).(map[string]any)
	for _, key := range keys {
		if !c.inFile(e.InstanceLocation, key, there) {
			free = append(free, key)
		}
	}
	for _, key := range unknown {
		if meant := near.Name(key, free); meant != "" {
			c.misspelt[strings.Join(append(slices.Clone(e.InstanceLocation), meant), separator)] = true
		}
		path := append(slices.Clone(e.InstanceLocation), key)
		c.report(stageSchema, c.doc.key(path), CodeUnknownKey,
			"there is no key %q here%s", clip(key), didYouMean(key, keys, "keys"))
	}
}

// inFile reports whether a key was written, and not only filled in.
func (c *checker) inFile(path []string, key string, there map[string]any) bool {
	n := c.doc.find(path)
	if n == nil {
		return there[key] != nil
	}
	_, ok := n.fields[key]
	return ok
}

func (c *checker) missingKeys(e *jsonschema.ValidationError, missing []string) {
	for _, key := range missing {
		path := append(slices.Clone(e.InstanceLocation), key)
		if c.misspelt[strings.Join(path, separator)] {
			continue
		}
		r := c.schema.property(c.schema.at(e.SchemaURL), key)
		c.report(stageSchema, c.doc.missing(path), CodeMissing,
			"the key %q is missing; it must be %s", key, c.schema.title(r))
	}
}

func (c *checker) duplicateItem(e *jsonschema.ValidationError, k *kind.UniqueItems) {
	second := append(slices.Clone(e.InstanceLocation), strconv.Itoa(k.Duplicates[1]))
	value, _ := c.lookup(second).(string)
	c.report(stageSchema, c.doc.value(second), CodeDuplicate, "%q is in this list already; keep one of the two", clip(value))
}

// wrongValue words what a value is and what it must be. The schema's title says
// the latter, whichever keyword was broken.
func (c *checker) wrongValue(e *jsonschema.ValidationError) {
	r := c.schema.at(e.SchemaURL)
	value := c.lookup(e.InstanceLocation)
	shown := show(e.InstanceLocation, value)
	if n := c.doc.find(e.InstanceLocation); n != nil && n.written != "" {
		shown = Secret
	}
	if literal := c.doc.literal(e.InstanceLocation); literal != "" && !secret(e.InstanceLocation) {
		shown = clip(literal)
	}
	message := fmt.Sprintf("this is %s; it must be %s", shown, c.schema.title(r))
	code := CodeFormat
	switch k := e.ErrorKind.(type) {
	case *kind.Enum:
		code = CodeChoice
		if text, ok := value.(string); ok {
			if meant := near.Name(text, texts(k.Want)); meant != "" {
				message += fmt.Sprintf("; did you mean %q?", meant)
			}
		}
	case *kind.Type:
		code = CodeType
		if len(k.Want) == 1 && k.Want[0] == "string" && (k.Got == "number" || k.Got == "boolean") {
			message += "; write it in quotes"
		}
	case *kind.Minimum, *kind.Maximum, *kind.MultipleOf, *kind.MinProperties, *kind.MaxProperties, *kind.MinItems, *kind.MaxItems:
		code = CodeRange
	}
	c.report(stageSchema, c.doc.value(e.InstanceLocation), code, "%s", message)
}

// lookup returns the value at a path; nil if there is none.
func (c *checker) lookup(path []string) any {
	var v any = c.all
	for _, step := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(at) {
				return nil
			}
			v = at[i]
		default:
			return nil
		}
	}
	return v
}

// inOrder sorts keys of the map at path as they stand in the file, so that the
// second of two is the one complained of.
func (c *checker) inOrder(path, keys []string) []string {
	places := make(map[string]Error, len(keys))
	for _, key := range keys {
		places[key] = c.doc.key(under(path, key))
	}
	slices.SortStableFunc(keys, func(a, b string) int { return c.doc.order(places[a], places[b]) })
	return keys
}

// show words a value for people. What may be a secret is only named by type:
// somebody who takes the key for its checksum must not find it in a log.
func show(path []string, v any) string {
	switch v := v.(type) {
	case nil:
		return "empty"
	case map[string]any:
		if len(v) == 0 {
			return "an empty map"
		}
		return "a map"
	case []any:
		if len(v) == 0 {
			return "an empty list"
		}
		return "a list"
	case string:
		if secret(path) {
			return fmt.Sprintf("a text of %d characters", len([]rune(v)))
		}
		return strconv.Quote(clip(v))
	default:
		if secret(path) {
			return "a number or a truth value"
		}
		return clip(fmt.Sprint(v))
	}
}

// secret reports whether the value at path may be, or be taken for, a secret.
func secret(path []string) bool {
	if len(path) == 0 || path[0] != "api" {
		return slices.Contains(path, "settings") || slices.Contains(path, "tokens") || slices.Contains(path, "secrets")
	}
	return len(path) < 3 || path[1] != "tls" && !slices.Contains(path[3:], "role") && !slices.Contains(path[3:], "scope")
}

func texts(values []any) []string {
	list := make([]string, 0, len(values))
	for _, v := range values {
		if text, ok := v.(string); ok {
			list = append(list, text)
		}
	}
	return list
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
