// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// Sizes are how much new work a turn of Turns brings.
func Sizes() []int { return []int{1, 16, 256} }

const (
	turnAgents  = 512
	turnSamples = 100 // turns of each size in a pass
	turnWarmUp  = 20
)

// TurnOptions say how turns are measured.
type TurnOptions struct {
	// Lanes are measured by turns, pass by pass.
	Lanes []Lane
	// Passes is how often; at least 1.
	Passes int
	// Progress, if not nil, is told how many steps of how many are done.
	Progress func(done, total int)
}

// TurnLane is what turns take in one lane. Lists are by Sizes.
type TurnLane struct {
	Lane string `json:"lane"`
	// Latencies is how long a turn takes, carrier included: medians over the
	// passes.
	Latencies []Latency `json:"latencies"`
	// Proposals is how many proposals a turn brought at the most.
	Proposals []int `json:"proposals"`
	// DecisionsPerSecond is proposals by the time of the turns that brought
	// them: the median over the passes.
	DecisionsPerSecond []float64 `json:"decisions_per_second"`
}

// Turns measures turns of a strategy on a small board, lane beside lane: work
// comes that idle agents can take, the strategy proposes, and all is as before.
// What is timed is the turn that brings the work, and, if the strategy gathers
// work first, the one in which it gives it out. It blocks until that is done,
// and returns ctx's error if that ends, and an error if a strategy breaks or
// proposes nothing.
func Turns(ctx context.Context, o TurnOptions) ([]TurnLane, error) {
	progress := &tally{total: len(o.Lanes) * o.Passes * len(Sizes()), tell: o.Progress}
	reports := make([]TurnLane, len(o.Lanes))
	latencies := make([][][]Latency, len(o.Lanes))
	rates := make([][][]float64, len(o.Lanes))
	for i := range reports {
		reports[i] = TurnLane{Lane: o.Lanes[i].Name, Proposals: make([]int, len(Sizes()))}
		latencies[i], rates[i] = make([][]Latency, len(Sizes())), make([][]float64, len(Sizes()))
	}
	for range o.Passes {
		for i := range o.Lanes {
			err := eachSize(ctx, &o.Lanes[i], func(size int, run turnRun) {
				latencies[i][size] = append(latencies[i][size], latencyOf(run.times))
				rates[i][size] = append(rates[i][size], run.rate())
				reports[i].Proposals[size] = max(reports[i].Proposals[size], run.most)
				progress.step()
			})
			if err != nil {
				return nil, fmt.Errorf("bench: turns: %s: %w", o.Lanes[i].Name, err)
			}
		}
	}
	for i := range reports {
		for size := range Sizes() {
			reports[i].Latencies = append(reports[i].Latencies, middle(latencies[i][size]))
			reports[i].DecisionsPerSecond = append(reports[i].DecisionsPerSecond, middleOf(rates[i][size]))
		}
	}
	return reports, nil
}

// turnRun is one pass of one size.
type turnRun struct {
	times     []time.Duration
	proposals int // in all
	most      int // in one turn
}

func (r *turnRun) rate() float64 {
	var sum time.Duration
	for _, t := range r.times {
		sum += t
	}
	return float64(r.proposals) / sum.Seconds()
}

// eachSize starts the lane and takes a pass of each size.
func eachSize(ctx context.Context, lane *Lane, done func(size int, run turnRun)) (err error) {
	spec := lane.Spec
	spec.Name = "measured"
	spec.Limits.TurnDeadline = 10 * time.Second
	instance, _, err := lane.Runtime.Start(ctx, spec, 1)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	f := newFloor(instance)
	for size, n := range Sizes() {
		var run turnRun
		for i := range turnWarmUp + turnSamples {
			if i == turnWarmUp {
				runtime.GC()
				run = turnRun{}
			}
			took, proposals, err := f.round(ctx, n)
			if err != nil {
				return err
			}
			run.times = append(run.times, took)
			run.proposals += proposals
			run.most = max(run.most, proposals)
		}
		if run.proposals == 0 {
			return fmt.Errorf("it proposes nothing, though %d agents are idle and %d items wait", turnAgents, n)
		}
		done(size, run)
	}
	return nil
}

// floor is a small centre: a queue of agents who are idle.
type floor struct {
	instance strategy.Instance
	host     *routetest.Host
	coming   int
	reply    route.Reply
}

func newFloor(instance strategy.Instance) *floor {
	f := &floor{instance: instance, host: routetest.NewHost()}
	f.host.Queue("support").Model(route.ModelLongestIdle)
	for i := range turnAgents {
		f.host.Agent("a" + strconv.Itoa(i)).Capacity(1000).In("support").On("case").Idle(int64(1000 * (i + 1)))
	}
	return f
}

// round lets n items come and go, and returns how long the strategy took for
// those that came, and how many it proposed. One that gathers work first, and
// asks for another turn, gets that turn at its time; how long it took is what
// both took.
func (f *floor) round(ctx context.Context, n int) (took time.Duration, proposals int, err error) {
	names := make([]string, n)
	for i := range names {
		f.coming++
		names[i] = "w" + strconv.Itoa(f.coming)
		f.host.Work(names[i]).In("support").On("case").Size(1000)
	}
	took, err = f.turn(ctx)
	if err != nil {
		return took, 0, err
	}
	if wake := f.reply.WakeAt; len(f.reply.Proposals) == 0 && wake > f.host.Now() {
		f.host.Wait(wake - f.host.Now())
		more, err := f.turn(ctx)
		if took += more; err != nil {
			return took, 0, err
		}
	}
	proposals = len(f.reply.Proposals)
	f.host.Settle(f.host.Seq(), f.reply.Proposals...)
	f.host.Wait(1000)
	for _, name := range names {
		f.host.Cancel(name) // offered or not
	}
	_, err = f.turn(ctx)
	return took, proposals, err
}

// turn carries what has changed.
func (f *floor) turn(ctx context.Context) (took time.Duration, err error) {
	for _, turn := range f.host.Turns() {
		f.reply.Reset()
		began := time.Now()
		err := f.instance.Turn(ctx, turn, &f.reply)
		took = time.Since(began)
		if err != nil {
			return took, fmt.Errorf("turn %d: %w", turn.Seq, err)
		}
	}
	return took, nil
}
