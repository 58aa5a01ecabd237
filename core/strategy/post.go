// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// State is how a strategy is.
type State uint8

// The states of a strategy.
const (
	// Idle: no queue needs it.
	Idle State = iota
	// Starting: an instance is being started.
	Starting
	// Active: it decides for its queues.
	Active
	// Probing: an instance runs and is given turns, but its proposals are not
	// used until it has proven itself; the fallback decides. They are answered
	// as not_eligible and are not put on record.
	Probing
	// Down: it failed and waits for its next start; the fallback decides.
	Down
	// Quarantined: it failed so often that it is not started again before an
	// admin releases it (Desk.Release) or its file changes; the fallback
	// decides.
	Quarantined
)

// String returns the state's stable name, such as "probing".
func (s State) String() string {
	names := [...]string{"idle", "starting", "active", "probing", "down", "quarantined"}
	if int(s) >= len(names) {
		return fmt.Sprintf("state_%d", uint8(s))
	}
	return names[s]
}

// How supervision is paced. Times are those of the workspace.
const (
	probeTurns     = 3                          // good turns in a row before a strategy takes over again
	strikeWindow   = engine.Time(10_000)        // in which so many turns that came to nothing open the breaker:
	strikesToBreak = 3                          //
	backoffFirst   = engine.Time(100)           // before the first restart; doubles with each failure
	backoffMost    = engine.Time(30_000)        //
	wellAfter      = engine.Time(60_000)        // of being active, failures are forgotten
	maxResyncs     = 3                          // snapshots asked for in a row
	wakeAtSoonest  = engine.Time(1)             // a strategy wakes no more often than that
	wakeAtLatest   = engine.Time(24 * 3600_000) // and need not reckon with times beyond
	refusalPause   = engine.Time(1000)          // until a refusal alone is reason for a turn
	latencySamples = 1024                       // turn times kept for percentiles
)

// post is one strategy as a workspace employs it: its present instance, the
// feed to it, and its record.
type post struct {
	spec    Spec
	number  uint32 // of the desk's posts, in the order in which they came; for the record
	runtime Runtime
	feed    *feed
	// shadows names the queue whose shadow this is; empty for none.
	shadows string
	// predecessor is whom it is to replace, or of whom it is a copy if it is a
	// shadow; successor is who is to replace it. Nil for nobody.
	predecessor, successor *post
	former                 bool          // it has been replaced
	comparisons            []*comparison // of the turn under way

	state    State
	since    engine.Time
	wanted   bool // some queue names it
	instance Instance
	manifest route.Manifest
	reasons  map[uint16]string
	epoch    uint64
	seq      uint64
	board    uint64 // of the feed, when the turn was filled
	scope    uint64 // the number of the scope it was filled from
	busy     bool   // a job is under way
	turn     route.Turn
	reply    route.Reply

	wakeAt   engine.Time
	tellAt   engine.Time // when what has changed is told at the latest; 0 if that is not settled
	called   bool        // it wants a turn though nothing has changed
	calls    engine.Time // up to when its calls are used up; see heard
	retryAt  engine.Time
	failures int  // in a row
	good     int  // turns in a row
	resyncs  int  // snapshots asked for in a row
	late     bool // had its turn of grace since it was active
	strikes  []engine.Time
	retired  []Instance // to be closed
	falls    int        // in a row, of instances that had started
	stamp    string     // of the package, when it was started last
	sum      string     // of the file that was started, if the spec does not say
	trap     trapped    // what it died of last
	death    *kept      // the turn it died of last; nil if it is kept
	keeps    []kept     // frames to be written down
	stalled  string     // what it is leaving undone, in words; empty if nothing

	standby      *spare      // nil if there is none
	warming      bool        // a standby is being started
	warmAt       engine.Time // not before
	standbyFault string      // why there is none; empty if that is not known
	kept         int         // frames written down
	lastKept     string      // where the last one is
	counts       Counts
	latency      latency
}

// Counts is a strategy's record since the workspace was opened.
type Counts struct {
	Turns, Proposals, Offers, Refusals, Faults, Restarts, Resyncs uint64
	// Wrong counts turns with a proposal that no state of the board could have
	// justified: of unknown work or agents, or of somebody who may never have
	// the work.
	Wrong uint64
	// Slow counts the turns that took more than half of their deadline, Stalls
	// how often nothing was offered for longer than a routing config's
	// StallAfter though something could be.
	Slow, Stalls uint64
	// LastFault is the last fault in words; empty if there was none.
	LastFault string
}

func newPost(e *engine.Engine, spec Spec, runtime Runtime) *post {
	spec.Limits = spec.Limits.WithDefaults()
	return &post{spec: spec, runtime: runtime, feed: newFeed(e, spec.Attributes)}
}

// title is what the post is called on record: no two are called the same.
func (p *post) title() string {
	switch {
	case p.shadows != "":
		return p.spec.Name + " (shadow of " + p.shadows + ")"
	case p.predecessor != nil:
		return p.spec.Name + " (next)"
	case p.former:
		return p.spec.Name + " (former)"
	default:
		return p.spec.Name
	}
}

// decision names the post in what it decides.
func (p *post) decision() engine.Decision {
	return engine.Decision{
		Strategy: p.title(), Version: p.manifest.Version, Runtime: p.spec.Runtime, Epoch: p.epoch, Turn: p.seq,
	}
}

// due reports whether there is reason for a turn.
func (p *post) due(now engine.Time) bool {
	switch {
	case p.instance == nil:
		return false
	case p.state == Probing:
		return true
	case p.heard(now): // also if no queue is left to it, so that it learns of that
		return true
	case len(p.feed.scope) == 0:
		return false
	case p.shadows != "": // it gets turns with another's, once it has the board
		return p.feed.next != route.KindDelta
	default:
		return p.feed.pending() && (p.tellAt <= now || p.feed.presses()) || p.wakeAt > 0 && p.wakeAt <= now
	}
}

// nextTurn fills the turn that the post is given now.
func (p *post) nextTurn(now engine.Time, seed uint64) {
	p.turn.Reset()
	p.reply.Reset()
	p.seq++
	p.feed.turn = p.seq
	p.feed.fill(&p.turn)
	p.heed(now)
	p.wakeAt, p.tellAt = 0, 0
	p.turn.Epoch, p.turn.Seq, p.turn.Now = p.epoch, p.seq, int64(now)
	p.turn.Seed, p.turn.Budget = turnSeed(seed, p.epoch, p.seq), budget(p.spec.Limits.TurnDeadline)
	p.feed.base, p.board, p.scope = p.seq, p.feed.board, p.feed.scopes
	p.counts.Turns++
}

// note keeps what the strategy says of why work waits.
func (p *post) note() {
	if p.board != p.feed.board {
		return // what the refs meant is gone
	}
	for _, note := range p.reply.Notes {
		if id, ok := p.feed.work.key(note.Work); ok && p.reason(note.Reason) != "" {
			p.feed.notes[id] = p.reason(note.Reason)
		}
	}
}

// reason returns what a code of the reply means.
func (p *post) reason(code uint16) string {
	if name, ok := p.reasons[code]; ok {
		return name
	}
	if in, ok := p.instance.(Explainer); ok {
		return Legible(in.Reason(code), maxNameBytes)
	}
	return ""
}

// check says what is wrong with the reply, nil if nothing is.
func (p *post) check() error {
	switch {
	case p.reply.Epoch != p.epoch || p.reply.Seq != p.seq:
		return &Fault{Kind: FaultWrongTurn, Err: fmt.Errorf(
			"answered turn %d of epoch %d when asked turn %d of epoch %d", p.reply.Seq, p.reply.Epoch, p.seq, p.epoch)}
	case len(p.reply.Proposals) > p.spec.Limits.ReplyProposals:
		return &Fault{Kind: FaultTooLarge, Err: fmt.Errorf(
			"made %d proposals in one turn, %d are allowed", len(p.reply.Proposals), p.spec.Limits.ReplyProposals)}
	case p.reply.Digest != 0 && p.turn.Digest != 0 && p.reply.Digest != p.turn.Digest:
		return route.ErrNeedSnapshot
	}
	return nil
}

// retire takes the instance out of service; the next job closes it.
func (p *post) retire() {
	if p.instance != nil {
		p.retired = append(p.retired, p.instance)
		p.instance = nil
	}
}

// wake sees to it that there is a turn at that time, unless there is one before.
func (p *post) wake(at engine.Time) {
	if p.wakeAt == 0 || at < p.wakeAt {
		p.wakeAt = at
	}
}

// strike counts a turn that came to nothing and reports whether the breaker opens.
func (p *post) strike(now engine.Time) bool {
	p.strikes = append(p.strikes, now)
	for p.strikes[0]+strikeWindow < now {
		p.strikes = p.strikes[1:]
	}
	return len(p.strikes) >= strikesToBreak
}

// slow reports whether a turn took so long that its deadline is near.
func (p *post) slow(took time.Duration) bool {
	deadline := p.spec.Limits.TurnDeadline
	return deadline > 0 && took > deadline/2
}

func (p *post) backoff() engine.Time {
	return min(backoffFirst<<min(p.failures, 16), backoffMost)
}

// Job is something that takes time and must not hold up a workspace: starting
// an instance, carrying a turn, closing an instance. Whoever owns the Desk runs
// it, on a goroutine of its own or not, and hands it back to Desk.Done.
type Job struct {
	post    *post
	idle    bool // no queue needs the strategy any more
	start   bool
	turn    bool
	closing []Instance
	// afterword says that the post has been stopped for good: on what else it
	// leaves behind nothing depends.
	afterword bool
	spec      Spec // of what is started, which may change meanwhile
	runtime   Runtime
	instance  Instance
	manifest  route.Manifest
	err       error
	took      time.Duration
	// after is the number of the last event when the job was given, place how
	// many were given before it since then, given the time.
	place   uint64
	after   uint64
	given   engine.Time
	patient bool   // its turn has no deadline
	sum     string // of the file that was started, if the spec does not say

	standby bool   // it starts a standby
	epoch   uint64 // that it is to have
	warm    bool   // instance is there already
	look    bool   // it looks whether the package has changed
	stamp   string // of the package
	keeps   []kept // to be written down
	trap    trapped
	frame   []byte // of the turn that it died of
}

// Run does the job. It blocks until it is done, or ctx ends.
func (j *Job) Run(ctx context.Context) {
	began := time.Now()
	for _, instance := range j.closing {
		j.err = errors.Join(j.err, instance.Close())
	}
	for i := range j.keeps {
		j.err = errors.Join(j.err, j.keeps[i].write())
	}
	limits := Limits{}
	if j.turn {
		limits = j.post.spec.Limits
	}
	switch {
	case j.warm && !j.outdated():
	case j.start:
		j.stamp = j.post.stampOf()
		j.begin(ctx, j.post.epoch)
	case j.standby:
		j.stamp = j.post.stampOf()
		j.begin(ctx, j.epoch)
	case j.look:
		j.stamp = j.post.stampOf()
	case j.turn && limits.TurnDeadline > 0 && !j.patient:
		ctx, cancel := context.WithTimeout(ctx, limits.TurnDeadline)
		j.err = j.instance.Turn(ctx, &j.post.turn, &j.post.reply)
		cancel()
	case j.turn:
		j.err = j.instance.Turn(ctx, &j.post.turn, &j.post.reply)
	}
	j.took = time.Since(began)
	if j.turn && j.err != nil && !errors.Is(j.err, route.ErrNeedSnapshot) {
		j.remember(&j.post.turn)
	}
}

// outdated reports whether the instance that is there already has ended, or was
// started from another package than the one that is there now, and closes it if
// so.
func (j *Job) outdated() bool {
	mortal, ok := j.instance.(Mortal)
	if j.post.stampOf() == j.stamp && (!ok || mortal.Alive()) {
		return false
	}
	j.warm = false
	_ = j.instance.Close()
	return true
}

// begin starts an instance.
func (j *Job) begin(ctx context.Context, epoch uint64) {
	ctx, cancel := context.WithTimeout(ctx, j.spec.Limits.StartTimeout)
	defer cancel()
	j.sum = sumOf(&j.spec)
	spec := j.spec
	spec.Post = j.post.number
	j.instance, j.manifest, j.err = j.runtime.Start(ctx, spec, epoch)
}

// Took returns how long the job took once it has run, and whether it was a
// turn.
func (j *Job) Took() (took time.Duration, turn bool) { return j.took, j.turn }

// Slow reports whether the job was a turn that took more than half of its
// deadline.
func (j *Job) Slow() (name string, took, deadline time.Duration, slow bool) {
	return j.post.spec.Name, j.took, j.post.spec.Limits.TurnDeadline, j.turn && j.post.slow(j.took)
}

// Discard releases what a finished job brought, instead of Desk.Done.
func (j *Job) Discard() {
	if (j.start || j.standby) && j.instance != nil {
		_ = j.instance.Close()
	}
}
