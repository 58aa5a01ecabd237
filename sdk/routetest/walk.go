// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"strconv"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Walk makes one random change to what is so at the host: work arrives, changes
// or leaves, agents come, change or go, offers end, time passes. draw returns a
// number from 0 to n-1 and is the only source of chance, so that a walk can be
// repeated. Names, sizes and times come from small sets, so that ties,
// shortages and changes of mind are common.
func Walk(h *Host, draw func(n int) int) {
	w := walker{h, draw}
	steps := []func(){
		w.arrive, w.arrive, w.arrive, w.change, w.cancel,
		w.agent, w.agent, w.presence, w.signOut,
		w.answer, w.answer, w.complete, w.complete,
		w.queue, w.resend, w.wait, w.wait,
	}
	steps[draw(len(steps))]()
}

type walker struct {
	h    *Host
	draw func(n int) int
}

func (w walker) one(texts ...string) string { return texts[w.draw(len(texts))] }
func (w walker) odds(n int) bool            { return w.draw(n) == 0 }
func (w walker) agentName() string          { return "a" + strconv.Itoa(w.draw(8)) }
func (w walker) queueName() string          { return w.one("q0", "q1", "q2") }
func (w walker) channelName() string        { return w.one("case", "chat", "voice") }
func (w walker) skillName() string          { return w.one("german", "english", "french") }
func (w walker) milli() int32               { return int32(w.draw(4)) * 500 }

func (w walker) arrive() {
	work := w.h.Work("w" + strconv.FormatUint(w.h.sequence+1, 10)).In(w.queueName()).On(w.channelName())
	work.Size(w.milli())
	if w.odds(4) {
		work.Percent(uint32(1+w.draw(4)) * 25_000)
	}
	work.Interruptible(w.odds(4))
	w.alter(work)
}

func (w walker) change() {
	if list := w.h.work.inOrder(); len(list) > 0 {
		if work := list[w.draw(len(list))]; len(w.h.held[work.name]) == 0 {
			w.alter(work)
		}
	}
}

func (w walker) alter(work *Work) {
	work.Priority(int32(w.draw(3)), int32(w.draw(2)))
	if w.odds(2) {
		work.Age(int64(w.draw(3)) * 1000)
	}
	if w.odds(4) {
		work.Target(int64(w.draw(3)) * 1000)
	}
	if w.odds(4) {
		work.Tier(uint16(w.draw(3)))
	}
	switch w.draw(12) {
	case 0, 1, 2:
		work.Need(w.skillName(), uint32(w.draw(3)), w.needFlags())
	case 3:
		work.Drop(w.skillName())
	case 4:
		work.NeedNothing()
	}
	w.ask(work)
}

// ask says who is to be asked.
func (w walker) ask(work *Work) {
	switch w.draw(8) {
	case 0:
		work.Requires(w.agentName())
	case 1:
		work.Prefers(w.agentName(), int64(w.draw(4))*1000)
	case 2:
		work.Declined(w.agentName(), w.agentName())
	case 3:
		work.Declined()
	case 4:
		work.Held(w.odds(2))
	}
}

func (w walker) needFlags() route.NeedFlags {
	if w.odds(3) {
		return route.NeedAdditional | route.NeedDropped
	}
	return 0
}

func (w walker) cancel() {
	if list := w.h.work.inOrder(); len(list) > 0 {
		w.h.Cancel(list[w.draw(len(list))].name)
	}
}

func (w walker) agent() {
	agent := w.h.Agent(w.agentName())
	agent.Capacity(int32(1+w.draw(4)) * 500).MaxOpen(uint32(1 + w.draw(3)))
	agent.SignedIn(int64(w.draw(2)) * 1000).MaxOffers(uint16(w.draw(3)))
	agent.Interruptible(w.milli(), agent.row.InterruptibleUsed)
	w.membership(agent)
	if agent.row.Open == 0 {
		agent.Idle(int64(w.draw(3)) * 1000)
	}
	agent.Skill(w.skillName(), uint32(w.draw(3)))
	w.status(agent)
}

func (w walker) membership(agent *Agent) {
	switch w.draw(4) {
	case 0:
		agent.In(w.queueName())
	case 1:
		agent.In(w.queueName(), w.queueName())
	case 2:
		agent.Tier(w.queueName(), uint16(w.draw(4)))
	default:
		agent.Weight(w.queueName(), uint16(w.draw(4)))
	}
}

func (w walker) status(agent *Agent) {
	switch w.draw(4) {
	case 0:
		agent.On()
	case 1:
		agent.On(w.channelName())
	default:
		agent.On("case", "chat", "voice")
	}
}

func (w walker) presence() {
	if list := w.h.agents.inOrder(); len(list) > 0 {
		agent := list[w.draw(len(list))]
		if w.odds(3) {
			agent.Connected(w.odds(2))
		} else {
			w.status(agent)
		}
	}
}

func (w walker) signOut() {
	if list := w.h.agents.inOrder(); len(list) > 0 {
		w.h.SignOut(list[w.draw(len(list))].name)
	}
}

func (w walker) answer() {
	names := w.h.holdings(true)
	if len(names) == 0 {
		return
	}
	name := names[w.draw(len(names))]
	list := w.h.held[name]
	agent := list[w.draw(len(list))].agent.name
	switch w.draw(5) {
	case 0:
		w.h.DeclineBy(name, agent, route.VerdictDeclined)
	case 1:
		w.h.DeclineBy(name, agent, route.VerdictWithdrawn)
	default:
		w.h.AcceptBy(name, agent)
	}
}

func (w walker) complete() {
	if names := w.h.holdings(false); len(names) > 0 {
		w.h.Complete(names[w.draw(len(names))])
	}
}

func (w walker) queue() {
	name := w.queueName()
	if w.odds(6) && w.h.queues.named(name) != nil {
		w.h.CloseQueue(name)
		return
	}
	queue := w.h.Queue(name)
	switch w.draw(6) {
	case 0:
		queue.BySkills(w.odds(2))
	case 1:
		queue.Held(w.odds(3))
	case 2:
		queue.OfferTo(uint16(w.draw(4)))
	default:
		queue.Model(route.Model(1 + w.draw(8))) // one more than there are
	}
}

func (w walker) resend() {
	if list := w.h.agents.inOrder(); len(list) > 0 {
		list[w.draw(len(list))].Resend()
	}
	if list := w.h.work.inOrder(); len(list) > 0 {
		list[w.draw(len(list))].Resend()
	}
}

func (w walker) wait() { w.h.Wait(int64(1+w.draw(3)) * 1000) }
