// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

const (
	// patience is after how long work that somebody could take should be
	// proposed, in the strategy's time: longer than anybody collects work to
	// decide on it together.
	patience      = 5 * time.Minute
	patienceSteps = 30
	// quietTurns is how many turns without any change are tried.
	quietTurns = 10
	// endPatience is how long a plugin may take to let go when it is told to
	// end. A host waits a second and then ends it by force.
	endPatience = 900 * time.Millisecond
	endTries    = 3 // the best counts
)

// progress looks for a plugin that leaves work waiting though somebody could
// take it, and for one that never rests.
func (a *attempt) progress(ctx context.Context) (findings []string, decisions string, err error) {
	instance, err := a.start(ctx)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	host := routetest.NewHost()
	host.Queue("support").Model(route.ModelLongestIdle)
	for _, name := range []string{"anna", "bert", "cleo"} {
		host.Agent(name).Capacity(1000).In("support").On("case").Idle(1000)
	}
	for _, name := range []string{"w1", "w2", "w3"} {
		host.Work(name).In("support").On("case").Size(1000)
	}
	proposed := false
	for range patienceSteps {
		wakeAt, n, failure := a.carry(ctx, instance, host)
		if failure != "" {
			return []string{failure}, "", nil
		}
		if proposed = n > 0; proposed {
			break
		}
		// A host comes back when it is asked to, or when something changes.
		next := host.Now() + patience.Milliseconds()/patienceSteps
		if wakeAt > host.Now() {
			next = min(next, wakeAt)
		}
		host.Wait(next - host.Now())
		host.Work("w1").Resend()
	}
	if !proposed {
		findings = append(findings, fmt.Sprintf("it proposes nothing within %v, though three agents are idle who may each take what waits", patience))
	}
	return append(findings, a.rest(ctx, instance, host)...), "", nil
}

// carry brings the plugin up to date, and settles what it proposes.
func (a *attempt) carry(ctx context.Context, instance *timed, host *routetest.Host) (wakeAt int64, proposals int, failure string) {
	for _, turn := range host.Turns() {
		var reply route.Reply
		if err := instance.Turn(ctx, turn, &reply); err != nil {
			return 0, 0, fmt.Sprintf("turn %d, which follows on, was answered with: %v", turn.Seq, err)
		}
		wakeAt, proposals = reply.WakeAt, len(reply.Proposals)
		host.Settle(turn.Seq, reply.Proposals...)
	}
	return wakeAt, proposals, ""
}

// rest lets nothing happen: a plugin that wants a turn at once each time keeps
// its host from ever resting.
func (a *attempt) rest(ctx context.Context, instance *timed, host *routetest.Host) []string {
	for _, name := range []string{"w1", "w2", "w3"} {
		host.Cancel(name)
	}
	restless := 0
	for range quietTurns {
		wakeAt, _, failure := a.carry(ctx, instance, host)
		if failure != "" {
			return []string{failure}
		}
		if wakeAt != 0 && wakeAt <= host.Now()+1 {
			restless++
		}
		host.Wait(1)
	}
	if restless == quietTurns {
		return []string{"it asks for another turn at once after each turn, though nothing waits and nothing changes"}
	}
	return nil
}

// ending looks for a plugin that does not let go when it is told to, or prints
// more than it may.
func (a *attempt) ending(ctx context.Context) (findings []string, decisions string, err error) {
	best := time.Duration(1<<63 - 1)
	for range endTries {
		took, finding, err := a.endOnce(ctx)
		if err != nil || finding != "" {
			return appended(findings, finding), "", err
		}
		if best = min(best, took); best < endPatience {
			break
		}
	}
	if best >= endPatience {
		findings = append(findings, fmt.Sprintf("it does not end when it is told to: it was ended by force after %v", best.Round(time.Millisecond)))
	}
	if a.Ear != nil && a.Ear.heard("logs too much") {
		findings = append(findings, "it prints more lines a second than it may log; what exceeds that is dropped")
	}
	return findings, "", nil
}

func appended(list []string, one string) []string {
	if one == "" {
		return list
	}
	return append(list, one)
}

func (a *attempt) endOnce(ctx context.Context) (took time.Duration, finding string, err error) {
	instance, err := a.start(ctx)
	if err != nil {
		return 0, "", err
	}
	host := routetest.NewHost()
	host.Queue("support")
	for n := range quietTurns {
		host.Work(fmt.Sprintf("w%d", n)).In("support").On("case")
		if _, _, finding = a.carry(ctx, instance, host); finding != "" {
			break
		}
	}
	began := time.Now()
	err = instance.Close()
	return time.Since(began), finding, err
}

// Ear hears what runtimes warn of. Give the runtimes a logger over it, and the
// trial the same Ear. It is safe for concurrent use.
type Ear struct {
	mu    sync.Mutex
	lines []string
}

var _ slog.Handler = (*Ear)(nil)

// mostHeard is how many warnings are kept.
const mostHeard = 1000

// Enabled implements slog.Handler: warnings, and what is worse.
func (e *Ear) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }

// Handle implements slog.Handler.
func (e *Ear) Handle(_ context.Context, record slog.Record) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.lines) < mostHeard {
		e.lines = append(e.lines, record.Message)
	}
	return nil
}

// WithAttrs implements slog.Handler. Attributes are not kept.
func (e *Ear) WithAttrs([]slog.Attr) slog.Handler { return e }

// WithGroup implements slog.Handler. Groups are not kept.
func (e *Ear) WithGroup(string) slog.Handler { return e }

// heard reports whether a warning has these words.
func (e *Ear) heard(words string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, line := range e.lines {
		if strings.Contains(line, words) {
			return true
		}
	}
	return false
}
