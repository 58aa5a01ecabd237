// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"encoding/json"
	"fmt"
	"strings"
)

// expected says in words what a rule of a JSON Schema allows, as far as its
// plain keywords say it: "a whole number, 1 to 9".
func expected(rule map[string]any) string {
	if values, ok := rule["enum"].([]any); ok {
		list := make([]string, len(values))
		for i, value := range values {
			list[i] = written(value)
		}
		return "one of " + strings.Join(list, ", ")
	}
	if value, ok := rule["const"]; ok {
		return written(value)
	}
	text := typeOf(rule["type"])
	if pattern, ok := rule["pattern"].(string); ok && strings.Contains(pattern, "(ns|us|µs|ms|s|m|h)") {
		text = "a duration such as \"200ms\""
		if limits, ok := rule["$comment"].(string); ok {
			text += ", " + limits
		}
	} else if ok {
		text += " that matches " + pattern
	}
	return text + limits(rule)
}

// typeOf words the keyword type.
func typeOf(keyword any) string {
	words := map[string]string{
		"string": "a text", "number": "a number", "integer": "a whole number", "boolean": "true or false",
		"array": "a list", "object": "an object", "null": "null",
	}
	switch t := keyword.(type) {
	case string:
		if word := words[t]; word != "" {
			return word
		}
	case []any:
		var list []string
		for _, one := range t {
			list = append(list, typeOf(one))
		}
		return strings.Join(list, ", or ")
	}
	return "another value"
}

// limits words the bounds of a rule: ", 1 to 9".
func limits(rule map[string]any) string {
	for _, b := range [...]struct{ least, most, of string }{
		{"minimum", "maximum", ""},
		{"minLength", "maxLength", " characters long"},
		{"minItems", "maxItems", ""},
		{"minProperties", "maxProperties", ""},
		{"exclusiveMinimum", "exclusiveMaximum", ", bounds not included"},
	} {
		least, most := rule[b.least], rule[b.most]
		switch {
		case least != nil && most != nil:
			return fmt.Sprintf(", %v to %v%s", least, most, b.of)
		case least != nil:
			return fmt.Sprintf(", at least %v%s", least, b.of)
		case most != nil:
			return fmt.Sprintf(", at most %v%s", most, b.of)
		}
	}
	return ""
}

// written is a value as JSON, cut short.
func written(value any) string {
	const most = 40
	out, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprintf("%.40q", fmt.Sprint(value))
	}
	text := []rune(string(out))
	if len(text) <= most {
		return string(text)
	}
	return string(text[:most]) + "…"
}
