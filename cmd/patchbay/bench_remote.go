// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/patchbay-cx/patchbay/core/bench"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

// remoteName is the measured strategy's name at the doors, as package bench
// calls it.
const remoteName = "measured"

// pacing is the flags of the bench remote command.
type pacing struct {
	std     stdio
	options bench.PaceOptions
	json    bool
	quiet   bool
}

func newBenchRemote(std stdio) *cobra.Command {
	p := &pacing{std: std}
	cmd := &cobra.Command{
		Use:   "remote",
		Short: "Measure how long work waits for its offer when a router decides, beside a built-in strategy",
		Long: `Remote runs workspaces with a journal on disk under a steady load, and measures
the time from when an item was to come until its offer is on the agent's stream,
durable. By turns the same strategy decides linked in, and in a router: a process
of its own that dials the session door over TCP.

Figures are medians over the passes. They are worth comparing within one run; the
machine, and what else it does, decides about the rest.`,
		Example: `  patchbay bench remote
  patchbay bench remote --rate 1000 --for 10s --passes 5 --json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case p.options.Rate < 1:
				return usagef("--rate: %d are none; 1 or more are wanted", p.options.Rate)
			case p.options.Passes < 1:
				return usagef("--passes: %d are none; 1 or more are wanted", p.options.Passes)
			case p.options.For <= 0:
				return usagef("--for: it should be more than nothing, such as 5s")
			}
			return p.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.IntVar(&p.options.Rate, "rate", 5000, "items a second")
	f.DurationVar(&p.options.For, "for", 5*time.Second, "how long each is measured in each pass")
	f.IntVar(&p.options.Passes, "passes", 3, "how often everything is measured")
	f.BoolVar(&p.json, "json", false, "print JSON")
	f.BoolVar(&p.quiet, "no-progress", false, "show no progress bar")
	return cmd
}

// newBenchRouter makes the command by which this binary is the router that is
// measured.
func newBenchRouter() *cobra.Command {
	return &cobra.Command{
		Use:    "router ADDRESS",
		Short:  "Be the router that is measured",
		Hidden: true,
		Args:   exactly("ADDRESS"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return serve.Remote(cmd.Context(), plugins()["queue"], serve.RouterOptions{Address: args[0], Strategy: remoteName})
		},
	}
}

func (p *pacing) run(ctx context.Context) (err error) {
	doors, err := remote.NewDoors(remote.Options{HostVersion: version()}, remote.Strategy{Name: remoteName})
	if err != nil {
		return err
	}
	closeDoor, err := serveDoor(ctx, doors)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeDoor()) }()
	p.options.Lanes = []bench.Lane{
		{Name: "builtin", Runtime: builtin.New(plugins()), Spec: strategy.Spec{Runtime: "builtin", Source: "queue"}},
		{Name: "remote", Runtime: remote.New(doors), Spec: strategy.Spec{Runtime: "remote"}},
	}
	wipe := func() {}
	if !p.quiet && terminal(p.std.err) {
		p.options.Progress, wipe = countBar(p.std.err, "workspaces")
	}
	lanes, err := bench.Pace(ctx, p.options)
	wipe()
	if err != nil {
		return err
	}
	if p.json {
		return json.NewEncoder(p.std.out).Encode(lanes)
	}
	return bench.WritePace(p.std.out, p.options.Rate, lanes)
}

// serveDoor lets routers in on a port of this machine, and has one come: this
// program, once more.
func serveDoor(ctx context.Context, doors *remote.Doors) (closeDoor func() error, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("this program cannot find itself, to run as a router: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := grpc.NewServer()
	strategygrpc.RegisterRouterServiceServer(server, &remote.Service{Doors: doors})
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	running, stop := context.WithCancel(ctx)
	router := exec.CommandContext(running, self, "bench", "router", listener.Addr().String())
	router.Cancel = func() error { return router.Process.Signal(syscall.SIGTERM) }
	router.WaitDelay = 5 * time.Second
	closeDoor = func() error {
		stop()
		if router.Process != nil {
			_ = router.Wait() // it was told to end
		}
		server.Stop()
		<-served
		return doors.Close()
	}
	if err := router.Start(); err != nil {
		return nil, errors.Join(err, closeDoor())
	}
	doors.Open()
	return closeDoor, nil
}
