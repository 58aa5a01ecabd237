// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// firstFit offers each work to the first agent who may have it.
type firstFit struct{ board route.Board }

func (*firstFit) Configure([]byte) error { return nil }

func (s *firstFit) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := s.board.Apply(turn); err != nil {
		return err
	}
	for work := range s.board.AllWork() {
		for agent := range s.board.Candidates(work) {
			reply.Propose(work, agent, 1, 1)
			break
		}
	}
	return nil
}

// definition has two queues. ann and bob serve support, cid serves sales; bob
// must give a reason for declining, cid's offers open by themselves.
func definition() engine.Definition {
	d := engine.Definition{
		Channels: []engine.Channel{{Name: "case", Size: engine.Units(engine.Unit)}, {Name: "voice", Size: engine.Units(2 * engine.Unit)}},
		Statuses: []engine.Status{{Name: "available", Channels: []string{"case", "voice"}}, {Name: "break"}},
		PresenceConfigs: []engine.PresenceConfig{
			{Name: "auto", Capacity: 2 * engine.Unit, MaxOpen: 10, AutoAccept: true},
			{Name: "plain", Capacity: 2 * engine.Unit, MaxOpen: 10, StatusAfterDecline: "break"},
			{Name: "reasons", Capacity: 2 * engine.Unit, MaxOpen: 10, DeclineReasons: []string{"busy"}},
		},
		RoutingConfigs: []engine.RoutingConfig{{Name: "plain", Priority: 5, Strategy: "first", PushTimeout: 600_000}},
		Queues:         []engine.QueueDefinition{{Name: "sales", Routing: "plain"}, {Name: "support", Routing: "plain"}},
		Agents: []engine.AgentDefinition{
			{ID: "ann", Name: "Ann Lee", PresenceConfig: "plain", Queues: engine.Member("support")},
			{ID: "bob", Name: "Bob", PresenceConfig: "reasons", Queues: engine.Member("support")},
			{ID: "cid", PresenceConfig: "auto", Queues: engine.Member("sales")},
			{ID: "dan/süd", PresenceConfig: "plain", Queues: engine.Member("sales")},
		},
		Grace: 60_000, KeepClosed: 3_600_000,
	}
	d.Sort()
	return d
}

// keyOf is the key that the tests use for a name.
func keyOf(name string) string { return "secret-" + name }

func sum(key string) string {
	digest := sha256.Sum256([]byte(key))
	return hex.EncodeToString(digest[:])
}

func keys() []api.Key {
	return []api.Key{
		{Name: "ann", SHA256: sum(keyOf("ann")), Role: api.RoleAgent, Agent: "ann"},
		{Name: "boss", SHA256: sum(keyOf("boss")), Role: api.RoleSupervisor},
		{Name: "lead", SHA256: sum(keyOf("lead")), Role: api.RoleSupervisor, Queues: []string{"support"}},
		{Name: "crm", SHA256: sum(keyOf("crm")), Role: api.RoleRouter},
		{Name: "shop", SHA256: sum(keyOf("shop")), Role: api.RoleRouter, Queues: []string{"sales"}},
		{Name: "root", SHA256: sum(keyOf("root")), Role: api.RoleAdmin},
	}
}

// place is a workspace that is served.
type place struct {
	t         testing.TB
	workspace *host.Workspace
	addr      string
	stop      context.CancelFunc
	served    chan error
	http      *http.Client
	key       string // of the caller; empty for none
}

// serve opens a workspace and serves it on a loopback port.
func serve(t testing.TB, opts api.Options) *place {
	t.Helper()
	return serveWorkspace(t, openWorkspace(t), opts)
}

func serveWorkspace(t testing.TB, workspace *host.Workspace, opts api.Options) *place {
	t.Helper()
	server, err := api.New(workspace, opts)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := serving(t, server, listener)
	p.workspace = workspace
	return p
}

// serving serves until the test ends.
func serving(t testing.TB, server *api.Server, listener net.Listener) *place {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	transport := &http.Transport{}
	p := &place{
		t: t, addr: listener.Addr().String(), stop: stop, served: make(chan error, 1),
		http: &http.Client{Transport: transport},
	}
	go func() { p.served <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		if err := <-p.served; err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return p
}

// openWorkspace opens a new workspace until the test ends.
func openWorkspace(t testing.TB) *host.Workspace {
	t.Helper()
	workspace, end := openIn(t, t.TempDir())
	t.Cleanup(end)
	return workspace
}

// openIn opens the workspace of a folder.
func openIn(t testing.TB, dir string) (workspace *host.Workspace, end func()) {
	t.Helper()
	return openAs(t, dir, definition())
}

// openAs opens the workspace of a folder, so defined.
func openAs(t testing.TB, dir string, d engine.Definition) (workspace *host.Workspace, end func()) {
	t.Helper()
	ctx := context.Background()
	server, err := journal.Open(ctx, journal.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	log, err := server.Log(ctx, "test")
	if err != nil {
		t.Fatal(err)
	}
	plugin := route.Plugin{
		Manifest: route.Manifest{
			Name: "first", Version: "1.2.3", Reasons: []route.Reason{{Code: 1, Name: "first_fit", Text: "the first who fits"}},
		},
		New: func() route.Strategy { return &firstFit{} },
	}
	workspace, err = host.Open(ctx, host.Options{
		Name: "test", Log: log, Definition: d, Seed: 1,
		Strategies: []strategy.Spec{{Name: "first", Runtime: "builtin", Source: "first"}},
		Runtimes:   map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{"first": plugin})},
	})
	if err != nil {
		t.Fatal(err)
	}
	return workspace, func() {
		if err := workspace.Close(); err != nil {
			t.Error(err)
		}
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	}
}

// as is the same place with another caller's key.
func (p *place) as(name string) *place {
	other := *p
	other.key = keyOf(name)
	return &other
}

// dial connects over gRPC, with the caller's key on each call.
func (p *place) dial(opts ...grpc.DialOption) *grpc.ClientConn {
	p.t.Helper()
	if len(opts) == 0 {
		opts = []grpc.DialOption{grpc.WithTransportCredentials(insecure.NewCredentials())}
	}
	conn, err := grpc.NewClient(p.addr, opts...)
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (p *place) ctx() context.Context {
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute) // a hang fails
	p.t.Cleanup(cancel)
	if p.key == "" {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+p.key)
}

// request is a call over REST.
func (p *place) request(verb, path, body string) *http.Request {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), verb, "http://"+p.addr+path, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if p.key != "" {
		r.Header.Set("Authorization", "Bearer "+p.key)
	}
	return r
}

// request2 is a request with another caller's key.
func (p *place) request2(name, verb, path, body string) *http.Request {
	p.t.Helper()
	return p.as(name).request(verb, path, body)
}

// send returns the status and the body, which must be JSON.
func (p *place) send(r *http.Request) (int, map[string]any) {
	p.t.Helper()
	response, err := p.http.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	var value map[string]any
	if err := json.Unmarshal(text, &value); err != nil {
		p.t.Fatalf("%s %s: %s: %q is not JSON", r.Method, r.URL.Path, response.Status, text)
	}
	return response.StatusCode, value
}

// call is a call over REST that must succeed.
func (p *place) call(verb, path, body string) map[string]any {
	p.t.Helper()
	code, value := p.send(p.request(verb, path, body))
	if code != http.StatusOK {
		p.t.Fatalf("%s %s: %d %v", verb, path, code, value)
	}
	return value
}

// fails is a call over REST that must fail in that way.
func (p *place) fails(r *http.Request, want int, code, field string) {
	p.t.Helper()
	got, value := p.send(r)
	fault, _ := value["error"].(map[string]any)
	gotField, _ := fault["field"].(string)
	if got != want || fault["code"] != code || gotField != field {
		p.t.Errorf("%s %s: got %d %v, want %d, code %q, field %q", r.Method, r.URL, got, value, want, code, field)
	}
	if message, _ := fault["message"].(string); message == "" || strings.Contains(message, "proto:") {
		p.t.Errorf("%s %s: the message is %q", r.Method, r.URL, message)
	}
}

// reason reads code and field from an error over gRPC.
func reason(err error) (code, field string) {
	for _, detail := range status.Convert(err).Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok && info.GetDomain() == api.Domain {
			return info.GetReason(), info.GetMetadata()["field"]
		}
	}
	return "", ""
}

// signIn signs an agent in and opens the stream of offers; what comes on it is
// on the channel.
func (p *place) signIn(agent string) *offers {
	p.t.Helper()
	p.call("POST", "/v1/agents/"+agent+"/sign-in", `{"status":"available"}`)
	return p.listen(agent)
}

// listen opens the stream of offers of an agent who is signed in.
func (p *place) listen(agent string) *offers {
	p.t.Helper()
	client := patchbayv1.NewAgentServiceClient(p.dial())
	stream, err := client.StreamOffers(p.ctx(), &patchbayv1.StreamOffersRequest{Agent: agent})
	if err != nil {
		p.t.Fatal(err)
	}
	o := &offers{t: p.t, AgentServiceClient: client, stream: stream}
	first := o.next()
	if o.first = first.GetSnapshot(); o.first == nil {
		p.t.Fatalf("the first message is %v", first)
	}
	return o
}

// offers is an agent who listens.
type offers struct {
	patchbayv1.AgentServiceClient
	t      testing.TB
	first  *patchbayv1.Snapshot
	stream grpc.ServerStreamingClient[patchbayv1.StreamOffersResponse]
}

func (o *offers) next() *patchbayv1.StreamOffersResponse {
	o.t.Helper()
	m, err := o.stream.Recv()
	if err != nil {
		o.t.Fatal(err)
	}
	return m
}

// offer returns the next offer.
func (o *offers) offer() *patchbayv1.Offer {
	o.t.Helper()
	for {
		if offer := o.next().GetOffered(); offer != nil {
			return offer
		}
	}
}
