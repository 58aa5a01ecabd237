// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	"github.com/patchbay-cx/patchbay/core/webhook"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// session is one router that the Door plays. To the doors it is a Link.
type session struct {
	ctx    context.Context
	door   *Door
	codec  *document.Codec
	out    chan said
	asking sync.WaitGroup
	led    atomic.Bool // it leads
	left   atomic.Bool // it goes on purpose

	// What follows is Send's.
	lead   document.Lead
	cancel context.CancelFunc // of what is being asked
}

// said is a message of the router: a text, or why there is none.
type said struct {
	text []byte
	err  error
}

var _ remote.Link = (*session)(nil)

func newSession(ctx context.Context, d *Door) *session {
	s := &session{ctx: ctx, door: d, codec: document.NewCodec(), out: make(chan said, 16), cancel: func() {}}
	o := &d.options
	s.say(&document.FromRouter{Hello: &document.Hello{
		Strategy: o.Strategy, Router: Name, Manifest: o.manifest(),
	}})
	return s
}

// say has the doors hear a message.
func (s *session) say(m *document.FromRouter) {
	text, err := json.Marshal(m)
	s.put(said{text, err})
}

func (s *session) put(m said) {
	select {
	case s.out <- m:
	case <-s.ctx.Done():
	}
}

// Recv implements remote.Link.
func (s *session) Recv() (*strategyv1.SessionRequest, error) {
	select {
	case m := <-s.out:
		if m.err != nil {
			return nil, m.err
		}
		request, err := s.codec.Read(m.text)
		if err != nil {
			return nil, fmt.Errorf("%w: %s", remote.ErrRubbish, brief(err))
		}
		return request, nil
	case <-s.ctx.Done():
		return nil, io.EOF
	}
}

// brief is what an error says, but for what is too long to be told: it may quote
// the answer.
func brief(err error) string {
	const most = 500
	text := err.Error()
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return text
}

// Send implements remote.Link.
func (s *session) Send(m *strategyv1.SessionResponse) error {
	told, err := s.codec.Host(m)
	if err != nil {
		return err
	}
	switch {
	case told.Welcome != nil:
		s.door.once.Do(func() { close(s.door.ready) })
	case told.Lead != nil:
		s.lead = *told.Lead
		if !s.led.Swap(true) {
			s.door.takes()
		}
		s.say(&document.FromRouter{Configured: &document.Configured{Lease: s.lead.Lease}})
	case told.Ask != nil:
		s.ask(told.Ask)
	case told.Ping != nil:
		s.say(&document.FromRouter{Pong: told.Ping})
	case told.Notice != nil:
		s.door.note(*told.Notice)
	case told.Drained != nil:
		s.drained()
	}
	return nil
}

// drained ends a leadership.
func (s *session) drained() {
	s.cancel()
	if !s.led.Swap(false) || !s.door.frees() {
		return
	}
	s.led.Store(true) // it is counted no more
	s.left.Store(true)
	s.say(&document.FromRouter{Leave: &document.Leave{Reason: "enough others stand by"}})
}

// Question is the data of a message: what is to be decided. The answer is a
// document.Reply.
type Question struct {
	// Strategy is the remote strategy's name.
	Strategy string `json:"strategy"`
	// Lease and Turn number the question.
	Lease uint64 `json:"lease"`
	Turn  uint64 `json:"turn"`
	// Deadline is when the answer comes too late.
	Deadline time.Time `json:"deadline"`
	// Settings are the strategy's; left out if there are none.
	Settings json.RawMessage `json:"settings,omitempty"`
	// Notices tell what of earlier answers came to nothing.
	Notices []document.Notice `json:"notices,omitempty"`
	// Frame holds the work with its candidates.
	Frame *document.Turn `json:"frame"`
}

// ask has the vendor asked, unless another turn has been asked by then.
func (s *session) ask(a *document.Ask) {
	s.cancel()
	budget := time.Duration(s.lead.TurnBudgetUS) * time.Microsecond
	if budget == 0 {
		budget = longestTurn
	}
	ctx, cancel := context.WithTimeout(s.ctx, budget)
	s.cancel = cancel
	deadline, _ := ctx.Deadline()
	notices := s.door.noted()
	q := &Question{
		Strategy: s.door.options.Strategy, Lease: a.Lease, Turn: a.Turn, Deadline: deadline.UTC().Truncate(time.Millisecond),
		Notices: notices, Frame: a.Frame,
	}
	if settings := s.lead.Settings; len(settings) > 0 && string(settings) != "{}" {
		q.Settings = settings
	}
	most := s.answerBytes()
	s.asking.Go(func() {
		defer cancel()
		s.decide(ctx, q, most)
	})
}

// answerBytes is how long an answer may be: the same takes some times as much as
// text.
func (s *session) answerBytes() int {
	return int(min(8*int64(max(s.lead.MaxReplyBytes, 1<<10)), int64(s.door.options.MaxAnswer)))
}

// decide asks the vendor, and tells the doors what it says.
func (s *session) decide(ctx context.Context, q *Question, most int) {
	reply, err := s.door.post(ctx, q, most)
	switch {
	case err == nil:
		s.door.told(len(q.Notices))
		s.answer(q, reply)
	case s.ctx.Err() != nil || errors.Is(ctx.Err(), context.Canceled):
		// Nobody waits for it any more.
	case ctx.Err() != nil:
		s.door.note(document.Notice{
			Code: "late", Lease: q.Lease, Turn: q.Turn,
			Text: fmt.Sprintf("turn %d was not answered in time; the fallback decides", q.Turn),
		})
	case errors.Is(err, webhook.ErrTooLarge):
		s.put(said{err: fmt.Errorf("%w: %w", remote.ErrTooLarge, err)})
	default:
		text, _ := json.Marshal(document.Reply{Error: err.Error()}) //nolint:errchkjson // it is text
		s.answer(q, text)
	}
}

// answer says what the vendor has answered.
func (s *session) answer(q *Question, reply []byte) {
	if len(reply) == 0 { // nothing is proposed
		reply = []byte("{}")
	}
	if !json.Valid(reply) {
		s.put(said{err: fmt.Errorf("%w: the answer to turn %d is no JSON", remote.ErrRubbish, q.Turn)})
		return
	}
	text := fmt.Appendf(nil, `{"answer":{"lease":%d,"turn":%d,"reply":`, q.Lease, q.Turn)
	s.put(said{text: append(append(text, reply...), "}}"...)})
}
