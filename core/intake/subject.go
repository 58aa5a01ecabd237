// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"fmt"
	"reflect"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// subject is the work as a condition sees it.
type subject struct {
	spec       *engine.WorkSpec
	now        engine.Time
	attributes *attributes // made when a condition asks
}

// field is one field of the work.
type field struct {
	name string
	kind *cel.Type
	is   func(s *subject) any
	set  func(s *subject) bool
}

func fields() []field {
	text := func(name string, of func(spec *engine.WorkSpec) string) field {
		return field{
			name: name, kind: cel.StringType,
			is:  func(s *subject) any { return types.String(of(s.spec)) },
			set: func(s *subject) bool { return of(s.spec) != "" },
		}
	}
	return []field{
		text("channel", func(spec *engine.WorkSpec) string { return spec.Channel }),
		text("queue", func(spec *engine.WorkSpec) string { return spec.Queue }),
		text("customer", func(spec *engine.WorkSpec) string { return spec.Customer }),
		text("conversation", func(spec *engine.WorkSpec) string { return spec.Conversation }),
		text("external", func(spec *engine.WorkSpec) string { return spec.External }),
		{
			name: "priority", kind: cel.NullableType(cel.IntType),
			is: func(s *subject) any {
				if s.spec.Priority == nil {
					return types.NullValue
				}
				return types.Int(*s.spec.Priority)
			},
			set: func(s *subject) bool { return s.spec.Priority != nil },
		},
		{
			name: "attributes", kind: cel.MapType(cel.StringType, cel.StringType),
			is: func(s *subject) any {
				if s.attributes == nil {
					s.attributes = newAttributes(s.spec.Attributes)
				}
				return s.attributes
			},
			set: func(s *subject) bool { return len(s.spec.Attributes) > 0 },
		},
		{
			name: "requested_at", kind: cel.TimestampType,
			is: func(s *subject) any {
				if s.spec.RequestedAt == 0 {
					return instant(s.now)
				}
				return instant(s.spec.RequestedAt)
			},
			set: func(*subject) bool { return true },
		},
		{
			name: "outbound", kind: cel.BoolType,
			is:  func(s *subject) any { return types.Bool(s.spec.Outbound) },
			set: func(s *subject) bool { return s.spec.Outbound },
		},
	}
}

func fieldNames() []string {
	var names []string
	for _, f := range fields() {
		names = append(names, f.name)
	}
	return names
}

func instant(t engine.Time) ref.Val {
	return types.Timestamp{Time: time.UnixMilli(int64(t)).UTC()}
}

// workType describes the work to CEL.
type workType struct {
	byName map[string]*types.FieldType
}

var (
	_ types.StructTypeDescriptor = (*workType)(nil)
	_ ref.Type                   = (*workType)(nil)
)

// workKind is the type's name in messages.
const workKind = "work"

// What handles are of.
func theWork() *types.Type  { return types.NewObjectType(workKind) }
func theFacts() *types.Type { return types.NewOpaqueType("facts") }

func newWorkType() *workType {
	t := &workType{byName: make(map[string]*types.FieldType)}
	for _, f := range fields() {
		t.byName[f.name] = &types.FieldType{
			Type: f.kind,
			IsSet: func(of any) bool {
				s, ok := of.(*subject)
				return ok && f.set(s)
			},
			GetFrom: func(of any) (any, error) {
				s, ok := of.(*subject)
				if !ok {
					return nil, fmt.Errorf("intake: field %s: %T is no work", f.name, of)
				}
				return f.is(s), nil
			},
		}
	}
	return t
}

// TypeName implements ref.Type.
func (*workType) TypeName() string { return workKind }

// HasTrait implements ref.Type.
func (*workType) HasTrait(int) bool { return false }

// ReflectType implements types.StructTypeDescriptor.
func (*workType) ReflectType() reflect.Type { return nil }

// FieldNames implements types.StructTypeDescriptor.
func (*workType) FieldNames() []string { return fieldNames() }

// FindFieldType implements types.StructTypeDescriptor.
func (t *workType) FindFieldType(name string) (*types.FieldType, bool) {
	f, ok := t.byName[name]
	return f, ok
}

// NewValue implements types.StructTypeDescriptor.
func (*workType) NewValue(types.Adapter, map[string]ref.Val) ref.Val {
	return types.NewErr("work cannot be made here")
}

// Adapt implements types.StructTypeDescriptor.
func (*workType) Adapt(_ types.Adapter, value any) ref.Val {
	return types.NewErr("%T is no work", value)
}

// handle carries something of ours through CEL, which can do nothing with it.
type handle struct {
	kind func() *types.Type
	is   any
}

var _ ref.Val = (*handle)(nil)

// ConvertToNative implements ref.Val.
func (h *handle) ConvertToNative(to reflect.Type) (any, error) {
	return nil, fmt.Errorf("intake: %s is no %v", h.kind().TypeName(), to)
}

// ConvertToType implements ref.Val.
func (h *handle) ConvertToType(to ref.Type) ref.Val {
	if to == types.TypeType {
		return h.kind()
	}
	return types.NewErr("%s is no %s", h.kind().TypeName(), to.TypeName())
}

// Equal implements ref.Val.
func (h *handle) Equal(other ref.Val) ref.Val { return types.Bool(other == ref.Val(h)) }

// Type implements ref.Val.
func (h *handle) Type() ref.Type { return h.kind() }

// Value implements ref.Val.
func (h *handle) Value() any { return h.is }
