// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package shortlist

import (
	"slices"

	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// frame is a candidates frame in the making. Its memory is used again.
type frame struct {
	board *route.Board
	wants wants
	turn  route.Turn
	items []item

	work   places // by ref of work: its index in items
	agents places // by ref of agent: its row
	queues places // by ref of queue
	words  places // by the board's dictionary id: the frame's, less 1
	rows   []*route.Agent
	most   map[uint32]int // by ref of agent: how many items in a row began with it
}

// item is work to decide on.
type item struct {
	work *route.Work
	// put is for how many of its candidates, from the first on, it is put down.
	put int
	// claim is when it was put down, as instance.claims counts.
	claim uint64
	// decided says that what was proposed for it has been looked at.
	decided bool
	// first and last are where in the answer its proposals begin and end, less 1.
	first, last uint32
}

// wants says which tables the strategy wants sent.
type wants struct{ members, skills, needs, attributes, declined, channels, settled bool }

func newFrame(board *route.Board, tables []route.Table) frame {
	want := func(table route.Table) bool { return tables == nil || slices.Contains(tables, table) }
	return frame{
		board: board, most: map[uint32]int{},
		wants: wants{
			members: want(route.TableMember), skills: want(route.TableSkill), needs: want(route.TableNeed),
			attributes: want(route.TableAttribute), declined: want(route.TableIDs),
			channels: want(route.TableChannel), settled: want(route.TableSettled),
		},
	}
}

// places remembers numbers until it is begun anew, at no cost but the memory.
type places struct {
	at    []uint32
	round []uint32
	now   uint32
}

func (p *places) begin() {
	if p.now++; p.now == 0 { // after four billion frames
		clear(p.round)
		p.now = 1
	}
}

// get returns the number of key.
func (p *places) get(key uint32) (at uint32, ok bool) {
	if int64(key) >= int64(len(p.at)) || p.round[key] != p.now {
		return 0, false
	}
	return p.at[key], true
}

func (p *places) set(key, at uint32) {
	if n := int(key) + 1; n > len(p.at) {
		p.at = append(p.at, make([]uint32, n-len(p.at))...)
		p.round = append(p.round, make([]uint32, n-len(p.round))...)
	}
	p.at[key], p.round[key] = at, p.now
}

// begin empties the frame.
func (f *frame) begin() {
	f.turn.Reset()
	f.items, f.rows = f.items[:0], f.rows[:0]
	for _, p := range [...]*places{&f.work, &f.agents, &f.queues, &f.words} {
		p.begin()
	}
	clear(f.most)
}

// count counts an item whose best candidate is the agent, and reports whether
// it is the last of every.
func (f *frame) count(agent uint32, every int) bool {
	f.most[agent]++
	return f.most[agent]%every == 0
}

// add adds an item with its candidates.
func (f *frame) add(work *route.Work, candidates []*route.Agent) {
	t := &f.turn
	f.work.set(work.Ref, uint32(len(f.items)))
	f.items = append(f.items, item{work: work})
	t.Items = append(t.Items, route.Item{
		Work: uint32(len(t.Work)), Candidates: route.Span{At: uint32(len(t.Candidates)), N: uint32(len(candidates))},
	})
	for _, agent := range candidates {
		at, ok := f.agents.get(agent.Ref)
		if !ok {
			at = uint32(len(f.rows))
			f.agents.set(agent.Ref, at)
			f.rows = append(f.rows, agent)
		}
		t.Candidates = append(t.Candidates, route.Candidate{Agent: at, Takes: match.Takes(work, agent)})
	}
	f.addQueue(work.Queue)
	f.addChannel(work.Channel)
	f.addWork(work)
}

// candidate returns the item's nth candidate.
func (f *frame) candidate(item, n int) *route.Agent {
	return f.rows[f.turn.Candidates[int(f.turn.Items[item].Candidates.At)+n].Agent]
}

// has reports whether the agent is one of the first n candidates of the item.
func (f *frame) has(item, n int, agent *route.Agent) bool {
	for i := range n {
		if f.candidate(item, i) == agent {
			return true
		}
	}
	return false
}

func (f *frame) addQueue(ref uint32) {
	if _, ok := f.queues.get(ref); ok {
		return
	}
	f.queues.set(ref, 0)
	if queue := f.board.Queue(ref); queue != nil {
		row := *queue
		row.Name = f.word(row.Name)
		f.turn.Queues = append(f.turn.Queues, row)
	}
}

func (f *frame) addChannel(ordinal uint16) {
	if !f.wants.channels || slices.ContainsFunc(f.turn.Channels, func(c route.Channel) bool { return c.Ordinal == ordinal }) {
		return
	}
	for _, row := range f.board.Channels() {
		if row.Ordinal == ordinal {
			row.Name = f.word(row.Name)
			f.turn.Channels = append(f.turn.Channels, row)
		}
	}
}

func (f *frame) addWork(work *route.Work) {
	t, row := &f.turn, *work
	row.Agent, row.External = f.word(work.Agent), f.word(work.External)
	row.Needs, row.Declined, row.Attributes = route.Span{}, route.Span{}, route.Span{}
	if f.wants.needs {
		from := len(t.Needs)
		for _, need := range f.board.Needs(work) {
			need.Name = f.word(need.Name)
			t.Needs = append(t.Needs, need)
		}
		row.Needs = since(from, len(t.Needs))
	}
	if f.wants.declined {
		from := len(t.WordIDs)
		for _, id := range f.board.Declined(work) {
			t.WordIDs = append(t.WordIDs, f.word(id))
		}
		row.Declined = since(from, len(t.WordIDs))
	}
	if f.wants.attributes {
		from := len(t.Attributes)
		attributes := f.board.Attributes(work)
		for i := range attributes {
			name := f.word(attributes[i].Name)
			t.Attributes = append(t.Attributes, route.Attribute{Name: name, Value: f.text(f.board.Value(&attributes[i]))})
		}
		row.Attributes = since(from, len(t.Attributes))
	}
	t.Work = append(t.Work, row)
}

// addAgent adds the row of an agent, once all queues are known.
func (f *frame) addAgent(agent *route.Agent) {
	t, row := &f.turn, *agent
	row.Name, row.Status = f.word(agent.Name), f.word(agent.Status)
	row.Members, row.Skills = route.Span{}, route.Span{}
	if f.wants.members {
		from := len(t.Members)
		for _, member := range f.board.Members(agent) {
			if _, ok := f.queues.get(member.Queue); ok {
				t.Members = append(t.Members, member)
			}
		}
		row.Members = since(from, len(t.Members))
	}
	if f.wants.skills {
		from := len(t.Skills)
		for _, skill := range f.board.Skills(agent) {
			skill.Name = f.word(skill.Name)
			t.Skills = append(t.Skills, skill)
		}
		row.Skills = since(from, len(t.Skills))
	}
	t.Agents = append(t.Agents, row)
}

// since returns the span of what a list has grown by; that of nothing is zero.
func since(from, to int) route.Span {
	if from == to {
		return route.Span{}
	}
	return route.Span{At: uint32(from), N: uint32(to - from)}
}

// word returns the frame's own dictionary id of a word of the board.
func (f *frame) word(id uint32) uint32 {
	if id == 0 {
		return 0
	}
	at, ok := f.words.get(id)
	if !ok {
		at = uint32(len(f.turn.Words))
		f.words.set(id, at)
		f.turn.Words = append(f.turn.Words, route.Word{ID: at + 1})
		f.turn.Words[at].Text = f.text([]byte(f.board.Word(id)))
	}
	return at + 1
}

func (f *frame) text(text []byte) route.Span {
	from := len(f.turn.Bytes)
	f.turn.Bytes = append(f.turn.Bytes, text...)
	return since(from, len(f.turn.Bytes))
}

// finish adds the agents and the head, and what became of earlier proposals.
func (f *frame) finish(head *route.Turn, settled []route.Settled) {
	for _, agent := range f.rows {
		f.addAgent(agent)
	}
	if f.wants.settled {
		f.turn.Settled = append(f.turn.Settled, settled...)
	}
	t := &f.turn
	t.Epoch, t.Seq, t.Kind, t.Now, t.Seed, t.Budget = head.Epoch, head.Seq, head.Kind, head.Now, head.Seed, head.Budget
}
