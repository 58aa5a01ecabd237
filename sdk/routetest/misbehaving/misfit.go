// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package misbehaving

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Manifest is what the strategies of this package say of themselves.
func Manifest() route.Manifest {
	return route.Manifest{Name: "misbehaving", Version: "0.1.0", Reasons: match.Reasons()}
}

// Plugin returns the ways as one plugin; its settings are Settings. What hangs
// ends when stop is closed, so that a host that it is linked into can get rid
// of it; nil means never.
func Plugin(stop <-chan struct{}) route.Plugin {
	return route.Plugin{Manifest: Manifest(), New: func() route.Strategy { return newMisfit(stop) }}
}

// misfit is a strategy that is well but for its way.
type misfit struct {
	settings Settings
	stop     <-chan struct{}
	good     *match.Rule
	board    route.Board
	effort   uint64 // of a slow turn, where there is no clock
	spent    uint64
	hoard    [][]byte
	files    []*os.File
	lost     bool // what it believes to have proposed it has not
}

var (
	_ route.Strategy = (*misfit)(nil)
	_ io.Closer      = (*misfit)(nil)
)

func newMisfit(stop <-chan struct{}) *misfit {
	return &misfit{stop: stop, good: match.NewRule("misbehaving"), effort: 1 << 16}
}

// Configure implements route.Strategy.
func (m *misfit) Configure(settings []byte) error {
	if err := m.settings.read(settings); err != nil {
		return err
	}
	switch m.settings.Way {
	case "dies_at_start":
		panic("misbehaving: it dies at start")
	case "refuses_settings":
		return errors.New("weights.age: must not be negative")
	case "hangs_at_start":
		m.loop()
	case "will_not_end":
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT)
	}
	return nil
}

// Close implements io.Closer.
func (m *misfit) Close() error {
	if m.settings.Way == "will_not_end" {
		m.loop()
	}
	return nil
}

// due reports whether it misbehaves in the turn.
func (m *misfit) due(epoch, seq uint64) bool {
	s, first := &m.settings, max(m.settings.From, 1)
	return s.Way != "" && seq >= first && (s.Turns == 0 || seq < first+s.Turns) && (s.Epochs == 0 || epoch <= s.Epochs)
}

// Turn implements route.Strategy.
func (m *misfit) Turn(turn *route.Turn, reply *route.Reply) error {
	if m.lost && !m.due(turn.Epoch, turn.Seq) {
		m.lost = false
		return route.ErrNeedSnapshot
	}
	if err := m.good.Turn(turn, reply); err != nil {
		return err
	}
	if err := m.board.Apply(turn); err != nil {
		return err
	}
	if !m.due(turn.Epoch, turn.Seq) {
		return nil
	}
	if err := m.act(turn); err != nil {
		return err
	}
	m.spoil(turn, reply)
	return nil
}

// act does what it should not do.
func (m *misfit) act(turn *route.Turn) error {
	budget := time.Duration(turn.Budget) * time.Microsecond
	switch m.settings.Way {
	case "panics":
		panic("misbehaving: it panics")
	case "traps":
		var nobody *route.Turn
		m.spent += nobody.Epoch //nolint:govet // that is the point
	case "exits":
		os.Exit(3)
	case "hoards":
		m.grab()
	case "fails":
		return errors.New("misbehaving: the index is broken")
	case "asks_for_snapshots":
		return fmt.Errorf("misbehaving: %w", route.ErrNeedSnapshot)
	case "loops":
		m.loop()
	case "sleeps", "returns":
		m.sleep(time.Hour)
	case "late_once":
		m.sleep(budget * 3 / 2)
	case "slow":
		m.dawdle(budget)
	case "floods_log":
		_, _ = io.WriteString(os.Stderr, strings.Repeat("misbehaving: spam\n", 10_000))
	case "prints":
		_, _ = io.WriteString(os.Stdout, "misbehaving: to the standard output\n")
	case "opens_files":
		return m.open()
	case "forks":
		return fork(40)
	case "leaves_a_child":
		return fork(1)
	case "burns":
		go m.loop()
	}
	return nil
}

// spoil changes what it answers.
func (m *misfit) spoil(turn *route.Turn, reply *route.Reply) {
	const nothing = 1 << 30
	good := len(reply.Proposals)
	each := func(change func(*route.Proposal)) { // what is wrong comes first, the good stands behind it
		all := make([]route.Proposal, 0, 2*good)
		for _, p := range reply.Proposals {
			change(&p)
			all = append(all, p)
		}
		reply.Proposals = append(all, reply.Proposals...)
	}
	switch m.settings.Way {
	case "too_many_proposals":
		reply.Proposals = make([]route.Proposal, 20_000)
	case "too_many_bytes":
		reply.Proposals = make([]route.Proposal, 4<<20/24)
	case "wrong_digest":
		reply.Digest++
	case "unknown_work":
		each(func(p *route.Proposal) { p.Work = nothing })
	case "unknown_agent":
		each(func(p *route.Proposal) { p.Agent = nothing })
	case "stale":
		each(func(p *route.Proposal) { p.Revision-- })
	case "twice":
		each(func(*route.Proposal) {})
	case "ineligible":
		m.ineligible(reply)
	case "stalls":
		reply.Proposals, reply.Notes, reply.WakeAt = reply.Proposals[:0], reply.Notes[:0], 0
		m.lost = true
	case "never_sleeps":
		reply.WakeAt = turn.Now
	}
}

// ineligible proposes, before all that is right, everybody who may not have the
// work that waits.
func (m *misfit) ineligible(reply *route.Reply) {
	right := reply.Proposals
	reply.Proposals = nil
	for w := range m.board.AllWork() {
		may := make(map[uint32]bool)
		for a := range m.board.Candidates(w) {
			may[a.Ref] = true
		}
		for a := range m.board.AllAgents() {
			if w.State == route.WorkWaiting && !may[a.Ref] {
				reply.Propose(w, a, 0, 0)
			}
		}
	}
	reply.Proposals = append(reply.Proposals, right...)
}

// loop calculates until it is stopped.
func (m *misfit) loop() {
	for i := uint64(1); ; i++ {
		select {
		case <-m.stop:
			return
		default:
			m.spent ^= i
		}
	}
}

func (m *misfit) sleep(long time.Duration) {
	timer := time.NewTimer(long)
	defer timer.Stop()
	select {
	case <-m.stop:
	case <-timer.C:
	}
}

// dawdle takes three quarters of the budget. A WASM guest has no clock that
// moves: there it takes half as long again each turn, and so passes there on its
// way beyond.
func (m *misfit) dawdle(budget time.Duration) {
	if runtime.GOOS != "wasip1" {
		m.sleep(budget / 4 * 3)
		return
	}
	for i := range m.effort {
		m.spent = m.spent*0x9e3779b97f4a7c15 + i
	}
	m.effort += m.effort / 2
}

// grab takes memory, and uses it, until there is none.
func (m *misfit) grab() {
	for {
		block := make([]byte, 1<<20)
		for i := range block {
			block[i] = byte(i)
		}
		m.hoard = append(m.hoard, block)
	}
}

// open opens files until it may open no more.
func (m *misfit) open() error {
	for {
		file, err := os.Open(os.DevNull)
		if err != nil {
			return fmt.Errorf("misbehaving: after %d files: %w", len(m.files), errors.Unwrap(err))
		}
		m.files = append(m.files, file)
	}
}
