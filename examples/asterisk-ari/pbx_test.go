// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// pbx is a telephone exchange as seen through ARI: it keeps channels and
// bridges, answers as Asterisk does to what is there and what is not, and tells
// what happens. Phones ring until the test answers them.
type pbx struct {
	t      *testing.T
	server *httptest.Server

	mu       sync.Mutex
	changed  *sync.Cond
	channels map[string]*line
	bridges  map[string][]string
	dialplan []string // channels that went on in the dialplan
	events   *websocket.Conn
	missed   bool // events are not sent
	dialled  int  // how often the stream of events was opened
}

// line is one channel.
type line struct {
	ID, endpoint, callerID string
	args                   []string
	answered, music        bool
}

func newPBX(t *testing.T) *pbx {
	t.Helper()
	p := &pbx{t: t, channels: make(map[string]*line), bridges: make(map[string][]string)}
	p.changed = sync.NewCond(&p.mu)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /ari/events", p.stream)
	mux.HandleFunc("POST /ari/channels/{id}", p.originate)
	mux.HandleFunc("GET /ari/channels/{id}", p.of(func(*line) {}))
	mux.HandleFunc("DELETE /ari/channels/{id}", p.of(func(l *line) { p.gone(l.ID, 16) }))
	mux.HandleFunc("POST /ari/channels/{id}/answer", p.of(func(l *line) { l.answered = true }))
	mux.HandleFunc("POST /ari/channels/{id}/moh", p.of(func(l *line) { l.music = true }))
	mux.HandleFunc("DELETE /ari/channels/{id}/moh", p.of(func(l *line) { l.music = false }))
	mux.HandleFunc("POST /ari/channels/{id}/continue", p.of(func(l *line) {
		p.dialplan = append(p.dialplan, l.ID)
		p.gone(l.ID, 16)
	}))
	mux.HandleFunc("POST /ari/bridges/{id}", p.locked(func(_ http.ResponseWriter, r *http.Request) {
		p.bridges[r.PathValue("id")] = nil
	}))
	mux.HandleFunc("POST /ari/bridges/{id}/addChannel", p.locked(p.add))
	mux.HandleFunc("DELETE /ari/bridges/{id}", p.locked(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := p.bridges[r.PathValue("id")]; !ok {
			http.Error(w, `{"message":"Bridge not found"}`, http.StatusNotFound)
			return
		}
		delete(p.bridges, r.PathValue("id"))
	}))
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "" || password != "" {
			t.Errorf("the test sets no password, and %q was sent", user)
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.server.Close)
	return p
}

// everybodyHangsUp ends all calls, which an adapter that ends waits for.
func (p *pbx) everybodyHangsUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, id := range slices.Collect(maps.Keys(p.channels)) {
		p.gone(id, 16)
	}
}

// locked runs a handler with the exchange held, and has those look who wait.
func (p *pbx) locked(handle http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		handle(w, r)
		p.changed.Broadcast()
	}
}

// of handles a request about a channel that should be there.
func (p *pbx) of(handle func(*line)) http.HandlerFunc {
	return p.locked(func(w http.ResponseWriter, r *http.Request) {
		l, ok := p.channels[r.PathValue("id")]
		if !ok {
			http.Error(w, `{"message":"Channel not found"}`, http.StatusNotFound)
			return
		}
		handle(l)
	})
}

func (p *pbx) originate(w http.ResponseWriter, r *http.Request) {
	p.locked(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		if q.Get("endpoint") == "" || q.Get("app") != "patchbay" || q.Get("timeout") == "" {
			http.Error(w, `{"message":"Invalid parameters"}`, http.StatusBadRequest)
			return
		}
		if strings.HasSuffix(q.Get("endpoint"), "/unplugged") {
			http.Error(w, `{"message":"Allocation failed"}`, http.StatusInternalServerError)
			return
		}
		p.channels[r.PathValue("id")] = &line{
			ID: r.PathValue("id"), endpoint: q.Get("endpoint"), callerID: q.Get("callerId"), args: strings.Split(q.Get("appArgs"), ","),
		}
	})(w, r)
}

func (p *pbx) add(w http.ResponseWriter, r *http.Request) {
	names := strings.Split(r.URL.Query().Get("channel"), ",")
	for _, name := range names {
		if l := p.channels[name]; l == nil || !l.answered {
			http.Error(w, `{"message":"Channel not found"}`, http.StatusBadRequest)
			return
		}
	}
	p.bridges[r.PathValue("id")] = names
}

// stream is the stream of events.
func (p *pbx) stream(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		p.t.Error(err)
		return
	}
	p.mu.Lock()
	p.events = conn
	p.dialled++
	p.changed.Broadcast()
	p.mu.Unlock()
	// The other side says nothing but that it ends.
	<-conn.CloseRead(context.Background()).Done()
}

// send tells an event. The exchange is held.
func (p *pbx) send(event map[string]any) {
	if p.missed || p.events == nil {
		return
	}
	text, err := json.Marshal(event)
	if err != nil {
		p.t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_ = p.events.Write(ctx, websocket.MessageText, text) // a stream that breaks is dialled anew
}

func (l *line) document() map[string]any {
	return map[string]any{
		"id": l.ID, "name": "PJSIP/" + l.ID, "caller": map[string]any{"name": "Carla", "number": "5551234"},
		"dialplan": map[string]any{"exten": "200"},
	}
}

// gone ends a channel. The exchange is held.
func (p *pbx) gone(id string, cause int) {
	l := p.channels[id]
	delete(p.channels, id)
	for bridge, names := range p.bridges {
		p.bridges[bridge] = slices.DeleteFunc(names, func(name string) bool { return name == id })
	}
	if l.answered {
		p.send(map[string]any{"type": "StasisEnd", "channel": l.document()})
	}
	p.send(map[string]any{"type": "ChannelDestroyed", "cause": cause, "channel": l.document()})
}

// call has a caller come in.
func (p *pbx) call(id string, args ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.events == nil { // who dials knows that the stream is open before the exchange does
		p.changed.Wait()
	}
	p.channels[id] = &line{ID: id}
	p.send(map[string]any{"type": "StasisStart", "args": args, "channel": p.channels[id].document()})
}

// hangUp has whoever has the channel hang up.
func (p *pbx) hangUp(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone(id, 16)
}

// refuse has a phone that rings be refused with a status and a cause, as channels
// do that know no causes.
func (p *pbx) refuse(id, dialled string, cause int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.send(map[string]any{"type": "Dial", "dialstatus": dialled, "peer": p.channels[id].document()})
	p.gone(id, cause)
}

// answer has a phone that rings be answered.
func (p *pbx) answer(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.channels[id]
	l.answered = true
	p.send(map[string]any{"type": "StasisStart", "args": l.args, "channel": l.document()})
}

// until waits until something is so. The exchange is held while it is asked.
func (p *pbx) until(what string, so func() bool) {
	p.t.Helper()
	late := time.AfterFunc(time.Minute, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.t.Errorf("waiting in vain until %s; channels %v, bridges %v", what, slices.Collect(maps.Keys(p.channels)), p.bridges)
		p.changed.Broadcast()
	})
	defer late.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !so() {
		if p.t.Failed() {
			p.t.FailNow()
		}
		p.changed.Wait()
	}
}

// rings waits until a phone rings and returns its channel.
func (p *pbx) rings(endpoint string) (channel string) {
	p.t.Helper()
	p.until(endpoint+" rings", func() bool {
		for _, l := range p.channels {
			if l.endpoint == endpoint && !l.answered {
				channel = l.ID
				return true
			}
		}
		return false
	})
	return channel
}

// isGone waits until a channel is no more.
func (p *pbx) isGone(id string) {
	p.t.Helper()
	p.until(id+" is gone", func() bool { return p.channels[id] == nil })
}

// talk waits until two channels talk to each other.
func (p *pbx) talk(a, b string) {
	p.t.Helper()
	p.until(fmt.Sprintf("%s talks to %s", a, b), func() bool {
		for _, names := range p.bridges {
			if slices.Contains(names, a) && slices.Contains(names, b) {
				return !p.channels[a].music
			}
		}
		return false
	})
}

// waits waits until a caller hears music.
func (p *pbx) waits(id string) {
	p.t.Helper()
	p.until(id+" hears music", func() bool { return p.channels[id] != nil && p.channels[id].answered && p.channels[id].music })
}

// lose breaks the stream of events; what happens in between is not told.
func (p *pbx) lose(meanwhile func()) {
	p.t.Helper()
	p.mu.Lock()
	conn, before := p.events, p.dialled
	p.missed = true
	p.mu.Unlock()
	meanwhile()
	p.mu.Lock()
	p.missed = false
	p.mu.Unlock()
	_ = conn.CloseNow()
	p.until("the events are asked for again", func() bool { return p.dialled > before })
}
