// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// printed is an error as people and programs see it.
type printed struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Field   string `json:"field,omitempty"`
}

// printError writes one sentence with the code and the field if there are any,
// or the same as JSON in the shape of the REST API.
func printError(w io.Writer, err error, asJSON bool) {
	p := describe(err)
	if asJSON {
		// What is marshalled are strings, and a failing stderr cannot be told.
		text, _ := json.Marshal(map[string]printed{"error": p}) //nolint:errchkjson // see above
		fmt.Fprintf(w, "%s\n", text)
		return
	}
	fmt.Fprintf(w, "patchbay: %s", p.Message)
	switch {
	case p.Field != "":
		fmt.Fprintf(w, " (%s, field %s)", p.Code, p.Field)
	case p.Code != "failed" && p.Code != "usage":
		fmt.Fprintf(w, " (%s)", p.Code)
	}
	fmt.Fprintln(w)
}

// wrapping is what the gRPC library writes around the reason why a connection
// failed.
var wrapping = regexp.MustCompile(`^.*desc = "transport: (?:Error while dialing: )?(.*)"$`)

// cause finds the reason why a connection failed, or returns the text as it is.
func cause(text string) string {
	found := wrapping.FindStringSubmatch(text)
	if found == nil {
		return text
	}
	return strings.ReplaceAll(found[1], `\"`, `"`)
}

func describe(err error) printed {
	var usage *usageError
	switch {
	case errors.As(err, &usage):
		return printed{Code: "usage", Message: usage.text}
	case errors.Is(err, context.Canceled), status.Code(err) == codes.Canceled:
		return printed{Code: "failed", Message: "stopped before it was done"}
	}
	if coded, ok := errors.AsType[*codedError](err); ok {
		return printed{Code: coded.code, Message: coded.text}
	}
	s, ok := status.FromError(err)
	if !ok {
		return printed{Code: "failed", Message: strings.TrimPrefix(err.Error(), "patchbay: ")}
	}
	p := printed{Code: strings.ToLower(s.Code().String()), Message: s.Message()}
	switch s.Code() {
	case codes.Unavailable:
		p = printed{Code: "unavailable", Message: "the host cannot be reached: " + cause(s.Message())}
	case codes.DeadlineExceeded:
		p = printed{Code: "unavailable", Message: "the host did not answer in time"}
		if why := cause(s.Message()); why != s.Message() {
			p.Message = "the host cannot be reached: " + why
		}
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == "patchbay" {
			p.Code, p.Field = info.GetReason(), info.GetMetadata()["field"]
		}
	}
	return p
}
