// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"reflect"
	"slices"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// TestEveryPartOfADefinitionHasWords holds that a plan forgets no part of a
// definition, and that patches have names for what goes of each.
func TestEveryPartOfADefinitionHasWords(t *testing.T) {
	t.Parallel()
	gone := reflect.TypeFor[engine.Names]()
	for field := range reflect.TypeFor[engine.Definition]().Fields() {
		at := slices.IndexFunc(sections(), func(s section) bool { return s.field == field.Name })
		if at < 0 {
			t.Errorf("no plan tells of %s", field.Name)
			continue
		}
		if scalar := field.Type.Kind() != reflect.Slice; scalar != sections()[at].scalar {
			t.Errorf("%s is a list, or is none", field.Name)
		}
		if _, ok := gone.FieldByName(field.Name); field.Type.Kind() == reflect.Slice && !ok {
			t.Errorf("a patch has no names for %s", field.Name)
		}
	}
}

// TestEveryDifferenceOfAnAgentHasWords holds that whatever differs of an agent
// is said.
func TestEveryDifferenceOfAnAgentHasWords(t *testing.T) {
	t.Parallel()
	for i := range reflect.TypeFor[engine.AgentDefinition]().NumField() {
		var a, b engine.AgentDefinition
		field := reflect.ValueOf(&b).Elem().Field(i)
		if field.Kind() == reflect.Slice {
			field.Set(reflect.MakeSlice(field.Type(), 1, 1))
		} else {
			field.SetString("x")
		}
		name := reflect.TypeFor[engine.AgentDefinition]().Field(i).Name
		if words := agentDifferences(&a, &b); name != "ID" && (len(words) != 1 || words[0] == "its queues or skills are in another order") {
			t.Errorf("%s: %q", name, words)
		}
	}
}
