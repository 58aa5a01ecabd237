// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import "github.com/patchbay-cx/patchbay/sdk/route"

// Work is a piece of waiting work as a Score or a Pick sees it: the board's row,
// whose fields may be read (Priority, Size, RequestedAt …), and what it refers
// to, by name. It is valid until the function returns.
type Work struct {
	*route.Work

	scene *scene
}

// Agent is an agent who could take the work, seen in the same way.
type Agent struct {
	*route.Agent

	scene *scene
}

// Now returns the time of the turn in Unix milliseconds: the only clock there
// is.
func (w Work) Now() int64 { return w.scene.board.Now() }

// Waited returns for how many milliseconds the customer has waited.
func (w Work) Waited() int64 { return w.scene.board.Now() - w.RequestedAt }

// Attribute returns the value of the attribute of that name, empty if the work
// has none or the admin does not let it through.
func (w Work) Attribute(name string) string {
	value, _ := w.scene.board.Attribute(w.Work, name)
	return value
}

// Queue returns the name of the queue it waits in. The row's own field of that
// name is a ref.
func (w Work) Queue() string {
	if queue := w.scene.board.Queue(w.Work.Queue); queue != nil {
		return w.scene.board.Word(queue.Name)
	}
	return ""
}

// Channel returns the name of its channel.
func (w Work) Channel() string {
	channels := w.scene.board.Channels()
	for i := range channels {
		if channels[i].Ordinal == w.Work.Channel {
			return w.scene.board.Word(channels[i].Name)
		}
	}
	return ""
}

// Preferred returns the id of the preferred or required agent, empty if there
// is none.
func (w Work) Preferred() string { return w.scene.board.Word(w.Work.Agent) }

// External returns the reference of the outside record, empty unless the admin
// lets it through.
func (w Work) External() string { return w.scene.board.Word(w.Work.External) }

// Needs yields the skills that the work requires now, with the least level of
// each in thousandths, 0 to 10000.
func (w Work) Needs(yield func(skill string, level uint32) bool) {
	needs := w.scene.board.Needs(w.Work)
	for i := range needs {
		if needs[i].Flags&route.NeedDropped == 0 && !yield(w.scene.board.Word(needs[i].Name), needs[i].Level) {
			return
		}
	}
}

// Present reports whether an agent of that id is signed in and could at some time
// take work of the queues that the strategy serves.
func (w Work) Present(id string) bool {
	_, ok := w.scene.directory.find(&w.scene.board, id)
	return ok
}

// Candidate returns the agent of that id, and whether that one can take the work
// now. It finds those too whom the list of candidates was too short for.
func (w Work) Candidate(id string) (Agent, bool) {
	ref, ok := w.scene.directory.find(&w.scene.board, id)
	if !ok {
		return Agent{}, false
	}
	agent := Agent{w.scene.board.Agent(ref), w.scene}
	return agent, w.scene.index.CanTake(w.Work, agent.Agent)
}

// Name returns the agent's id. The row's own field of that name is a number.
func (a Agent) Name() string { return a.scene.board.Word(a.Agent.Name) }

// Status returns the name of the agent's presence status.
func (a Agent) Status() string { return a.scene.board.Word(a.Agent.Status) }

// Free returns how many milli-units of primary work the agent could still hold.
func (a Agent) Free() int64 { return int64(a.Capacity) - int64(a.Used) }

// Idle returns for how many milliseconds the agent has held nothing; 0 if it
// holds something.
func (a Agent) Idle() int64 {
	if a.IdleSince == 0 {
		return 0
	}
	return a.scene.board.Now() - a.IdleSince
}

// Level returns at which level the agent holds the skill, in thousandths, 0 to
// 10000; -1 if not at all.
func (a Agent) Level(skill string) int64 {
	skills := a.scene.board.Skills(a.Agent)
	for i := range skills {
		if a.scene.board.Word(skills[i].Name) == skill {
			return int64(skills[i].Level)
		}
	}
	return -1
}

// Tier returns in which tier of the work's queue the agent is, 1 being asked
// first; 0 if it does not belong to it.
func (a Agent) Tier(work Work) uint16 {
	members := a.scene.board.Members(a.Agent)
	for i := range members {
		if members[i].Queue == work.Work.Queue {
			return members[i].Tier
		}
	}
	return 0
}

// scene is what a function may look at.
type scene struct {
	board     route.Board
	index     *Index
	directory directory
}

// directory finds agents by their ids. It is kept up once it has been asked.
type directory struct {
	refs  map[string]uint32 // nil until it is asked
	names []string          // by ref; empty for nobody
}

func (d *directory) find(board *route.Board, id string) (ref uint32, ok bool) {
	if d.refs == nil {
		d.refs = map[string]uint32{}
		for agent := range board.AllAgents() {
			d.put(board, agent.Ref)
		}
	}
	ref, ok = d.refs[id]
	return ref, ok
}

// follow takes over what the board's last turn changed.
func (d *directory) follow(board *route.Board) {
	if d.refs == nil {
		return
	}
	changed := board.Changed()
	if changed.Reset {
		clear(d.refs)
		clear(d.names)
	}
	for _, ref := range changed.AgentsGone {
		d.drop(ref)
	}
	for _, ref := range changed.Agents {
		d.put(board, ref)
	}
}

func (d *directory) put(board *route.Board, ref uint32) {
	for int(ref) >= len(d.names) {
		d.names = append(d.names, "")
	}
	if name := board.Word(board.Agent(ref).Name); d.names[ref] != name {
		d.drop(ref)
		d.names[ref], d.refs[name] = name, ref
	}
}

func (d *directory) drop(ref uint32) {
	if int64(ref) < int64(len(d.names)) && d.names[ref] != "" && d.refs[d.names[ref]] == ref {
		delete(d.refs, d.names[ref])
		d.names[ref] = ""
	}
}
