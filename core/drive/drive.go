// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package drive plays load against a running host and checks from outside that
// the host keeps its promises. A Plan says who works and who comes when, from a
// recorded log or made up; a Player plays it over the public API, in an open
// model: everything has an intended time, and latencies count from it, however
// late the player or the host was. A Checker follows the feed meanwhile.
//
// It must not know anything of a host but its public API: no engine, no
// journal, no config. It never changes a host's setup.
package drive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// Options says how a plan is played.
type Options struct {
	// Conns are connections to the host; at least one. Agents' streams are
	// spread over them: see Connections.
	Conns []grpc.ClientConnInterface
	// Speed is how many seconds of the plan pass in one; 0 means 1.
	Speed float64
	// Channel is the channel of work whose customer has none. Required.
	Channel string
	// Status is the presence status in which agents take work. Required.
	Status string
	// Away, if not empty, is the status agents take at the end of a shift while
	// they complete what is open. A host that does not have it is not asked
	// again.
	Away string
	// Observe, if not nil, is called with every event of the feed, in order,
	// from one goroutine. It must not block, or the feed falls behind.
	Observe func(*patchbayv1.Event)
}

// streamsPerConn is how many streams one connection carries well: many servers
// allow 100 or 250.
const streamsPerConn = 90

// Connections returns how many connections a plan should have.
func Connections(p *Plan) int { return 1 + len(p.Shifts)/streamsPerConn }

// Agents asks the host for all its agents, in order of their names.
func Agents(ctx context.Context, conn grpc.ClientConnInterface) ([]*patchbayv1.Agent, error) {
	client := patchbayv1.NewAgentServiceClient(conn)
	var agents []*patchbayv1.Agent
	for token := ""; ; {
		page, err := client.ListAgents(ctx, &patchbayv1.ListAgentsRequest{PageSize: 1000, PageToken: token})
		if err != nil {
			return nil, fmt.Errorf("drive: list agents: %w", err)
		}
		agents = append(agents, page.GetAgents()...)
		if token = page.GetNextPageToken(); token == "" {
			return agents, nil
		}
	}
}

// Host is what a host says of itself before a plan is played.
type Host struct {
	// Status is its state.
	Status *patchbayv1.GetStatusResponse
	// Agents are all its agents, by name.
	Agents []*patchbayv1.Agent
}

// Discover asks the host for its state and its agents.
func Discover(ctx context.Context, conn grpc.ClientConnInterface) (*Host, error) {
	status, err := patchbayv1.NewHostServiceClient(conn).GetStatus(ctx, &patchbayv1.GetStatusRequest{})
	if err != nil {
		return nil, fmt.Errorf("drive: ask for the host's status: %w", err)
	}
	agents, err := Agents(ctx, conn)
	if err != nil {
		return nil, err
	}
	return &Host{Status: status, Agents: agents}, nil
}

// Queues returns the names of the host's queues that have members.
func (h *Host) Queues() []string {
	var queues []string
	for _, q := range h.Status.GetQueues() {
		if q.GetMembers() > 0 {
			queues = append(queues, q.GetQueue())
		}
	}
	return queues
}

// fits reports why the plan cannot be played on the host, if so.
func (h *Host) fits(p *Plan) error {
	queues, agents := make(map[string]bool), make(map[string]bool)
	for _, q := range h.Status.GetQueues() {
		queues[q.GetQueue()] = true
	}
	for _, a := range h.Agents {
		agents[a.GetId()] = true
	}
	for _, q := range p.Queues() {
		if !queues[q] {
			return fmt.Errorf("drive: the host has no queue %q; start it with a config that fits, see patchbay drive config", q)
		}
	}
	for _, s := range p.Shifts {
		if !agents[s.Agent] {
			return fmt.Errorf("drive: the host has no agent %q; start it with a config that fits, see patchbay drive config", s.Agent)
		}
	}
	return nil
}

// check fills in defaults.
func (o Options) check() (Options, error) {
	if o.Speed == 0 {
		o.Speed = 1
	}
	switch {
	case len(o.Conns) == 0:
		return o, errors.New("drive: a connection to the host is needed")
	case !(o.Speed > 0) || o.Speed > 1e6:
		return o, fmt.Errorf("drive: speed is %v: it should be above 0 and at most a million", o.Speed)
	case o.Channel == "":
		return o, errors.New("drive: the work's channel is needed")
	case o.Status == "":
		return o, errors.New("drive: the agents' presence status is needed")
	}
	return o, nil
}

// clock is the plan's time against the real one.
type clock struct {
	start time.Time
	speed float64
}

// real returns the real span of a span of the plan.
func (c clock) real(d time.Duration) time.Duration {
	return time.Duration(float64(d) / c.speed)
}

// at returns the real time of a time of the plan.
func (c clock) at(d time.Duration) time.Time { return c.start.Add(c.real(d)) }

// planned returns the span of the plan in a real span.
func (c clock) planned(d time.Duration) time.Duration {
	return time.Duration(float64(d) * c.speed)
}

// sleep waits until the real time t and reports whether it came before ctx
// ended.
func sleep(ctx context.Context, t time.Time) bool {
	wait := time.Until(t)
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
