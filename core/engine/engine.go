// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package engine is one workspace as a pure machine: a command, the time and
// the state so far give events, and nothing else happens. It keeps work,
// presence, the capacity ledger and offers, and it settles what strategies
// propose.
//
// It has no clock, goroutine, I/O, log or randomness, and it must not know of
// journals, connections or strategies: they are the host's. Every change of
// state is made by applying an event, so that replaying the events of a
// workspace gives the same state again.
package engine

import "sort"

// Engine is the state of one workspace. It is not safe for concurrent use; its
// owner calls it from one goroutine.
type Engine struct {
	number         uint64
	now            Time // of the last event; while a command is decided, its time
	told           Time // the latest time heard of, which is not state
	config         uint64
	nextWork       WorkID
	nextAssignment AssignmentID

	definition *Definition
	names      *index
	versions   []Version
	source     string
	prepared   *prepared // what is about to be put in force

	work        map[WorkID]*Work
	inOrder     []*Work // by id; forgotten ones stay until a sweep
	forgotten   int
	current     []*Work  // by id: what has not ended; what has stays until a sweep
	past        int      // of current
	ended       []WorkID // in order of ending
	assignments map[AssignmentID]*Work
	keys        map[string]WorkID

	agents map[string]*Agent
	roster []*Agent // by id
	queues map[string]*queue

	// waiting counts what waits anywhere; the others are derived from the
	// definition: what any agent may hold, who holds which skill, and the queues
	// whose work goes to holders, or that have hours.
	waiting  int
	pools    pools
	holders  map[string][]*Agent
	bySkills []*queue
	watched  []*queue

	waits        estimates
	contacts     map[string]Contact
	lastContacts []Contact // in order of time; some are superseded
	longest      Time      // for which a contact counts

	timers  timers
	sweepAt int // with more timers than that, those that are void are thrown out

	deciding step // reused by Step
	scratch  []byte
}

// New returns an empty workspace. Its first command must be Configure.
func New() *Engine {
	e := &Engine{nextWork: 1, nextAssignment: 1}
	e.definition = &Definition{}
	e.names = &index{}
	e.work = make(map[WorkID]*Work)
	e.assignments = make(map[AssignmentID]*Work)
	e.keys = make(map[string]WorkID)
	e.agents = make(map[string]*Agent)
	e.queues = make(map[string]*queue)
	e.waits = newEstimates()
	e.contacts = make(map[string]Contact)
	return e
}

// step is one command being decided.
type step struct {
	*Engine
	result Result
}

// Step decides a command at the given time. It returns what came of it, or a
// *Refusal, and then nothing has changed. A time before the last event's is
// taken as the last event's: time does not run backwards in a workspace.
func (e *Engine) Step(now Time, command Command) (Result, error) {
	last := e.now
	e.now = max(last, now)
	e.told = max(e.told, e.now)
	s := &e.deciding
	s.Engine, s.result = e, Result{}
	err := command.decide(s)
	result := s.result
	s.result = Result{}
	for i := range len(result.Events) - 1 {
		result.Events[i].More = true
	}
	if len(result.Events) == 0 {
		e.now = last
	}
	if err != nil {
		return Result{}, err
	}
	return result, nil
}

// emit makes a fact of the event: numbers, dates and applies it.
func (s *step) emit(ev Event) {
	ev.Number = s.number + 1
	ev.At = s.now
	s.apply(&ev)
	s.result.Events = append(s.result.Events, ev)
}

// Number returns the number of the last event, 0 if there was none.
func (e *Engine) Number() uint64 { return e.number }

// Now returns the time of the last event, before which nothing can happen any
// more; 0 if there was none.
func (e *Engine) Now() Time { return e.now }

// Config returns the version of the definition in force: it counts Configure
// commands from 1, and is 0 before the first.
func (e *Engine) Config() uint64 { return e.config }

// Definition returns the definition in force. It must not be changed.
func (e *Engine) Definition() *Definition { return e.definition }

// NextTimer returns when the next timer is due, so that a Tick at that time
// lets it run out. It may name a time at which nothing is due any more.
func (e *Engine) NextTimer() (at Time, ok bool) {
	if len(e.timers) == 0 {
		return 0, false
	}
	return e.timers[0].at, true
}

// Work returns the work with that id, if it is known. It is valid until the
// next Step and must not be changed.
func (e *Engine) Work(id WorkID) (*Work, bool) {
	w, ok := e.work[id]
	return w, ok
}

// Known reports whether the idempotency key names work that is kept. The empty
// key names none.
func (e *Engine) Known(key string) bool {
	_, ok := e.keys[key]
	return ok && key != ""
}

// Agent returns the agent with that id, if there is one. It is valid until the
// next Step and must not be changed.
func (e *Engine) Agent(id string) (*Agent, bool) {
	a, ok := e.agents[id]
	return a, ok
}

// Assignment returns an assignment and its work, if both are still kept.
func (e *Engine) Assignment(id AssignmentID) (*Assignment, *Work, bool) {
	w, ok := e.assignments[id]
	if !ok {
		return nil, nil, false
	}
	return w.assignment(id), w, true
}

// EachWork calls yield with all work that is kept and whose id is above after,
// in order of ids, until yield returns false.
func (e *Engine) EachWork(after WorkID, yield func(*Work) bool) {
	from := sort.Search(len(e.inOrder), func(i int) bool { return e.inOrder[i].ID > after })
	for _, w := range e.inOrder[from:] {
		if !w.forgotten && !yield(w) {
			return
		}
	}
}

// EachCurrent is EachWork for the work that has not ended. What is kept of the
// past costs it nothing.
func (e *Engine) EachCurrent(after WorkID, yield func(*Work) bool) {
	from := sort.Search(len(e.current), func(i int) bool { return e.current[i].ID > after })
	for _, w := range e.current[from:] {
		if !w.State.Ended() && !yield(w) {
			return
		}
	}
}

// EachAgent calls yield with every agent whose id is above after, in order of
// ids, until yield returns false. After "" come all.
func (e *Engine) EachAgent(after string, yield func(*Agent) bool) {
	from := sort.Search(len(e.roster), func(i int) bool { return e.roster[i].ID > after })
	for _, a := range e.roster[from:] {
		if !yield(a) {
			return
		}
	}
}

// Backlog is what waits in a queue.
type Backlog struct {
	// Queue and Routing are the queue's definition and its routing config.
	Queue   *QueueDefinition
	Routing *RoutingConfig
	// Closed says that it is closed by its hours.
	Closed bool
	// Waiting, Offered and Open count its work by state; paused work, and what
	// is wrapped up, is open.
	Waiting, Offered, Open int
	// Unroutable is how much of what waits nobody who is configured could ever
	// take. See Engine.Unroutable.
	Unroutable int
	// EstimatedWait is what new work must expect, in milliseconds, if
	// Estimated.
	EstimatedWait Time
	Estimated     bool
	// Oldest is since when the longest waiting item waits; 0 if none does.
	Oldest Time
	// Members is how many agents belong to it, Present how many of them are
	// signed in, Available how many of those could take more work of some
	// channel now.
	Members, Present, Available int
}

// EachQueue calls yield with every queue's backlog in order of names.
func (e *Engine) EachQueue(yield func(Backlog) bool) {
	for i := range e.definition.Queues {
		q := e.queues[e.definition.Queues[i].Name]
		if !yield(e.backlog(q)) {
			return
		}
	}
}

// Backlog returns one queue's backlog, if there is such a queue.
func (e *Engine) Backlog(name string) (Backlog, bool) {
	q, ok := e.queues[name]
	if !ok {
		return Backlog{}, false
	}
	return e.backlog(q), true
}

// Interruptible reports whether work of the channel takes interruptible
// capacity. It is false for a channel that does not exist.
func (e *Engine) Interruptible(channel string) bool {
	return e.hasChannel(channel) && e.channelOf(channel).Interruptible
}

// ChannelOrdinal returns the channel's number, which is its bit in
// Agent.Channels.
func (e *Engine) ChannelOrdinal(name string) (uint16, bool) {
	ordinal, ok := e.names.channels[name]
	return ordinal, ok
}
