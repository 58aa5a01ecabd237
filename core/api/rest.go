// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

//go:embed openapi.swagger.json
var openAPI []byte

// OpenAPI returns the OpenAPI 2.0 document of the REST API, which is also
// served at /openapi.json.
func OpenAPI() []byte { return append([]byte(nil), openAPI...) }

// rest is the REST API: the gateway's translation to gRPC, with stricter rules
// about what a request may hold, streams as Server-Sent Events, and one shape
// of error.
type rest struct {
	workspace *host.Workspace
	local     grpc.ClientConnInterface
	mux       *runtime.ServeMux
	endpoints map[string]*endpoint
	sockets   *sockets
	// open says that there are no keys, so that a browser's own rules are all
	// that keeps other sites' scripts out.
	open bool
}

// newREST returns the handler for HTTP/1.1. Calls go to the methods registered
// with local.
func newREST(local grpc.ClientConnInterface, workspace *host.Workspace, open bool, sockets *sockets) (http.Handler, error) {
	table, err := endpoints()
	if err != nil {
		return nil, err
	}
	s := &rest{workspace: workspace, local: local, endpoints: table, open: open, sockets: sockets}
	s.mux = runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, newJSON()),
		runtime.WithErrorHandler(s.failed),
		runtime.WithRoutingErrorHandler(s.misrouted),
		runtime.WithMiddlewares(s.strict),
		runtime.WithIncomingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithUnescapingMode(runtime.UnescapingModeAllExceptSlash),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
	)
	for _, register := range []func() error{
		func() error {
			return patchbayv1.RegisterWorkServiceHandlerClient(context.Background(), s.mux, patchbayv1.NewWorkServiceClient(local))
		},
		func() error {
			return patchbayv1.RegisterAgentServiceHandlerClient(context.Background(), s.mux, patchbayv1.NewAgentServiceClient(local))
		},
		func() error {
			return patchbayv1.RegisterFeedServiceHandlerClient(context.Background(), s.mux, patchbayv1.NewFeedServiceClient(local))
		},
		func() error {
			return patchbayv1.RegisterHostServiceHandlerClient(context.Background(), s.mux, patchbayv1.NewHostServiceClient(local))
		},
		func() error {
			return patchbayv1.RegisterExplainServiceHandlerClient(context.Background(), s.mux, patchbayv1.NewExplainServiceClient(local))
		},
		func() error {
			return patchbayv1.RegisterStrategyServiceHandlerClient(context.Background(), s.mux, patchbayv1.NewStrategyServiceClient(local))
		},
		func() error {
			return patchbayv1.RegisterJournalServiceHandlerClient(context.Background(), s.mux, patchbayv1.NewJournalServiceClient(local))
		},
		func() error {
			return patchbayv1.RegisterConfigServiceHandlerClient(context.Background(), s.mux, patchbayv1.NewConfigServiceClient(local))
		},
		func() error {
			return patchbayv1.RegisterRoutingServiceHandlerClient(context.Background(), s.mux, patchbayv1.NewRoutingServiceClient(local))
		},
		func() error {
			return patchbayv1.RegisterWebhookServiceHandlerClient(context.Background(), s.mux, patchbayv1.NewWebhookServiceClient(local))
		},
		// Streams come after, since the last handler of a path is the one used.
		func() error { return s.mux.HandlePath(http.MethodGet, "/v1/events", s.events) },
		func() error { return s.mux.HandlePath(http.MethodGet, "/v1/agents/{agent}/offers", s.offers) },
		func() error { return s.mux.HandlePath(http.MethodGet, "/v1/work/{work}/explanation", s.explanation) },
		func() error { return s.mux.HandlePath(http.MethodGet, "/v1/journal", s.journal) },
		func() error { return s.mux.HandlePath(http.MethodGet, "/v1/routing/{queue}/feed", s.routing) },
	} {
		if err := register(); err != nil {
			return nil, err
		}
	}
	sites := http.NewCrossOriginProtection()
	sites.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeRefusal(w, refuse(codes.PermissionDenied, codeForbidden, "", "requests of other sites' pages are refused"))
	}))
	return sites.Handler(s), nil
}

// ServeHTTP implements http.Handler.
func (s *rest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if s.open && !localName(r.Host) {
		writeRefusal(w, refuse(codes.PermissionDenied, codeForbidden, "", "without keys the host answers to the names of this machine alone, not to %q", r.Host))
		return
	}
	switch r.URL.Path {
	case "/openapi.json":
		s.document(w, r)
	case "/healthz":
		s.health(w, r)
	case SocketPath:
		s.sockets.session(w, r)
	default:
		s.mux.ServeHTTP(w, r)
	}
}

// localName reports whether a Host header names this machine itself. A page
// that has its own name resolved to 127.0.0.1 sends that name.
func localName(header string) bool {
	name, _, err := net.SplitHostPort(header)
	if err != nil {
		name = header
	}
	if n := len(name); n > 1 && name[0] == '[' && name[n-1] == ']' {
		name = name[1 : n-1]
	}
	ip := net.ParseIP(name)
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

func onlyGet(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	writeRefusal(w, wrongMethod(r))
	return false
}

func (s *rest) document(w http.ResponseWriter, r *http.Request) {
	if onlyGet(w, r) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(openAPI)
	}
}

// Health is the body of /healthz.
type Health struct {
	// Alive is true in every answer.
	Alive bool `json:"alive"`
	// Durable says that the workspace answers and that its journal keeps up.
	Durable bool `json:"durable"`
	// Error says why it does not; left out if it does.
	Error string `json:"error,omitempty"`
}

// health answers 200 if the workspace answers with something durable, else
// 503.
func (s *rest) health(w http.ResponseWriter, r *http.Request) {
	if !onlyGet(w, r) {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	health, code := Health{Alive: true, Durable: true}, http.StatusOK
	if err := s.workspace.View(ctx, func(*engine.Engine) {}); err != nil {
		health, code = Health{Alive: true, Error: "the workspace does not answer; the host's log says why"}, http.StatusServiceUnavailable
	}
	writeJSON(w, code, health)
}

// failed answers with an error, whichever way it arose.
func (s *rest) failed(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
	if b, ok := r.Body.(*body); ok && b.refusal != nil {
		writeRefusal(w, b.refusal)
		return
	}
	if malformed, ok := errors.AsType[*runtime.HTTPStatusError](err); ok {
		s.misrouted(r.Context(), s.mux, nil, w, r, malformed.HTTPStatus)
		return
	}
	writeError(w, err)
}

// misrouted answers requests that no method is for.
func (s *rest) misrouted(_ context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, code int) {
	switch code {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", strings.Join(s.allowed(r.URL.EscapedPath()), ", "))
		writeRefusal(w, wrongMethod(r))
	case http.StatusBadRequest:
		writeRefusal(w, invalid("", "the path cannot be read"))
	default:
		writeRefusal(w, refuse(codes.NotFound, codeUnknownPath, "", "there is nothing at %q; /openapi.json lists what there is", r.URL.Path))
	}
}

func wrongMethod(r *http.Request) *refusal {
	f := refuse(codes.Unimplemented, codeWrongMethod, "", "%q does not take %s", r.URL.Path, r.Method)
	f.http = http.StatusMethodNotAllowed
	return f
}

func writeError(w http.ResponseWriter, err error) {
	var f *refusal
	if !errors.As(err, &f) {
		f = ofStatus(status.Convert(err))
	}
	writeRefusal(w, f)
}

// errorBody is patchbay.v1.ErrorResponse in plain JSON.
type errorBody struct {
	Error struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Field   string `json:"field,omitempty"`
	} `json:"error"`
}

func (r *refusal) body() errorBody {
	var b errorBody
	b.Error.Code, b.Error.Message, b.Error.Field = r.code, r.message, r.field
	return b
}

func writeRefusal(w http.ResponseWriter, f *refusal) {
	if f.kind == codes.Unauthenticated {
		w.Header().Set("WWW-Authenticate", `Bearer realm="patchbay"`)
	}
	writeJSON(w, f.status(), f.body())
}

func writeJSON(w http.ResponseWriter, code int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		code, text = http.StatusInternalServerError, []byte(`{"error":{"code":"internal","message":"the answer could not be written"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_, _ = w.Write(append(text, '\n'))
}
