// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// SettingsFor returns the settings that the spec gives to a strategy of that
// manifest, "{}" if it gives none. The error says why they are not for it; see
// CheckSettings. Every runtime calls it between the handshake and Configure, so
// that no strategy sees settings which its own schema refuses.
func (s *Spec) SettingsFor(manifest *route.Manifest) ([]byte, error) {
	settings := s.Settings
	if len(bytes.TrimSpace(settings)) == 0 {
		settings = []byte("{}")
	}
	return settings, CheckSettings(manifest.SettingsSchema, settings)
}

// CheckSettings holds settings, a JSON object, against a strategy's JSON Schema
// (draft 2020-12 unless it says another). An empty schema takes every object.
//
// Each thing that is wrong is a *route.SettingError with the path, the value and
// what is allowed; several are joined by errors.Join, in the order of paths. An
// error of another type says that the schema itself is none. A schema may not
// refer to others, neither in files nor elsewhere.
func CheckSettings(schema string, settings []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(settings))
	if err != nil {
		return &route.SettingError{Text: fmt.Sprintf("%.20q is no JSON object: %v", settings, err)}
	}
	if _, ok := value.(map[string]any); !ok {
		return &route.SettingError{Text: written(value) + " is wrong: it must be an object"}
	}
	if schema == "" {
		return nil
	}
	rules, compiled, err := compileSettings(schema)
	if err != nil {
		return fmt.Errorf("strategy: the plugin's schema of settings is of no use: %w", err)
	}
	var invalid *jsonschema.ValidationError
	if err := compiled.Validate(value); !errors.As(err, &invalid) {
		return err
	}
	c := settingsCheck{rules: rules, value: value}
	c.collect(invalid)
	slices.SortStableFunc(c.faults, func(a, b *route.SettingError) int { return strings.Compare(a.Path, b.Path) })
	list := make([]error, len(c.faults))
	for i, fault := range c.faults {
		list[i] = fault
	}
	return errors.Join(list...)
}

const settingsURL = "patchbay:settings"

// noReferences refuses to load what a schema refers to: a plugin's schema must
// not make the host read files.
type noReferences struct{}

// Load implements jsonschema.URLLoader.
func (noReferences) Load(url string) (any, error) {
	return nil, fmt.Errorf("it refers to %s: a schema must hold all that it needs", url)
}

func compileSettings(schema string) (rules map[string]any, compiled *jsonschema.Schema, err error) {
	decoder := json.NewDecoder(strings.NewReader(schema))
	decoder.UseNumber()
	var doc any
	if err := decoder.Decode(&doc); err != nil {
		return nil, nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("it is more than one JSON value")
	}
	rules, ok := doc.(map[string]any)
	if !ok {
		return nil, nil, errors.New("it is no JSON object")
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(noReferences{})
	if err := compiler.AddResource(settingsURL, doc); err != nil {
		return nil, nil, err
	}
	compiled, err = compiler.Compile(settingsURL)
	return rules, compiled, err
}

// settingsCheck words what a validator found.
type settingsCheck struct {
	rules  map[string]any
	value  any
	faults []*route.SettingError
}

func (c *settingsCheck) collect(e *jsonschema.ValidationError) {
	switch k := e.ErrorKind.(type) {
	case *kind.AdditionalProperties:
		for _, name := range k.Properties {
			c.add(append(slices.Clone(e.InstanceLocation), name), "there is no such setting; %s", c.names(e.SchemaURL, name))
		}
		return
	case *kind.Required:
		for _, name := range k.Missing {
			rule, _ := object(c.at(e.SchemaURL)["properties"])[name].(map[string]any)
			c.add(append(slices.Clone(e.InstanceLocation), name), "it is missing: it must be %s", expected(rule))
		}
		return
	case *kind.Type, *kind.Enum, *kind.Const, *kind.Pattern, *kind.Minimum, *kind.Maximum, *kind.ExclusiveMinimum,
		*kind.ExclusiveMaximum, *kind.MinLength, *kind.MaxLength:
		c.add(e.InstanceLocation, "%s is wrong: it must be %s", written(c.valueAt(e.InstanceLocation)), expected(c.at(e.SchemaURL)))
		return
	case *kind.MinItems:
		c.count(e, k.Got, "elements")
		return
	case *kind.MaxItems:
		c.count(e, k.Got, "elements")
		return
	case *kind.MinProperties:
		c.count(e, k.Got, "entries")
		return
	case *kind.MaxProperties:
		c.count(e, k.Got, "entries")
		return
	}
	if len(e.Causes) == 0 {
		c.add(e.InstanceLocation, "%s is wrong: the schema does not allow it", written(c.valueAt(e.InstanceLocation)))
	}
	for _, cause := range e.Causes {
		c.collect(cause)
	}
}

func (c *settingsCheck) count(e *jsonschema.ValidationError, n int, of string) {
	c.add(e.InstanceLocation, "%d %s is wrong: it must be %s", n, of, expected(c.at(e.SchemaURL)))
}

func (c *settingsCheck) add(path []string, format string, args ...any) {
	c.faults = append(c.faults, &route.SettingError{Path: c.pathOf(path), Text: fmt.Sprintf(format, args...)})
}

// pathOf writes a location as tiers[2].name.
func (c *settingsCheck) pathOf(location []string) string {
	var b strings.Builder
	value := c.value
	for _, step := range location {
		if list, ok := value.([]any); ok {
			b.WriteString("[" + step + "]")
			value = element(list, step)
			continue
		}
		if b.Len() > 0 {
			b.WriteString(".")
		}
		b.WriteString(step)
		value = object(value)[step]
	}
	return b.String()
}

func (c *settingsCheck) valueAt(location []string) any {
	value := c.value
	for _, step := range location {
		if list, ok := value.([]any); ok {
			value = element(list, step)
		} else {
			value = object(value)[step]
		}
	}
	return value
}

// element returns the element of the list with that number.
func element(list []any, step string) any {
	if i, err := strconv.Atoi(step); err == nil && i >= 0 && i < len(list) {
		return list[i]
	}
	return nil
}

func object(value any) map[string]any {
	m, _ := value.(map[string]any)
	return m
}

// at returns the rule at the location in the schema.
func (c *settingsCheck) at(url string) map[string]any {
	_, pointer, _ := strings.Cut(url, "#")
	var value any = c.rules
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		if step == "" {
			continue
		}
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		if list, ok := value.([]any); ok {
			value = element(list, step)
		} else {
			value = object(value)[step]
		}
	}
	return object(value)
}

// names says which settings there are, and which was probably meant.
func (c *settingsCheck) names(url, got string) string {
	names := slices.Sorted(maps.Keys(object(c.at(url)["properties"])))
	if len(names) == 0 {
		return "there are none, so {} is right"
	}
	return "there are " + strings.Join(names, ", ") + meantBy(got, names)
}
