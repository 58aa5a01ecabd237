// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Happening is one thing that happens while a script is played: a step begins,
// a turn is exchanged, a proposal is settled, or something is found. Just one
// of Step, Exchange, Settlement and Finding is set.
type Happening struct {
	// Line is the script's line.
	Line int `json:"line"`
	// Step is the step that begins, as it stands in the script, with
	// repetitions spelt out.
	Step string `json:"step,omitempty"`
	// Exchange is a turn that was carried and what came back.
	Exchange *Exchange `json:"exchange,omitempty"`
	// Settlement is what became of a proposal.
	Settlement *Settlement `json:"settlement,omitempty"`
	// Finding says how the contract was not kept.
	Finding string `json:"finding,omitempty"`
}

// Exchange is one turn and its reply, in words and with the script's names.
type Exchange struct {
	// Seq is the turn's number, Kind one of "delta", "snapshot", "snapshot,
	// first page", "snapshot, another page" and "snapshot, last page".
	Seq  uint64 `json:"seq"`
	Kind string `json:"kind"`
	// Rows says what the turn brings, one sentence for each row.
	Rows []string `json:"rows"`
	// Error says what the strategy answered instead of proposals; empty if it
	// answered well.
	Error string `json:"error,omitempty"`
	// Proposals and Notes are the reply's, in its order.
	Proposals []Proposed `json:"proposals"`
	Notes     []Noted    `json:"notes"`
	// WakeIn is after how many milliseconds a turn is wanted though nothing
	// changes; 0 is never.
	WakeIn int64 `json:"wake_in_ms,omitempty"`
	// Asks says that proposals were wanted: the turn was no page of a snapshot
	// that goes on.
	Asks bool `json:"asks"`
	// Took is how long the answer took.
	Took time.Duration `json:"took_ns"`

	began time.Time
}

// Proposed is a proposal with names in the place of refs.
type Proposed struct {
	Work  string `json:"work"`
	Agent string `json:"agent"`
	// Reason is the reason's name and Text its text, empty if there is none.
	Reason string `json:"reason,omitempty"`
	Text   string `json:"text,omitempty"`
	Score  int32  `json:"score"`
	Rank   uint16 `json:"rank"`
}

// Noted is a note with names in the place of refs.
type Noted struct {
	Work   string `json:"work"`
	Reason string `json:"reason,omitempty"`
	Text   string `json:"text,omitempty"`
}

// Settlement is what became of a proposal.
type Settlement struct {
	Work  string `json:"work"`
	Agent string `json:"agent"`
	// Verdict is the stable name of the host's verdict; "accepted_by_host"
	// means that it became an offer.
	Verdict string `json:"verdict"`
}

// Watch plays one script once, to a strategy opened for it, and tells each
// thing as it happens. What tell does holds the script up for as long as it
// likes. Errors are those of Play.
func Watch(ctx context.Context, suite Suite, script *Script, tell func(Happening)) (Result, error) {
	p, err := play(ctx, suite, script, tell)
	return p.result(), err
}

func (p *player) happened(h Happening) {
	if p.tell != nil {
		h.Line = p.line
		p.tell(h)
	}
}

func (p *player) settled(pr proposed, verdict route.Verdict) {
	p.happened(Happening{Settlement: &Settlement{Work: pr.work, Agent: pr.agent, Verdict: verdict.String()}})
}

// exchange says what is about to be carried; nil if nobody watches.
func (p *player) exchange(turn *route.Turn) *Exchange {
	if p.tell == nil {
		return nil
	}
	kinds := map[route.Kind]string{
		route.KindDelta: "delta", route.KindSnapshot: "snapshot", route.KindSnapshotFirst: "snapshot, first page",
		route.KindSnapshotMore: "snapshot, another page", route.KindSnapshotLast: "snapshot, last page",
	}
	return &Exchange{
		Seq: turn.Seq, Kind: kinds[turn.Kind], Asks: turn.Kind.Asks(), Rows: p.rows(turn),
		Proposals: []Proposed{}, Notes: []Noted{}, began: time.Now(),
	}
}

// exchanged tells what came back.
func (p *player) exchanged(e *Exchange, err error) {
	if e == nil {
		return
	}
	e.Took = time.Since(e.began)
	if err != nil {
		e.Error = err.Error()
		p.happened(Happening{Exchange: e})
		return
	}
	for i := range p.reply.Proposals {
		proposal := &p.reply.Proposals[i]
		reason := p.explain(proposal.Reason)
		e.Proposals = append(e.Proposals, Proposed{
			Work: p.host.workAt(proposal.Work), Agent: p.host.agentAt(proposal.Agent),
			Reason: reason.Name, Text: reason.Text, Score: proposal.Score, Rank: proposal.Rank,
		})
	}
	for _, note := range p.reply.Notes {
		reason := p.explain(note.Reason)
		e.Notes = append(e.Notes, Noted{Work: p.host.workAt(note.Work), Reason: reason.Name, Text: reason.Text})
	}
	if p.reply.WakeAt != 0 {
		e.WakeIn = p.reply.WakeAt - p.host.now
	}
	p.happened(Happening{Exchange: e})
}

// explain finds a reason in the dictionary. One that is not in it is named by
// its number.
func (p *player) explain(code uint16) route.Reason {
	at := slices.IndexFunc(p.suite.Reasons, func(r route.Reason) bool { return r.Code == code })
	switch {
	case at >= 0:
		return p.suite.Reasons[at]
	case code == 0:
		return route.Reason{}
	default:
		return route.Reason{Name: fmt.Sprintf("%d, which is not in the manifest", code)}
	}
}

// workAt and agentAt name what a ref stands for; "?" if nothing.
func (h *Host) workAt(ref uint32) string {
	if work := h.work.at(ref); work != nil {
		return work.name
	}
	return "?"
}

func (h *Host) agentAt(ref uint32) string {
	if agent := h.agents.at(ref); agent != nil {
		return agent.name
	}
	return "?"
}

func (h *Host) queueAt(ref uint32) string {
	if queue := h.queues.at(ref); queue != nil {
		return queue.name
	}
	return "?"
}

// names are what refs stand for, by table and ref.
type names map[route.Table]map[uint32]string

func (n names) at(table route.Table, ref uint32) string { return cmp.Or(n[table][ref], "?") }

func (n names) put(table route.Table, ref uint32, name string) {
	if n[table] == nil {
		n[table] = make(map[uint32]string)
	}
	n[table][ref] = name
}

// rows says what a turn brings. What has gone, and what was settled, is named
// as it was after the turn before: its refs may be others' by now.
func (p *player) rows(turn *route.Turn) []string {
	h := p.host
	if p.known == nil {
		p.known = make(names)
	}
	rows := []string{}
	add := func(format string, args ...any) { rows = append(rows, fmt.Sprintf(format, args...)) }
	for _, gone := range []struct {
		what  string
		table route.Table
		list  []route.Gone
	}{{"work", route.TableWork, turn.WorkGone}, {"agent", route.TableAgent, turn.AgentsGone}, {"queue", route.TableQueue, turn.QueuesGone}} {
		for _, one := range gone.list {
			add("%s %s is gone", gone.what, p.known.at(gone.table, one.Ref))
		}
	}
	var settled []string
	for _, one := range turn.Settled {
		settled = append(settled, fmt.Sprintf("settled: %s -> %s of turn %d: %s",
			p.known.at(route.TableWork, one.Work), p.known.at(route.TableAgent, one.Agent), one.Seq, one.Verdict))
	}
	for i := range turn.Queues {
		p.known.put(route.TableQueue, turn.Queues[i].Ref, h.queueAt(turn.Queues[i].Ref))
		add("queue %s", h.sayQueue(&turn.Queues[i]))
	}
	for i := range turn.Agents {
		p.known.put(route.TableAgent, turn.Agents[i].Ref, h.agentAt(turn.Agents[i].Ref))
		add("agent %s", h.sayAgent(turn, &turn.Agents[i]))
	}
	for i := range turn.Work {
		p.known.put(route.TableWork, turn.Work[i].Ref, h.workAt(turn.Work[i].Ref))
		add("work %s", h.sayWork(turn, &turn.Work[i]))
	}
	return append(rows, settled...)
}

func (h *Host) sayQueue(row *route.Queue) string {
	parts := []string{row.Model.String()}
	if row.Flags&route.QueueBySkills != 0 {
		parts = append(parts, "asks by skills")
	}
	if row.Flags&route.QueueHeld != 0 {
		parts = append(parts, "is held")
	}
	if row.OfferTo > 1 {
		parts = append(parts, fmt.Sprintf("offers to %d at once", row.OfferTo))
	}
	return h.queueAt(row.Ref) + ": " + strings.Join(parts, ", ")
}

func (h *Host) sayAgent(turn *route.Turn, row *route.Agent) string {
	parts := []string{fmt.Sprintf("%s of %s in use", milli(row.Used), milli(row.Capacity)), "on " + h.channelsOf(row.Channels)}
	var in []string
	for _, member := range turn.Members[row.Members.At:][:row.Members.N] {
		in = append(in, h.queueAt(member.Queue))
	}
	parts = append(parts, "in "+listed(in))
	var skills []string
	for _, skill := range turn.Skills[row.Skills.At:][:row.Skills.N] {
		skills = append(skills, h.text(skill.Name)+" "+milli(int32(skill.Level)))
	}
	if len(skills) > 0 {
		parts = append(parts, "holds "+listed(skills))
	}
	if row.Flags&route.AgentConnected == 0 {
		parts = append(parts, "not connected")
	}
	if row.IdleSince != 0 {
		parts = append(parts, "idle for "+ago(h.now-row.IdleSince))
	} else if row.Open > 0 {
		parts = append(parts, fmt.Sprintf("%d open", row.Open))
	}
	return h.agentAt(row.Ref) + ": " + strings.Join(parts, ", ")
}

func (h *Host) sayWork(turn *route.Turn, row *route.Work) string {
	parts := []string{"waits"}
	if row.State == route.WorkOffered {
		parts[0] = "is offered"
	}
	parts = append(parts, "in "+h.queueAt(row.Queue), "on "+h.channelsOf(1<<row.Channel),
		fmt.Sprintf("priority %d", row.Priority), "size "+milli(row.Size), "age "+ago(h.now-row.RequestedAt))
	var needs []string
	for _, need := range turn.Needs[row.Needs.At:][:row.Needs.N] {
		text := h.text(need.Name) + " " + milli(int32(need.Level))
		if need.Flags&route.NeedDropped != 0 {
			text += " (dropped)"
		}
		needs = append(needs, text)
	}
	if len(needs) > 0 {
		parts = append(parts, "needs "+listed(needs))
	}
	if row.Agent != 0 {
		verb := "prefers "
		if row.Flags&route.WorkRequired != 0 {
			verb = "requires "
		}
		parts = append(parts, verb+h.text(row.Agent))
	}
	if row.Flags&route.WorkHeld != 0 {
		parts = append(parts, "is held")
	}
	if row.Declined.N > 0 {
		parts = append(parts, fmt.Sprintf("declined by %d", row.Declined.N))
	}
	return fmt.Sprintf("%s: %s, revision %d", h.workAt(row.Ref), strings.Join(parts, ", "), row.Revision)
}

// text returns the word of a dictionary id.
func (h *Host) text(id uint32) string {
	if id == 0 || int64(id) > int64(len(h.texts)) {
		return "?"
	}
	return h.texts[id-1]
}

func (h *Host) channelsOf(set uint64) string {
	var names []string
	for i, name := range h.channels {
		if set&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return listed(names)
}

// listed joins names, of which a row may have very many.
func listed(names []string) string {
	const most = 6
	switch {
	case len(names) == 0:
		return "none"
	case len(names) > most:
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	default:
		return strings.Join(names, ", ")
	}
}

// milli writes thousandths as units.
func milli(n int32) string { return fmt.Sprintf("%g", float64(n)/1000) }

func ago(ms int64) string { return (time.Duration(ms) * time.Millisecond).String() }

// Groups are what the corpus asks of every strategy, in the order in which a
// report shows them. Each script for every strategy is about one of them.
func Groups() []string {
	return []string{
		"snapshot", "deltas", "gaps", "stale revisions", "duplicates", "reordering",
		"large boards", "unicode", "empty and extreme values", "eligibility",
	}
}
