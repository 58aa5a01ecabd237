// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// legArgument is the first argument of channels that are agents' legs, by which
// they are told from callers.
const legArgument = "leg"

// shortest and longest are the pauses before Asterisk is dialled again.
const shortest, longest = 50 * time.Millisecond, 5 * time.Second

// adapter is what all calls share. It reads Asterisk's events and hands them to
// the calls that they are about.
type adapter struct {
	ari     *ari
	host    *host
	phones  *phones
	logger  *slog.Logger
	channel string // of the work
	queue   string // of calls that the dialplan names none for
	music   string
	ringFor time.Duration
	// closing ends when no more calls are taken.
	closing <-chan struct{}

	mu     sync.Mutex
	closed bool
	calls  map[string]*call // by channel: the caller's, and the agent's leg
	going  sync.WaitGroup
}

// phones are the endpoints of agents' phones.
type phones struct {
	// pattern is for agents who are not in of; {agent} stands for their name.
	pattern string
	of      map[string]string
}

// placeholder is what a pattern has for the name of the agent.
const placeholder = "{agent}"

// endpoint returns the endpoint of an agent's phone, false if there is none.
func (p *phones) endpoint(agent string) (string, bool) {
	if at, ok := p.of[agent]; ok {
		return at, true
	}
	return strings.ReplaceAll(p.pattern, placeholder, agent), p.pattern != ""
}

// join has a call hear of a channel.
func (a *adapter) join(channel string, c *call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[channel] = c
}

// part has nobody hear of it any more.
func (a *adapter) part(channel string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.calls, channel)
}

// serve reads events until ctx ends, and dials again when it must.
func (a *adapter) serve(ctx context.Context, ready func()) {
	for pause := shortest; ; pause = min(2*pause, longest) {
		conn, err := a.ari.events(ctx)
		if err == nil {
			pause = shortest
			ready()
			a.toAll(ariEvent{Type: resync})
			err = a.read(ctx, conn)
			_ = conn.Close(websocket.StatusNormalClosure, "")
		}
		if ctx.Err() != nil {
			return
		}
		a.logger.Warn("Asterisk's events were lost", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
	}
}

// read hands events on until the connection breaks.
func (a *adapter) read(ctx context.Context, conn *websocket.Conn) error {
	for {
		event, err := next(ctx, conn)
		if err != nil {
			return err
		}
		if event.Type == "StasisStart" && (len(event.Args) == 0 || event.Args[0] != legArgument) {
			a.incoming(ctx, event)
			continue
		}
		a.mu.Lock()
		c := a.calls[event.about()]
		a.mu.Unlock()
		if c != nil {
			c.news.put(*event)
		}
	}
}

// incoming begins a call. When the program is to end, the dialplan goes on with
// it.
func (a *adapter) incoming(ctx context.Context, event *ariEvent) {
	c := &call{adapter: a, customer: event.Channel, queue: a.queue, news: newNews()}
	if len(event.Args) > 0 && event.Args[0] != "" {
		c.queue = event.Args[0]
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		c.away(ctx)
		return
	}
	a.calls[c.customer.ID] = c
	a.going.Go(func() {
		defer a.part(c.customer.ID)
		c.run(ctx)
	})
}

// toAll hands an event to every call.
func (a *adapter) toAll(event ariEvent) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for channel, c := range a.calls {
		if channel == c.customer.ID {
			c.news.put(event)
		}
	}
}

// drain takes no more calls and waits until those that there are are over.
// closing has ended before, so that nobody waits for an agent any more.
func (a *adapter) drain() {
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	a.going.Wait()
}

// news are the events that a call has not heard yet. Putting one in does not
// block, so that a call that waits for an answer holds up no other.
type news struct {
	come chan struct{}
	mu   sync.Mutex
	list []ariEvent
}

func newNews() *news { return &news{come: make(chan struct{}, 1)} }

func (n *news) put(event ariEvent) {
	n.mu.Lock()
	n.list = append(n.list, event)
	n.mu.Unlock()
	select {
	case n.come <- struct{}{}:
	default: // the call knows already
	}
}

func (n *news) take() []ariEvent {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.list
	n.list = nil
	return list
}
