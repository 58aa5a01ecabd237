// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package strategy stands between a workspace and the strategies that decide
// for it: it keeps each one's board in step, carries turns, and replaces a
// strategy that fails by its fallback until it is well again.
//
// It knows the engine's state and the contract of sdk/route. It does not know
// how a strategy is carried (that is a Runtime's matter), and it never decides
// who gets what.
package strategy

import (
	"context"
	"fmt"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Spec is what configuration says of one strategy.
type Spec struct {
	// Name is the admin's name for it, unique in the workspace.
	Name string
	// Runtime says how it runs: "builtin", "process" or "wasm".
	Runtime string
	// Source names what runs: the built-in's name, or the path of an
	// executable or a .wasm module.
	Source string
	// Args are given to a process; empty for the other runtimes.
	Args []string
	// SHA256 is the expected checksum of the file in lower-case hex. A process
	// is not started without; a WASM module is checked when it is given.
	SHA256 string
	// Settings is the strategy's settings as a JSON object; nil means "{}".
	Settings []byte
	// Attributes lists the attributes of work that the strategy may see.
	Attributes []string
	// MayExceed grants that its proposals exceed an agent's capacity.
	MayExceed bool
	// Limits bound what it may take.
	Limits Limits
	// Split divides its work among routers of classes; nil if it does not. Only
	// remote strategies are split.
	Split *Split `json:",omitempty"`
	// Class is the class of work for which this part of the strategy Of
	// decides; empty for a whole strategy. A Desk fills them in.
	Class string `json:",omitempty"`
	Of    string `json:",omitempty"`
	// Post is the number of the post for which an instance is started; see
	// Standing. A Desk tells it to the runtime, and keeps no spec that has one.
	Post uint32 `json:"-"`
	// Standby keeps a second instance started and configured, which takes over
	// with a snapshot when the first one fails. It takes as much memory again.
	Standby bool
	// QuarantineAfter is after how many failures of a started instance, without
	// having been well in between, the strategy is not started again before it
	// is released; 0 means never.
	QuarantineAfter int
}

// Limits bound one instance of a strategy. A zero field means the default.
type Limits struct {
	// TurnDeadline is how long a turn may take. Default 100 ms; NoDeadline for
	// as long as it likes, which only simulations should grant.
	TurnDeadline time.Duration
	// StartTimeout is how long starting may take, compilation included.
	// Default 30 s.
	StartTimeout time.Duration
	// MemoryBytes is the most memory it may use. Default 256 MiB. A WASM module
	// has at most a million table entries of eight bytes besides.
	MemoryBytes uint64
	// ReplyBytes is the largest reply, encoded. Default 1 MiB.
	ReplyBytes int
	// ReplyProposals is the most proposals in one reply. Default 10,000.
	ReplyProposals int
	// LogLines is how many lines a second it may log. Default 100.
	LogLines int
	// CPUTime is how much processor time a process may use up from its start to
	// its end; 0 means any. One that has used it up is killed, and started
	// again. Only on Linux.
	CPUTime time.Duration
	// OpenFiles is how many files a process may have open at once, sockets
	// included. Default 1024. Only on Linux.
	OpenFiles int
	// Processes is how many further processes a process may have running.
	// Default 16; NoProcesses for none. One that has more is killed with all of
	// them. Only on Linux, where it is looked at several times a second.
	Processes int
}

// NoProcesses lets a process start no other.
const NoProcesses = -1

// NoDeadline lets a turn take as long as it likes.
const NoDeadline = time.Duration(-1)

// WithDefaults returns the limits with every zero field at its default.
func (l Limits) WithDefaults() Limits {
	return Limits{
		TurnDeadline:   or(l.TurnDeadline, 100*time.Millisecond),
		StartTimeout:   or(l.StartTimeout, 30*time.Second),
		MemoryBytes:    or(l.MemoryBytes, 256<<20),
		ReplyBytes:     or(l.ReplyBytes, 1<<20),
		ReplyProposals: or(l.ReplyProposals, 10_000),
		LogLines:       or(l.LogLines, 100),
		CPUTime:        l.CPUTime,
		OpenFiles:      or(l.OpenFiles, 1024),
		Processes:      or(l.Processes, 16),
	}
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Runtime starts instances of strategies that run in one way.
type Runtime interface {
	// Start starts one instance, checks that it speaks the contract, and
	// configures it. The epoch goes into every turn and tells this instance's
	// replies from those of an earlier one. Errors are *Fault of kind
	// FaultStart.
	Start(ctx context.Context, spec Spec, epoch uint64) (Instance, route.Manifest, error)
}

// Instance is one running copy of a strategy.
//
// Turn is never called concurrently with itself. Close may be called while a
// Turn is under way, which then returns a fault.
type Instance interface {
	// Turn carries one turn to the strategy and fills in reply. It returns when
	// the strategy has answered or ctx ends. Errors are route.ErrNeedSnapshot
	// or *Fault.
	Turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error
	// Close ends the instance, by force if need be, releases what it holds and
	// waits until that is done. A second Close does nothing.
	Close() error
}

// Mortal is an Instance that may end while nobody asks it anything.
type Mortal interface {
	// Alive reports whether it still runs, as far as is known. It does not block,
	// and is safe for concurrent use.
	Alive() bool
}

// Waker is an Instance that now and then wants a turn though nothing has
// changed: it has something to propose.
type Waker interface {
	// OnWake is called once, before the first turn. From then on wake is called
	// whenever a turn is wanted, also while one is under way. It does not block,
	// and may be called from several goroutines.
	OnWake(wake func())
}

// Explainer is an Instance whose replies bring along what some of their codes
// mean, beside those of the manifest.
type Explainer interface {
	// Reason returns what a code of the last reply means; empty if it did not
	// say. It is not called during a turn.
	Reason(code uint16) string
}

// FaultKind says in which way a strategy failed.
type FaultKind uint8

// The ways in which a strategy fails.
const (
	// FaultStart means that it could not be started, verified or configured.
	FaultStart FaultKind = 1 + iota
	// FaultDied means that it ended, or closed the stream.
	FaultDied
	// FaultDeadline means that it did not answer in time.
	FaultDeadline
	// FaultTrap means that it crashed inside a turn.
	FaultTrap
	// FaultMemory means that it wanted more memory than it may have.
	FaultMemory
	// FaultBroken means that it answered with an error of its own.
	FaultBroken
	// FaultWrongTurn means that it answered to another turn or epoch.
	FaultWrongTurn
	// FaultRubbish means that its answer could not be read.
	FaultRubbish
	// FaultTooLarge means that its answer was larger than its limits allow.
	FaultTooLarge
	// FaultLimit means that it was ended because it took more of something else
	// than its limits allow: processor time, or processes.
	FaultLimit
	// FaultStalled means that it offered nothing although it could have, for
	// longer than its queue lets it.
	FaultStalled

	faultEnd
)

// String returns the kind's stable name.
func (k FaultKind) String() string {
	names := [...]string{
		"unknown", "start", "died", "deadline", "trap", "out_of_memory", "broken", "wrong_turn", "rubbish", "too_large",
		"limit", "stalled",
	}
	if int(k) >= len(names) {
		return names[0]
	}
	return names[k]
}

func (k FaultKind) fatal() bool {
	switch k {
	case FaultWrongTurn, FaultRubbish, FaultTooLarge, FaultDeadline:
		return false
	default:
		return true
	}
}

// Fault is what a runtime reports of a strategy that failed.
type Fault struct {
	// Kind is the way in which it failed.
	Kind FaultKind
	// Err says what happened, in words fit for an admin.
	Err error
	// Gone says that the instance cannot be used any more, whatever the kind:
	// a WASM guest that was cut off, say.
	Gone bool
	// Absent says that there is nothing there that could fail: no router is
	// connected. Waiting for one is the runtime's part, so a start is tried
	// again soon, however often it was tried before.
	Absent bool
}

// Fatal reports whether the instance cannot be used any more. After other
// faults its reply is dropped and it is given a snapshot.
func (f *Fault) Fatal() bool { return f.Gone || f.Kind.fatal() }

// Error implements error.
func (f *Fault) Error() string { return fmt.Sprintf("strategy: %s: %v", f.Kind, f.Err) }

// Unwrap returns the cause.
func (f *Fault) Unwrap() error { return f.Err }
