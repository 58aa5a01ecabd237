// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// A long day has so many turns in which so many come, are decided on, and go,
// with so many agents: what it takes is the same at its end as at its beginning.
const (
	longTurns  = 600
	longAgents = 100
	longComing = 50
)

// longDay plays a day on which as much leaves as comes. A plugin that holds on
// to what has gone runs out of memory.
func (a *attempt) longDay(ctx context.Context) (findings []string, decisions string, err error) {
	instance, err := a.start(ctx)
	if err != nil {
		return nil, "", err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	host := routetest.NewHost()
	host.Queue("support")
	for i := range longAgents {
		host.Agent("a" + strconv.Itoa(i)).Capacity(1000).In("support").On("case")
	}
	var waiting []string
	for n := range longTurns {
		for i := range longComing {
			name := fmt.Sprintf("w%d-%d", n, i)
			host.Work(name).In("support").On("case").Size(1000).Attribute("note", "what people write when they are asked what it is about")
			waiting = append(waiting, name)
		}
		for _, turn := range host.Turns() {
			var reply route.Reply
			if err := instance.Turn(ctx, turn, &reply); err != nil {
				return []string{fmt.Sprintf("turn %d of a day on which as much leaves as comes was answered with: %v", turn.Seq, err)}, "", nil
			}
			host.Settle(turn.Seq, reply.Proposals...)
		}
		for _, name := range waiting { // offered or not
			host.Cancel(name)
		}
		waiting = waiting[:0]
	}
	return nil, "", nil
}

// A busy board has so many agents, of whom so many become free before each of
// so many turns while as much work comes, beside so much that waits.
const (
	busyAgents  = 1000
	busyWaiting = 1000
	busyChanges = 16
	busyTurns   = 40
	busyTries   = 3 // the best counts: the machine has other things to do
)

// budget is how long a turn on a busy board may take.
func (a *attempt) budget() time.Duration {
	if a.Budget == 0 {
		return strategy.Limits{}.WithDefaults().TurnDeadline
	}
	return a.Budget
}

// busyBoard holds the plugin's turns against the time that a host grants.
func (a *attempt) busyBoard(ctx context.Context) (findings []string, decisions string, err error) {
	for range busyTries {
		findings, err = a.busyOnce(ctx)
		if err != nil || len(findings) == 0 {
			break
		}
	}
	return findings, "", err
}

func (a *attempt) busyOnce(ctx context.Context) (findings []string, err error) {
	instance, err := a.start(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	host := routetest.NewHost()
	host.Queue("support").Model(route.ModelLongestIdle)
	for i := range busyAgents {
		host.Agent(busyAgent(i)).Capacity(1000).Holding(1000, 1).In("support").On("case")
	}
	coming := 0
	come := func(n int) {
		for range n {
			coming++
			host.Work("w" + strconv.Itoa(coming)).In("support").On("case").Size(1000)
		}
	}
	come(busyWaiting)
	var times []time.Duration
	for n := range busyTurns {
		for i := range busyChanges {
			host.Agent(busyAgent((n*busyChanges+i)%busyAgents)).Holding(0, 0).Idle(int64(i))
		}
		come(busyChanges)
		for _, turn := range host.Turns() {
			took, finding := a.clocked(ctx, instance, host, turn)
			if finding != "" {
				return []string{finding}, nil
			}
			times = append(times, took)
		}
		host.Wait(1000)
	}
	slices.Sort(times)
	if middle := times[len(times)/2]; middle > a.budget()/2 {
		return []string{fmt.Sprintf("half of the turns %s take %v or more of the %v that are granted: any load would make it late",
			busyText, middle.Round(time.Millisecond), a.budget())}, nil
	}
	return nil, nil
}

const busyText = "on a board of 1000 agents and 1000 waiting"

// clocked carries one turn and says if it took too long.
func (a *attempt) clocked(ctx context.Context, instance *timed, host *routetest.Host, turn *route.Turn) (took time.Duration, finding string) {
	var reply route.Reply
	seq := turn.Seq
	turn.Budget = uint32(min(a.budget().Microseconds(), 1<<32-1))
	began := time.Now()
	err := instance.Turn(ctx, turn, &reply)
	took = time.Since(began)
	switch {
	case err != nil:
		return took, fmt.Sprintf("turn %d, %s, was answered with: %v", seq, busyText, err)
	case took > a.budget():
		return took, fmt.Sprintf("turn %d, %s, took %v; %v are granted", seq, busyText, took.Round(time.Millisecond), a.budget())
	}
	host.Settle(seq, reply.Proposals...)
	return took, ""
}

func busyAgent(i int) string { return "a" + strconv.Itoa(i) }
