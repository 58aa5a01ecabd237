// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// ari speaks Asterisk's REST interface. It is safe for concurrent use.
type ari struct {
	base           string // such as http://127.0.0.1:8088
	app            string
	user, password string
	client         *http.Client
}

// requestWithin is how long one request to Asterisk may take.
const requestWithin = 10 * time.Second

// maxEvent is the largest event that is read.
const maxEvent = 1 << 20

// ariEvent is as much of an event as is used here.
type ariEvent struct {
	Type    string     `json:"type"`
	Args    []string   `json:"args"`
	Channel ariChannel `json:"channel"`
	Cause   int        `json:"cause"`
	// Of the event Dial: whose phone, and how it stands.
	Peer       ariChannel `json:"peer"`
	DialStatus string     `json:"dialstatus"`
}

// about is the channel that an event is about.
func (e *ariEvent) about() string {
	if e.Type == "Dial" {
		return e.Peer.ID
	}
	return e.Channel.ID
}

// ariChannel is one leg of a call.
type ariChannel struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Caller struct {
		Name   string `json:"name"`
		Number string `json:"number"`
	} `json:"caller"`
	Dialplan struct {
		Exten string `json:"exten"`
	} `json:"dialplan"`
}

// ariError is an answer that is no success.
type ariError struct {
	what   string
	status int
	text   string
}

// Error implements error.
func (e *ariError) Error() string {
	return fmt.Sprintf("%s: Asterisk answers %d: %s", e.what, e.status, e.text)
}

// do makes a request whose parameters are in the query, as ARI takes them.
func (a *ari) do(ctx context.Context, method, path string, query url.Values) error {
	ctx, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	at := a.base + "/ari" + path
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, at, http.NoBody)
	if err != nil {
		return err
	}
	request.SetBasicAuth(a.user, a.password)
	response, err := a.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(response.Body, 4096))
	if response.StatusCode >= http.StatusMultipleChoices {
		return &ariError{what: method + " " + path, status: response.StatusCode, text: strings.TrimSpace(string(text))}
	}
	return nil
}

func channelPath(id string, rest ...string) string {
	return strings.Join(append([]string{"/channels", url.PathEscape(id)}, rest...), "/")
}

// hold answers a channel and plays music to it.
func (a *ari) hold(ctx context.Context, channel, music string) error {
	if err := a.do(ctx, http.MethodPost, channelPath(channel, "answer"), nil); err != nil {
		return err
	}
	return a.music(ctx, channel, music)
}

func (a *ari) music(ctx context.Context, channel, music string) error {
	return a.do(ctx, http.MethodPost, channelPath(channel, "moh"), url.Values{"mohClass": {music}})
}

// originate has a phone ring. Once it is answered, its channel is in the
// application with these arguments.
func (a *ari) originate(ctx context.Context, channel string, parameters url.Values) error {
	parameters.Set("app", a.app)
	return a.do(ctx, http.MethodPost, channelPath(channel), parameters)
}

// connect has two channels talk to each other.
func (a *ari) connect(ctx context.Context, bridge, customer, agent string) error {
	if err := a.do(ctx, http.MethodDelete, channelPath(customer, "moh"), nil); err != nil {
		return err
	}
	if err := a.do(ctx, http.MethodPost, "/bridges/"+url.PathEscape(bridge), url.Values{"type": {"mixing"}}); err != nil {
		return err
	}
	return a.do(ctx, http.MethodPost, "/bridges/"+url.PathEscape(bridge)+"/addChannel", url.Values{"channel": {customer + "," + agent}})
}

func (a *ari) destroy(ctx context.Context, bridge string) error {
	return a.do(ctx, http.MethodDelete, "/bridges/"+url.PathEscape(bridge), nil)
}

func (a *ari) hangUp(ctx context.Context, channel string) error {
	return a.do(ctx, http.MethodDelete, channelPath(channel), nil)
}

// leave lets a channel go on in the dialplan, behind the line that brought it
// here.
func (a *ari) leave(ctx context.Context, channel string) error {
	return a.do(ctx, http.MethodPost, channelPath(channel, "continue"), nil)
}

// alive reports whether a channel is still there; what cannot be known is taken
// for yes.
func (a *ari) alive(ctx context.Context, channel string) bool {
	err := a.do(ctx, http.MethodGet, channelPath(channel), nil)
	return !missing(err)
}

// missing reports whether an error says that a thing is not there, or no longer
// in the application.
func missing(err error) bool {
	answer, ok := err.(*ariError) //nolint:errorlint // do wraps nothing
	return ok && (answer.status == http.StatusNotFound || answer.status == http.StatusConflict)
}

// events opens the stream of events. While it is open, calls come in.
func (a *ari) events(ctx context.Context) (*websocket.Conn, error) {
	header := http.Header{}
	request := &http.Request{Header: header}
	request.SetBasicAuth(a.user, a.password)
	at := "ws" + strings.TrimPrefix(a.base, "http") + "/ari/events?" + url.Values{"app": {a.app}}.Encode()
	dialling, cancel := context.WithTimeout(ctx, requestWithin)
	defer cancel()
	conn, response, err := websocket.Dial(dialling, at, &websocket.DialOptions{HTTPClient: a.client, HTTPHeader: header})
	if response != nil && response.Body != nil {
		defer response.Body.Close()
	}
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxEvent)
	return conn, nil
}

// next reads one event.
func next(ctx context.Context, conn *websocket.Conn) (*ariEvent, error) {
	_, text, err := conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	event := &ariEvent{}
	return event, json.Unmarshal(text, event)
}
