// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package host runs workspaces: each by one loop that owns the engine, writes
// what happens to the journal, gives turns to the strategies, and tells agents
// and readers.
//
// Nothing leaves a workspace before it is durable: not an acknowledgement, not
// an offer, not a feed event, not a reading. Only strategies see more, since a
// proposal's own event is ordered after what it builds on.
//
// The package knows the engine, the journal and the strategies. It must not
// know of API, configuration files or command lines.
package host

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/intake"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// Errors of a workspace.
var (
	// ErrClosed means that the workspace is closed, or closing.
	ErrClosed = errors.New("host: workspace closed")
	// ErrReplaced ends an agent's stream when another was opened for the agent.
	ErrReplaced = errors.New("host: another connection of the same agent took over")
	// ErrSlow ends a stream whose reader fell too far behind. The agent then
	// counts as disconnected.
	ErrSlow = errors.New("host: the reader fell too far behind")
	// ErrForgotten means that a feed was asked for events that a snapshot has
	// long replaced.
	ErrForgotten = errors.New("host: these events are no longer kept")
)

// Options say what a workspace is made of.
type Options struct {
	// Name is the workspace's name, for logs.
	Name string
	// Log is the workspace's journal. The workspace writes to it until it is
	// closed; closing the Log is the caller's.
	Log *journal.Log
	// Definition is put in force if it differs from the one on record.
	Definition engine.Definition
	// Strategies and Runtimes are what routing configs may name, and what runs
	// them, by the name of the runtime.
	Strategies []strategy.Spec
	Runtimes   map[string]strategy.Runtime
	// Specs makes what runs of the strategies of a definition. With it, what the
	// definition says counts in place of Strategies, and what was put in force
	// since Definition was last read from files stays in force for as long as
	// those have not changed. It is called from several goroutines. Nil for
	// workspaces whose strategies never change.
	Specs func(*engine.Definition) ([]strategy.Spec, error)
	// Seed is where the randomness of turns comes from.
	Seed uint64
	// SnapshotEvery is after how many events a snapshot is made. Default
	// 200,000.
	SnapshotEvery uint64
	// KeepFrames is a folder, made if need be, for turns of which a strategy died
	// (strategy.Desk.KeepFrames). Empty means that they are not kept.
	KeepFrames string
	// NoRecord leaves out the record of turns, without which the past cannot be
	// verified.
	NoRecord bool
	// Logger hears of what an operator should know; nil for silence.
	Logger *slog.Logger
}

// Workspace is a running workspace. Its methods are safe for concurrent use.
type Workspace struct {
	name   string
	opts   Options
	logger *slog.Logger
	log    *journal.Log
	codec  codec

	requests chan *request
	closing  chan struct{} // closed when no more is taken
	stopped  chan struct{} // closed when the loop has ended
	cancel   context.CancelFunc
	once     sync.Once
	failure  atomic.Pointer[error] // why the loop ends by itself; nil while it does not

	tail       *tail
	exporting  sync.RWMutex  // held while events must not be dropped, and to drop some
	explaining chan struct{} // holds one for each explanation under way
}

// request is something asked of the loop: a command, or a reading.
type request struct {
	find  func(*engine.Engine) (engine.Command, error)
	plan  *intake.Plan // of a definition to be put in force
	specs []strategy.Spec
	// proven are instances of them; those that are left are whoever asked's.
	proven []*strategy.Proven
	// version was in force when the request was looked at, if find noted it.
	version uint64
	read    func(*loop)
	result  engine.Result
	err     error
	done    chan struct{}

	deciding sync.Mutex // held while the loop is at it
	left     bool       // whoever asked has gone: nothing is done any more
}

// leave takes the request back as far as it can be: the loop is not at it when
// leave returns, and will not be.
func (r *request) leave() {
	r.deciding.Lock()
	defer r.deciding.Unlock()
	r.left = true
}

// Open recovers the workspace from its journal, puts the definition in force,
// starts the strategies and then the loop. It blocks for as long as that takes,
// or until ctx ends. Cancelling ctx afterwards has no effect; Close ends the
// workspace.
func Open(ctx context.Context, opts Options) (*Workspace, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.SnapshotEvery == 0 {
		opts.SnapshotEvery = 200_000
	}
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	began := time.Now()
	e, snapshotAt, err := recovered(ctx, opts.Log, c, opts.Log.Last(), nil)
	if err != nil {
		return nil, err
	}
	opts.Logger.Info("workspace recovered", "workspace", opts.Name, "event", e.Number(), "took", time.Since(began))
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &Workspace{
		name: opts.Name, opts: opts, logger: opts.Logger, log: opts.Log, codec: c,
		requests: make(chan *request, 4096), closing: make(chan struct{}), stopped: make(chan struct{}),
		cancel: cancel, tail: newTail(e.Number()), explaining: make(chan struct{}, maxExplaining),
	}
	l := newLoop(running, w, e, snapshotAt, opts)
	if err := l.begin(ctx, opts); err != nil {
		l.abort()
		return nil, err
	}
	go l.run()
	return w, nil
}

// Do has a command decided and returns when everything it led to is durable.
// An error is a *engine.Refusal, ErrClosed, the context's, or the journal's,
// which closes the workspace. When the context ends first, the command may or
// may not have been carried out.
func (w *Workspace) Do(ctx context.Context, command engine.Command) (engine.Result, error) {
	r := &request{done: make(chan struct{}), find: func(*engine.Engine) (engine.Command, error) { return command, nil }}
	if configure, ok := command.(engine.Configure); ok { // it takes too long to hold up the loop
		plan, err := intake.Compile(&configure.Definition)
		if err != nil {
			return engine.Result{}, err
		}
		r.plan = plan
	}
	return w.decided(ctx, r)
}

// DoWith is Do with a command that depends on the state: find reads it and
// returns the command, which is decided before anything else happens, or an
// error, which DoWith returns. What holds when find looks, such as whose the
// work is, holds when the command is decided. For find the rules of View apply.
// It is not for Configure.
func (w *Workspace) DoWith(ctx context.Context, find func(*engine.Engine) (engine.Command, error)) (engine.Result, error) {
	return w.decided(ctx, &request{find: find, done: make(chan struct{})})
}

func (w *Workspace) decided(ctx context.Context, r *request) (engine.Result, error) {
	if err := w.ask(ctx, r); err != nil {
		return engine.Result{}, err
	}
	return r.result, r.err
}

// reserved refuses commands that are the loop's own.
func reserved(command engine.Command) error {
	switch command.(type) {
	case engine.Propose, engine.RecordStrategy, engine.RecordTurn, engine.RecordEmployed, engine.Tick, engine.Connect, engine.Disconnect, engine.DisconnectAll:
		return fmt.Errorf("host: %T is not for callers", command)
	default:
		return nil
	}
}

// View calls read with the state between two commands and returns when
// everything that read may have seen is durable. Read must be quick, change
// nothing, and keep no pointer into the engine. Whatever View returns, read is
// over or will not be called any more.
func (w *Workspace) View(ctx context.Context, read func(*engine.Engine)) error {
	return w.ask(ctx, &request{read: func(l *loop) { read(l.engine) }, done: make(chan struct{})})
}

func (w *Workspace) ask(ctx context.Context, r *request) error {
	select {
	case w.requests <- r:
	case <-w.closing:
		return w.ended()
	case <-w.stopped:
		return w.ended()
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-r.done:
		return nil
	case <-w.stopped:
	case <-ctx.Done():
		r.leave()
		return ctx.Err()
	}
	select {
	case <-r.done: // it was answered just before the end
		return nil
	default:
		return w.ended()
	}
}

// ended says why there is no answer.
func (w *Workspace) ended() error {
	if err := w.cause(); err != nil {
		return err
	}
	return ErrClosed
}

// cause returns why the loop ends by itself, nil while it does not.
func (w *Workspace) cause() error {
	if err := w.failure.Load(); err != nil {
		return *err
	}
	return nil
}

// Done is closed when the workspace has ended, by Close or because its journal
// failed; Err then says which.
func (w *Workspace) Done() <-chan struct{} { return w.stopped }

// Err returns why the workspace ended by itself; nil while it runs or after
// Close.
func (w *Workspace) Err() error {
	select {
	case <-w.stopped:
		return w.cause()
	default:
		return nil
	}
}

// Close takes no more commands, makes what was taken durable, ends streams and
// strategies, writes a snapshot, and waits for all of it. A second Close waits
// for the first.
func (w *Workspace) Close() error {
	w.once.Do(func() { close(w.closing) })
	<-w.stopped
	return w.cause()
}
