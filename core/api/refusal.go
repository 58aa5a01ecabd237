// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
)

// Domain is the domain of the google.rpc.ErrorInfo that every error carries
// over gRPC; its reason is the error's code.
const Domain = "patchbay"

// The codes of errors that the API itself makes. Those of the engine are
// passed through.
const (
	codeInvalid          = string(engine.CodeInvalid)
	codeInvalidJSON      = "invalid_json"
	codeUnknownField     = "unknown_field"
	codeUnknownParameter = "unknown_parameter"
	codeUnknownPath      = "unknown_path"
	codeUnknownMethod    = "unknown_method"
	codeWrongMethod      = "wrong_method"
	codeWrongMediaType   = "wrong_media_type"
	codeTooLarge         = "too_large"
	codeUnauthenticated  = "unauthenticated"
	codeForbidden        = "forbidden"
	codeReplaced         = "replaced"
	codeTooSlow          = "too_slow"
	codeEventsGone       = "events_gone"
	codeShuttingDown     = "shutting_down"
	codeUnavailable      = "unavailable"
	codeTimeout          = "timeout"
	codeCanceled         = "canceled"
	codeNoTrial          = "no_trial"
	codeInternal         = "internal"
	codeBadConfig        = "bad_config"
	codeNoConfig         = "no_config"
	codeOtherVersion     = "other_version"
	codeUnproven         = "strategy_does_not_start"
	codeNoVersion        = "unknown_version"
	codeUnknownWebhook   = "unknown_webhook"
	codeNoFeed           = "no_feed"
)

// refusal is an error as callers see it.
type refusal struct {
	kind    codes.Code
	http    int // 0 follows from kind
	code    string
	field   string
	message string
}

// Error implements error.
func (r *refusal) Error() string {
	if r.field == "" {
		return fmt.Sprintf("api: %s: %s", r.code, r.message)
	}
	return fmt.Sprintf("api: %s: %s: %s", r.code, r.field, r.message)
}

func refuse(kind codes.Code, code, field, format string, args ...any) *refusal {
	return &refusal{kind: kind, code: code, field: field, message: fmt.Sprintf(format, args...)}
}

func invalid(field, format string, args ...any) *refusal {
	return refuse(codes.InvalidArgument, codeInvalid, field, format, args...)
}

// GRPCStatus makes the refusal a gRPC status with its details.
func (r *refusal) GRPCStatus() *status.Status {
	plain := status.New(r.kind, r.message)
	info := &errdetails.ErrorInfo{Reason: r.code, Domain: Domain}
	details := []protoadapt.MessageV1{info}
	if r.field != "" {
		info.Metadata = map[string]string{"field": r.field}
		details = append(details, &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{
			Field: r.field, Description: r.message, Reason: r.code,
		}}})
	}
	full, err := plain.WithDetails(details...)
	if err != nil {
		return plain
	}
	return full
}

// status returns the HTTP status of the refusal.
func (r *refusal) status() int {
	if r.http != 0 {
		return r.http
	}
	switch r.kind {
	case codes.InvalidArgument, codes.OutOfRange:
		return http.StatusBadRequest
	case codes.Unauthenticated:
		return http.StatusUnauthorized
	case codes.PermissionDenied:
		return http.StatusForbidden
	case codes.NotFound, codes.Unimplemented:
		return http.StatusNotFound
	case codes.AlreadyExists, codes.FailedPrecondition, codes.Aborted:
		return http.StatusConflict
	case codes.ResourceExhausted:
		return http.StatusRequestEntityTooLarge
	case codes.Unavailable:
		return http.StatusServiceUnavailable
	case codes.DeadlineExceeded:
		return http.StatusGatewayTimeout
	case codes.Canceled:
		return 499 // as others do: the client is gone and will not read it
	default:
		return http.StatusInternalServerError
	}
}

// ofEngine is a refusal of the engine. What a path names and is not there is
// not found; an unknown name elsewhere in a request makes the request invalid.
func ofEngine(r *engine.Refusal) *refusal {
	kind := codes.InvalidArgument
	switch r.Code {
	case engine.CodeUnknownWork, engine.CodeUnknownAssignment:
		kind = codes.NotFound
	case engine.CodeUnknownAgent:
		if r.Field == "agent" {
			kind = codes.NotFound
		}
	case engine.CodeUnknownStrategy:
		if r.Field == "strategy" {
			kind = codes.NotFound
		}
	case engine.CodeNotSignedIn, engine.CodeWrongState, engine.CodeInUse, engine.CodeAgentUnavailable, engine.CodeNoCapacity,
		engine.CodeLimit, engine.CodeQueueFull, engine.CodeQueueClosed, host.CodeFenced:
		kind = codes.FailedPrecondition
	case engine.CodeStale:
		kind = codes.Aborted
	case engine.CodeAlreadySignedIn:
		kind = codes.AlreadyExists
	case engine.CodeNotYours:
		kind = codes.PermissionDenied
	}
	return &refusal{kind: kind, code: string(r.Code), field: r.Field, message: r.Message}
}

// ofStatus reads a refusal back from a status, and gives one to a status that
// was not made here.
func ofStatus(s *status.Status) *refusal {
	r := &refusal{kind: s.Code(), code: plainCode(s.Code()), message: s.Message()}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == Domain {
			r.code, r.field = info.GetReason(), info.GetMetadata()["field"]
		}
	}
	return r
}

func plainCode(kind codes.Code) string {
	switch kind {
	case codes.InvalidArgument, codes.OutOfRange, codes.FailedPrecondition:
		return codeInvalid
	case codes.NotFound, codes.Unimplemented:
		return codeUnknownMethod
	case codes.Unauthenticated:
		return codeUnauthenticated
	case codes.PermissionDenied:
		return codeForbidden
	case codes.ResourceExhausted:
		return codeTooLarge
	case codes.Unavailable:
		return codeUnavailable
	case codes.DeadlineExceeded:
		return codeTimeout
	case codes.Canceled:
		return codeCanceled
	default:
		return codeInternal
	}
}

// ofError turns whatever a method returned into a refusal. The second result
// is false for what only the host's log should tell in full.
func ofError(err error) (*refusal, bool) {
	var mine *refusal
	var engines *engine.Refusal
	switch {
	case errors.As(err, &mine):
		return mine, true
	case errors.As(err, &engines):
		return ofEngine(engines), true
	case errors.Is(err, host.ErrClosed):
		return refuse(codes.Unavailable, codeShuttingDown, "", "the host is shutting down; try again"), true
	case errors.Is(err, context.Canceled):
		return refuse(codes.Canceled, codeCanceled, "", "the request was given up before it was done"), true
	case errors.Is(err, context.DeadlineExceeded):
		return refuse(codes.DeadlineExceeded, codeTimeout, "", "the request was not done within its deadline; what it asked for may still happen"), true
	}
	if s, ok := status.FromError(err); ok {
		return ofStatus(s), true
	}
	return refuse(codes.Internal, codeInternal, "", "the host failed to do it; its log says why"), false
}
