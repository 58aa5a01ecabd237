// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// body is the body of a request on its way to the gateway, and what was found
// wrong with it: the gateway passes errors on as mere text.
type body struct {
	io.ReadCloser
	endpoint *endpoint
	refusal  *refusal
}

// jsonCodec is the JSON of the REST API: fields are named as in the proto, and
// zeros are written. Reading is strict.
type jsonCodec struct{ *runtime.JSONPb }

func newJSON() jsonCodec {
	return jsonCodec{&runtime.JSONPb{MarshalOptions: protojson.MarshalOptions{
		UseProtoNames: true, EmitDefaultValues: true,
	}}}
}

// NewDecoder implements runtime.Marshaler.
func (jsonCodec) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(into any) error {
		b, ok := r.(*body)
		message, isMessage := into.(proto.Message)
		if !ok || !isMessage {
			return fmt.Errorf("api: a body of type %T for %T was not expected", r, into)
		}
		if b.refusal = b.decode(message); b.refusal != nil {
			return b.refusal
		}
		return nil
	})
}

// decode reads the one JSON object that the body should be. No body is as good
// as an empty object.
func (b *body) decode(into proto.Message) *refusal {
	text, err := io.ReadAll(b)
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return refuse(codes.ResourceExhausted, codeTooLarge, "", "the body is larger than %d bytes", MaxRequestBytes)
	case err != nil:
		return invalid("", "the body could not be read to its end")
	case len(bytes.Trim(text, " \t\r\n")) == 0: // JSON knows no other spaces
		return nil
	}
	if err := protojson.Unmarshal(text, into); err != nil {
		return explain(into.ProtoReflect().Descriptor(), text, err)
	}
	if f := shaped(b.endpoint.input, text); f != nil {
		return f
	}
	for _, name := range b.endpoint.inPath {
		if field := b.endpoint.input.Fields().ByName(protoreflect.Name(name)); into.ProtoReflect().Has(field) {
			return refuse(codes.InvalidArgument, codeUnknownField, name, "%s is given by the path; leave it out of the body", name)
		}
	}
	return nil
}

// explain finds the field that keeps a body from being read.
func explain(message protoreflect.MessageDescriptor, text []byte, cause error) *refusal {
	var value map[string]json.RawMessage
	if err := json.Unmarshal(text, &value); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) || string(bytes.TrimSpace(text)) == "null" {
			return refuse(codes.InvalidArgument, codeInvalidJSON, "", "the body should be a JSON object")
		}
		return refuse(codes.InvalidArgument, codeInvalidJSON, "", "the body is not JSON: %v", err)
	}
	if f := locate(message, value, ""); f != nil {
		return f
	}
	return refuse(codes.InvalidArgument, codeInvalidJSON, "", "the body cannot be read: %s", words(cause))
}

// locate returns what is wrong with the first wrong field in order of names,
// nil if each alone is right.
func locate(message protoreflect.MessageDescriptor, value map[string]json.RawMessage, at string) *refusal {
	names := make([]string, 0, len(value))
	for name := range value {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		field := message.Fields().ByTextName(name)
		if field == nil {
			field = message.Fields().ByJSONName(name)
		}
		if field == nil {
			return refuse(codes.InvalidArgument, codeUnknownField, at+name, "there is no field %q", at+name)
		}
		alone, err := json.Marshal(map[string]json.RawMessage{name: value[name]})
		if err != nil {
			return refuse(codes.InvalidArgument, codeInvalidJSON, at+name, "%s is not JSON", at+name)
		}
		err = protojson.Unmarshal(alone, dynamicpb.NewMessage(message))
		if err == nil {
			continue
		}
		var inner map[string]json.RawMessage
		if field.Message() != nil && !field.IsMap() && !field.IsList() && json.Unmarshal(value[name], &inner) == nil {
			if f := locate(field.Message(), inner, at+name+"."); f != nil {
				return f
			}
		}
		return invalid(at+name, "%s cannot be read: %s", at+name, words(err))
	}
	return nil
}

var (
	jsonOrigin   = regexp.MustCompile(`^proto:[\s\x{a0}]*`)
	jsonPosition = regexp.MustCompile(`\(line \d+:\d+\): `)
)

// words is what a decoder's error says, without where it comes from and
// without positions in text that the caller did not write.
func words(err error) string {
	text := jsonPosition.ReplaceAllString(jsonOrigin.ReplaceAllString(err.Error(), ""), "")
	return strings.ReplaceAll(text, "\u00a0", " ")
}
