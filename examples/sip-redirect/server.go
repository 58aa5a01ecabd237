// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/emiago/sipgo"
	"github.com/emiago/sipgo/sip"
)

// errHungUp ends a call whose caller gave up.
var errHungUp = errors.New("the caller hung up")

// server is the SIP side: it answers requests, and has each INVITE become a
// call. It is safe for concurrent use.
type server struct {
	// until ends when the program does, and every call that waits with it.
	until    context.Context
	host     *host
	plan     *plan
	contacts *contacts
	logger   *slog.Logger

	mu      sync.Mutex
	closing bool
	going   map[string]bool // calls under way, by Call-ID
	calls   sync.WaitGroup
}

func newServer(until context.Context, h *host, o *options, logger *slog.Logger) *server {
	return &server{until: until, host: h, plan: &o.plan, contacts: &o.contacts, logger: logger, going: make(map[string]bool)}
}

// register says which requests are answered. Others get 405.
func (s *server) register(to *sipgo.Server) {
	to.OnInvite(s.invite)
	to.OnOptions(func(r *sip.Request, tx sip.ServerTransaction) { s.answer(r, tx, reply{code: 200, reason: "OK"}) })
	// There are no dialogs here, and a CANCEL that belongs to an INVITE has found it.
	none := func(r *sip.Request, tx sip.ServerTransaction) {
		s.answer(r, tx, reply{code: 481, reason: "Call/Transaction Does Not Exist"})
	}
	to.OnCancel(none)
	to.OnBye(none)
	to.OnAck(func(*sip.Request, sip.ServerTransaction) {})
}

// drain takes no more calls, and waits until those under way have been
// answered. The context given to newServer ends before.
func (s *server) drain() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.calls.Wait()
}

// invite answers an INVITE.
func (s *server) invite(request *sip.Request, tx sip.ServerTransaction) {
	c, no := s.begin(request)
	if c == nil {
		s.answer(request, tx, no)
		return
	}
	defer s.end(c)
	ctx, end := context.WithCancelCause(s.until)
	defer end(nil)
	if !tx.OnCancel(func(*sip.Request) { end(errHungUp) }) {
		return
	}
	s.answer(request, tx, reply{code: 182, reason: "Queued", tag: c.tag})
	final := c.route(ctx)
	if final.code == 0 {
		return // the CANCEL was answered, and the INVITE with it
	}
	final.tag = c.tag
	s.answer(request, tx, final)
}

// begin makes a call of an INVITE. Without a call, the reply says why.
func (s *server) begin(request *sip.Request) (*call, reply) {
	id, from, via := request.CallID(), request.From(), request.Via()
	if id == nil || id.Value() == "" || from == nil || via == nil {
		return nil, reply{code: 400, reason: "Bad Request"}
	}
	c := &call{
		server: s, id: id.Value(), tag: sip.GenerateTagN(16), number: request.Recipient.User,
		caller: from.Address.User, name: from.DisplayName,
	}
	c.branch, _ = via.Params.Get("branch")
	queue, ok := s.plan.queueOf(c.number)
	if !ok {
		return nil, reply{code: 404, reason: "Not Found"}
	}
	c.queue = queue
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closing:
		return nil, unavailable()
	case s.going[c.id]:
		// The same request by two ways (RFC 3261 §8.2.2.2).
		return nil, reply{code: 482, reason: "Loop Detected"}
	}
	s.going[c.id] = true
	s.calls.Add(1)
	return c, reply{}
}

func (s *server) end(c *call) {
	s.mu.Lock()
	delete(s.going, c.id)
	s.mu.Unlock()
	s.calls.Done()
}

// reply is an answer to a request; the zero value is none.
type reply struct {
	code    int
	reason  string
	tag     string // of To
	contact *sip.Uri
	headers []sip.Header
}

// unavailable is what callers are told while Patchbay cannot be asked.
func unavailable() reply {
	return reply{code: 503, reason: "Service Unavailable", headers: []sip.Header{sip.NewHeader("Retry-After", "5")}}
}

// answer answers a request. A final answer to an INVITE is sent again by the
// transaction until its ACK has come.
func (s *server) answer(request *sip.Request, tx sip.ServerTransaction, r reply) {
	response := sip.NewResponseFromRequest(request, r.code, r.reason, nil)
	if to := response.To(); to != nil && r.tag != "" {
		to.Params.Add("tag", r.tag)
	}
	if r.contact != nil {
		response.AppendHeader(&sip.ContactHeader{Address: *r.contact})
	}
	for _, header := range r.headers {
		response.AppendHeader(header)
	}
	if err := tx.Respond(response); err != nil {
		s.logger.Warn("a reply was not sent", "code", r.code, "error", err)
	}
}
