// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/coder/websocket"
	"google.golang.org/grpc/codes"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// SocketPath is where routers that speak JSON open their WebSocket.
const SocketPath = "/v1/routers/session"

// maxSocketBytes is the longest JSON message of a router: an answer of
// MaxAnswerBytes takes some times as much as text.
const maxSocketBytes = 8 * MaxRequestBytes

// sockets are the WebSockets that are open. An http.Server does not know them.
type sockets struct {
	gate    *gate
	doors   *remote.Doors // nil if there are none
	serving sync.WaitGroup
}

// session serves one router over a WebSocket.
func (s *sockets) session(w http.ResponseWriter, r *http.Request) {
	if s.doors == nil {
		writeRefusal(w, refuse(codes.NotFound, codeUnknownPath, "", "this host has no remote strategies, so there is nothing for a router here"))
		return
	}
	s.serving.Add(1)
	defer s.serving.Done()
	if r.Header.Get("Upgrade") == "" {
		w.Header().Set("Upgrade", "websocket")
		f := refuse(codes.InvalidArgument, codeInvalid, "", "%s is for WebSockets; docs/external-routing.md says how", SocketPath)
		f.http = http.StatusUpgradeRequired
		writeRefusal(w, f)
		return
	}
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // it has answered
	}
	defer conn.CloseNow() //nolint:errcheck // the last word was said
	conn.SetReadLimit(maxSocketBytes)
	ctx, cancel := s.gate.while(context.WithoutCancel(r.Context()))
	defer cancel()
	link := &socketLink{conn: conn, ctx: ctx, codec: document.NewCodec()}
	link.part(s.end(ctx, s.doors.Serve(ctx, link, "websocket", r.RemoteAddr)))
}

// end is how the connection ended, as a caller is told it.
func (s *sockets) end(ctx context.Context, err error) *refusal {
	if err = sessionEnd(ctx, err); err == nil {
		return nil
	}
	f, _ := ofError(err)
	return f
}

// socketLink is a WebSocket as the doors want it.
type socketLink struct {
	conn  *websocket.Conn
	ctx   context.Context
	codec *document.Codec
}

// Recall implements remote.Keeper.
func (l *socketLink) Recall(memory any) any { return l.codec.Recall(memory) }

// Send implements remote.Link.
func (l *socketLink) Send(m *strategyv1.SessionResponse) error {
	told, err := l.codec.Host(m)
	if err != nil {
		return err
	}
	return l.write(told)
}

func (l *socketLink) write(told *document.FromHost) error {
	text, err := json.Marshal(told)
	if err != nil {
		return err
	}
	// The last words are said when the context has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(l.ctx), writeWithin)
	defer cancel()
	return l.conn.Write(ctx, websocket.MessageText, text)
}

// Recv implements remote.Link.
func (l *socketLink) Recv() (*strategyv1.SessionRequest, error) {
	// Reading ends when the connection is closed, and not with the context:
	// that would leave no time for a last word.
	kind, text, err := l.conn.Read(context.WithoutCancel(l.ctx))
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

// part says why the connection ends, and closes it.
func (l *socketLink) part(f *refusal) {
	code, reason := websocket.StatusNormalClosure, ""
	if f != nil {
		reason = f.code
		code = websocket.StatusPolicyViolation
		if f.kind == codes.Unavailable {
			code = websocket.StatusGoingAway
		}
		_ = l.write(&document.FromHost{Refused: &document.Refused{Code: f.code, Message: f.message}})
	}
	_ = l.conn.Close(code, reason)
}
