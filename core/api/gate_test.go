// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// What goes wrong inside is told to the log and not to the caller.
func TestFaultsOfMethodsAreContained(t *testing.T) {
	t.Parallel()
	for name, handle := range map[string]grpc.UnaryHandler{
		"panic": func(context.Context, any) (any, error) { panic("secret fault") },
		"error": func(context.Context, any) (any, error) { return nil, errors.New("secret fault") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log strings.Builder
			g, err := newGate(t.Context(), nil, slog.New(slog.NewTextHandler(&log, nil)))
			if err != nil {
				t.Fatal(err)
			}
			info := &grpc.UnaryServerInfo{FullMethod: patchbayv1.HostService_GetStatus_FullMethodName}
			_, err = g.unary(t.Context(), &patchbayv1.GetStatusRequest{}, info, handle)
			if status.Code(err) != codes.Internal || strings.Contains(err.Error(), "secret") {
				t.Errorf("the caller is told %v", err)
			}
			if !strings.Contains(log.String(), "secret fault") || !strings.Contains(log.String(), "GetStatus") {
				t.Errorf("the log says %q", log.String())
			}
		})
	}
}
