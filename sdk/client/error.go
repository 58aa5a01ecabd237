// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// domain is that of the host's own errors.
const domain = "patchbay"

// Error is why a host refused a call. What is refused has changed nothing.
type Error struct {
	// Code is the stable name of the reason, such as "unknown_queue". It is empty
	// if it was not the host that refused: it could not be reached, say.
	Code string
	// Message says what is wrong and what would be right.
	Message string
	// Field is the path of the request's field that is wrong; empty if it is none.
	Field string
	// GRPC is the status by which it came.
	GRPC codes.Code
}

// Error implements error.
func (e *Error) Error() string {
	switch {
	case e.Code == "":
		return "client: " + e.Message
	case e.Field == "":
		return fmt.Sprintf("client: %s: %s", e.Code, e.Message)
	default:
		return fmt.Sprintf("client: %s: %s: %s", e.Code, e.Field, e.Message)
	}
}

// ErrorOf reads an error of a Client's call. It is nil if err is nil or did not
// come of a call, such as that of a context that has ended before.
func ErrorOf(err error) *Error {
	if err == nil {
		return nil
	}
	s, ok := status.FromError(err)
	if !ok {
		return nil
	}
	e := &Error{Message: s.Message(), GRPC: s.Code()}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == domain {
			e.Code, e.Field = info.GetReason(), info.GetMetadata()["field"]
		}
	}
	return e
}

// Code is the code of an error of a Client's call; empty if it has none.
func Code(err error) string {
	if e := ErrorOf(err); e != nil {
		return e.Code
	}
	return ""
}
