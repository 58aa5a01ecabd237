// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Start is a new host's time: 2026-01-01 00:00:00 UTC in Unix milliseconds.
const Start int64 = 1_767_225_600_000

// Host is a small settling host for one strategy: it keeps queues, agents and
// work, says what changed in turns, and settles proposals by the contract's own
// rule. It reads like the domain:
//
//	h := routetest.NewHost()
//	h.Queue("support").Model(route.ModelLongestIdle)
//	h.Agent("anna").Capacity(5000).In("support").On("case")
//	h.Work("w1").In("support").On("case").Size(1000)
//	turns := h.Turns()
//
// It does nothing by itself: time passes by Wait, and offers end when they are
// told to. Misuse, such as completing work that nobody holds, panics. A Host is
// not safe for concurrent use.
type Host struct {
	now        int64
	epoch, seq uint64
	snapshot   bool // the next turn is one
	pageRows   int
	sequence   uint64

	words     map[string]uint32
	texts     []string // by id - 1
	wordsSent int
	channels  []string // by ordinal
	chansSent int

	queues table[Queue]
	agents table[Agent]
	work   table[Work]

	held     map[string][]*holding // offers, and open work, which is off the board, by name of work
	settled  []route.Settled
	digest   route.Digest
	turnSeed uint64
}

// holding is an offer or open work at an agent.
type holding struct {
	agent         *Agent
	takes         int32
	interruptible bool
	offer         bool // not answered yet
	proposal      route.Proposal
	seq           uint64
}

// NewHost returns a host without anybody or anything, at Start. Its first turn
// is a snapshot.
func NewHost() *Host {
	return &Host{
		now: Start, epoch: 1, snapshot: true,
		words:  map[string]uint32{},
		queues: newTable[Queue](), agents: newTable[Agent](), work: newTable[Work](),
		held: map[string][]*holding{},
	}
}

// Now returns the host's time in Unix milliseconds.
func (h *Host) Now() int64 { return h.now }

// Wait lets that many milliseconds pass.
func (h *Host) Wait(ms int64) { h.now += ms }

// Seq returns the number of the last turn.
func (h *Host) Seq() uint64 { return h.seq }

// Digest returns what the digest of the strategy's board must be after the last
// turn.
func (h *Host) Digest() uint32 { return h.digest.Sum() }

// Snapshot makes the next turn a snapshot, as after a reply that asked for one.
// What is not settled by then is never told.
func (h *Host) Snapshot() {
	h.snapshot = true
	h.settled = h.settled[:0]
}

// Restart makes the next turn a snapshot for a new start of the instance.
func (h *Host) Restart() {
	h.Snapshot()
	h.epoch++
	h.seq = 0
}

// Page sets how many rows a page of a snapshot holds at most; 0 means that a
// snapshot is one page.
func (h *Host) Page(rows int) { h.pageRows = max(rows, 0) }

// Settle settles the proposals of turn seq in their order, as the host does:
// each becomes an offer or is refused, and the next turn says so. It returns
// the verdicts.
func (h *Host) Settle(seq uint64, proposals ...route.Proposal) []route.Verdict {
	verdicts := make([]route.Verdict, len(proposals))
	for i := range proposals {
		verdicts[i] = h.Verdict(seq, &proposals[i])
		if verdicts[i] == route.VerdictNone {
			verdicts[i] = route.VerdictAcceptedByHost
			h.offer(seq, proposals[i])
		}
		h.tell(proposals[i], seq, verdicts[i])
	}
	return verdicts
}

// Refuse answers the proposal of turn seq with the verdict, whatever is so.
func (h *Host) Refuse(seq uint64, proposal route.Proposal, verdict route.Verdict) {
	h.tell(proposal, seq, verdict)
}

// Verdict says what would become of the proposal of turn seq: VerdictNone if it
// holds. A ref means what it meant in that turn: a slot that has been given to
// another since is not mistaken for it.
func (h *Host) Verdict(seq uint64, p *route.Proposal) route.Verdict {
	work, agent := h.work.at(p.Work), h.agents.at(p.Agent)
	switch {
	case work == nil:
		return route.VerdictUnknownWork
	case agent == nil:
		return route.VerdictUnknownAgent
	case !work.knew(seq):
		return route.VerdictGone
	case !agent.knew(seq):
		return route.VerdictAgentUnavailable
	case work.row.State != route.WorkWaiting && !h.another(seq, work, agent, p):
		return route.VerdictAlreadyAssigned
	case work.row.State == route.WorkWaiting && work.row.Revision != p.Revision:
		return route.VerdictStale
	}
	pair := h.pair(work, agent)
	return pair.Verdict()
}

// another reports whether the work, though it is offered, may be offered to
// this agent too: its queue asks several at once, this was proposed together
// with what is offered, and nothing has changed since.
func (h *Host) another(seq uint64, work *Work, agent *Agent, p *route.Proposal) bool {
	queue := h.queues.at(work.row.Queue)
	return queue != nil && work.row.Offers < queue.row.OfferTo &&
		work.asked.seq == seq && work.asked.revision == p.Revision && work.asked.as == work.row.Revision &&
		!slices.ContainsFunc(h.held[work.name], func(held *holding) bool { return held.agent == agent })
}

func (h *Host) pair(work *Work, agent *Agent) route.Pair {
	pair := route.Pair{
		Connected: agent.row.Flags&route.AgentConnected != 0,
		Channels:  agent.row.Channels, Channel: work.row.Channel,
		Tiers:         work.row.Tier,
		OtherRequired: work.row.Flags&route.WorkRequired != 0 && work.row.Agent != agent.row.Name,
		Declined:      slices.Contains(work.declined, agent.row.Name),
		Needy:         route.Needy(work.needs), Skilled: route.Skilled(work.needs, agent.skills),
		Open: uint32(agent.row.Open), MaxOpen: agent.row.MaxOpen,
		Offers: uint32(agent.row.Offers), MaxOffers: uint32(agent.row.MaxOffers),
		Load: route.LoadOf(&work.row, &agent.row),
	}
	if queue := h.queues.at(work.row.Queue); queue != nil {
		pair.Held = queue.row.Flags&route.QueueHeld != 0 || work.row.Flags&route.WorkHeld != 0
		pair.BySkills = queue.row.Flags&route.QueueBySkills != 0
	}
	at := slices.IndexFunc(agent.members, func(m route.Member) bool { return m.Queue == work.row.Queue })
	if pair.Member = at >= 0; pair.Member {
		pair.Tier = agent.members[at].Tier
	}
	return pair
}

func (h *Host) tell(p route.Proposal, seq uint64, verdict route.Verdict) {
	h.settled = append(h.settled, route.Settled{
		Seq: seq, Work: p.Work, Revision: p.Revision, Agent: p.Agent, Verdict: verdict, At: h.now,
	})
}

func (h *Host) offer(seq uint64, p route.Proposal) {
	work, agent := h.work.at(p.Work), h.agents.at(p.Agent)
	load := route.LoadOf(&work.row, &agent.row)
	held := &holding{
		agent: agent, takes: load.Takes(), interruptible: load.Interruptible, offer: true, proposal: p, seq: seq,
	}
	work.row.State = route.WorkOffered
	work.row.Offers++
	work.changed()
	work.asked = asked{seq: seq, revision: p.Revision, as: work.row.Revision}
	agent.row.Open++
	agent.row.Offers++
	*held.used() += held.takes
	agent.row.IdleSince, agent.row.AssignedAt = 0, h.now
	agent.changed()
	h.held[work.name] = append(h.held[work.name], held)
}

// used returns the row's field of the pool in which the work is.
func (h *holding) used() *int32 {
	if h.interruptible {
		return &h.agent.row.InterruptibleUsed
	}
	return &h.agent.row.Used
}

// Accept lets the agent who was asked first accept the work that is offered. It
// is open then, and off the board.
func (h *Host) Accept(work string) { h.AcceptBy(work, "") }

// AcceptBy lets this agent accept the work that is offered; an empty name is
// the agent who was asked first. Other offers of it are withdrawn.
func (h *Host) AcceptBy(work, agent string) {
	held := h.offered(work, agent)
	h.tell(held.proposal, held.seq, route.VerdictAccepted)
	for _, other := range slices.Clone(h.held[work]) {
		if other != held {
			h.tell(other.proposal, other.seq, route.VerdictWithdrawn)
			h.release(work, other)
		}
	}
	held.offer = false
	held.agent.row.Offers--
	held.agent.changed()
	h.drop(h.work.must(work))
}

// Decline ends the offer of the work to the agent who was asked first. Unless
// others are still asked, it waits again with its age. The verdict says why
// (declined, timed out, unavailable or withdrawn); but for withdrawn, the agent
// is not asked again.
func (h *Host) Decline(work string, verdict route.Verdict) { h.DeclineBy(work, "", verdict) }

// DeclineBy is Decline for the offer to this agent; an empty name is the agent
// who was asked first.
func (h *Host) DeclineBy(work, agent string, verdict route.Verdict) {
	held := h.offered(work, agent)
	w := h.work.must(work)
	h.tell(held.proposal, held.seq, verdict)
	if w.row.Offers--; w.row.Offers == 0 {
		w.row.State = route.WorkWaiting
	}
	if verdict != route.VerdictWithdrawn {
		w.row.Declines++
		w.declined = append(w.declined, held.agent.row.Name)
	}
	w.changed()
	h.release(work, held)
}

// Complete ends open work and frees the agent.
func (h *Host) Complete(work string) {
	if len(h.held[work]) == 0 || h.work.named(work) != nil {
		panic(misuse(work + " is not open"))
	}
	h.release(work, h.held[work][0])
}

// Cancel takes the work off the board, whether it waits or is offered.
func (h *Host) Cancel(work string) {
	w := h.work.must(work)
	for _, held := range slices.Clone(h.held[work]) {
		h.tell(held.proposal, held.seq, route.VerdictWithdrawn)
		h.release(work, held)
	}
	h.drop(w)
}

// SignOut takes the agent off the board. What is offered to it waits again;
// what is open is forgotten.
func (h *Host) SignOut(agent string) {
	a := h.agents.must(agent)
	for _, w := range h.work.inOrder() {
		if slices.ContainsFunc(h.held[w.name], func(held *holding) bool { return held.agent == a }) {
			h.DeclineBy(w.name, agent, route.VerdictUnavailable)
		}
	}
	for name, list := range h.held { // the order does not matter: all go
		if list[0].agent == a && !list[0].offer {
			delete(h.held, name)
		}
	}
	h.agents.remove(a.slot, &h.digest)
}

// CloseQueue takes the queue off the board, and its members out of it. Work
// that waits in it waits on.
func (h *Host) CloseQueue(queue string) {
	q := h.queues.must(queue)
	for _, a := range h.agents.inOrder() {
		a.leave(q)
	}
	h.queues.remove(q.slot, &h.digest)
}

func (h *Host) offered(work, agent string) *holding {
	if h.work.named(work) != nil {
		for _, held := range h.held[work] {
			if agent == "" || held.agent.name == agent {
				return held
			}
		}
	}
	if agent != "" {
		panic(misuse(work + " is not offered to " + agent))
	}
	panic(misuse(work + " is not offered"))
}

func (h *Host) release(work string, held *holding) {
	h.held[work] = slices.DeleteFunc(h.held[work], func(other *holding) bool { return other == held })
	if len(h.held[work]) == 0 {
		delete(h.held, work)
	}
	a := held.agent
	a.row.Open--
	if held.offer {
		a.row.Offers--
	}
	*held.used() -= held.takes
	if a.row.Open == 0 {
		a.row.IdleSince = h.now
	}
	a.changed()
}

// holdings returns the work that is offered, or else the work that is open.
func (h *Host) holdings(offered bool) []string {
	var names []string
	for name := range h.held {
		if (h.work.named(name) != nil) == offered {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// named returns the work, or all that is offered or open.
func (h *Host) named(work string, offered bool) []string {
	if work == every {
		return h.holdings(offered)
	}
	return []string{work}
}

func (h *Host) drop(w *Work) { h.work.remove(w.slot, &h.digest) }

// word returns the dictionary id of the text, 0 for the empty one.
func (h *Host) word(text string) uint32 {
	if text == "" {
		return 0
	}
	id := h.words[text]
	if id == 0 {
		h.texts = append(h.texts, text)
		id = uint32(len(h.texts))
		h.words[text] = id
	}
	return id
}

func (h *Host) channel(name string) uint16 {
	if i := slices.Index(h.channels, name); i >= 0 {
		return uint16(i)
	}
	if len(h.channels) == 64 {
		panic(misuse("there are 64 channels already"))
	}
	h.word(name)
	h.channels = append(h.channels, name)
	return uint16(len(h.channels) - 1)
}
