// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving"
)

// remoteCarrier has the strategy in a router, on goroutines of the test. When it
// dies its connection breaks, and it dials again when it is revived.
func remoteCarrier() carrier {
	return carrier{"remote", func(t testing.TB, out *logged, stop <-chan struct{}, settings misbehaving.Settings) (strategy.Runtime, strategy.Spec) {
		doors, err := remote.NewDoors(remote.Options{Logger: out.logger(), Ping: time.Hour}, remote.Strategy{Name: "odd"})
		if err != nil {
			t.Fatal(err)
		}
		doors.Open()
		r := &router{
			Runtime: remote.New(doors), doors: doors, stop: stop, way: settings.Way,
			again: make(chan struct{}, 1), notices: make(map[strategyv1.Notice_Code]int),
		}
		if wrongManifest(settings.Way) {
			settings = misbehaving.Settings{}
		}
		r.ctx, r.cancel = context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); r.live() }()
		t.Cleanup(func() {
			r.cancel()
			<-done
			_ = doors.Close() // when nothing serves it any more
		})
		return r, strategy.Spec{Settings: settings.JSON()}
	}}
}

// remote gives routers, which are not seen to die, the time after which that is
// taken for granted.
func (r *row) remote(spec *strategy.Spec) {
	switch r.way {
	case "dies_at_start", "rubbish_manifest":
		spec.Limits.StartTimeout = time.Second
	case "panics", "traps", "closes_stream":
		spec.Limits.TurnDeadline = 500 * time.Millisecond
	}
}

// router is a vendor's program with a strategy that misbehaves.
type router struct {
	*remote.Runtime
	doors  *remote.Doors
	stop   <-chan struct{}
	way    string
	ctx    context.Context
	cancel context.CancelFunc
	again  chan struct{}

	mu      sync.Mutex
	notices map[strategyv1.Notice_Code]int
}

var _ reviver = (*router)(nil)

func (r *router) revive() {
	select {
	case r.again <- struct{}{}:
	default:
	}
}

func (r *router) told(code strategyv1.Notice_Code) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.notices[code]
}

// live is the program's life: as often as it is revived it dials.
func (r *router) live() {
	for {
		r.dial()
		select {
		case <-r.again:
		case <-r.ctx.Done():
			return
		}
	}
}

// dial comes in by the doors, and leads until it dies.
func (r *router) dial() {
	l := &line{up: make(chan *strategyv1.SessionRequest), down: make(chan *strategyv1.SessionResponse, 1000), ended: make(chan struct{})}
	ctx, cancel := context.WithCancel(r.ctx)
	served := make(chan struct{})
	go func() {
		defer close(served)
		defer l.hangUp()
		_ = r.doors.Serve(ctx, l, "line", "here")
	}()
	r.lead(l)
	l.hangUp()
	cancel()
	<-served
}

// lead answers what the host says until the line ends or the strategy dies.
func (r *router) lead(l *line) {
	defer func() { _ = recover() }() // the program has died; its supervisor will see
	m := misbehaving.Manifest()
	if r.way == "rubbish_manifest" {
		m = route.Manifest{}
	}
	hello := &strategyv1.Hello{Strategy: "odd", Router: "vendor", Manifest: &strategyv1.HandshakeResponse{Name: m.Name, Version: m.Version}}
	for _, reason := range m.Reasons {
		hello.Manifest.Reasons = append(hello.Manifest.Reasons, &strategyv1.Reason{Code: uint32(reason.Code), Name: reason.Name, Text: reason.Text})
	}
	l.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Hello{Hello: hello}})
	var guest *misbehaving.Guest
	for {
		message := l.hear()
		switch {
		case message == nil:
			return
		case message.GetLead() != nil:
			guest = misbehaving.NewGuest(r.stop)
			configured(l, guest, message.GetLead())
		case message.GetAsk() != nil:
			if !answered(l, guest, message.GetAsk()) {
				return
			}
		case message.GetNotice() != nil:
			r.mu.Lock()
			r.notices[message.GetNotice().GetCode()]++
			r.mu.Unlock()
		}
	}
}

func configured(l *line, guest *misbehaving.Guest, lead *strategyv1.Lead) {
	response := &strategyv1.ConfigureResponse{Generation: lead.GetConfigure().GetGeneration()}
	if err := guest.Configure(lead.GetConfigure().GetSettingsJson()); err != nil {
		response.Diagnostics = []*strategyv1.Diagnostic{{Severity: strategyv1.Diagnostic_SEVERITY_ERROR, Message: err.Error()}}
	}
	l.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Configured{
		Configured: &strategyv1.Configured{Lease: lead.GetLease(), Response: response},
	}})
}

// answered answers a turn, and reports whether the line is to be kept.
func answered(l *line, guest *misbehaving.Guest, ask *strategyv1.Ask) bool {
	frame := guest.Turn(ask.GetFrame())
	if guest.ClosesStream() {
		return false
	}
	for range guest.Answers() {
		l.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Answer{
			Answer: &strategyv1.Answer{Lease: ask.GetLease(), Turn: ask.GetTurn(), Frame: append([]byte(nil), frame...)},
		}})
	}
	return true
}

// line is a remote.Link within the process.
type line struct {
	up    chan *strategyv1.SessionRequest
	down  chan *strategyv1.SessionResponse
	ended chan struct{}
	once  sync.Once
}

var (
	_      remote.Link = (*line)(nil)
	errEnd             = errors.New("the line has ended")
)

func (l *line) hangUp() { l.once.Do(func() { close(l.ended) }) }

// Send implements remote.Link.
func (l *line) Send(m *strategyv1.SessionResponse) error {
	select {
	case l.down <- m:
		return nil
	case <-l.ended:
		return errEnd
	}
}

// Recv implements remote.Link.
func (l *line) Recv() (*strategyv1.SessionRequest, error) {
	select {
	case m := <-l.up:
		return m, nil
	case <-l.ended:
		return nil, errEnd
	}
}

func (l *line) say(m *strategyv1.SessionRequest) {
	select {
	case l.up <- m:
	case <-l.ended:
	}
}

// hear waits for the host's next message; nil once the line has ended.
func (l *line) hear() *strategyv1.SessionResponse {
	select {
	case m := <-l.down:
		return m
	case <-l.ended:
		return nil
	}
}

// lateIsTold: who answers a turn when it is over is told that it is; the lease
// of a former leadership counts for nothing.
func lateIsTold(c *centre, want string) {
	c.t.Helper()
	c.opens(misbehaving.Settings{Way: c.row.way, From: first, Turns: 1, Epochs: 1})
	c.untilFault()
	c.said(want)
	offers := c.status().Counts.Offers
	c.free() // now it answers
	c.recovers()
	told := c.runtime.(reviver).told
	if late, fenced := told(strategyv1.Notice_CODE_LATE), told(strategyv1.Notice_CODE_FENCED); late+fenced != 1 {
		c.t.Fatalf("it was told %d times that it is late, and %d times that its lease is over", late, fenced)
	}
	if s := c.status(); s.Counts.Offers <= offers {
		c.t.Fatalf("%+v", s.Counts)
	}
}
