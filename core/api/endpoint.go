// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// endpoint is one method of the REST API as the proto declares it.
type endpoint struct {
	verb, path string
	method     *method
	input      protoreflect.MessageDescriptor
	inPath     []string // fields that the path gives
	hasBody    bool
}

var pathVariable = regexp.MustCompile(`\{([a-z_]+)\}`)

// endpoints reads all of them, by verb and by path as the gateway writes it.
func endpoints() (map[string]*endpoint, error) {
	table, err := methods()
	if err != nil {
		return nil, err
	}
	out := make(map[string]*endpoint, len(table))
	for name, m := range table {
		rule, _ := proto.GetExtension(m.descriptor.Options(), annotations.E_Http).(*annotations.HttpRule)
		r := &endpoint{method: m, input: m.descriptor.Input(), hasBody: rule.GetBody() != ""}
		switch {
		case rule.GetGet() != "":
			r.verb, r.path = http.MethodGet, rule.GetGet()
		case rule.GetPost() != "" && rule.GetBody() == "*":
			r.verb, r.path = http.MethodPost, rule.GetPost()
		default:
			return nil, fmt.Errorf("api: method %s: it needs a GET without body, or a POST with body \"*\"", name)
		}
		for _, match := range pathVariable.FindAllStringSubmatch(r.path, -1) {
			r.inPath = append(r.inPath, match[1])
		}
		out[r.verb+" "+pathVariable.ReplaceAllString(r.path, "{$1=*}")] = r
	}
	return out, nil
}

// strict checks what the gateway is lax about, before it reads the request.
func (s *rest) strict(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, path map[string]string) {
		pattern, _ := runtime.HTTPPattern(r.Context())
		at, ok := s.endpoints[r.Method+" "+pattern.String()]
		if !ok {
			s.misrouted(r.Context(), s.mux, nil, w, r, http.StatusNotFound)
			return
		}
		if err := s.admitted(r, at); err != nil {
			writeError(w, err)
			return
		}
		if f := at.check(r, path); f != nil {
			writeRefusal(w, f)
			return
		}
		if at.hasBody {
			r.Body = &body{ReadCloser: http.MaxBytesReader(w, r.Body, MaxRequestBytes), endpoint: at}
		}
		next(w, r, path)
	}
}

// admitted refuses callers who may not call the method, before anything is said
// about their request. The gate decides again, about the call itself.
func (s *rest) admitted(r *http.Request, at *endpoint) error {
	ctx := metadata.NewIncomingContext(r.Context(), metadata.MD{"authorization": r.Header.Values("Authorization")})
	p, err := s.sockets.gate.keys.identify(ctx)
	if err != nil {
		return err
	}
	return at.method.admit(p)
}

// allowed lists the methods of HTTP that a path takes, in order; none if there is
// nothing at the path.
func (s *rest) allowed(path string) []string {
	var verbs []string
	segments := strings.Split(path, "/")
	for _, at := range s.endpoints {
		fits := slices.EqualFunc(strings.Split(at.path, "/"), segments, func(declared, segment string) bool {
			return declared == segment || pathVariable.MatchString(declared) && segment != ""
		})
		if fits && !slices.Contains(verbs, at.verb) {
			verbs = append(verbs, at.verb)
		}
	}
	slices.Sort(verbs)
	return verbs
}

// unescape reads the path's fields anew, since the gateway leaves encoded
// slashes in them as they are.
func (at *endpoint) unescape(r *http.Request, path map[string]string) *refusal {
	segments := strings.Split(r.URL.EscapedPath(), "/")
	for i, segment := range strings.Split(at.path, "/") {
		match := pathVariable.FindStringSubmatch(segment)
		if match == nil || i >= len(segments) {
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil {
			return invalid(match[1], "%s is not well escaped", match[1])
		}
		path[match[1]] = value
	}
	return nil
}

func (at *endpoint) check(r *http.Request, path map[string]string) *refusal {
	if f := at.unescape(r, path); f != nil {
		return f
	}
	for name, value := range path {
		if !utf8.ValidString(value) {
			return invalid(name, "%s is not valid UTF-8", name)
		}
	}
	if at.hasBody {
		return at.checkBody(r)
	}
	if r.ContentLength != 0 {
		return invalid("", "%s %s takes no body", r.Method, r.URL.Path)
	}
	return at.checkQuery(r)
}

func (at *endpoint) checkBody(r *http.Request) *refusal {
	if r.URL.RawQuery != "" {
		return refuse(codes.InvalidArgument, codeUnknownParameter, "", "%s %s takes no query parameters; its fields belong into the body", r.Method, r.URL.Path)
	}
	if r.ContentLength == 0 {
		return nil
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != "application/json" {
		f := refuse(codes.InvalidArgument, codeWrongMediaType, "", "the body should be JSON, with the header \"Content-Type: application/json\"")
		f.http = http.StatusUnsupportedMediaType
		return f
	}
	return nil
}

// checkQuery refuses query parameters that are no fields of the request or hold
// no fitting value. Enums may be given by their short names, such as "waiting".
func (at *endpoint) checkQuery(r *http.Request) *refusal {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return invalid("", "the query cannot be read: %v", err)
	}
	changed := false
	for name, values := range query {
		field := at.input.Fields().ByName(protoreflect.Name(name))
		if field == nil || slices.Contains(at.inPath, name) || field.Message() != nil {
			return refuse(codes.InvalidArgument, codeUnknownParameter, name, "there is no query parameter %q%s", name, at.parameters())
		}
		if len(values) > 1 && !field.IsList() {
			return invalid(name, "%s is given twice", name)
		}
		for i, value := range values {
			if !utf8.ValidString(value) {
				return invalid(name, "%s is not valid UTF-8", name)
			}
			long, ok := enumName(field, value)
			switch {
			case ok:
				values[i], changed = long, true
			case field.Enum() != nil && field.Enum().Values().ByName(protoreflect.Name(value)) == nil: // a number
				return invalid(name, "%s should be %s, not %q", name, kindName(field), value)
			}
		}
		if err := populate(dynamicpb.NewMessage(at.input), url.Values{name: values}); err != nil {
			return invalid(name, "%s should be %s, not %q", name, kindName(field), strings.Join(values, ","))
		}
	}
	if changed {
		r.URL.RawQuery = query.Encode()
	}
	return nil
}

// parameters lists the query parameters for an error message.
func (at *endpoint) parameters() string {
	var names []string
	for i := range at.input.Fields().Len() {
		if name := string(at.input.Fields().Get(i).Name()); !slices.Contains(at.inPath, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return "; there are none"
	}
	return "; there are: " + strings.Join(names, ", ")
}

// populate fills a request from query parameters.
func populate(into proto.Message, values url.Values) error {
	return new(runtime.DefaultQueryParser).Parse(into, values, utilities.NewDoubleArray(nil))
}

// enumName completes the short name of an enum's value, such as "waiting" to
// "WORK_STATE_WAITING".
func enumName(field protoreflect.FieldDescriptor, value string) (string, bool) {
	if field.Kind() != protoreflect.EnumKind {
		return "", false
	}
	values := field.Enum().Values()
	prefix := strings.TrimSuffix(string(values.ByNumber(0).Name()), "UNSPECIFIED")
	long := prefix + strings.ToUpper(value)
	return long, values.ByName(protoreflect.Name(long)) != nil
}

// kindName says in words what a query parameter should be.
func kindName(field protoreflect.FieldDescriptor) string {
	switch field.Kind() {
	case protoreflect.EnumKind:
		values := field.Enum().Values()
		names := make([]string, 0, values.Len()-1)
		for i := 1; i < values.Len(); i++ {
			names = append(names, shortName(field.Enum(), values.Get(i).Number()))
		}
		return "one of " + strings.Join(names, ", ")
	case protoreflect.StringKind:
		return "text"
	case protoreflect.BoolKind:
		return "true or false"
	default:
		return "a whole number from 0"
	}
}

// shortName is an enum value's name without the prefix and in lower case, such
// as "work_created".
func shortName(enum protoreflect.EnumDescriptor, number protoreflect.EnumNumber) string {
	value := enum.Values().ByNumber(number)
	if value == nil {
		return fmt.Sprint(number)
	}
	prefix := strings.TrimSuffix(string(enum.Values().ByNumber(0).Name()), "UNSPECIFIED")
	return strings.ToLower(strings.TrimPrefix(string(value.Name()), prefix))
}
