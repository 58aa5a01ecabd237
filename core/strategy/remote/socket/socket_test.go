// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package socket_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/socket"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// dialled returns a router's end of a WebSocket whose other end is served.
func dialled(t *testing.T, options socket.Options, serve func(*socket.Link)) *websocket.Conn {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		link, err := socket.Accept(w, r, options)
		if err != nil {
			t.Error(err)
			return
		}
		defer link.Cut()
		serve(link)
	}))
	t.Cleanup(server.Close)
	conn, _, err := websocket.Dial(t.Context(), server.URL, nil) //nolint:bodyclose // it has none
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// usual are the bounds where they are not what is tested.
func usual() socket.Options { return socket.Options{MaxMessageBytes: 1000, WriteWithin: time.Minute} }

func pingOf(number uint64) *strategyv1.SessionResponse {
	return &strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Ping{Ping: &strategyv1.Ping{Number: number}}}
}

// TestCarries sends documents both ways.
func TestCarries(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	conn := dialled(t, usual(), func(link *socket.Link) {
		for {
			m, err := link.Recv()
			if err == nil {
				err = link.Send(pingOf(m.GetPong().GetNumber() + 1))
			}
			if err != nil {
				ended <- err
				return
			}
		}
	})
	for _, text := range []string{`{"pong":{"number":41}}`, `{"pong":{"number":71}}`} {
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{`{"ping":{"number":42}}`, `{"ping":{"number":72}}`} {
		kind, text, err := conn.Read(t.Context())
		if err != nil || kind != websocket.MessageText || string(text) != want {
			t.Errorf("%v %s, %v, want %s", kind, text, err, want)
		}
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("it ended with %v", err)
	}
}

// TestRecvFinds tells apart what is wrong with a message.
func TestRecvFinds(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		kind websocket.MessageType
		text string
		want error
	}{
		"binary":      {websocket.MessageBinary, `{"pong":{"number":1}}`, remote.ErrRubbish},
		"no JSON":     {websocket.MessageText, `{"pong"`, remote.ErrRubbish},
		"no document": {websocket.MessageText, `{"hallo":{}}`, remote.ErrRubbish},
		"too long":    {websocket.MessageText, strings.Repeat(" ", 1001), remote.ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := make(chan error, 1)
			conn := dialled(t, usual(), func(link *socket.Link) {
				_, err := link.Recv()
				found <- err
			})
			if err := conn.Write(t.Context(), test.kind, []byte(test.text)); err != nil {
				t.Fatal(err)
			}
			if err := <-found; !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

// TestRecvEndsWithACut shows that a connection that breaks is no farewell.
func TestRecvEndsWithACut(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	conn := dialled(t, usual(), func(link *socket.Link) {
		_, err := link.Recv()
		ended <- err
	})
	_ = conn.CloseNow()
	if err := <-ended; err == nil || errors.Is(err, remote.ErrRubbish) || errors.Is(err, remote.ErrTooLarge) {
		t.Errorf("it ended with %v", err)
	}
}

// TestClose shows the last word, and how the WebSocket is closed.
func TestClose(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		last   *document.Refused
		status websocket.StatusCode
	}{
		{nil, websocket.StatusNormalClosure},
		{&document.Refused{Code: "unauthenticated", Message: "who are you?"}, websocket.StatusPolicyViolation},
		{&document.Refused{Code: "shutting_down", Message: "dial again"}, websocket.StatusGoingAway},
	} {
		conn := dialled(t, usual(), func(link *socket.Link) { link.Close(test.last) })
		_, text, err := conn.Read(t.Context())
		code := ""
		if test.last != nil {
			var said document.FromHost
			if err := json.Unmarshal(text, &said); err != nil || said.Refused == nil || *said.Refused != *test.last {
				t.Errorf("the last word is %s, %v", text, err)
			}
			code = test.last.Code
			_, _, err = conn.Read(t.Context())
		}
		closed, ok := errors.AsType[websocket.CloseError](err)
		if !ok || closed.Code != test.status || closed.Reason != code {
			t.Errorf("%+v: closed with %v", test.last, err)
		}
	}
}

// TestWriteGivesUp shows that a router that does not read is not waited for
// without end.
func TestWriteGivesUp(t *testing.T) {
	t.Parallel()
	ended := make(chan error, 1)
	dialled(t, socket.Options{MaxMessageBytes: 1000, WriteWithin: time.Millisecond}, func(link *socket.Link) {
		var err error
		for text := make([]byte, 1<<20); err == nil; {
			err = link.Write(text) // the router neither reads nor hangs up
		}
		ended <- err
	})
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Error("it waits")
	}
}

// TestRecall shows that words are kept from one connection of a session to the
// next.
func TestRecall(t *testing.T) {
	t.Parallel()
	recalled := func(memory any) any {
		kept := make(chan any, 1)
		conn := dialled(t, usual(), func(link *socket.Link) { kept <- link.Recall(memory) })
		_, _, _ = conn.Read(t.Context()) // until it is cut
		return <-kept
	}
	first := recalled(nil)
	if again := recalled(first); first == nil || again != first {
		t.Errorf("kept %p, then %p", first, again)
	}
	if other := recalled(nil); other == first {
		t.Error("another session has the words of the first")
	}
}

// TestAcceptRefuses shows that a request that is for no WebSocket is answered.
func TestAcceptRefuses(t *testing.T) {
	t.Parallel()
	answer := httptest.NewRecorder()
	if _, err := socket.Accept(answer, httptest.NewRequest(http.MethodGet, socket.Path, nil), usual()); err == nil {
		t.Error("it was accepted")
	}
	if answer.Code != http.StatusUpgradeRequired {
		t.Errorf("status %d", answer.Code)
	}
}
