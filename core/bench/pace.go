// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"text/tabwriter"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
)

// paceClients is how many commands may be on their way at once. Work that is due
// while all are waits, and its wait counts.
const paceClients = 256

// PaceOptions say how workspaces are measured under a steady load.
type PaceOptions struct {
	// Lanes are measured by turns, pass by pass. Ratios are to the first.
	Lanes []Lane
	// Rate is how many items come a second.
	Rate int
	// Passes is how often, each time with a workspace of its own; at least 1.
	Passes int
	// For is how long each is measured, after a second that does not count.
	For time.Duration
	// Folder is where the journals are written; empty means the system's folder
	// for what is temporary.
	Folder string
	// Progress, if not nil, is told how many steps of how many are done.
	Progress func(done, total int)
}

// PaceLane is how long work waits for its offer in one lane. All figures are
// medians over the passes.
type PaceLane struct {
	Lane string `json:"lane"`
	// PerSecond is how many items a second were offered.
	PerSecond float64 `json:"items_per_second"`
	// P50 and P99 are percentiles, in milliseconds, of the time from when an item
	// was to come until its offer is on the agent's stream, durable.
	P50 float64 `json:"p50_ms"`
	P99 float64 `json:"p99_ms"`
	// Ratio is how P99 compares with the first lane's in the same pass.
	Ratio float64 `json:"p99_ratio"`
}

// Pace measures how long work waits for its offer when so many items come a
// second, whatever becomes of those before: times are reckoned from when an item
// was to come, not from when the workspace got round to it. It blocks until that
// is done, and returns ctx's error if that ends, and an error if anybody but the
// strategy decides.
func Pace(ctx context.Context, o PaceOptions) ([]PaceLane, error) {
	progress := &tally{total: len(o.Lanes) * o.Passes, tell: o.Progress}
	all := make([][]PaceLane, len(o.Lanes))
	for pass := range o.Passes {
		for i := range o.Lanes {
			one, err := paceOnce(ctx, &o, &o.Lanes[i])
			if err != nil {
				return nil, fmt.Errorf("bench: pace: %s: %w", o.Lanes[i].Name, err)
			}
			all[i] = append(all[i], one)
			all[i][pass].Ratio = one.P99 / all[0][pass].P99
			progress.step()
		}
	}
	var reports []PaceLane
	for i := range o.Lanes {
		of := func(figure func(PaceLane) float64) float64 {
			var values []float64
			for _, one := range all[i] {
				values = append(values, figure(one))
			}
			return middleOf(values)
		}
		reports = append(reports, PaceLane{
			Lane: o.Lanes[i].Name, PerSecond: of(func(l PaceLane) float64 { return l.PerSecond }),
			P50: of(func(l PaceLane) float64 { return l.P50 }), P99: of(func(l PaceLane) float64 { return l.P99 }),
			Ratio: of(func(l PaceLane) float64 { return l.Ratio }),
		})
	}
	return reports, nil
}

// paceOnce measures one workspace.
func paceOnce(ctx context.Context, o *PaceOptions, lane *Lane) (report PaceLane, err error) {
	workspace, closeAll, err := openWhole(ctx, o.Folder, lane)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, closeAll()) }()
	p := &pacer{driver: driver{workspace: workspace, fresh: make(chan struct{}, 1)}, rate: o.Rate}
	waits, seconds, err := p.measure(ctx, o.For)
	if err != nil {
		return report, err
	}
	slices.Sort(waits)
	at := func(share float64) float64 { return float64(waits[int(share*float64(len(waits)-1))]) / 1e6 }
	return PaceLane{Lane: lane.Name, PerSecond: float64(len(waits)) / seconds, P50: at(0.5), P99: at(0.99)}, nil
}

// pacer sends work to one workspace at a steady rate.
type pacer struct {
	driver

	rate    int
	began   time.Time      // of the first item
	brought atomic.Int64   // items that are acknowledged
	due     []time.Time    // by number of the work's id
	offered []atomic.Int64 // when, in Unix nanoseconds, by number of the work's id
}

// measure lets work come for a second and the time, and returns how long each
// item of that time waited for its offer.
func (p *pacer) measure(ctx context.Context, length time.Duration) (waits []int64, seconds float64, err error) {
	ctx, stop := context.WithCancel(ctx)
	var all sync.WaitGroup
	defer func() {
		stop()
		all.Wait()
	}()
	p.ctx = ctx
	total := int((length + time.Second).Seconds() * float64(p.rate))
	p.due, p.offered = make([]time.Time, total+1), make([]atomic.Int64, total+1)
	for i := range wholeAgents {
		agent := "agent-" + strconv.Itoa(i)
		stream, err := p.workspace.Attach(ctx, agent)
		if err != nil {
			return nil, 0, err
		}
		all.Go(func() { p.agent(agent, stream) })
		if _, err := p.workspace.Do(ctx, engine.SignIn{Agent: agent, Status: "available"}); err != nil {
			return nil, 0, err
		}
	}
	if err := p.awaitStrategy(); err != nil {
		return nil, 0, err
	}
	p.send(&all, total)
	if err := p.await(func() bool { return min(p.completed.Load(), p.brought.Load()) == int64(total) }, length+2*time.Minute); err != nil {
		return nil, 0, fmt.Errorf("of %d items, %d were completed: %w", total, p.completed.Load(), err)
	}
	if n := p.others.Load(); n > 0 {
		return nil, 0, fmt.Errorf("another strategy made %d of the offers", n)
	}
	waits, seconds = p.waits()
	return waits, seconds, nil
}

// waits returns how long each item waited that came after the first second, and
// over how long their offers spread.
func (p *pacer) waits() (waits []int64, seconds float64) {
	counted := p.began.Add(time.Second)
	last := counted
	for id := 1; id < len(p.due); id++ {
		if p.due[id].Before(counted) {
			continue
		}
		offered := time.Unix(0, p.offered[id].Load())
		waits = append(waits, int64(offered.Sub(p.due[id])))
		if offered.After(last) {
			last = offered
		}
	}
	return waits, last.Sub(counted).Seconds()
}

// send has that many items come, each when it is due.
func (p *pacer) send(all *sync.WaitGroup, total int) {
	p.began = time.Now().Round(0) // as the wall shows it, to compare
	due := make(chan time.Time, total)
	for range paceClients {
		all.Go(func() { p.client(due) })
	}
	all.Go(func() {
		defer close(due)
		tick := time.NewTicker(500 * time.Microsecond)
		defer tick.Stop()
		for sent := 0; sent < total; {
			for at := p.began.Add(p.offset(sent)); sent < total && !at.After(time.Now()); at = p.began.Add(p.offset(sent)) {
				due <- at
				sent++
			}
			select {
			case <-tick.C:
			case <-p.ctx.Done():
				return
			}
		}
	})
}

// offset is when an item is due, from the first on.
func (p *pacer) offset(item int) time.Duration {
	return time.Duration(float64(item) / float64(p.rate) * float64(time.Second))
}

// client brings in what is due.
func (p *pacer) client(due <-chan time.Time) {
	for at := range due {
		result, err := p.workspace.Do(p.ctx, engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: "support"}})
		if err != nil {
			p.fail(err)
			return
		}
		p.due[result.Work] = at
		p.brought.Add(1)
	}
}

// agent notes when an offer is on its stream, and completes the work at once.
func (p *pacer) agent(name string, stream *host.Stream) {
	defer stream.Close()
	for {
		notices, err := stream.Next(p.ctx)
		if err != nil {
			p.fail(err)
			return
		}
		now := time.Now().UnixNano()
		for i := range notices {
			ev := &notices[i].Event
			switch ev.Kind {
			case engine.KindWorkOffered:
				p.offered[ev.Work].Store(now)
				if ev.Decision != nil && ev.Decision.Strategy != strategyName {
					p.others.Add(1)
				}
			case engine.KindOfferAccepted:
				if _, err := p.workspace.Do(p.ctx, engine.Complete{Assignment: ev.Assignment, Agent: name}); err != nil {
					p.fail(err)
					return
				}
				p.completed.Add(1)
			}
		}
	}
}

// WritePace writes the figures as a table.
func WritePace(w io.Writer, rate int, lanes []PaceLane) error {
	if _, err := fmt.Fprintf(w, "create → offer, durable, at %d items/s\n", rate); err != nil {
		return err
	}
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "LANE\tITEMS/S\tP50 MS\tP99 MS\tP99 RATIO")
	for _, l := range lanes {
		fmt.Fprintf(out, "%s\t%.0f\t%.2f\t%.2f\t%.2f\n", l.Lane, l.PerSecond, l.P50, l.P99, l.Ratio)
	}
	return out.Flush()
}
