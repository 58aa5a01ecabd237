// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"fmt"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// step reads what follows the verb.
func (f *fields) step(verb string) (run func(*player), asks bool, err error) {
	switch verb {
	case "expect":
		return f.expect(), true, nil
	case "refuse":
		work, verdict := f.word("work"), f.verdict()
		return func(p *player) { p.refuse(work, verdict) }, true, nil
	case "hold":
		work := f.word("work")
		return func(p *player) { p.hold(work) }, true, nil
	case "settle":
		work := f.word("work")
		return func(p *player) { p.settleHeld(work) }, false, nil
	}
	for _, read := range []func(string) func(*player){f.scene, f.traffic, f.outcome} {
		if run := read(verb); run != nil {
			return run, false, nil
		}
	}
	return nil, false, fmt.Errorf("there is no such step")
}

// scene reads the steps that say who and what is there.
func (f *fields) scene(verb string) func(*player) {
	switch verb {
	case "queue":
		return f.queue()
	case "agent":
		return f.agent()
	case "work":
		return f.work()
	case "channel":
		name := f.word("channel")
		return func(p *player) { p.host.channel(name) }
	case "close-queue":
		name := f.word("queue")
		return func(p *player) { p.host.CloseQueue(name) }
	case "sign-out":
		name := f.word("agent")
		return func(p *player) { p.host.SignOut(name) }
	case "cancel":
		name := f.word("work")
		return func(p *player) { p.host.Cancel(name) }
	case "wait":
		ms := f.duration("how long")
		return func(p *player) { p.host.Wait(ms) }
	case "resend":
		return f.resend()
	default:
		return nil
	}
}

// traffic reads the steps that carry turns.
func (f *fields) traffic(verb string) func(*player) {
	switch verb {
	case "turn":
		return (*player).turn
	case "until-quiet":
		return (*player).untilQuiet
	case "snapshot":
		return func(p *player) { p.host.Snapshot() }
	case "restart":
		return func(p *player) { p.host.Restart() }
	case "page":
		rows := f.natural("rows", 31)
		return func(p *player) { p.host.Page(int(rows)) }
	case "corrupt":
		what := f.word("what")
		switch what {
		case "base", "epoch", "generation", "digest", "repeat", "page", "order", "pages":
		default:
			f.fail("%q: base, epoch, generation, digest, repeat, page, order or pages is wanted", what)
		}
		return func(p *player) { p.corrupt(what) }
	default:
		return nil
	}
}

// outcome reads the steps that say what becomes of offers.
func (f *fields) outcome(verb string) func(*player) {
	var end func(h *Host, work, agent string)
	switch verb {
	case "complete":
		work := f.word("work")
		return func(p *player) {
			for _, name := range p.host.named(work, false) {
				p.host.Complete(name)
			}
		}
	case "accept":
		end = (*Host).AcceptBy
	case "decline":
		end = declined(route.VerdictDeclined)
	case "timeout":
		end = declined(route.VerdictTimedOut)
	case "lose":
		end = declined(route.VerdictUnavailable)
	case "withdraw":
		end = declined(route.VerdictWithdrawn)
	default:
		return nil
	}
	work, agent := f.word("work"), ""
	if f.keyword("by") {
		agent = f.word("agent")
	}
	return func(p *player) {
		for _, name := range p.host.named(work, true) {
			end(p.host, name, agent)
		}
	}
}

func declined(verdict route.Verdict) func(h *Host, work, agent string) {
	return func(h *Host, work, agent string) { h.DeclineBy(work, agent, verdict) }
}

func (f *fields) resend() func(*player) {
	what, name := f.word("agent or work"), f.word("name")
	switch what {
	case "agent":
		return func(p *player) { p.host.agents.must(name).Resend() }
	case "work":
		return func(p *player) { p.host.work.must(name).Resend() }
	default:
		f.fail("%q: agent or work is wanted", what)
		return func(*player) {}
	}
}

func (f *fields) verdict() route.Verdict {
	name := f.word("verdict")
	for v := route.VerdictAcceptedByHost; v <= route.VerdictUnavailable; v++ {
		if v.String() == name {
			return v
		}
	}
	f.fail("%q is no verdict", name)
	return 0
}

func (f *fields) expect() func(*player) {
	if f.keyword("nothing") {
		return func(p *player) { p.expectCount(0) }
	}
	if f.keyword("wake") {
		if f.keyword("never") {
			return func(p *player) { p.expectWake(0) }
		}
		ms := f.duration("when")
		return func(p *player) { p.expectWake(p.host.now + ms) }
	}
	if len(f.words) == 2 && (f.words[1] == "proposals" || f.words[1] == "offered") {
		n := int(f.natural("how many", 31))
		if f.word("what") == "offered" {
			return func(p *player) { p.expectOffered(n) }
		}
		return func(p *player) { p.expectCount(n) }
	}
	e := expectation{work: f.word("work")}
	if f.keyword("waits") {
		reason := f.word("reason")
		return func(p *player) { p.expectNote(e.work, reason) }
	}
	if !f.keyword("->") {
		f.fail("WORK -> AGENT, WORK waits, nothing, wake, or N proposals is wanted")
	}
	e.agent = f.word("agent")
	if f.keyword("reason") {
		e.reason = f.word("reason")
	}
	if f.keyword("score") {
		score := int32(f.integer("score", 32))
		e.score = &score
	}
	if f.keyword("rank") {
		rank := uint16(f.natural("rank", 16))
		e.rank = &rank
	}
	return func(p *player) { p.expectNext(e) }
}
