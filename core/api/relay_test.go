// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// deadlines is a recorder with the deadlines of a connection.
type deadlines struct {
	*httptest.ResponseRecorder
	read, write []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.read = append(d.read, t)
	return nil
}

func (d *deadlines) SetWriteDeadline(t time.Time) error {
	d.write = append(d.write, t)
	return nil
}

func TestIdleStreamsShowThatTheyAreAlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		out := &eventWriter{w: w, control: http.NewResponseController(w)}
		if err := out.open(); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*heartbeat+time.Second)
		defer cancel()
		began := time.Now()
		relay(ctx, out, make(chan received[patchbayv1.StreamEventsResponse]), nil)
		if got, want := w.Body.String(), "retry: 1000\n\n: still here\n\n: still here\n\n"; got != want {
			t.Errorf("wrote %q, want %q", got, want)
		}
		if len(w.read) != 1 || !w.read[0].IsZero() {
			t.Errorf("the deadline for reading the request should be lifted: %v", w.read)
		}
		if last := w.write[len(w.write)-1]; !last.Equal(began.Add(2*heartbeat + writeWithin)) {
			t.Errorf("the last write may take until %v", last.Sub(began))
		}
		if media := w.Header().Get("Content-Type"); !strings.HasPrefix(media, "text/event-stream") {
			t.Errorf("it is %q", media)
		}
	})
}
