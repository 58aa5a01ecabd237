// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	"github.com/patchbay-cx/patchbay/sdk/client"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a host that fails so often before it does what it is asked.
type fake struct {
	patchbayv1.UnimplementedWorkServiceServer
	patchbayv1.UnimplementedAgentServiceServer
	patchbayv1.UnimplementedFeedServiceServer

	mu      sync.Mutex
	fails   int // calls to come that fail
	calls   int
	keys    []string
	created map[string]*patchbayv1.Work // by idempotency key
	header  []string                    // authorization
	streams int
}

var errAway = status.Error(codes.Unavailable, "away")

// failing counts a call, and reports whether it fails.
func (f *fake) failing(ctx context.Context) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls++
	if in, ok := metadata.FromIncomingContext(ctx); ok {
		f.header = in.Get("authorization")
	}
	f.fails--
	return f.fails >= 0
}

func (f *fake) CreateWork(ctx context.Context, r *patchbayv1.CreateWorkRequest) (*patchbayv1.CreateWorkResponse, error) {
	fails := f.failing(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = append(f.keys, r.GetIdempotencyKey())
	work, known := f.created[r.GetIdempotencyKey()]
	if !known {
		work = &patchbayv1.Work{Id: fmt.Sprintf("w%d", len(f.created)+1), Queue: r.GetQueue()}
		f.created[r.GetIdempotencyKey()] = work
	}
	if fails { // it was made, but the answer is lost
		return nil, errAway
	}
	return &patchbayv1.CreateWorkResponse{Work: work}, nil
}

func (f *fake) CancelWork(ctx context.Context, _ *patchbayv1.CancelWorkRequest) (*patchbayv1.CancelWorkResponse, error) {
	if f.failing(ctx) {
		return nil, errAway
	}
	return &patchbayv1.CancelWorkResponse{}, nil
}

func (f *fake) GetWork(ctx context.Context, _ *patchbayv1.GetWorkRequest) (*patchbayv1.GetWorkResponse, error) {
	if f.failing(ctx) {
		return nil, errAway
	}
	refused, err := status.New(codes.NotFound, "there is no work w9").WithDetails(&errdetails.ErrorInfo{
		Reason: "unknown_work", Domain: "patchbay", Metadata: map[string]string{"field": "work"},
	})
	if err != nil {
		return nil, err
	}
	return nil, refused.Err()
}

func (f *fake) ListWork(ctx context.Context, r *patchbayv1.ListWorkRequest) (*patchbayv1.ListWorkResponse, error) {
	if f.failing(ctx) {
		return nil, errAway
	}
	switch r.GetPageToken() {
	case "":
		return &patchbayv1.ListWorkResponse{Work: []*patchbayv1.Work{{Id: "w1"}, {Id: "w2"}}, NextPageToken: "more"}, nil
	case "more":
		return &patchbayv1.ListWorkResponse{Work: []*patchbayv1.Work{{Id: "w3"}}}, nil
	default:
		return nil, status.Error(codes.InvalidArgument, "no such page")
	}
}

func (f *fake) ListAgents(ctx context.Context, r *patchbayv1.ListAgentsRequest) (*patchbayv1.ListAgentsResponse, error) {
	if f.failing(ctx) {
		return nil, errAway
	}
	if r.GetPageToken() == "" {
		return &patchbayv1.ListAgentsResponse{Agents: []*patchbayv1.Agent{{Id: "ann"}}, NextPageToken: "more"}, nil
	}
	return &patchbayv1.ListAgentsResponse{Agents: []*patchbayv1.Agent{{Id: "bob"}}}, nil
}

// StreamEvents breaks the line after every second event, and has nine.
func (f *fake) StreamEvents(r *patchbayv1.StreamEventsRequest, out grpc.ServerStreamingServer[patchbayv1.StreamEventsResponse]) error {
	f.mu.Lock()
	f.streams++
	f.mu.Unlock()
	for number := r.GetAfter() + 1; number <= r.GetAfter()+2; number++ {
		if number > 9 {
			return status.Error(codes.OutOfRange, "there is no more")
		}
		if err := out.Send(&patchbayv1.StreamEventsResponse{Event: &patchbayv1.Event{Number: number}}); err != nil {
			return err
		}
	}
	return errAway
}

// StreamOffers ends after each snapshot: first well, then because it was not read
// fast enough, then because the line broke.
func (f *fake) StreamOffers(r *patchbayv1.StreamOffersRequest, out grpc.ServerStreamingServer[patchbayv1.StreamOffersResponse]) error {
	f.mu.Lock()
	f.streams++
	stream := f.streams
	f.mu.Unlock()
	if stream > 3 {
		return refused(codes.Aborted, "replaced", "connected elsewhere")
	}
	err := out.Send(&patchbayv1.StreamOffersResponse{Message: &patchbayv1.StreamOffersResponse_Snapshot{
		Snapshot: &patchbayv1.Snapshot{Agent: &patchbayv1.Agent{Id: r.GetAgent()}},
	}})
	switch {
	case err != nil || stream == 1:
		return err
	case stream == 2:
		return refused(codes.ResourceExhausted, "too_slow", "not read fast enough")
	default:
		return errAway
	}
}

// refused is an error as the host gives it.
func refused(kind codes.Code, code, why string) error {
	s, err := status.New(kind, why).WithDetails(&errdetails.ErrorInfo{Reason: code, Domain: "patchbay"})
	if err != nil {
		return err
	}
	return s.Err()
}

// serve serves the host within the process, and returns a client of it.
func (f *fake) serve(t testing.TB, options client.Options) *client.Client {
	t.Helper()
	f.created = make(map[string]*patchbayv1.Work)
	return serve(t, options, func(server *grpc.Server) {
		patchbayv1.RegisterWorkServiceServer(server, f)
		patchbayv1.RegisterAgentServiceServer(server, f)
		patchbayv1.RegisterFeedServiceServer(server, f)
	})
}

// serve serves services within the process, and returns a client of them.
func serve(t testing.TB, options client.Options, register func(*grpc.Server)) *client.Client {
	t.Helper()
	listener := bufconn.Listen(1 << 16)
	server := grpc.NewServer()
	register(server)
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	options.Address, options.BackoffFirst = "127.0.0.1:7460", time.Millisecond
	options.Dial = append(options.Dial, grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	c, err := client.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(); server.Stop(); <-served })
	return c
}

// A call whose answer is lost is made again, with the same key: one work is made.
func TestCreateAgain(t *testing.T) {
	t.Parallel()
	f := &fake{fails: 2}
	c := f.serve(t, client.Options{Key: "secret"})
	request := &patchbayv1.CreateWorkRequest{Queue: "support"}
	answer, err := c.Work.CreateWork(t.Context(), request)
	if err != nil || answer.GetWork().GetId() != "w1" {
		t.Fatal(answer, err)
	}
	if len(f.keys) != 3 || f.keys[0] == "" || f.keys[0] != f.keys[1] || f.keys[1] != f.keys[2] || len(f.created) != 1 {
		t.Errorf("keys %q, made %d", f.keys, len(f.created))
	}
	if request.GetIdempotencyKey() != "" {
		t.Error("the caller's own message was changed")
	}
	if !slices.Equal(f.header, []string{"Bearer secret"}) {
		t.Errorf("header %q", f.header)
	}
	request.IdempotencyKey = "mine"
	if _, err := c.Work.CreateWork(t.Context(), request); err != nil || f.keys[3] != "mine" {
		t.Error(err, f.keys)
	}
}

// What may not be made again is made once, and nothing more often than is said.
func TestAttempts(t *testing.T) {
	t.Parallel()
	f := &fake{fails: 9}
	c := f.serve(t, client.Options{Attempts: 3})
	if _, err := c.Work.CancelWork(t.Context(), &patchbayv1.CancelWorkRequest{}); status.Code(err) != codes.Unavailable || f.calls != 1 {
		t.Error(err, f.calls)
	}
	if _, err := c.Work.GetWork(t.Context(), &patchbayv1.GetWorkRequest{}); status.Code(err) != codes.Unavailable || f.calls != 4 {
		t.Error(err, f.calls)
	}
}

func TestErrors(t *testing.T) {
	t.Parallel()
	c := (&fake{}).serve(t, client.Options{})
	_, err := c.Work.GetWork(t.Context(), &patchbayv1.GetWorkRequest{})
	e := client.ErrorOf(err)
	if e == nil || e.Code != "unknown_work" || e.Field != "work" || e.GRPC != codes.NotFound || e.Error() != "client: unknown_work: work: there is no work w9" {
		t.Errorf("%+v", e)
	}
	if client.Code(err) != "unknown_work" || client.Code(nil) != "" || client.ErrorOf(errors.New("other")) != nil || client.ErrorOf(nil) != nil {
		t.Error("codes")
	}
	if text := client.ErrorOf(status.Error(codes.Unavailable, "away")).Error(); text != "client: away" {
		t.Error(text)
	}
}

// The feed goes on behind the last event, however often the line breaks, and ends
// with what cannot pass.
func TestEvents(t *testing.T) {
	t.Parallel()
	f := &fake{}
	c := f.serve(t, client.Options{})
	request := &patchbayv1.StreamEventsRequest{After: 2}
	var numbers []uint64
	var last error
	for event, err := range c.Events(t.Context(), request) {
		if err != nil {
			last = err
			break
		}
		numbers = append(numbers, event.GetNumber())
	}
	if !slices.Equal(numbers, []uint64{3, 4, 5, 6, 7, 8, 9}) || status.Code(last) != codes.OutOfRange || request.GetAfter() != 2 {
		t.Error(numbers, last, request)
	}
	for event := range c.Events(t.Context(), nil) {
		if event.GetNumber() == 3 {
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, err := range c.Events(ctx, nil) {
		if !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

func TestOffers(t *testing.T) {
	t.Parallel()
	c := (&fake{}).serve(t, client.Options{})
	snapshots := 0
	var last error
	for message, err := range c.Offers(t.Context(), "ann") {
		if last = err; err == nil && message.GetSnapshot().GetAgent().GetId() == "ann" {
			snapshots++
		}
	}
	if snapshots != 3 || client.Code(last) != "replaced" {
		t.Error(snapshots, last)
	}
}

func TestPages(t *testing.T) {
	t.Parallel()
	c := (&fake{fails: 1}).serve(t, client.Options{})
	var ids []string
	for work, err := range c.AllWork(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, work.GetId())
	}
	for agent, err := range c.AllAgents(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, agent.GetId())
	}
	if !slices.Equal(ids, []string{"w1", "w2", "w3", "ann", "bob"}) {
		t.Error(ids)
	}
	for _, err := range c.AllWork(t.Context(), &patchbayv1.ListWorkRequest{PageToken: "none"}) {
		if status.Code(err) != codes.InvalidArgument {
			t.Error(err)
		}
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	for _, options := range []client.Options{
		{}, {Address: "example.com"}, {Address: "example.com:"}, {Address: "example.com:7460", Key: "secret"},
	} {
		if _, err := client.Open(options); err == nil {
			t.Errorf("%+v is taken", options)
		}
	}
	keys := map[string]bool{}
	for range 100 {
		keys[client.NewKey()] = true
	}
	if len(keys) != 100 {
		t.Error("keys repeat")
	}
}

func TestTrust(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{empty: "holds none", empty + ".not": "no such file"} {
		if _, err := client.Trust(file); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", file, err)
		}
	}
	host := httptest.NewUnstartedServer(nil)
	defer host.Close()
	host.StartTLS()
	signed := filepath.Join(t.TempDir(), "host.pem")
	if err := os.WriteFile(signed, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: host.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	trusts, err := client.Trust(signed)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := (&tls.Dialer{Config: trusts}).DialContext(t.Context(), "tcp", host.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
}

// A client that makes each call once gives work no key of its own.
func TestOnce(t *testing.T) {
	t.Parallel()
	f := &fake{}
	c := f.serve(t, client.Options{Attempts: 1})
	if _, err := c.Work.CreateWork(t.Context(), &patchbayv1.CreateWorkRequest{}); err != nil || !slices.Equal(f.keys, []string{""}) {
		t.Error(err, f.keys)
	}
}
