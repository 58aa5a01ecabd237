// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"sync"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// maxPending is how many notices a stream may hold for a reader that does not
// read.
const maxPending = 10_000

// Notice is an event that concerns an agent, with the work it is about. It is
// one of the agent's own, or tells what becomes of a guest in the agent's work.
type Notice struct {
	Event engine.Event
	// Work is how the work was after the command that led to the event; nil if it
	// is about none, or about some that was forgotten with it. It is shared and
	// must not be changed.
	Work *engine.Work
}

// Stream is an agent's connection: while it is open the agent can be offered
// work, and it hears of everything that concerns the agent.
type Stream struct {
	// Agent is how the agent was when the stream was opened; Held is the work
	// it had offered or open, oldest first.
	Agent *engine.Agent
	Held  []*engine.Work

	workspace *Workspace
	after     uint64 // events up to here are in Agent and Held
	mu        sync.Mutex
	pending   []Notice
	err       error
	signal    chan struct{}
}

// Attach opens the agent's stream. Another one of the same agent ends with
// ErrReplaced. An unknown agent is refused.
func (w *Workspace) Attach(ctx context.Context, agent string) (*Stream, error) {
	s := &Stream{workspace: w, signal: make(chan struct{}, 1)}
	var refused error
	err := w.ask(ctx, &request{done: make(chan struct{}), read: func(l *loop) {
		refused = l.attach(agent, s)
	}})
	if err != nil {
		w.forsake(agent, s)
		return nil, err
	}
	if refused != nil {
		return nil, refused
	}
	return s, nil
}

func (l *loop) attach(agent string, s *Stream) error {
	if _, err := l.step(engine.Connect{Agent: agent}); err != nil {
		return err
	}
	if former := l.streams[agent]; former != nil {
		former.fail(ErrReplaced)
	}
	l.streams[agent] = s
	a, _ := l.engine.Agent(agent)
	s.Agent, s.after = a.Clone(), l.engine.Number()
	for _, id := range a.Held {
		if _, w, ok := l.engine.Assignment(id); ok {
			s.Held = append(s.Held, w.Clone())
		}
	}
	return nil
}

// Close ends the stream; the agent's grace period begins, unless another
// stream has taken over. It does not wait for the event.
func (s *Stream) Close() {
	s.fail(ErrClosed)
	s.workspace.forsake(s.Agent.ID, s)
}

// forsake takes a stream out of service on the loop's next occasion.
func (w *Workspace) forsake(agent string, s *Stream) {
	r := &request{done: make(chan struct{}), read: func(l *loop) { l.detach(agent, s) }}
	select {
	case w.requests <- r:
	case <-w.closing: // closing ends every connection
	case <-w.stopped:
	}
}

// detach takes a stream out of service, unless another has taken over.
func (l *loop) detach(agent string, s *Stream) {
	if l.streams[agent] == s {
		delete(l.streams, agent)
		l.settle(engine.Disconnect{Agent: agent})
	}
}

// put adds an event for the reader, and reports false if that has fallen too
// far behind. The loop calls it.
func (s *Stream) put(n Notice) bool {
	if n.Event.Number <= s.after {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.pending = append(s.pending, n)
	}
	if len(s.pending) > maxPending {
		s.err, s.pending = ErrSlow, nil
	}
	s.wake()
	return !errors.Is(s.err, ErrSlow)
}

func (s *Stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
	}
	s.wake()
}

func (s *Stream) wake() {
	select {
	case s.signal <- struct{}{}:
	default:
	}
}

// Next returns what has happened to the agent since the last call, at least
// one notice. It blocks until there is one, the context ends, or the stream
// has ended: ErrReplaced, ErrSlow or ErrClosed, after the last notice was read.
// It is for one goroutine.
func (s *Stream) Next(ctx context.Context) ([]Notice, error) {
	for {
		s.mu.Lock()
		notices, err := s.pending, s.err
		s.pending = nil
		s.mu.Unlock()
		if len(notices) > 0 {
			return notices, nil
		}
		if err != nil {
			return nil, err
		}
		select {
		case <-s.signal:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
