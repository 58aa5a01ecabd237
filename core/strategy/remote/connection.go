// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// Link carries the messages of one connection. Send and Recv are each called by
// one goroutine. Recv must return when the door's own handler has returned, or
// its context has ended.
type Link interface {
	// Send sends a message. It may block while the router does not read.
	Send(message *strategyv1.SessionResponse) error
	// Recv waits for the router's next message. An error ends the connection;
	// ErrTooLarge and ErrRubbish, by errors.Is, say that the router is at
	// fault.
	Recv() (*strategyv1.SessionRequest, error)
}

// Keeper is a Link that keeps something for as long as the session lasts, over
// all its connections.
type Keeper interface {
	// Recall is called once, when the router is let in. It is given what an
	// earlier connection of the session has kept, or nil if there was none, and
	// returns what is to be kept. A session is only taken up again by the door
	// that it came in by.
	Recall(memory any) any
}

// What a Link may find wrong with a message.
var (
	// ErrTooLarge: a message is longer than the door takes. The connection
	// ends.
	ErrTooLarge = errors.New("remote: the router's message is longer than the host takes")
	// ErrRubbish: a message cannot be read. The connection ends.
	ErrRubbish = errors.New("remote: the router's message cannot be read")
)

// Refusal says why a router is not let in.
type Refusal struct {
	// Code is stable: "unauthenticated", "invalid", "no_common_version",
	// "too_many_routers", "out_of_place" or "too_slow".
	Code string
	// Text says what is wrong and what would be right.
	Text string
}

// Error implements error.
func (r *Refusal) Error() string { return "remote: " + r.Code + ": " + r.Text }

var (
	errReplaced = &Refusal{"replaced", "the session goes on over another connection"}
	errSlow     = &Refusal{"too_slow", "the router does not read what it is sent"}
	errSilent   = &Refusal{"silent", "nothing was heard of the router for too long"}
	errHello    = &Refusal{"out_of_place", "the first message should be a hello, and soon"}
)

// outbox is how many messages may wait to be sent. There is one turn at a time;
// the rest are notices.
const outbox = 64

// connection is one connection of a router.
type connection struct {
	link      Link
	door      string // how it came
	address   string // from where
	out       chan *strategyv1.SessionResponse
	instructs chan *strategyv1.Instruct // to be done
	ended     chan struct{}
	once      sync.Once
	why       error
	welcomed  chan struct{}
	heard     atomic.Int64 // when, in Unix nanoseconds
	announced atomic.Uint64

	// The doors' lock guards what follows.
	session *session // nil until welcomed
	over    bool     // it is too late to be welcomed
	left    bool     // the router said that it goes
	fatal   error    // the fault with which it ended
}

// Serve speaks with a router until either side ends the connection, or ctx ends.
// Door says how it came, such as "grpc", and address from where; both are for
// people.
//
// # Errors
//
// A *Refusal if the router is not let in, or hung up on; otherwise the link's,
// or nil if the router has left.
func (d *Doors) Serve(ctx context.Context, link Link, door, address string) error {
	c := &connection{
		link: link, door: door, address: address,
		out: make(chan *strategyv1.SessionResponse, outbox), instructs: make(chan *strategyv1.Instruct, maxInstructs), ended: make(chan struct{}), welcomed: make(chan struct{}),
	}
	c.heard.Store(time.Now().UnixNano())
	d.readers.Go(func() { c.end(d.read(c)) })
	d.readers.Go(func() { d.obey(c) })
	err := d.write(ctx, c)
	c.end(err)
	d.lose(c)
	return err
}

// read takes messages until the connection ends.
func (d *Doors) read(c *connection) error {
	for first := true; ; first = false {
		request, err := c.link.Recv()
		if err != nil {
			d.broke(c, err)
			return err
		}
		c.heard.Store(time.Now().UnixNano())
		if first {
			err = d.admit(c, request.GetHello())
		} else {
			err = d.take(c, request)
		}
		if err != nil {
			return err
		}
	}
}

// broke notes what it means for the strategy that a connection broke.
func (d *Doors) broke(c *connection, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case errors.Is(err, ErrTooLarge):
		c.fatal = fault(strategy.FaultTooLarge, "its message is longer than the host takes")
		c.notice(strategyv1.Notice_CODE_TOO_LARGE, 0, 0, "the message is longer than the host takes; the connection ends")
	case errors.Is(err, ErrRubbish):
		c.fatal = fault(strategy.FaultRubbish, "its message cannot be read: %w", quote{err})
		c.notice(strategyv1.Notice_CODE_RUBBISH, 0, 0, "the message cannot be read: %v; the connection ends", quote{err})
	}
}

// write sends messages until the connection ends.
func (d *Doors) write(ctx context.Context, c *connection) error {
	hello := time.NewTimer(d.options.Hello)
	defer hello.Stop()
	beat := time.NewTicker(d.options.Ping)
	defer beat.Stop()
	welcomed := c.welcomed
	for {
		var err error
		select {
		case m := <-c.out:
			err = c.link.Send(m)
		case <-c.ended:
			return c.last(c.why)
		case <-welcomed:
			hello.Stop()
			welcomed = nil
		case <-hello.C:
			return errHello
		case <-beat.C:
			err = d.beat(c)
		case <-ctx.Done():
			return c.farewell(ctx)
		case <-d.stop.Done():
			return c.farewell(d.stop)
		}
		if err != nil {
			return err
		}
	}
}

// farewell tells a router that the host goes.
func (c *connection) farewell(ctx context.Context) error {
	c.notice(strategyv1.Notice_CODE_SHUTTING_DOWN, 0, 0, "the host is shutting down; dial again")
	return c.last(context.Cause(ctx))
}

// last sends what waits to be sent, and returns the error.
func (c *connection) last(err error) error {
	for {
		select {
		case m := <-c.out:
			if c.link.Send(m) != nil {
				return err
			}
		default:
			return err
		}
	}
}

// beat asks whether the router is there, and hangs up if it has not been heard
// for long.
func (d *Doors) beat(c *connection) error {
	if time.Since(time.Unix(0, c.heard.Load())) > 3*d.options.Ping {
		c.notice(strategyv1.Notice_CODE_SILENT, 0, 0, "nothing was heard for too long; the connection ends")
		return c.last(errSilent)
	}
	return c.link.Send(&strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Ping{
		Ping: &strategyv1.Ping{Number: c.announced.Add(1)},
	}})
}

// say has a message sent. It never waits: a router that reads too little is
// hung up on.
func (c *connection) say(m *strategyv1.SessionResponse) {
	select {
	case c.out <- m:
	default:
		c.end(errSlow)
	}
}

// notice tells the router that something it did came to nothing. Notices are
// dropped when much waits to be sent: they are a kindness.
func (c *connection) notice(code strategyv1.Notice_Code, lease, turn uint64, format string, args ...any) {
	if len(c.out) > outbox/2 {
		return
	}
	c.say(&strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Notice{Notice: &strategyv1.Notice{
		Code: code, Text: fmt.Sprintf(format, args...), Lease: lease, Turn: turn,
	}}})
}

// end ends the connection, once.
func (c *connection) end(why error) {
	c.once.Do(func() {
		c.why = why
		close(c.ended)
	})
}
