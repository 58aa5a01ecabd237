// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package builtin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// closePatience is how long Close waits for a strategy that is at work. One
// that hangs is left behind.
const closePatience = time.Second

// instance is one strategy, on a goroutine of its own.
type instance struct {
	create   func() route.Strategy
	leave    func()         // tells that it is left behind
	strategy route.Strategy // the goroutine's alone

	jobs    chan job
	done    chan error    // of one place, so that a strategy left behind can end
	closing chan struct{} // closed by Close
	ended   chan struct{} // closed when the goroutine ends
	once    sync.Once
	err     error // of closing the strategy, once ended

	late   bool  // the goroutine is still at a job whose time was up
	broken error // the fault that ended the instance

	turn  route.Turn  // the caller's, lent for the length of a turn
	reply route.Reply // the strategy's, so that a late answer hurts nobody
}

var _ strategy.Instance = (*instance)(nil)

// job is what the goroutine does next: settings if there are any, else a turn.
type job struct{ settings []byte }

func newInstance(create func() route.Strategy) *instance {
	in := &instance{
		create: create,
		jobs:   make(chan job), done: make(chan error, 1),
		closing: make(chan struct{}), ended: make(chan struct{}),
	}
	go in.work()
	return in
}

// work runs jobs until the instance is closed.
func (in *instance) work() {
	defer close(in.ended)
	for {
		select {
		case j := <-in.jobs:
			in.done <- in.guard(func() error { return in.do(j) })
		case <-in.closing:
			if closer, ok := in.strategy.(io.Closer); ok {
				in.err = in.guard(closer.Close)
			}
			return
		}
	}
}

func (in *instance) do(j job) error {
	if j.settings == nil {
		return in.strategy.Turn(&in.turn, &in.reply)
	}
	if in.strategy == nil {
		in.strategy = in.create()
	}
	return in.strategy.Configure(j.settings)
}

// guard turns a panic in the strategy into a fault.
func (in *instance) guard(f func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &strategy.Fault{
				Kind: strategy.FaultTrap, Err: fmt.Errorf("builtin: panic: %v\n%s", value, debug.Stack()),
			}
		}
	}()
	return f()
}

// configure has the strategy made and configured. It waits until ctx ends.
func (in *instance) configure(ctx context.Context, settings []byte) error {
	in.jobs <- job{settings: settings}
	select {
	case err := <-in.done:
		return err
	case <-ctx.Done():
		return errors.New("it did not answer in time")
	}
}

// Turn implements strategy.Instance. It does not allocate unless something goes
// wrong.
//
// When time is up before the strategy returns, the turn's lists are replaced by
// copies, because the strategy may still be reading them. Until it returns,
// later turns fail with strategy.FaultDeadline.
func (in *instance) Turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error {
	if in.broken != nil {
		return in.broken
	}
	if in.late {
		err := in.wait(ctx, "it is still at an earlier turn")
		if in.late {
			return err
		}
		if err != nil && errors.As(err, new(*strategy.Fault)) {
			return in.failed(err)
		}
	}
	in.turn = *turn
	in.reply.Reset()
	select {
	case in.jobs <- job{}:
	case <-in.closing:
		return in.died()
	}
	err := in.wait(ctx, "it did not answer in time")
	if in.late {
		own(turn)
		return err
	}
	in.turn = route.Turn{}
	return in.finish(err, turn, reply)
}

// wait waits for the answer to the job under way; late says whether it failed
// to come.
func (in *instance) wait(ctx context.Context, why string) error {
	in.late = true
	select {
	case err := <-in.done:
		in.late = false
		return err
	case <-ctx.Done():
		return &strategy.Fault{Kind: strategy.FaultDeadline, Err: fmt.Errorf("builtin: %s", why)}
	case <-in.closing:
		return in.died()
	}
}

// finish hands the answer to a turn over.
func (in *instance) finish(err error, turn *route.Turn, reply *route.Reply) error {
	if err != nil {
		return in.failed(err)
	}
	in.reply.Epoch, in.reply.Seq = turn.Epoch, turn.Seq
	*reply, in.reply = in.reply, *reply
	return nil
}

// failed notes what an error means for later turns.
func (in *instance) failed(err error) error {
	if fault, ok := errors.AsType[*strategy.Fault](err); ok {
		in.broken = fault
		return fault
	}
	return strategy.ReplyError(err)
}

func (in *instance) died() error {
	return &strategy.Fault{Kind: strategy.FaultDied, Err: errors.New("builtin: the instance is closed")}
}

// Close implements strategy.Instance. It does not wait for a strategy that
// hangs, for there is no way to end it.
func (in *instance) Close() error {
	in.once.Do(func() { close(in.closing) })
	patience := time.NewTimer(closePatience)
	defer patience.Stop()
	select {
	case <-in.ended:
		return in.err
	case <-patience.C:
		in.leave()
		return errors.New("builtin: the strategy does not return, and is left behind")
	}
}

// own gives the turn lists of its own.
func own(t *route.Turn) {
	t.WorkGone, t.AgentsGone, t.QueuesGone = slices.Clone(t.WorkGone), slices.Clone(t.AgentsGone), slices.Clone(t.QueuesGone)
	t.Words, t.Channels, t.Queues = slices.Clone(t.Words), slices.Clone(t.Channels), slices.Clone(t.Queues)
	t.Agents, t.Work, t.Settled = slices.Clone(t.Agents), slices.Clone(t.Work), slices.Clone(t.Settled)
	t.Items, t.Candidates = slices.Clone(t.Items), slices.Clone(t.Candidates)
	t.Members, t.Skills, t.Needs = slices.Clone(t.Members), slices.Clone(t.Skills), slices.Clone(t.Needs)
	t.Attributes, t.WordIDs, t.Bytes = slices.Clone(t.Attributes), slices.Clone(t.WordIDs), slices.Clone(t.Bytes)
}
