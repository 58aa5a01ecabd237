// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package verify does a workspace's past again, from its journal, and holds what
// comes of it against what came then: every turn is filled at its recorded place
// and carried to the recorded strategy, the answer must be the recorded one, and
// what the host made of it must be the events on record.
//
// What somebody outside did, customers, agents and admins, and when, is taken
// from the record; so are the faults of strategies, which are not waited for.
// All else is done by the engine and the desk that the host uses.
//
// The package must not know of journals, files or command lines: events come
// from whoever has them.
package verify

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// Source is a past that can be read more than once.
type Source interface {
	// Start returns the workspace as it was before the first event.
	Start(ctx context.Context) (*engine.Engine, error)
	// Events gives every event in order, or at last an error that says from
	// where on they cannot be read. What it gives is not used again.
	Events(ctx context.Context) iter.Seq2[*engine.Event, error]
}

// Options say how a past is done again.
type Options struct {
	// Runtimes are what runs strategies, by name, as in the host.
	Runtimes map[string]strategy.Runtime
	// Specs makes what runs of the strategies of a definition, as in the host, for
	// a record that leaves out their settings. Nil takes them for empty.
	Specs func(*engine.Definition) ([]strategy.Spec, error)
	// Instead has other strategies decide than those on record, by their names:
	// Runtime, Source, Args and SHA256 are taken, the rest is as on record. Their
	// versions and checksums are not compared; what they decide is.
	Instead map[string]strategy.Spec
	// Progress is told now and then how many events have been done again, and how
	// many there are. Nil for nobody.
	Progress func(done, all uint64)
}

// Report is what came of it.
type Report struct {
	// First and Last are the numbers of the first and the last event.
	First uint64 `json:"first_event"`
	Last  uint64 `json:"last_event"`
	// Turns is how many turns were done again and came out the same; Faults how
	// many more were on record as faults, and taken for that.
	Turns  uint64 `json:"turns"`
	Faults uint64 `json:"faults"`
	// Decisions is how many events of the strategies' doing, such as offers,
	// came out the same.
	Decisions uint64 `json:"decisions"`
	// Skipped is how many turns could not be done again, since they are before
	// the first start of the host that the record has.
	Skipped uint64 `json:"skipped"`
	// From is the number of the event from which on turns were done again; 0 if
	// none were.
	From uint64 `json:"verified_from,omitempty"`
	// Starts is how often the host was started.
	Starts uint64 `json:"starts"`
	// Strategies has every strategy that was started, in order of that.
	Strategies []*Strategy `json:"strategies"`
	// Notes are what else there is to know.
	Notes []string `json:"notes,omitempty"`
	// Difference is the first difference; nil if there is none.
	Difference *Difference `json:"difference,omitempty"`
}

// Strategy is what was done again of one strategy.
type Strategy struct {
	Name    string `json:"name"`
	Runtime string `json:"runtime"`
	Version string `json:"version,omitempty"`
	SHA256  string `json:"sha256,omitempty"`
	// Turns, Proposals, Faults and Starts count.
	Turns     uint64 `json:"turns"`
	Proposals uint64 `json:"proposals"`
	Faults    uint64 `json:"faults"`
	Starts    uint64 `json:"starts"`
	// Deterministic says that it promises the same reply to the same turns.
	Deterministic bool `json:"deterministic"`
}

// Errors that say why nothing could be verified.
var (
	// ErrNoRecord means that turns are not on record at all.
	ErrNoRecord = errors.New("verify: no turn is on record: the journal is older than that, or the host was told not to keep a record")
	// ErrNoStart means that no turn is on record from the start of a host on.
	ErrNoStart = errors.New("verify: no turn could be done again: what is kept of the journal begins while the host was running, and strategies' boards are only known from a start on")
)

// progressEvery is after how many events progress is told.
const progressEvery = 1000

// Run does a past again, up to the first difference. It takes as long as the
// decisions do, and ends early with the context's error.
//
// # Errors
//
// ErrNoRecord or ErrNoStart beside the report if nothing could be verified; what
// the source returns; what is wrong with the events as a past. A difference is
// no error.
func Run(ctx context.Context, src Source, opts Options) (*Report, error) {
	e, err := src.Start(ctx)
	if err != nil {
		return nil, err
	}
	v := &verifier{opts: opts, engine: e, report: &Report{First: e.Number() + 1, Last: e.Number()}, given: make(map[uint64]*strategy.Job)}
	if err := v.index(ctx, src); err != nil {
		return nil, err
	}
	next, stop := iter.Pull2(src.Events(ctx))
	defer stop()
	v.next = next
	defer v.close()
	if err := v.play(ctx); err != nil {
		return nil, err
	}
	r := v.report
	switch {
	case r.Difference != nil || r.Turns+r.Faults > 0:
		return r, nil
	case r.Skipped > 0:
		return r, ErrNoStart
	case r.Starts > 0:
		r.Notes = append(r.Notes, "no strategy was given a turn")
		return r, nil
	default:
		return r, ErrNoRecord
	}
}

// asked is something that a strategy was asked: where in the past, and where
// what came of it stands.
type asked struct {
	after, place, number uint64
	given                engine.Time
	epoch                uint64
	post                 uint32
	task                 engine.Task
}

// index reads the past once, and notes where strategies were asked something,
// which is on record only where they had answered.
func (v *verifier) index(ctx context.Context, src Source) error {
	for ev, err := range src.Events(ctx) {
		if err != nil {
			return err
		}
		v.report.Last = ev.Number
		if ev.Kind != engine.KindTurnTaken {
			continue
		}
		if ev.Turn == nil || ev.Decision == nil || ev.Turn.Behind >= ev.Number {
			return fmt.Errorf("verify: event %d: it does not say what was asked, and where", ev.Number)
		}
		v.asked = append(v.asked, asked{
			after: ev.Number - 1 - ev.Turn.Behind, place: ev.Turn.Place, number: ev.Number, given: ev.At - ev.Turn.Took,
			epoch: ev.Decision.Epoch, post: ev.Turn.Post, task: ev.Turn.Task,
		})
	}
	sortAsked(v.asked)
	return nil
}
