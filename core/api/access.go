// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// method is what the proto says of one method of the API.
type method struct {
	descriptor protoreflect.MethodDescriptor
	roles      map[patchbayv1.Role]bool
	agentField protoreflect.FieldDescriptor // nil if no field names the caller's agent
}

// files are the proto files that declare services of the API.
func files() []protoreflect.FileDescriptor {
	return []protoreflect.FileDescriptor{
		patchbayv1.File_patchbay_v1_work_proto,
		patchbayv1.File_patchbay_v1_agent_proto,
		patchbayv1.File_patchbay_v1_feed_proto,
		patchbayv1.File_patchbay_v1_host_proto,
		patchbayv1.File_patchbay_v1_explain_proto,
		patchbayv1.File_patchbay_v1_strategy_proto,
		patchbayv1.File_patchbay_v1_journal_proto,
		patchbayv1.File_patchbay_v1_config_proto,
		patchbayv1.File_patchbay_v1_webhook_proto,
		patchbayv1.File_patchbay_v1_routing_proto,
	}
}

// methods reads every method of the API by its full gRPC name. A method that
// does not say who may call it is an error.
func methods() (map[string]*method, error) {
	out := make(map[string]*method)
	for _, file := range files() {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				d := service.Methods().Get(j)
				m, err := newMethod(d)
				if err != nil {
					return nil, err
				}
				out[fmt.Sprintf("/%s/%s", service.FullName(), d.Name())] = m
			}
		}
	}
	return out, nil
}

func newMethod(d protoreflect.MethodDescriptor) (*method, error) {
	access, _ := proto.GetExtension(d.Options(), patchbayv1.E_Access).(*patchbayv1.Access)
	if len(access.GetRoles()) == 0 {
		return nil, fmt.Errorf("api: method %s does not say which roles may call it", d.FullName())
	}
	m := &method{descriptor: d, roles: make(map[patchbayv1.Role]bool)}
	for _, role := range access.GetRoles() {
		m.roles[role] = true
	}
	if name := access.GetAgentField(); name != "" {
		m.agentField = d.Input().Fields().ByName(protoreflect.Name(name))
		if m.agentField == nil || m.agentField.Kind() != protoreflect.StringKind {
			return nil, fmt.Errorf("api: method %s: its request has no string field %q", d.FullName(), name)
		}
	}
	if m.roles[patchbayv1.Role_ROLE_AGENT] && m.agentField == nil {
		return nil, fmt.Errorf("api: method %s: agents may call it, but no field says for whom they act", d.FullName())
	}
	return m, nil
}

// admit reports whether the caller may call the method at all.
func (m *method) admit(p *principal) error {
	if p.role == patchbayv1.Role_ROLE_UNSPECIFIED || m.roles[p.role] {
		return nil
	}
	return refuse(codes.PermissionDenied, codeForbidden, "", "key %q may not call %s: its role does not allow it", p.name, m.descriptor.Name())
}

// bind keeps an agent's key to its own agent: the request names that agent, or
// nobody and then is made to.
func (m *method) bind(p *principal, request protoreflect.Message) error {
	if p.agent == "" || m.agentField == nil {
		return nil
	}
	switch request.Get(m.agentField).String() {
	case p.agent:
	case "":
		request.Set(m.agentField, protoreflect.ValueOfString(p.agent))
	default:
		return refuse(codes.PermissionDenied, codeForbidden, string(m.agentField.Name()), "key %q acts for agent %q alone", p.name, p.agent)
	}
	return nil
}

type principalKey struct{}

func withPrincipal(ctx context.Context, p *principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// caller returns who makes the call. Every method is reached through the gate,
// which says who it is.
func caller(ctx context.Context) *principal {
	return ctx.Value(principalKey{}).(*principal)
}
