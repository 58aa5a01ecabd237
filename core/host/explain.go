// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

const (
	// maxExplaining is how many explanations are made at a time: each holds a
	// copy of the workspace.
	maxExplaining = 2
	// progressEvery is after how many events whoever waits hears of progress.
	progressEvery = 10_000
	// maxSteps is how many steps of a life are told; of more, the first and the
	// last half.
	maxSteps = 500
	// maxAsked bounds how many agents are asked how they stood to the work, over
	// all steps, so that a life of many offers is still told in seconds.
	maxAsked = 10_000_000
	// namedFew is how many of those who were passed over are named.
	namedFew = 3
)

// ExplainRequest says what is to be explained.
type ExplainRequest struct {
	Work engine.WorkID
	// WhyNot names an agent: why did, or does, the work not go there? Empty for
	// nobody in particular.
	WhyNot string
	// Progress is told now and then how many events are read and how many there
	// are, on the goroutine of the caller; nil for nobody.
	Progress func(done, total uint64)
	// Admit may refuse to tell of the work, once it is known where it is; nil
	// admits all. Work that the workspace has forgotten is shown as it was
	// last.
	Admit func(*engine.Work) error
}

// Explanation is the life of a piece of work, and why it is where it is.
type Explanation struct {
	// Work is how the work is at Now, or was when it was last heard of.
	Work *engine.Work
	// Forgotten says that it ended so long ago that the workspace does not know
	// it any more; the journal still does.
	Forgotten bool
	// Number is the last event that the explanation rests on, Now its time.
	Number uint64
	Now    engine.Time
	// Complete says that the journal still reaches back to where the work came
	// in. If it does not, events after Since are told in full, and what was
	// before by what the work itself remembers, in steps without a number.
	Complete bool
	Since    uint64
	// Steps are what happened to it, oldest first. Omitted counts those left
	// out in the middle of a very long life.
	Steps   []Step
	Omitted int
	// Requirements are the skills it requires, and who says so; nil once it is
	// forgotten.
	Requirements []engine.Requirement
	// Outlook is how it goes on; nil for work that has ended.
	Outlook *Outlook
	// WhyNot answers the question of that name; nil if it was not asked.
	WhyNot *WhyNot
}

// Step is something that happened to the work.
type Step struct {
	// Event is the fact. Its number is 0 if only the work's own record tells of
	// it.
	Event engine.Event
	// Times counts like refusals in a row, of which Event is the first; else it
	// is 1.
	Times int
	// State and Queue are the work's afterwards.
	State engine.WorkState
	Queue string
	// Text is a sentence; Notes are more of them: what followed, and why.
	Text  string
	Notes []string
	// Choice is how an offer by a strategy came about; nil for other steps.
	Choice *Choice
}

// Choice is how a strategy came to choose an agent.
type Choice struct {
	// Turns are those in which it had the work before it.
	Turns Turns
	// Model is the routing config's model, Figure what that compares of the
	// chosen agent. Agrees says that of all candidates that agent came first by
	// the model, or that the model draws.
	Model, Figure string
	Agrees        bool
	// Survey is how everybody stood just before the offer; nil if it was not
	// taken, since there are very many.
	Survey *engine.Survey
	// Passed are some of those who were passed over: candidates, best first,
	// then those who were closest to being any.
	Passed []Passed
}

// Turns are turns of one instance of a strategy.
type Turns struct {
	Strategy string
	Epoch    uint64
	// First is the earliest turn in which the strategy can have had the work
	// before it, 0 if that is not known; Last is the turn in which it chose.
	First, Last uint64
	// Certain says that it did have the work before it in all of them.
	Certain bool
}

// Passed is an agent who did not get the work.
type Passed struct {
	Agent string
	// Candidate says that the work could have been offered to it.
	Candidate bool
	// Text is a sentence.
	Text string
	// Obstacles are all that stood against it; nil for a candidate.
	Obstacles []engine.Obstacle
}

// WhyNot tells of one agent why the work did not go there.
type WhyNot struct {
	Agent string
	// Moments are the times at which somebody was chosen, or at which a
	// proposal for the agent was refused, oldest first, and last of all the
	// present, if the work waits.
	Moments []Moment
}

// Moment is how an agent stood to the work at a time.
type Moment struct {
	// Event is the number of the event it is about; 0 for the present.
	Event uint64
	At    engine.Time
	// Chosen is who was chosen; empty for the present.
	Chosen string
	Passed
}

// Explain tells the life of a piece of work by replaying the journal beside the
// loop, on the caller's goroutine. It blocks for as long as that takes, which
// grows with the events since the work came in or the snapshot before, or until
// ctx ends. A few explanations are made at a time; others wait for their turn.
//
// # Errors
//
// A *engine.Refusal for work that was never there or of which the journal knows
// nothing any more, and for an agent that is not there; what Admit returns; the
// context's, ErrClosed, or the journal's.
func (w *Workspace) Explain(ctx context.Context, r ExplainRequest) (*Explanation, error) {
	select {
	case w.explaining <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-w.stopped:
		return nil, w.ended()
	}
	defer func() { <-w.explaining }()
	p, err := w.present(ctx, &r)
	if err != nil {
		return nil, err
	}
	if p.work != nil && r.Admit != nil {
		if err := r.Admit(p.work); err != nil {
			return nil, err
		}
	}
	for try := 0; ; try++ {
		out, err := w.tell(ctx, &r, p)
		// What was read may have been dropped for newer snapshots meanwhile.
		if again := errors.Is(err, journal.ErrTrimmed); again && try < 2 {
			continue
		}
		return out, err
	}
}

// present is what the loop knows of work that is to be explained.
type present struct {
	work       *engine.Work // nil if it is forgotten
	number     uint64
	now        engine.Time
	considered *strategy.Consideration
	decidedBy  string
}

func (w *Workspace) present(ctx context.Context, r *ExplainRequest) (*present, error) {
	p := &present{}
	var refusal error
	err := w.ask(ctx, &request{done: make(chan struct{}), read: func(l *loop) {
		p.number, p.now = l.engine.Number(), l.now()
		if _, ok := l.engine.Agent(r.WhyNot); !ok && r.WhyNot != "" {
			refusal = &engine.Refusal{Code: engine.CodeUnknownAgent, Field: "why_not", Message: fmt.Sprintf("there is no agent %q", r.WhyNot)}
		}
		item, ok := l.engine.Work(r.Work)
		switch {
		case ok:
			p.work = item.Clone()
			p.decidedBy, _ = l.desk.DecidedBy(item)
			if c, ok := l.desk.Considered(item); ok {
				p.considered = &c
			}
		case r.Work >= l.engine.State().NextWork:
			refusal = unknown(r.Work)
		}
	}})
	if err != nil {
		return nil, err
	}
	return p, refusal
}

func unknown(id engine.WorkID) error {
	return &engine.Refusal{
		Code: engine.CodeUnknownWork, Field: "work",
		Message: fmt.Sprintf("there is no work %v, or it ended so long ago that nothing is known of it any more", id),
	}
}

// tell replays the journal and writes down what concerns the work.
func (w *Workspace) tell(ctx context.Context, r *ExplainRequest, p *present) (*Explanation, error) {
	e, err := w.before(ctx, r.Work)
	if err != nil {
		return nil, err
	}
	t := newTale(e, r, p)
	from := e.Number()
	if from < p.number && !t.over() {
		err = w.log.Replay(ctx, from, func(number uint64, record []byte) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			ev, err := w.codec.event(number, record)
			if err != nil {
				return err
			}
			if err := t.happens(&ev); err != nil {
				return err
			}
			if done := number - from; r.Progress != nil && done%progressEvery == 0 {
				r.Progress(done, p.number-from)
			}
			if number == p.number || t.over() {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, err
		}
	}
	if r.Progress != nil {
		r.Progress(p.number-from, p.number-from)
	}
	return t.end()
}

// before returns the workspace as it was before the work came in, or as soon
// after as the journal still knows.
func (w *Workspace) before(ctx context.Context, id engine.WorkID) (*engine.Engine, error) {
	at, r, err := w.log.Snapshot(ctx)
	for {
		switch {
		case err != nil:
			return nil, fmt.Errorf("host: explain: %w", err)
		case r == nil:
			return engine.New(), nil
		}
		s, err := w.codec.beginSnapshot(r)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		if s.state.NextWork <= id {
			return restoredFrom(s, r)
		}
		older, former, err := w.log.SnapshotBefore(ctx, at)
		switch {
		case err != nil:
			return nil, errors.Join(err, r.Close())
		case former == nil && w.log.First() > 1: // it is as far back as it goes
			return restoredFrom(s, r)
		}
		if err := r.Close(); err != nil {
			return nil, err
		}
		at, r = older, former
	}
}

// restoredFrom restores and closes.
func restoredFrom(s *begun, r io.Closer) (*engine.Engine, error) {
	e, err := s.restore()
	return e, errors.Join(err, r.Close())
}
