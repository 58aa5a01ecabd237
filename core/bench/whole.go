// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

const (
	wholeAgents  = 256
	wholeWork    = 512 // items in the workspace at any time
	wholeClients = 64  // that wait for one command at a time
	wholeWarmUp  = 1024
	strategyName = "measured"
)

// WholeOptions say how workspaces are measured.
type WholeOptions struct {
	// Lanes are measured by turns, pass by pass. Ratios are to the first.
	Lanes []Lane
	// Passes is how often, each time with a workspace of its own; at least 1.
	Passes int
	// For is how long each is measured.
	For time.Duration
	// Folder is where the journals are written; empty means the system's folder
	// for what is temporary.
	Folder string
	// Progress, if not nil, is told how many steps of how many are done.
	Progress func(done, total int)
}

// WholeLane is what a whole workspace brings about in one lane.
type WholeLane struct {
	Lane string `json:"lane"`
	// PerSecond is items a second that come, are decided on, offered, accepted,
	// and completed: the median over the passes.
	PerSecond float64 `json:"items_per_second"`
	// Ratio is the median of how that compares with the first lane's in the same
	// pass.
	Ratio float64 `json:"ratio"`
}

// Whole measures a whole workspace, end to end: commands in, decided on by the
// engine, written to a journal on disk, decided by the strategy, offered, and
// completed; each acknowledged when it is durable. As many clients as keep the
// workspace busy do that one after the other, so what is measured is the most
// that goes through. It blocks until that is done, and returns ctx's error if
// that ends, and an error if anybody but the strategy decides.
func Whole(ctx context.Context, o WholeOptions) ([]WholeLane, error) {
	progress := &tally{total: len(o.Lanes) * o.Passes, tell: o.Progress}
	rates, ratios := make([][]float64, len(o.Lanes)), make([][]float64, len(o.Lanes))
	for pass := range o.Passes {
		for i := range o.Lanes {
			rate, err := wholeOnce(ctx, &o, &o.Lanes[i])
			if err != nil {
				return nil, fmt.Errorf("bench: whole: %s: %w", o.Lanes[i].Name, err)
			}
			rates[i] = append(rates[i], rate)
			ratios[i] = append(ratios[i], rate/rates[0][pass])
			progress.step()
		}
	}
	var reports []WholeLane
	for i := range o.Lanes {
		reports = append(reports, WholeLane{Lane: o.Lanes[i].Name, PerSecond: middleOf(rates[i]), Ratio: middleOf(ratios[i])})
	}
	return reports, nil
}

// wholeOnce runs one workspace and returns how many items a second it brought to
// an end.
func wholeOnce(ctx context.Context, o *WholeOptions, lane *Lane) (rate float64, err error) {
	workspace, closeAll, err := openWhole(ctx, o.Folder, lane)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	d := &driver{ctx: ctx, workspace: workspace, fresh: make(chan struct{}, wholeWork)}
	return d.measure(o.For)
}

// openWhole opens a workspace with a journal on disk, and returns what closes it
// and clears up.
func openWhole(ctx context.Context, under string, lane *Lane) (_ *host.Workspace, _ func() error, err error) {
	folder, err := os.MkdirTemp(under, "patchbay-bench-")
	if err != nil {
		return nil, nil, err
	}
	closers := []func() error{func() error { return os.RemoveAll(folder) }}
	closeAll := func() (err error) {
		for _, closer := range slices.Backward(closers) {
			err = errors.Join(err, closer())
		}
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, closeAll())
		}
	}()
	store, err := journal.Open(ctx, journal.Options{Dir: filepath.Join(folder, "data")})
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, store.Close)
	log, err := store.Log(ctx, "bench")
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, log.Close)
	spec := lane.Spec
	spec.Name, spec.Limits.TurnDeadline = strategyName, 10*time.Second
	workspace, err := host.Open(ctx, host.Options{
		Name: "bench", Log: log, Definition: wholeDefinition(), Strategies: []strategy.Spec{spec},
		Runtimes: map[string]strategy.Runtime{spec.Runtime: lane.Runtime}, Seed: 1,
	})
	if err != nil {
		return nil, nil, err
	}
	closers = append(closers, workspace.Close)
	return workspace, closeAll, nil
}

func wholeDefinition() engine.Definition {
	d := engine.Definition{
		Channels:        []engine.Channel{{Name: "case", Size: engine.Units(engine.Unit)}},
		Statuses:        []engine.Status{{Name: "available", Channels: []string{"case"}}},
		PresenceConfigs: []engine.PresenceConfig{{Name: "one", Capacity: engine.Unit, MaxOpen: 1, AutoAccept: true}},
		RoutingConfigs:  []engine.RoutingConfig{{Name: "plain", Model: route.ModelLongestIdle, Strategy: strategyName}},
		Queues:          []engine.QueueDefinition{{Name: "support", Routing: "plain"}},
		Grace:           1000,
	}
	for i := range wholeAgents {
		d.Agents = append(d.Agents, engine.AgentDefinition{
			ID: "agent-" + strconv.Itoa(i), PresenceConfig: "one", Queues: engine.Member("support"),
		})
	}
	return d
}

// driver is who sends work to one workspace, and who does it.
type driver struct {
	ctx       context.Context
	workspace *host.Workspace
	fresh     chan struct{} // items that are to come
	completed atomic.Int64
	others    atomic.Int64 // offers that others than the strategy made
	failure   atomic.Pointer[error]
}

// measure lets work come and be done until the time is over.
func (d *driver) measure(length time.Duration) (float64, error) {
	ctx, stop := context.WithCancel(d.ctx)
	var all sync.WaitGroup
	defer func() {
		stop()
		all.Wait()
	}()
	d.ctx = ctx
	for i := range wholeAgents {
		agent := "agent-" + strconv.Itoa(i)
		stream, err := d.workspace.Attach(ctx, agent)
		if err != nil {
			return 0, err
		}
		all.Go(func() { d.agent(agent, stream) })
		if _, err := d.workspace.Do(ctx, engine.SignIn{Agent: agent, Status: "available"}); err != nil {
			return 0, err
		}
	}
	if err := d.awaitStrategy(); err != nil {
		return 0, err
	}
	for range wholeWork {
		d.fresh <- struct{}{}
	}
	for range wholeClients {
		all.Go(d.source)
	}
	if err := d.await(func() bool { return d.completed.Load() >= wholeWarmUp }, time.Minute); err != nil {
		return 0, err
	}
	began, before := time.Now(), d.completed.Load()
	if err := d.await(func() bool { return time.Since(began) >= length && d.completed.Load() > before }, time.Hour); err != nil {
		return 0, err
	}
	rate := float64(d.completed.Load()-before) / time.Since(began).Seconds()
	if n := d.others.Load(); n > 0 {
		return 0, fmt.Errorf("another strategy made %d of the offers", n)
	}
	return rate, nil
}

// awaitStrategy waits until the strategy decides.
func (d *driver) awaitStrategy() error {
	last := ""
	err := d.await(func() bool {
		status, err := d.workspace.Status(d.ctx)
		if err != nil || len(status.Strategies) == 0 {
			return false
		}
		last = fmt.Sprintf("%v %+v", status.Strategies[0].State, status.Strategies[0].Counts)
		return slices.ContainsFunc(status.Queues, func(q host.QueueStatus) bool { return q.DecidedBy == strategyName })
	}, 2*time.Minute)
	if err != nil {
		return fmt.Errorf("the strategy does not come to decide (%s): %w", last, err)
	}
	return nil
}

// await looks now and then whether it is so.
func (d *driver) await(so func() bool, most time.Duration) error {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for began := time.Now(); !so(); {
		if err := d.failure.Load(); err != nil {
			return *err
		}
		if time.Since(began) > most {
			return errors.New("it took too long")
		}
		select {
		case <-ticker.C:
		case <-d.ctx.Done():
			return fmt.Errorf("stopped: %w", d.ctx.Err())
		}
	}
	return nil
}

// agent does what it is offered, at once.
func (d *driver) agent(name string, stream *host.Stream) {
	defer stream.Close()
	for {
		notices, err := stream.Next(d.ctx)
		if err != nil {
			d.fail(err)
			return
		}
		for i := range notices {
			ev := &notices[i].Event
			if ev.Kind == engine.KindWorkOffered && ev.Decision != nil && ev.Decision.Strategy != strategyName {
				d.others.Add(1)
			}
			if ev.Kind != engine.KindOfferAccepted {
				continue
			}
			if _, err := d.workspace.Do(d.ctx, engine.Complete{Assignment: ev.Assignment, Agent: name}); err != nil {
				d.fail(err)
				return
			}
			d.completed.Add(1)
			d.fresh <- struct{}{} // there is room for all
		}
	}
}

// source lets an item come for each that was completed.
func (d *driver) source() {
	for {
		select {
		case <-d.ctx.Done():
			return
		case <-d.fresh:
		}
		if _, err := d.workspace.Do(d.ctx, engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: "support"}}); err != nil {
			d.fail(err)
			return
		}
	}
}

// fail notes the first failure that is not the end.
func (d *driver) fail(err error) {
	if d.ctx.Err() == nil {
		d.failure.CompareAndSwap(nil, &err)
	}
}
