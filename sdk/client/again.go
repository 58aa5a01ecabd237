// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"path"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// again makes calls, and those that may be made again without harm again while
// the host cannot be reached.
func (c *Client) again(
	ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, call grpc.UnaryInvoker, options ...grpc.CallOption,
) error {
	request, safe := repeatable(method, request)
	for failures := 1; ; failures++ {
		err := call(ctx, method, request, reply, conn, options...)
		if !safe || !passing(err) || failures >= c.options.Attempts || !sleep(ctx, c.pause(failures)) {
			return err
		}
	}
}

// passing reports whether what went wrong may pass by itself.
func passing(err error) bool { return status.Code(err) == codes.Unavailable }

// repeatable reports whether a call may be made again without harm: it only asks,
// or has an idempotency key. One that creates work is given a key if it has none;
// the caller's own message is left as it is.
func repeatable(method string, request any) (any, bool) {
	switch r := request.(type) {
	case *patchbayv1.CreateWorkRequest:
		if r.GetIdempotencyKey() == "" {
			r = proto.CloneOf(r)
			r.IdempotencyKey = NewKey()
		}
		return r, true
	case *patchbayv1.StartWorkRequest:
		if r.GetIdempotencyKey() == "" {
			r = proto.CloneOf(r)
			r.IdempotencyKey = NewKey()
		}
		return r, true
	}
	name := path.Base(method)
	for _, asks := range []string{"Get", "List", "Explain", "Plan"} {
		if strings.HasPrefix(name, asks) {
			return request, true
		}
	}
	return request, false
}
