// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// Every service of the package, whether this program serves it or not, must
// say who may call its methods.
func TestEveryMethodDeclaresItsRoles(t *testing.T) {
	t.Parallel()
	served, err := methods()
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	protoregistry.GlobalFiles.RangeFilesByPackage("patchbay.v1", func(file protoreflect.FileDescriptor) bool {
		for i := range file.Services().Len() {
			service := file.Services().Get(i)
			for j := range service.Methods().Len() {
				m := service.Methods().Get(j)
				count++
				if _, err := newMethod(m); err != nil {
					t.Error(err)
				}
				if _, ok := served["/"+string(service.FullName())+"/"+string(m.Name())]; !ok {
					t.Errorf("%s is not served: its file is missing in files()", m.FullName())
				}
			}
		}
		return true
	})
	if count != len(served) || count == 0 {
		t.Errorf("%d methods are declared, %d served", count, len(served))
	}
}

// The check above can fail: a method without the option, or with one that
// makes no sense, is refused.
func TestAMethodWithoutRolesIsRefused(t *testing.T) {
	t.Parallel()
	for want, access := range map[string]*patchbayv1.Access{
		"does not say which roles":       nil,
		"has no string field \"person\"": {Roles: []patchbayv1.Role{patchbayv1.Role_ROLE_ADMIN}, AgentField: "person"},
		"no field says for whom":         {Roles: []patchbayv1.Role{patchbayv1.Role_ROLE_AGENT}},
	} {
		options := &descriptorpb.MethodOptions{}
		if access != nil {
			proto.SetExtension(options, patchbayv1.E_Access, access)
		}
		file, err := protodesc.NewFile(&descriptorpb.FileDescriptorProto{
			Name: new("test.proto"), Package: new("test"), Syntax: new("proto3"),
			Dependency: []string{"patchbay/v1/host.proto"},
			Service: []*descriptorpb.ServiceDescriptorProto{{
				Name: new("Service"), Method: []*descriptorpb.MethodDescriptorProto{{
					Name: new("Call"), InputType: new(".patchbay.v1.GetStatusRequest"),
					OutputType: new(".patchbay.v1.GetStatusResponse"), Options: options,
				}},
			}},
		}, protoregistry.GlobalFiles)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := newMethod(file.Services().Get(0).Methods().Get(0)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
}
