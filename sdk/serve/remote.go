// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !wasip1

package serve

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// RouterOptions say how a plugin runs as a router: a program that dials a host
// and decides for one of its remote strategies.
type RouterOptions struct {
	// Address is the host's, "HOST:PORT".
	Address string
	// TLS is how the host is known; nil speaks in the clear, which a host takes
	// on its own machine alone.
	TLS *tls.Config
	// Strategy is the remote strategy's name in the host's config, and Token
	// the secret of its routers; empty if it has none.
	Strategy, Token string
	// Name is the router's own, for people.
	Name string
	// Rank says whose turn it is to lead: the lowest of the routers connected.
	Rank uint32
	// Class is the class of the strategy's work that it decides for, if the
	// host's config splits it; empty for what is left.
	Class string
	// BackoffFirst and BackoffMost bound how long is waited before dialling
	// again: the first time, and at most; in between it doubles. Each wait is
	// drawn from its half to its whole, so that many routers do not come at
	// once. Default 50 ms and 5 s.
	BackoffFirst, BackoffMost time.Duration
	// Dial are further options of the connection, such as a dialer.
	Dial []grpc.DialOption
	// Logger hears of connections and of the host's notices; nil for silence.
	Logger *slog.Logger
}

// Waker is a strategy that now and then has something to propose though nothing
// has changed: an answer of another system has come, say. Remote asks the host
// for a turn then. In other runtimes such a strategy has to wait for its next
// turn, or for the time that its reply's WakeAt names.
type Waker interface {
	// OnWake is called when the strategy begins to decide. From then on it may
	// call wake, from any goroutine, whenever it wants a turn; after its end
	// that does nothing.
	OnWake(wake func())
}

// silence is after how many pings of a host that do not come a router dials
// again.
const silence = 3

// Remote runs the plugin as a router until ctx ends. It dials the host, decides
// when it is told to lead, and dials again whenever the connection is lost; what
// it knew by then it still knows, if the host has kept the session.
//
// # Errors
//
// Nil after ctx has ended. An error means that the host does not let the router
// in, and would not the next time either: the token is wrong, say.
func Remote(ctx context.Context, plugin route.Plugin, options RouterOptions) error {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	options.BackoffFirst = cmp.Or(options.BackoffFirst, 50*time.Millisecond)
	options.BackoffMost = cmp.Or(options.BackoffMost, 5*time.Second)
	r := &router{plugin: plugin, options: options}
	defer r.drain()
	for wait := options.BackoffFirst; ; {
		welcomed, err := r.connect(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case final(err):
			return err
		case welcomed:
			wait = options.BackoffFirst
		}
		pause := wait/2 + rand.N(wait/2+1)
		options.Logger.Warn("the connection to the host is lost", "error", err, "dials again in", pause)
		if !sleep(ctx, pause) {
			return nil
		}
		wait = min(2*wait, options.BackoffMost)
	}
}

func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// final reports whether a host refuses the router for good. Only what the host
// itself has said counts, not what a proxy on the way says.
func final(err error) bool {
	s, ok := status.FromError(err)
	if !ok {
		return false
	}
	for _, detail := range s.Details() {
		if info, ok := detail.(*errdetails.ErrorInfo); ok {
			switch info.GetReason() {
			case "unauthenticated", "invalid", "no_common_version", "unknown_method":
				return true
			}
		}
	}
	return false
}

// router is a plugin that dials.
type router struct {
	plugin  route.Plugin
	options RouterOptions

	instance *instance // nil until it was told to lead
	token    string    // of the session
	lease    uint64    // 0 while it stands by
	applied  uint64    // the last turn under this lease
	answer   []byte    // to that turn; valid until the next one
	returned bool      // the session was resumed, and no turn has come since

	led    atomic.Uint64        // lease, for other goroutines
	call   atomic.Pointer[call] // the connection; nil before the first
	wanted atomic.Bool          // the strategy wants a turn, and none has come since
}

// connect speaks with the host over one connection. It reports whether it was
// welcomed.
func (r *router) connect(ctx context.Context) (welcomed bool, err error) {
	carried := insecure.NewCredentials()
	if r.options.TLS != nil {
		carried = credentials.NewTLS(r.options.TLS)
	}
	conn, err := grpc.NewClient(r.options.Address, append([]grpc.DialOption{
		grpc.WithTransportCredentials(carried),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 15 * time.Second, Timeout: 5 * time.Second}),
	}, r.options.Dial...)...)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	c := &call{router: r, patience: time.Minute}
	r.call.Store(c)
	// Not ctx itself: the farewell is still to be sent when that has ended.
	streaming, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	c.cancel = cancel
	defer context.AfterFunc(ctx, c.leave)()
	stream, err := strategygrpc.NewRouterServiceClient(conn).Session(streaming, grpc.MaxCallRecvMsgSize(route.MaxFrameBytes))
	if err != nil {
		return false, err
	}
	err = c.run(stream)
	return c.welcomed, err
}

// manifest is the hello's.
func (r *router) manifest() (*strategyv1.HandshakeResponse, error) {
	return newService(r.plugin).Handshake(context.Background(), &strategyv1.HandshakeRequest{
		Minor: minor,
		Features: []strategyv1.Feature{
			strategyv1.Feature_FEATURE_WAKE_AT, strategyv1.Feature_FEATURE_DIGEST,
			strategyv1.Feature_FEATURE_SNAPSHOT_PAGES, strategyv1.Feature_FEATURE_CANDIDATES,
		},
	})
}

// lead makes a strategy for a new lease.
func (r *router) lead(in *strategyv1.Lead) *strategyv1.ConfigureResponse {
	r.drain()
	r.instance = &instance{strategy: r.plugin.New()}
	r.lease, r.applied, r.answer, r.returned = in.GetLease(), 0, nil, false
	r.led.Store(r.lease)
	out := &strategyv1.ConfigureResponse{Generation: in.GetConfigure().GetGeneration()}
	if err := r.instance.configure(in.GetConfigure().GetSettingsJson()); err != nil {
		out.Diagnostics = []*strategyv1.Diagnostic{{
			Severity: strategyv1.Diagnostic_SEVERITY_ERROR, Message: err.Error(),
		}}
		return out
	}
	lease := r.lease
	if waker, ok := r.instance.strategy.(Waker); ok {
		waker.OnWake(func() { r.wake(lease) })
	}
	if instructor, ok := r.instance.strategy.(Instructor); ok {
		instructor.OnInstruct(func(in *strategyv1.Instruct) { r.instructs(lease, in) })
	}
	return out
}

// turn answers a turn. After a connection was lost, the turn that was answered
// last may come again: then the answer has not arrived.
func (r *router) turn(in *strategyv1.Ask) []byte {
	again := r.returned && in.GetTurn() == r.applied && r.answer != nil
	r.returned = false
	if !again {
		r.wanted.Store(false)
		r.answer = r.instance.turn(in.GetFrame())
		r.applied = in.GetTurn()
	}
	return r.answer
}

// drain lets go of what the strategy holds.
func (r *router) drain() {
	if r.instance != nil {
		if err := r.instance.drain(); err != nil {
			r.options.Logger.Warn("the strategy does not let go", "error", err)
		}
	}
	r.instance, r.lease, r.applied, r.answer, r.returned = nil, 0, 0, nil, false
	r.led.Store(0)
	r.wanted.Store(false)
}

// wake tells the host that the strategy of that lease wants a turn. Without a
// connection it is told when there is one.
func (r *router) wake(lease uint64) {
	if r.led.Load() != lease {
		return
	}
	r.wanted.Store(true)
	if c := r.call.Load(); c != nil {
		c.wake(lease)
	}
}

// resume is what is remembered of a session; nil if there was none.
func (r *router) resume() *strategyv1.Resume {
	if r.token == "" {
		return nil
	}
	return &strategyv1.Resume{Token: r.token, Lease: r.lease, Applied: r.applied}
}

// farewell is how long a host may take to end a connection that the router
// leaves.
const farewell = time.Second

// call is one connection.
type call struct {
	router   *router
	cancel   context.CancelFunc
	welcomed bool
	patience time.Duration // without a word of the host

	mu     sync.Mutex // guards sending
	stream grpc.BidiStreamingClient[strategyv1.SessionRequest, strategyv1.SessionResponse]
	left   bool
}

// run says hello and takes messages until the connection ends.
func (c *call) run(stream grpc.BidiStreamingClient[strategyv1.SessionRequest, strategyv1.SessionResponse]) error {
	r := c.router
	manifest, err := r.manifest()
	if err != nil {
		return err
	}
	watch := time.AfterFunc(c.patience, c.cancel)
	defer watch.Stop()
	err = c.hello(stream, &strategyv1.Hello{
		Strategy: r.options.Strategy, Token: r.options.Token, Router: r.options.Name, Rank: r.options.Rank,
		Class:    r.options.Class,
		Manifest: manifest, Resume: r.resume(),
	})
	for err == nil {
		var in *strategyv1.SessionResponse
		if in, err = stream.Recv(); err != nil {
			return err
		}
		watch.Reset(c.patience)
		err = c.take(in)
		watch.Reset(c.patience) // a welcome says how long that is from now on
	}
	return err
}

// take takes one message of the host.
func (c *call) take(in *strategyv1.SessionResponse) error {
	r := c.router
	switch m := in.GetMessage().(type) {
	case *strategyv1.SessionResponse_Welcome:
		c.welcome(m.Welcome)
	case *strategyv1.SessionResponse_Lead:
		return c.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Configured{Configured: &strategyv1.Configured{
			Lease: m.Lead.GetLease(), Response: r.lead(m.Lead),
		}}})
	case *strategyv1.SessionResponse_Ask:
		if r.instance == nil || m.Ask.GetLease() != r.lease {
			return nil // of a lease that is over
		}
		return c.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Answer{Answer: &strategyv1.Answer{
			Lease: r.lease, Turn: m.Ask.GetTurn(), Frame: r.turn(m.Ask),
		}}})
	case *strategyv1.SessionResponse_Instructed:
		r.instructed(m.Instructed)
	case *strategyv1.SessionResponse_Drained:
		if m.Drained.GetLease() == r.lease {
			r.options.Logger.Info("does not lead any more", "lease", r.lease)
			r.drain()
		}
	case *strategyv1.SessionResponse_Ping:
		return c.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Pong{
			Pong: &strategyv1.Pong{Number: m.Ping.GetNumber()},
		}})
	case *strategyv1.SessionResponse_Notice:
		r.options.Logger.Warn("the host says", "code", m.Notice.GetCode(), "text", m.Notice.GetText(),
			"lease", m.Notice.GetLease(), "turn", m.Notice.GetTurn())
	}
	return nil
}

// welcome takes the host's word on whether the session goes on.
func (c *call) welcome(in *strategyv1.Welcome) {
	r := c.router
	c.welcomed = true
	if every := time.Duration(in.GetPingMs()) * time.Millisecond; every > 0 {
		c.patience = silence * every
	}
	r.token = in.GetResumeToken()
	if !in.GetResumed() || in.GetLease() != r.lease {
		r.drain()
	}
	r.returned = r.lease != 0
	if r.returned && r.wanted.Load() {
		c.wake(r.lease)
	}
	r.options.Logger.Info("connected", "strategy", r.options.Strategy, "host", in.GetHost().GetHostVersion(), "resumed", in.GetResumed())
}

// hello says hello, before anybody else can say anything: the strategy may still
// lead under a lease of before, and wake or instruct from any goroutine.
func (c *call) hello(stream grpc.BidiStreamingClient[strategyv1.SessionRequest, strategyv1.SessionResponse], m *strategyv1.Hello) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream = stream
	return c.send(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Hello{Hello: m}})
}

// say sends a message. A stream that has ended says why when it is read.
func (c *call) say(m *strategyv1.SessionRequest) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.send(m)
}

// send is say while the call is locked.
func (c *call) send(m *strategyv1.SessionRequest) error {
	if c.left {
		return nil
	}
	if err := c.stream.Send(m); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// wake asks for a turn. What keeps that from being sent ends the connection
// too, and after it is made again the turn is asked for again.
func (c *call) wake(lease uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.left || c.stream == nil {
		return
	}
	_ = c.stream.Send(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Wake{Wake: &strategyv1.Wake{Lease: lease}}})
}

// leave says goodbye, so that another router leads at once, and ends the
// connection if the host does not.
func (c *call) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left = true
	if c.stream == nil {
		c.cancel()
		return
	}
	time.AfterFunc(farewell, c.cancel)
	if c.stream.Send(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Leave{
		Leave: &strategyv1.Leave{Reason: "the router is told to end"},
	}}) != nil || c.stream.CloseSend() != nil {
		c.cancel()
	}
}
