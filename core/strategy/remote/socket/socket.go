// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package socket carries the session of a router as JSON over a WebSocket: each
// message is one document, as text. A host and the certification kit let routers
// in by it alike.
//
// It knows how documents are carried and how a connection ends. It does not know
// who may come in, nor what is decided.
package socket

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

const (
	// Path is where routers that speak JSON open their WebSocket.
	Path = "/v1/routers/session"
	// DoorName is how the doors are told that a router came this way.
	DoorName = "websocket"
)

// shuttingDown is the code of the refusal with which a host goes away.
const shuttingDown = "shutting_down"

// Options are the bounds of a link. Both are needed.
type Options struct {
	// MaxMessageBytes is the longest message that a router may send. A longer
	// one ends the connection.
	MaxMessageBytes int64
	// WriteWithin is how long a message may take to be written. Sending one that
	// takes longer fails.
	WriteWithin time.Duration
}

// Link is a WebSocket as the doors want it. Sending, which Close does as well,
// is for one goroutine at a time, and so is Recv; Cut is for any.
type Link struct {
	conn   *websocket.Conn
	codec  *document.Codec
	within time.Duration
}

var (
	_ remote.Link   = (*Link)(nil)
	_ remote.Keeper = (*Link)(nil)
)

// Accept makes a WebSocket of a request. Cut the link after use. After an error
// the request has been answered.
func Accept(w http.ResponseWriter, r *http.Request, options Options) (*Link, error) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	conn.SetReadLimit(options.MaxMessageBytes)
	return &Link{conn: conn, codec: document.NewCodec(), within: options.WriteWithin}, nil
}

// Recall implements remote.Keeper.
func (l *Link) Recall(memory any) any { return l.codec.Recall(memory) }

// Send implements remote.Link.
func (l *Link) Send(m *strategyv1.SessionResponse) error {
	said, err := l.codec.Host(m)
	if err != nil {
		return err
	}
	return l.write(said)
}

func (l *Link) write(said *document.FromHost) error {
	text, err := json.Marshal(said)
	if err != nil {
		return err
	}
	return l.Write(text)
}

// Write sends text as it is, which need be no document.
func (l *Link) Write(text []byte) error {
	// No other context: the last words are said when all have ended.
	ctx, cancel := context.WithTimeout(context.Background(), l.within)
	defer cancel()
	return l.conn.Write(ctx, websocket.MessageText, text)
}

// Recv implements remote.Link. The error is io.EOF when the router has closed
// the connection in good order.
func (l *Link) Recv() (*strategyv1.SessionRequest, error) {
	// Reading ends when the connection is closed, and not with a context: that
	// would leave no time for a last word.
	kind, text, err := l.conn.Read(context.Background())
	switch {
	case errors.Is(err, websocket.ErrMessageTooBig):
		return nil, fmt.Errorf("%w: %w", remote.ErrTooLarge, err)
	case websocket.CloseStatus(err) != -1:
		return nil, io.EOF
	case err != nil:
		return nil, err
	case kind != websocket.MessageText:
		return nil, fmt.Errorf("%w: it is binary; messages are text", remote.ErrRubbish)
	}
	m, err := l.codec.Read(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", remote.ErrRubbish, err)
	}
	return m, nil
}

// Close says the last word, nil for none, and closes the connection in good
// order: as normal without a last word, as going away if the host is shutting
// down, and else as a violation of policy. It waits some seconds at the most for
// the router to agree. What cannot be told to a router that is gone is lost.
func (l *Link) Close(last *document.Refused) {
	code, reason := websocket.StatusNormalClosure, ""
	if last != nil {
		code, reason = websocket.StatusPolicyViolation, last.Code
		if last.Code == shuttingDown {
			code = websocket.StatusGoingAway
		}
		_ = l.write(&document.FromHost{Refused: last})
	}
	_ = l.conn.Close(code, reason)
}

// Cut ends the connection at once, without a word. What has ended already stays
// as it is.
func (l *Link) Cut() { _ = l.conn.CloseNow() }
