// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package jsonrouter is a router that speaks JSON over a WebSocket, made of any
// plugin: what a vendor would write, kept small. The host's own tests play the
// conformance corpus and disconnects through it.
//
// It knows documents and the contract. It does not know the host.
package jsonrouter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/coder/websocket"

	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Options say where a router dials and as whom.
type Options struct {
	// URL is the door's, such as "ws://127.0.0.1:8080/v1/routers/session".
	URL string
	// Strategy, Token, Name and Rank are those of the hello.
	Strategy, Token, Name string
	Rank                  uint32
	// Pause is how long is waited before dialling again. Default 10 ms.
	Pause time.Duration
	// Notice, unless nil, is told every notice of the host.
	Notice func(document.Notice)
}

// Refused is the host's word on why a router is not let in.
type Refused struct{ document.Refused }

// Error implements error.
func (r *Refused) Error() string {
	return fmt.Sprintf("jsonrouter: %s: %s", r.Code, r.Message)
}

// longest is the longest message that is read.
const longest = 64 << 20

// Run runs the plugin as a router until ctx ends, and then returns nil. It dials
// again whenever the connection is lost. An error is a *Refused whose code is
// "unauthenticated" or "no_common_version".
func Run(ctx context.Context, plugin route.Plugin, options Options) error {
	if options.Pause == 0 {
		options.Pause = 10 * time.Millisecond
	}
	r := &router{plugin: plugin, options: options}
	for {
		err := r.connect(ctx)
		var refused *Refused
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was told to end
		}
		if errors.As(err, &refused) && (refused.Code == "unauthenticated" || refused.Code == "no_common_version") {
			return err
		}
		pause := time.NewTimer(options.Pause)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil
		}
	}
}

// router is a plugin and what it remembers of its session.
type router struct {
	plugin   route.Plugin
	options  Options
	strategy route.Strategy
	reader   *document.Reader

	token          string
	lease, applied uint64
	answer         *document.Reply // to the turn applied last
	returned       bool            // the session was taken up again, and no turn has come since
}

// connect speaks with the host over one connection.
func (r *router) connect(ctx context.Context) error {
	conn, response, err := websocket.Dial(ctx, r.options.URL, nil)
	if err != nil {
		return err
	}
	if response != nil && response.Body != nil {
		_ = response.Body.Close()
	}
	defer conn.CloseNow() //nolint:errcheck // nothing is lost
	conn.SetReadLimit(longest)
	err = write(ctx, conn, &document.FromRouter{Hello: r.hello()})
	for err == nil {
		var text []byte
		if _, text, err = conn.Read(ctx); err != nil {
			return err
		}
		var in document.FromHost
		if err = json.Unmarshal(text, &in); err != nil {
			return err
		}
		if in.Refused != nil {
			return &Refused{*in.Refused}
		}
		if out := r.take(&in); out != nil {
			err = write(ctx, conn, out)
		}
	}
	return err
}

func write(ctx context.Context, conn *websocket.Conn, m *document.FromRouter) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return conn.Write(ctx, websocket.MessageText, text)
}

func (r *router) hello() *document.Hello {
	m := &r.plugin.Manifest
	hello := &document.Hello{
		Strategy: r.options.Strategy, Token: r.options.Token, Router: r.options.Name, Rank: r.options.Rank,
		Manifest: document.Manifest{
			Name: m.Name, Version: m.Version, Reasons: m.Reasons, Deterministic: m.Deterministic, View: m.View,
			Candidates: uint32(m.Candidates),
		},
	}
	for _, table := range m.Tables {
		hello.Manifest.Tables = append(hello.Manifest.Tables, table.String())
	}
	if r.token != "" {
		hello.Resume = &document.Resume{Token: r.token, Lease: r.lease, Applied: r.applied}
	}
	return hello
}

// take takes a message of the host and returns the router's answer, if any.
func (r *router) take(in *document.FromHost) *document.FromRouter {
	switch {
	case in.Welcome != nil:
		r.token = in.Welcome.ResumeToken
		if !in.Welcome.Resumed || in.Welcome.Lease != r.lease {
			r.lease = 0
		}
		r.returned = r.lease != 0
	case in.Lead != nil:
		return &document.FromRouter{Configured: &document.Configured{Lease: in.Lead.Lease, Error: r.lead(in.Lead)}}
	case in.Ask != nil && in.Ask.Lease == r.lease:
		return &document.FromRouter{Answer: &document.Answer{Lease: r.lease, Turn: in.Ask.Turn, Reply: *r.turn(in.Ask)}}
	case in.Drained != nil && in.Drained.Lease == r.lease:
		r.lease = 0
	case in.Ping != nil:
		return &document.FromRouter{Pong: in.Ping}
	case in.Notice != nil && r.options.Notice != nil:
		r.options.Notice(*in.Notice)
	}
	return nil
}

// lead makes a strategy anew, and says what keeps it from taking its settings.
func (r *router) lead(in *document.Lead) string {
	r.strategy, r.reader = r.plugin.New(), document.NewReader()
	r.lease, r.applied, r.answer, r.returned = in.Lease, 0, nil, false
	if err := r.strategy.Configure(in.Settings); err != nil {
		return err.Error()
	}
	return ""
}

// turn decides. The turn that was answered last may come again after the
// connection was lost.
func (r *router) turn(in *document.Ask) *document.Reply {
	again := r.returned && in.Turn == r.applied && r.answer != nil
	r.returned = false
	if again {
		return r.answer
	}
	var reply route.Reply
	err := r.strategy.Turn(r.reader.Rows(in.Frame), &reply)
	r.applied, r.answer = in.Turn, document.ReplyOf(&reply, err)
	return r.answer
}
