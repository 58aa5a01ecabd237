// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/drive"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// workspace is a definition with these agents and queues; everybody is a member
// of every queue and takes one call at a time.
func workspace(agents, queues []string) engine.Definition {
	d := engine.Definition{
		Channels:        []engine.Channel{{Name: "voice", Size: engine.Units(engine.Unit)}},
		Statuses:        []engine.Status{{Name: "available", Channels: []string{"voice"}}, {Name: "away"}},
		PresenceConfigs: []engine.PresenceConfig{{Name: "phone", Capacity: engine.Unit, MaxOpen: 10}},
		RoutingConfigs: []engine.RoutingConfig{{
			Name: "calls", Model: route.ModelLongestIdle, Strategy: "queue", Fallback: "queue", PushTimeout: 30_000,
		}},
		Grace: 60_000, KeepClosed: 3_600_000,
	}
	for _, q := range queues {
		d.Queues = append(d.Queues, engine.QueueDefinition{Name: q, Routing: "calls"})
	}
	for _, a := range agents {
		d.Agents = append(d.Agents, engine.AgentDefinition{ID: a, PresenceConfig: "phone", Queues: engine.Member(queues...)})
	}
	d.Sort()
	return d
}

// serve runs a host until the test ends and returns its address.
func serve(t *testing.T, d engine.Definition) string {
	t.Helper()
	store, err := journal.Open(t.Context(), journal.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	log, err := store.Log(t.Context(), "test")
	if err != nil {
		t.Fatal(err)
	}
	ws, err := host.Open(t.Context(), host.Options{
		Name: "test", Log: log, Definition: d, Seed: 1,
		Strategies: []strategy.Spec{{Name: "queue", Runtime: "builtin", Source: "queue"}},
		Runtimes:   map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{"queue": queue.Plugin()})},
	})
	if err != nil {
		t.Fatal(err)
	}
	server, err := api.New(ws, api.Options{})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	served := make(chan error)
	go func() { served <- server.Serve(ctx, listener) }()
	t.Cleanup(func() {
		stop()
		for _, err := range []error{<-served, ws.Close(), log.Close(), store.Close()} {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return listener.Addr().String()
}

func dial(t *testing.T, address string, options ...grpc.DialOption) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address,
		append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func options(conns ...*grpc.ClientConn) drive.Options {
	o := drive.Options{Channel: "voice", Status: "available", Away: "away"}
	for _, c := range conns {
		o.Conns = append(o.Conns, c)
	}
	return o
}

func names(prefix string, n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf("%s%d", prefix, i+1))
	}
	return all
}

func play(t *testing.T, plan *drive.Plan, o drive.Options) *drive.Summary {
	t.Helper()
	player, err := drive.New(t.Context(), plan, o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := player.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if p := player.Progress(); p.Come != s.Offered || p.Served != s.Served {
		t.Errorf("progress %+v, summary %+v", p, s)
	}
	return s
}

func sound(t *testing.T, s *drive.Summary) {
	t.Helper()
	if !s.Sound() || s.Errors > 0 || s.LostAcknowledgements > 0 {
		var out bytes.Buffer
		_, _ = s.WriteTo(&out)
		t.Errorf("not sound:\n%s", out.String())
	}
}

func TestPlaySynthetic(t *testing.T) {
	t.Parallel()
	agents := names("agent-", 20)
	address := serve(t, workspace(agents, []string{"a", "b"}))
	plan, err := drive.Synthetic{
		Rate: 10, For: 20 * time.Second, Agents: agents, Queues: []string{"a", "b"}, Patience: 2, Seed: 7,
	}.Plan()
	if err != nil {
		t.Fatal(err)
	}
	plan.Drain = time.Hour // a slow machine is no failure
	o := options(dial(t, address), dial(t, address))
	o.Speed = 20
	signedIn, first := 0, -1 // when the first customer came
	o.Observe = func(e *patchbayv1.Event) {
		switch {
		case e.GetKind() == patchbayv1.EventKind_EVENT_KIND_AGENT_SIGNED_IN:
			signedIn++
		case e.GetKind() == patchbayv1.EventKind_EVENT_KIND_WORK_CREATED && first < 0:
			first = signedIn
		}
	}
	s := play(t, plan, o)
	sound(t, s)
	if first != len(agents) {
		t.Errorf("the first customer came when %d of %d agents were there", first, len(agents))
	}
	o.Observe = nil
	if s.Offered != len(plan.Customers) || s.Served+s.Abandoned != s.Offered || s.Runtimes["builtin"] != s.Offers {
		t.Errorf("%+v", s)
	}
	for name, got := range map[string][2]int{
		"create": {s.Create.Count, s.Offered}, "late": {s.Late.Count, s.Offered},
		"accept": {s.Accept.Count, s.Served}, "complete": {s.Complete.Count, s.Served}, "answer": {s.Answer.Count, s.Served},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: there are %d latencies, want %d", name, got[0], got[1])
		}
	}
	// A second run on the same host is sound, too.
	plan.Customers = plan.Customers[:40]
	sound(t, play(t, plan, o))
}

// Agents come and go with their shifts, customers hang up as they did, and what
// is waiting when nobody is there any more is named and withdrawn. How many of
// each there are may depend on the machine, that they add up does not.
func TestPlayShifts(t *testing.T) {
	t.Parallel()
	address := serve(t, workspace([]string{"ann", "bob"}, []string{"PS"}))
	const tick = time.Second
	plan := &drive.Plan{
		Name:   "shifts",
		Shifts: []drive.Shift{{Agent: "ann", Until: 150 * tick}, {Agent: "bob", From: 40 * tick, Until: 80 * tick}},
		Customers: []drive.Customer{
			{ID: "1", At: 10 * tick, Queue: "PS", Priority: 1, Patience: drive.Forever, Service: 130 * tick},
			{ID: "2", At: 11 * tick, Queue: "PS", Priority: 2, Patience: 10 * tick, Service: tick},
			{ID: "3", At: 30 * tick, Queue: "PS", Priority: 2, Patience: drive.Forever, Service: 60 * tick},
			{ID: "4", At: 85 * tick, Queue: "PS", Priority: -1, Patience: 10 * tick, Service: tick},
			{ID: "5", At: 190 * tick, Queue: "PS", Priority: 0, Patience: drive.Forever, Service: tick},
			{ID: "6", At: 191 * tick, Queue: "PS", Priority: 0, Patience: tick, Service: tick},
		},
		Drain: 10 * tick,
	}
	o := options(dial(t, address))
	o.Speed = 50
	s := play(t, plan, o)
	sound(t, s)
	if s.Offered != 6 {
		t.Errorf("%+v", s)
	}
	t.Logf("served %d, abandoned %d, waiting %d, open %d", s.Served, s.Abandoned, s.Waiting, s.Open)
	works, err := patchbayv1.NewWorkServiceClient(dial(t, address)).ListWork(t.Context(), &patchbayv1.ListWorkRequest{
		State: patchbayv1.WorkState_WORK_STATE_CANCELLED,
	})
	if err != nil || len(works.GetWork()) != s.Waiting {
		t.Errorf("%d waited, withdrawn: %v, %v", s.Waiting, works, err)
	}
	agents, err := drive.Agents(t.Context(), dial(t, address))
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range agents {
		if a.GetSignedIn() {
			t.Errorf("%s is still signed in", a.GetId())
		}
	}
}

// Ended in the middle, everything is still accounted for.
func TestPlayInterrupted(t *testing.T) {
	t.Parallel()
	address := serve(t, workspace([]string{"ann"}, []string{"PS"}))
	plan := &drive.Plan{Name: "endless", Shifts: []drive.Shift{{Agent: "ann", Until: drive.Forever}}}
	for i := range 5 {
		plan.Customers = append(plan.Customers, drive.Customer{
			ID: fmt.Sprint(i), Queue: "PS", Priority: -1, Patience: drive.Forever, Service: time.Hour,
		})
	}
	plan.Customers = append(plan.Customers, drive.Customer{ID: "late", At: time.Hour, Queue: "PS"})
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	created, accepted := 0, false
	o := options(dial(t, address))
	o.Observe = func(e *patchbayv1.Event) {
		switch e.GetKind() {
		case patchbayv1.EventKind_EVENT_KIND_WORK_CREATED:
			created++
		case patchbayv1.EventKind_EVENT_KIND_OFFER_ACCEPTED:
			accepted = true
		}
		if created == 5 && accepted {
			interrupt()
		}
	}
	player, err := drive.New(ctx, plan, o)
	if err != nil {
		t.Fatal(err)
	}
	s, err := player.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	sound(t, s)
	if !s.Interrupted || s.Offered != 5 || s.Open != 1 || s.Waiting != 4 {
		t.Errorf("%+v", s)
	}
}

// A host that says nothing to an agent does not keep the player from ending.
func TestPlayInterruptedBeforeItBegins(t *testing.T) {
	t.Parallel()
	address := serve(t, workspace([]string{"ann"}, []string{"PS"}))
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	silent := func(ctx context.Context, d *grpc.StreamDesc, c *grpc.ClientConn, method string, streamer grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
		stream, err := streamer(ctx, d, c, method, o...)
		if err == nil && strings.HasSuffix(method, "/StreamOffers") {
			interrupt()
			return &silence{stream}, nil
		}
		return stream, err
	}
	plan := &drive.Plan{
		Name: "one", Shifts: []drive.Shift{{Agent: "ann", Until: drive.Forever}}, Drain: time.Hour,
		Customers: []drive.Customer{{ID: "0", At: time.Hour, Queue: "PS"}},
	}
	player, err := drive.New(ctx, plan, options(dial(t, address, grpc.WithStreamInterceptor(silent))))
	if err != nil {
		t.Fatal(err)
	}
	if s, err := player.Run(ctx); err != nil || !s.Interrupted || s.Offered != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// silence says nothing until it ends.
type silence struct{ grpc.ClientStream }

func (s *silence) RecvMsg(any) error {
	<-s.Context().Done()
	return s.Context().Err()
}

// An agent who loses the connection connects again and goes on.
func TestAgentConnectsAgain(t *testing.T) {
	t.Parallel()
	address := serve(t, workspace([]string{"ann"}, []string{"PS"}))
	other := patchbayv1.NewAgentServiceClient(dial(t, address))
	plan := &drive.Plan{Name: "one", Shifts: []drive.Shift{{Agent: "ann", Until: drive.Forever}}, Drain: time.Minute}
	for i := range 3 {
		plan.Customers = append(plan.Customers, drive.Customer{ID: fmt.Sprint(i), Queue: "PS", Priority: -1, Patience: drive.Forever})
	}
	completed, taken := 0, make(chan error, 1)
	o := options(dial(t, address))
	o.Observe = func(e *patchbayv1.Event) {
		if e.GetKind() != patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED {
			return
		}
		if completed++; completed == 1 {
			// Another stream for the agent ends the player's.
			stream, err := other.StreamOffers(t.Context(), &patchbayv1.StreamOffersRequest{Agent: "ann"})
			if err == nil {
				_, err = stream.Recv()
			}
			taken <- err
		}
	}
	s := play(t, plan, o)
	if err := <-taken; err != nil {
		t.Error(err)
	}
	if !s.Sound() || s.Served != 3 {
		t.Errorf("%+v", s)
	}
}

// What the host did not do is found: here the connection hides it.
func TestPlayFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	agents := names("agent-", 3)
	address := serve(t, workspace(agents, []string{"a"}))
	plan, err := drive.Synthetic{Rate: 10, For: 3 * time.Second, Agents: agents, Queues: []string{"a"}}.Plan()
	if err != nil {
		t.Fatal(err)
	}
	plan.Drain = time.Hour
	o := options(dial(t, address, grpc.WithStreamInterceptor(hide)))
	o.Speed = 10
	s := play(t, plan, o)
	if s.Sound() || s.LostAcknowledgements != 1 || !strings.Contains(strings.Join(s.Examples, "\n"), "was acknowledged as event") {
		t.Errorf("%+v", s)
	}
}

// hide leaves the tenth acceptance out of the feed.
func hide(ctx context.Context, d *grpc.StreamDesc, c *grpc.ClientConn, method string, streamer grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
	stream, err := streamer(ctx, d, c, method, o...)
	return &hiding{ClientStream: stream}, err
}

type hiding struct {
	grpc.ClientStream
	accepted int
}

func (h *hiding) RecvMsg(m any) error {
	err := h.ClientStream.RecvMsg(m)
	if r, ok := m.(*patchbayv1.StreamEventsResponse); ok && r.GetEvent().GetKind() == patchbayv1.EventKind_EVENT_KIND_OFFER_ACCEPTED {
		if h.accepted++; h.accepted == 10 {
			return h.ClientStream.RecvMsg(m)
		}
	}
	return err
}

func TestPlanThatDoesNotFit(t *testing.T) {
	t.Parallel()
	conn := dial(t, serve(t, workspace([]string{"ann"}, []string{"PS"})))
	for name, tt := range map[string]struct {
		plan *drive.Plan
		want string
	}{
		"queue": {&drive.Plan{Customers: []drive.Customer{{Queue: "NW"}}}, `no queue "NW"`},
		"agent": {&drive.Plan{Shifts: []drive.Shift{{Agent: "bob"}}}, `no agent "bob"`},
		"twice": {&drive.Plan{Customers: []drive.Customer{{Queue: "PS"}, {Queue: "PS"}}}, "the same id"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := drive.New(t.Context(), tt.plan, options(conn)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
	for name, spoil := range map[string]func(*drive.Options){
		"connection": func(o *drive.Options) { o.Conns = nil },
		"speed":      func(o *drive.Options) { o.Speed = -1 },
		"channel":    func(o *drive.Options) { o.Channel = "" },
		"status":     func(o *drive.Options) { o.Status = "" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options(conn)
			spoil(&o)
			if _, err := drive.New(t.Context(), &drive.Plan{}, o); err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%v, want one about the %s", err, name)
			}
		})
	}
}

func TestSummaryInJSON(t *testing.T) {
	t.Parallel()
	s := &drive.Summary{Plan: "p", Elapsed: drive.Seconds(1500 * time.Millisecond), Violations: 2, Runtimes: map[string]int{"wasm": 3}}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{`"elapsed_seconds":1.500`, `"violations":2`, `"runtimes":{"wasm":3}`, `"create":{"count":0,"mean_ms":0`} {
		if !strings.Contains(string(text), part) {
			t.Errorf("%s should contain %s", text, part)
		}
	}
}
