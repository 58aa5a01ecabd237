// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	asking "github.com/patchbay-cx/patchbay/core/strategy/remote/webhook"
	"github.com/patchbay-cx/patchbay/core/webhook"
)

// serveReceiver runs a server to which a host may post, and names it in
// RECEIVER, and in RECEIVED a file with a line of JSON for each post. It decides
// for the first candidate; about an offer it answers that it is accepted; and it
// refuses the first post of any event that speaks of "refuse".
func serveReceiver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: receiver")
	}
	f, err := os.Create(ts.MkAbs("received"))
	ts.Check(err)
	r := &receiver{out: f, refused: make(map[string]bool)}
	server := httptest.NewServer(r)
	ts.Defer(func() {
		server.Close()
		_ = f.Close()
	})
	ts.Setenv("RECEIVER", server.URL)
	ts.Setenv("RECEIVED", "received")
}

type receiver struct {
	mu      sync.Mutex
	out     io.Writer
	refused map[string]bool
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	body, err := io.ReadAll(request.Body)
	var ev webhook.Event
	if err == nil {
		err = json.Unmarshal(body, &ev)
	}
	status, answer := http.StatusOK, ""
	switch {
	case err != nil:
		status = http.StatusBadRequest
	case ev.Type == asking.EventType:
		answer = firstCandidates(ev.Data)
	case request.URL.Path == "/offers":
		answer = `{"verb":"accept"}`
	case strings.Contains(string(ev.Data), "refuse") && !r.refused[ev.ID]:
		r.refused[ev.ID] = true
		status = http.StatusServiceUnavailable
	}
	fmt.Fprintf(r.out, "{\"path\":%q,\"id\":%q,\"status\":%d,\"body\":%s}\n", request.URL.Path, ev.ID, status, body)
	w.WriteHeader(status)
	_, _ = io.WriteString(w, answer)
}

// firstCandidates proposes the best candidate of each item.
func firstCandidates(data []byte) string {
	var q asking.Question
	if json.Unmarshal(data, &q) != nil {
		return "rubbish"
	}
	var reply document.Reply
	for _, item := range q.Frame.Items {
		work, agent := q.Frame.Work[item.Work], q.Frame.Agents[item.Candidates[0].Agent]
		reply.Proposals = append(reply.Proposals, document.Proposal{
			Work: work.Ref, Revision: work.Revision, Agent: agent.Ref, Score: 9, Reason: document.Reason{Name: "liked"},
		})
	}
	text, err := json.Marshal(&reply)
	if err != nil {
		return "rubbish"
	}
	return string(text)
}
