// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// connectionTrials are about lines that break, at every point.
func connectionTrials() []trial {
	const fix = "Dial again whenever the line ends, however it ends, after a pause that doubles from about 50 ms to 5 s."
	return []trial{
		{Requirement: Requirement{
			"lost-idle", groupConnection, Must,
			"When the line breaks while nothing is under way, it dials again, and goes on.", fix,
		}, try: (*course).lostIdle},
		{Requirement: Requirement{
			"lost-welcome", groupConnection, Must,
			"When the line breaks after its hello, before it is welcomed, it dials again.", fix,
		}, try: (*course).lostWelcome},
		{Requirement: Requirement{
			"lost-lead", groupConnection, Must,
			"When the line breaks after it was told to lead, it dials again, and takes the next lead.", fix,
		}, try: (*course).lostLead},
		{Requirement: Requirement{
			"lost-ask", groupConnection, Must,
			"When the line breaks in the middle of a turn, it dials again, and answers the turn when it comes again.", fix,
		}, try: (*course).lostAsk},
		{Requirement: Requirement{
			"lost-page", groupConnection, Must,
			"When the line breaks in the middle of a snapshot of several pages, it dials again, and decides by a whole snapshot only.",
			"Propose nothing between the first page of a snapshot and its last; begin anew with each first page.",
		}, try: (*course).lostPage, free: true},
		{Requirement: Requirement{
			"lost-answer", groupConnection, Must,
			"When its answer is lost with the line, and the turn comes again, it answers the same again.",
			"Keep the answer to the last turn; after a resumed session, send it again for the turn of the same number, and do not calculate anew.",
		}, try: (*course).lostAnswer, free: true},
		{Requirement: Requirement{
			"resume", groupConnection, Should,
			"After a lost line, its hello says what it remembers: the resume token, its lease, and the last turn that it answered.",
			"Keep the resume_token of the last welcome; send resume with token, lease and applied.",
		}, try: (*course).resumes},
		{Requirement: Requirement{
			"restart", groupConnection, Must,
			"When the host has begun anew and knows nothing of it, it begins anew as well.",
			"If welcome says that the session is not resumed, forget lease, board and answer.",
		}, try: (*course).restarts},
		{Requirement: Requirement{
			"backoff", groupConnection, Must,
			"It waits before it dials again, longer each time.",
			"Let the pause double from about 50 ms to 5 s, and draw it from its second half.",
		}, try: (*course).backoff},
		{Requirement: Requirement{
			"silence", groupConnection, Should,
			"When it hears nothing for three times as long as a host pings, it dials again.",
			"Take ping_ms from welcome; if nothing has come for three times as long, hang up and dial again.",
		}, try: (*course).silence},
	}
}

// breaks returns a tap that breaks a line once, at the message that is the one.
func breaks(is func(*strategyv1.SessionResponse) bool) tap {
	var done atomic.Bool
	return tap{down: func(_ *line, m *strategyv1.SessionResponse) fate {
		if is(m) && done.CompareAndSwap(false, true) {
			return cutAfter
		}
		return pass
	}}
}

// cutAll breaks the lines of the router that is tried.
func (c *course) cutAll() {
	for _, l := range c.stand.tried() {
		l.cut()
	}
}

// returns waits until the router has dialled and said hello since the mark.
func (c *course) returns(ctx context.Context, mark int, within time.Duration) (happening, bool) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return c.stand.await(ctx, mark, func(h *happening) bool { return h.what == "hello" })
}

// lose breaks the lines of the router that is tried, and waits until it has dialled
// and said hello again. The mark is behind that hello. If it does not dial, that is
// found.
func (c *course) lose(ctx context.Context) (mark int, ok bool) {
	mark = c.stand.mark()
	c.cutAll()
	hello, ok := c.returns(ctx, mark, c.options.Patience)
	if !ok {
		c.find("when the line breaks, it does not dial again within %v", c.options.Patience)
		return mark, false
	}
	return c.stand.after(mark, hello), true
}

func (c *course) lostIdle(ctx context.Context) error {
	p, err := c.begin(ctx, 4)
	if err != nil {
		return err
	}
	defer p.close()
	if _, ok := c.lose(ctx); !ok {
		return nil
	}
	p.late()
	return p.decides(ctx, "after a lost line")
}

func (c *course) lostWelcome(ctx context.Context) error {
	c.stand.setGate(greeted)
	mark, ok := c.lose(ctx)
	if !ok {
		return nil
	}
	if _, ok := c.returns(ctx, mark, c.options.Patience); !ok {
		c.find("when the line breaks after its hello, it does not dial again within %v", c.options.Patience)
		return nil
	}
	return c.works(ctx, "after a line that broke behind its hello")
}

func (c *course) lostLead(ctx context.Context) error {
	remove := c.stand.setTap(breaks(func(m *strategyv1.SessionResponse) bool { return m.GetLead() != nil }))
	defer remove()
	return c.works(ctx, "after a line that broke behind a lead")
}

func (c *course) lostAsk(ctx context.Context) error {
	remove := c.stand.setTap(breaks(func(m *strategyv1.SessionResponse) bool { return m.GetAsk() != nil }))
	defer remove()
	return c.works(ctx, "after a line that broke in the middle of a turn")
}

func (c *course) lostPage(ctx context.Context) error {
	if c.manifest.View == "candidates" {
		c.skip("it takes candidates, which have no pages")
		return nil
	}
	p, err := c.lead(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	p.host.Page(5)
	p.scene(12)
	remove := c.stand.setTap(breaks(func(m *strategyv1.SessionResponse) bool { return m.GetAsk().GetTurn() == 3 }))
	defer remove()
	return p.decides(ctx, "after a line that broke in the middle of a snapshot")
}

// lostAnswer loses an answer with the line, and compares it with the one to the
// turn that comes again.
func (c *course) lostAnswer(ctx context.Context) error {
	p, err := c.lead(ctx)
	if err != nil {
		return err
	}
	defer p.close()
	// More than one choice is good for it.
	p.scene(8)
	mark := c.stand.mark()
	var done atomic.Bool
	remove := c.stand.setTap(tap{up: func(_ *line, m *strategyv1.SessionRequest) fate {
		if m.GetAnswer() != nil && done.CompareAndSwap(false, true) {
			return cutBefore
		}
		return pass
	}})
	err = p.decides(ctx, "after an answer that was lost with the line")
	remove()
	if err != nil {
		return err
	}
	var first *happening
	log := c.stand.since(mark)
	for i := range log {
		h := &log[i]
		switch {
		case h.what != "answer":
		case first == nil:
			first = h
		case h.lease == first.lease && h.turn == first.turn:
			if h.sum != first.sum {
				c.find("turn %d came again after a lost line, and was answered otherwise than before", h.turn)
			}
			return nil
		}
	}
	c.skip("it does not take its session up again, so that no turn comes again")
	return nil
}

// resumes looks at what the router remembers after a lost line.
func (c *course) resumes(ctx context.Context) error {
	begun := c.stand.mark()
	p, err := c.begin(ctx, 3)
	if err != nil {
		return err
	}
	defer p.close()
	l, err := c.leader()
	if err != nil {
		return err
	}
	var applied uint64
	for _, h := range c.stand.since(begun) {
		if h.what == "answer" {
			applied = h.turn
		}
	}
	mark := c.stand.mark()
	l.cut()
	h, ok := c.returns(ctx, mark, c.options.Patience)
	if !ok {
		return fmt.Errorf("when the line breaks, it does not dial again within %v", c.options.Patience)
	}
	switch r := h.resume; {
	case r == nil:
		c.find("its hello after a lost line says nothing to resume: it begins anew each time, with a snapshot")
	case r.GetToken() != c.stand.tokenOf(l):
		c.find("its hello after a lost line has another resume token than the last welcome")
	case r.GetLease() != l.lease.Load():
		c.find("its hello after a lost line says lease %d, and it led under %d", r.GetLease(), l.lease.Load())
	case r.GetApplied() != applied:
		c.find("its hello after a lost line says that it applied turn %d, and it answered turn %d last", r.GetApplied(), applied)
	}
	return nil
}

func (c *course) restarts(ctx context.Context) error {
	p, err := c.begin(ctx, 3)
	if err != nil {
		return err
	}
	defer p.close()
	if err := c.stand.restart(false); err != nil {
		return err
	}
	return c.works(ctx, "when the host has begun anew")
}

// backoff shuts the door in the router's face for a while, and counts.
func (c *course) backoff(ctx context.Context) error {
	window := c.options.Quiet / 2
	c.stand.setGate(slammed)
	defer c.stand.setGate(opened)
	mark := c.stand.mark()
	c.cutAll()
	if !pause(ctx, window) {
		return ctx.Err()
	}
	dials := 0
	for _, h := range c.stand.since(mark) {
		if h.what == "dial" {
			dials++
		}
	}
	c.stand.setGate(opened)
	// Doubling from 50 ms, it is 4 in half a second and 7 in three.
	if most := 4 + int(window/(100*time.Millisecond)); dials > most {
		c.find("while nobody is let in, it dials %d times in %v; %d are many", dials, window, most)
	}
	return c.works(ctx, "after it was not let in for a while")
}

// silence says nothing to the router, as a host does whose network is gone.
func (c *course) silence(ctx context.Context) error {
	every := c.options.Ping
	var mute atomic.Bool
	remove := c.stand.setTap(tap{down: func(_ *line, m *strategyv1.SessionResponse) fate {
		if w := m.GetWelcome(); w != nil {
			w.PingMs = uint32(every.Milliseconds())
		}
		if mute.Load() {
			return drop
		}
		return pass
	}})
	defer remove()
	mark := c.stand.mark()
	c.cutAll()
	waiting, cancel := context.WithTimeout(ctx, c.options.Patience)
	defer cancel()
	welcomed, ok := c.stand.await(waiting, mark, func(h *happening) bool { return h.what == "welcome" })
	if !ok {
		return fmt.Errorf("when the line breaks, it does not dial again within %v", c.options.Patience)
	}
	mute.Store(true)
	// Three pings, and the pause before it dials.
	if _, ok := c.returns(ctx, c.stand.after(mark, welcomed), 6*every+c.options.Quiet); !ok {
		c.find("a host that pings every %v says nothing for %v, and it does not dial again", every, 6*every+c.options.Quiet)
	}
	mute.Store(false)
	remove()
	c.cutAll() // so that it is told how often a host pings in truth
	return nil
}

// pause waits, and reports whether ctx did not end before.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
