// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package reservation asks others about offers: each offer of a queue, or of
// those that a strategy has decided, is posted to an address, and what is
// answered is done, if it can be done still. Without an answer the offer stands.
//
// The package knows the workspace and how messages are sent. It does not know
// how events and work are written. It reads the feed beside the workspace's
// loop, which never waits for it.
package reservation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/webhook"
)

// EventType is the CloudEvents type of an offer that is asked about.
const EventType = "dev.patchbay.reservation"

const (
	// maxFlying is how many offers one callback is asked about at once; further
	// ones wait for their turn, and stand meanwhile.
	maxFlying = 128
	// maxAnswer is how long an answer may be, in bytes.
	maxAnswer = 64 << 10
	// pauseFirst and pauseMost bound the pauses between two tries.
	pauseFirst, pauseMost = 50 * time.Millisecond, 2 * time.Second
)

// Callback says which offers are posted where.
type Callback struct {
	// Queue is whose offers are posted, or Strategy by whom they were decided;
	// one of the two is set. A queue's callback counts before a strategy's.
	Queue, Strategy string
	// URL is where, Secrets sign what is posted.
	URL     string
	Secrets []webhook.Secret
	// Allow lists networks that may be posted to beside public addresses.
	Allow []netip.Prefix
	// Timeout is how long an answer is awaited, tries included. Default 5 s.
	Timeout time.Duration
}

// Options say who is asked.
type Options struct {
	// Workspace is whose offers they are.
	Workspace *host.Workspace
	// Callbacks are those there are.
	Callbacks []Callback
	// EncodeEvent and EncodeWork write an offer's event, and the work as it is,
	// as JSON. EncodeWork may read the engine, and keeps nothing of it.
	EncodeEvent func(ev *engine.Event) (json.RawMessage, error)
	EncodeWork  func(e *engine.Engine, w *engine.Work) (json.RawMessage, error)
	// Source is the CloudEvents source, such as "/workspaces/centre", and Agent
	// the User-Agent header.
	Source, Agent string
	// Logger hears of answers that come to nothing; nil for silence.
	Logger *slog.Logger
}

// Desk asks about offers. Close it after use, before the workspace.
type Desk struct {
	options Options
	asked   []*callback
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// callback is a Callback with what sends for it.
type callback struct {
	Callback

	client *webhook.Client
}

// Open begins to ask: about the offers that stand, and about every one from now
// on.
func Open(ctx context.Context, o Options) (*Desk, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Desk{options: o}
	for _, one := range o.Callbacks {
		if one.Timeout == 0 {
			one.Timeout = 5 * time.Second
		}
		d.asked = append(d.asked, &callback{one, webhook.NewClient(webhook.Options{Allow: one.Allow, Agent: o.Agent})})
	}
	var standing []engine.Event
	var number uint64
	if err := o.Workspace.View(ctx, func(e *engine.Engine) { standing, number = offers(e), e.Number() }); err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	for _, c := range d.asked { // each by itself: one that is down holds up no other
		d.running.Go(func() { d.run(running, c, standing, number) })
	}
	return d, nil
}

// Close gives up what is asked, and waits for it. What was not answered stands.
func (d *Desk) Close() error {
	d.cancel()
	d.running.Wait()
	for _, c := range d.asked {
		c.client.Close()
	}
	return nil
}

// offers are those that stand, as their events told of them.
func offers(e *engine.Engine) (out []engine.Event) {
	e.EachWork(0, func(w *engine.Work) bool {
		for i := range w.Assignments {
			if x := &w.Assignments[i]; x.State == engine.AssignmentOffered {
				out = append(out, engine.Event{
					At: x.OfferedAt, Kind: engine.KindWorkOffered, Work: w.ID, Assignment: x.ID, Agent: x.Agent, Queue: w.Queue,
					Deadline: x.Deadline, Decision: &x.Decision, Size: x.Size, Guest: x.Guest,
				})
			}
		}
		return true
	})
	for i := range out {
		decision := *out[i].Decision
		out[i].Decision = &decision
	}
	return out
}

// run asks one callback about its offers until ctx ends.
func (d *Desk) run(ctx context.Context, c *callback, standing []engine.Event, number uint64) {
	var flying sync.WaitGroup
	defer flying.Wait()
	free := make(chan struct{}, maxFlying)
	ask := func(ev *engine.Event) bool {
		if d.of(ev) != c {
			return true
		}
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return false
		}
		offer := *ev
		flying.Go(func() {
			defer func() { <-free }()
			d.ask(ctx, c, &offer)
		})
		return true
	}
	for i := range standing {
		if !ask(&standing[i]) {
			return
		}
	}
	for feed := d.options.Workspace.Feed(number); ; {
		events, err := feed.Next(ctx)
		if err != nil {
			if !errors.Is(err, host.ErrClosed) && ctx.Err() == nil {
				d.options.Logger.Error("a reservation callback ends: the feed cannot be read", "url", webhook.Place(c.URL), "error", err)
			}
			return
		}
		for i := range events {
			if events[i].Kind == engine.KindWorkOffered && !ask(&events[i]) {
				return
			}
		}
	}
}

// of returns whom to ask about an offer; nil for nobody.
func (d *Desk) of(ev *engine.Event) *callback {
	var found *callback
	for _, c := range d.asked {
		switch {
		case c.Queue != "" && c.Queue == ev.Queue:
			return c
		case c.Strategy != "" && ev.Decision != nil && c.Strategy == ev.Decision.Strategy && found == nil:
			found = c
		}
	}
	return found
}

// Question is the data of a message: an offer that was made.
type Question struct {
	// Event is the offer's, as the feed tells it.
	Event json.RawMessage `json:"event"`
	// Work is the work as it is by now; left out if it is gone.
	Work json.RawMessage `json:"work,omitempty"`
}

// ask posts an offer and has done what is answered.
func (d *Desk) ask(ctx context.Context, c *callback, ev *engine.Event) {
	within, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	m, err := d.message(within, c, ev)
	if err == nil && m == nil {
		return // it does not stand any more
	}
	var answer *Answer
	if err == nil {
		answer, err = c.post(within, m)
	}
	if err == nil && answer.Verb != VerbStand {
		err = d.do(ctx, ev, answer)
	}
	if err != nil && ctx.Err() == nil {
		d.options.Logger.Warn("a reservation callback comes to nothing; the offer stands",
			"url", webhook.Place(c.URL), "work", ev.Work.String(), "assignment", ev.Assignment.String(), "agent", ev.Agent, "why", err)
	}
}

// message writes the question; nil if the offer does not stand any more.
func (d *Desk) message(ctx context.Context, c *callback, ev *engine.Event) (*webhook.Message, error) {
	var q Question
	var bad error
	stands := false
	err := d.options.Workspace.View(ctx, func(e *engine.Engine) {
		x, w, ok := e.Assignment(ev.Assignment)
		if stands = ok && x.State == engine.AssignmentOffered; stands {
			q.Work, bad = d.options.EncodeWork(e, w)
		}
	})
	if err = errors.Join(err, bad); err != nil || !stands {
		return nil, err
	}
	if q.Event, err = d.options.EncodeEvent(ev); err != nil {
		return nil, err
	}
	data, err := json.Marshal(&q)
	if err != nil {
		return nil, err
	}
	id := fmt.Sprintf("offer_%v_%d", ev.Assignment, ev.At) // the same after a restart
	body, err := json.Marshal(&webhook.Event{
		ID: id, Source: d.options.Source, Type: EventType, Subject: ev.Assignment.String(), Time: time.UnixMilli(int64(ev.At)), Data: data,
	})
	return &webhook.Message{URL: c.URL, ID: id, Body: body, Secrets: c.Secrets, MaxAnswer: maxAnswer}, err
}

// post asks until there is an answer, or it is no use to ask again.
func (c *callback) post(ctx context.Context, m *webhook.Message) (*Answer, error) {
	for failures := 1; ; failures++ {
		body, err := c.client.Post(ctx, m)
		if err == nil {
			return ReadAnswer(body)
		}
		if ctx.Err() != nil || !webhook.Passing(err) {
			return nil, err
		}
		timer := time.NewTimer(webhook.Pause(failures, pauseFirst, pauseMost))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
	}
}
