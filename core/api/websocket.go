// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"sync"

	"google.golang.org/grpc/codes"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/socket"
)

// SocketPath is where routers that speak JSON open their WebSocket.
const SocketPath = socket.Path

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
	link, err := socket.Accept(w, r, socket.Options{MaxMessageBytes: maxSocketBytes, WriteWithin: writeWithin})
	if err != nil {
		return // it has answered
	}
	defer link.Cut()
	ctx, cancel := s.gate.while(context.WithoutCancel(r.Context()))
	defer cancel()
	link.Close(s.end(ctx, s.doors.Serve(ctx, link, socket.DoorName, r.RemoteAddr)))
}

// end is how the connection ended, as a router is told it; nil if it is to be
// told nothing.
func (s *sockets) end(ctx context.Context, err error) *document.Refused {
	if err = sessionEnd(ctx, err); err == nil {
		return nil
	}
	f, _ := ofError(err)
	return &document.Refused{Code: f.code, Message: f.message}
}
