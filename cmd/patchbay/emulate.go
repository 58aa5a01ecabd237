// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/patchbay-cx/patchbay/config"
	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/drive"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// leastToken is how many characters a config wants of a token.
const leastToken = 16

// emulating is the flags of the emulate command.
type emulating struct {
	driving
	sources sources
	listen  string
	name    string // of the remote strategy
	token   string
	budget  time.Duration
	wait    time.Duration
	least   float64
	log     bool
}

func newEmulate(std stdio) *cobra.Command {
	e := &emulating{driving: driving{client: client{std: std}}}
	cmd := &cobra.Command{
		Use:   "emulate [-- COMMAND…]",
		Short: "Run a whole host with virtual customers and agents, for a router's own CI",
		Long: `Emulate runs a host in a temporary folder whose queues are decided by a remote
strategy, waits until a router leads, and plays customers and agents against the
host's public API, in real time. At the end it sums up, and fails if the host broke
a promise, or if the router decided less than --least of the offers and the fallback
the rest.

With a COMMAND it runs the router by itself, which finds where to dial in
PATCHBAY_CONNECT (gRPC), PATCHBAY_URL (WebSocket), PATCHBAY_STRATEGY and
PATCHBAY_TOKEN. With --config it runs your config instead of a made-up one; the
folder of its journal is a temporary one all the same.`,
		Example: `  patchbay emulate --rate 50 --for 30s -- python3 router.py
  patchbay emulate --listen :7460 --token-file secret --json
  patchbay emulate --config centre.yaml --channel chat -- ./router`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := e.check(cmd, args); err != nil {
				return err
			}
			return e.run(cmd.Context(), args)
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&e.sources.files, "config", nil, "a config file with a remote strategy, instead of a made-up config (repeatable)")
	e.sources.flags(f)
	f.StringVar(&e.listen, "listen", "127.0.0.1:0", "where the host listens; port 0 takes a free one")
	f.StringVar(&e.name, "strategy", "vendor", "the remote strategy's name in the made-up config")
	f.StringVar(&e.token, "token-file", "", "the file that holds the token of the made-up config's routers; else it is $"+envToken)
	f.DurationVar(&e.budget, "budget", 250*time.Millisecond, "how long a turn may take in the made-up config")
	f.DurationVar(&e.wait, "wait", time.Minute, "how long to wait until a router leads")
	f.Float64Var(&e.least, "least", 50, "the share of the offers, in per cent, that the router should have decided")
	f.Float64Var(&e.rate, "rate", 20, "customers per second")
	f.IntVar(&e.agents, "agents", 50, "how many agents the made-up config has")
	f.IntVar(&e.configQueues, "queues", 3, "how many queues the made-up config has")
	f.DurationVar(&e.length, "for", 20*time.Second, "how long customers come")
	f.Float64Var(&e.busy, "busy", 0.85, "the share of their time that agents are busy")
	f.Float64Var(&e.patience, "patience", 3, "mean patience of customers, in mean services; 0 for endless")
	f.Uint64Var(&e.seed, "seed", 1, "what is drawn is drawn from this")
	f.StringVar(&e.channel, "channel", "voice", "the channel of the work")
	f.StringVar(&e.status, "status", "available", "the presence status in which agents take work")
	f.StringVar(&e.away, "away", "away", "the status of agents at the end of a shift while work is open; empty for none")
	f.BoolVar(&e.json, "json", false, "print the summary as JSON")
	f.BoolVar(&e.quiet, "no-progress", false, "show no progress bar")
	f.BoolVar(&e.log, "log", false, "print the host's log")
	return cmd
}

// check looks at the flags before anything is opened.
func (e *emulating) check(cmd *cobra.Command, args []string) error {
	if at := cmd.ArgsLenAtDash(); len(args) > 0 && at != 0 {
		return usagef("emulate: %q: the router's command line comes behind --, as in patchbay emulate -- %s", args[0], strings.Join(args, " "))
	}
	if len(e.sources.files) > 0 {
		for _, name := range []string{"agents", "queues", "strategy", "token-file", "budget"} {
			if cmd.Flags().Changed(name) {
				return usagef("--%s: it is about the made-up config, and does not go with --config", name)
			}
		}
	}
	for _, x := range []struct {
		name string
		good bool
		want string
	}{
		{"rate", e.rate > 0 && e.rate <= 1e5, "be above 0 and at most 100000"},
		{"agents", e.agents > 0 && e.agents <= 100_000, "be above 0 and at most 100000"},
		{"queues", e.configQueues > 0 && e.configQueues <= 1000, "be above 0 and at most 1000"},
		{"for", e.length > 0, "be above 0"},
		{"busy", e.busy > 0 && e.busy <= 1, "be above 0 and at most 1"},
		{"patience", e.patience >= 0, "not be negative"},
		{"budget", e.budget >= time.Millisecond, "be a millisecond at least"},
		{"wait", e.wait > 0, "be above 0"},
		{"least", e.least >= 0 && e.least <= 100, "be from 0 to 100"},
		{"channel", e.channel != "", "not be empty"},
		{"status", e.status != "", "not be empty"},
	} {
		if !x.good {
			return usagef("--%s: it should %s", x.name, x.want)
		}
	}
	e.speed = 1
	return nil
}

func (e *emulating) run(ctx context.Context, command []string) error {
	folder, err := os.MkdirTemp("", "patchbay-emulate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	secret, err := e.secret()
	if err != nil {
		return err
	}
	if secret != "" && len(secret) < leastToken && len(e.sources.files) == 0 {
		return usagef("--token-file: a token should have %d characters at least", leastToken)
	}
	c, err := e.load(folder, secret)
	if err != nil {
		return printFaults(e.std, err)
	}
	logger := slog.New(slog.DiscardHandler)
	if e.log {
		logger = slog.New(slog.NewTextHandler(e.std.err, nil))
	}
	h, err := open(ctx, c, logger)
	if err != nil {
		return err
	}
	var outcome *emulated
	err = h.during(ctx, func() (err error) {
		outcome, err = e.beside(ctx, h, command, secret)
		return err
	})
	if err != nil {
		return err
	}
	return e.tell(outcome)
}

// secret is the token of the made-up config's routers; empty for none.
func (e *emulating) secret() (string, error) {
	if e.token == "" {
		return os.Getenv(envToken), nil
	}
	text, err := os.ReadFile(e.token)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// load reads the config, or makes one up.
func (e *emulating) load(folder, secret string) (*config.Config, error) {
	if len(e.sources.files) == 0 {
		if err := e.makeUp(folder, secret); err != nil {
			return nil, err
		}
	}
	c, err := e.sources.load(config.Flag("listen", e.listen), config.Flag("data", filepath.Join(folder, "data")))
	if err != nil {
		return nil, err
	}
	if len(c.Remotes()) == 0 {
		return nil, usagef("--config: %s has no remote strategy, so there is nothing for a router to decide", strings.Join(e.sources.files, ", "))
	}
	return c, nil
}

// makeUp writes a config whose queues a remote strategy decides about.
func (e *emulating) makeUp(folder, secret string) error {
	var centre bytes.Buffer
	if _, err := drive.SyntheticConfig(e.agents, e.configQueues).WriteTo(&centre); err != nil {
		return err
	}
	tokens := ""
	if secret != "" {
		tokens = fmt.Sprintf("    tokens: [%s]\n", strconv.Quote(secret))
	}
	decides := fmt.Sprintf("strategies:\n  %q:\n    runtime: remote\n%s    limits: {turn_deadline: %v}\nrouting_configs:\n  calls: {strategy: %q, fallback: queue}\n",
		e.name, tokens, e.budget, e.name)
	e.sources.files = []string{filepath.Join(folder, "centre.yaml"), filepath.Join(folder, "decides.yaml")}
	return errors.Join(
		os.WriteFile(e.sources.files[0], centre.Bytes(), 0o600),
		os.WriteFile(e.sources.files[1], []byte(decides), 0o600),
	)
}

// beside plays the load while the router's program runs, if there is one.
func (e *emulating) beside(ctx context.Context, h *hosted, command []string, secret string) (*emulated, error) {
	e.host = h.address()
	socket := strings.Replace(h.url(), "http", "ws", 1) + api.SocketPath
	if len(command) == 0 {
		fmt.Fprintf(e.std.err, "waiting for a router at %s (gRPC) or %s\n", h.address(), socket)
		return e.play(ctx)
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	program := exec.CommandContext(running, command[0], command[1:]...)
	program.Env = append(os.Environ(), "PATCHBAY_CONNECT="+h.address(), "PATCHBAY_URL="+socket,
		"PATCHBAY_STRATEGY="+e.name, envToken+"="+secret)
	program.Stdout, program.Stderr, program.WaitDelay = e.std.err, e.std.err, 5*time.Second
	program.Cancel = func() error { return program.Process.Signal(syscall.SIGTERM) }
	if err := program.Start(); err != nil {
		end()
		return nil, fmt.Errorf("the router cannot be started: %w", err)
	}
	outcome, err := e.play(ctx)
	end()
	_ = program.Wait() // it was told to end
	return outcome, err
}

// emulated is what came of it.
type emulated struct {
	*drive.Summary

	// Decided is how many offers routers decided, and Share that in per cent of
	// all.
	Decided int     `json:"decided"`
	Share   float64 `json:"share"`
	// Strategies say how the remote strategies fared.
	Strategies []fared `json:"strategies"`
}

// fared is how a remote strategy fared.
type fared struct {
	Strategy  string `json:"strategy"`
	Turns     uint64 `json:"turns"`
	Offers    uint64 `json:"offers"`
	Refusals  uint64 `json:"refusals"`
	Faults    uint64 `json:"faults"`
	LastFault string `json:"last_fault,omitempty"`
}

func (e *emulating) play(ctx context.Context) (*emulated, error) {
	conn, err := e.dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if err := e.led(ctx, conn); err != nil {
		return nil, err
	}
	e.agents = 0 // all of them
	plan, err := e.plan(ctx, conn)
	if err != nil {
		return nil, err
	}
	options, hangUp, err := e.options(conn, plan)
	if err != nil {
		return nil, err
	}
	defer hangUp()
	player, err := drive.New(ctx, plan, options)
	if err != nil {
		return nil, err
	}
	stop := e.showProgress(player)
	summary, err := player.Run(ctx)
	stop()
	if err != nil {
		return nil, err
	}
	status, err := patchbayv1.NewHostServiceClient(conn).GetStatus(context.WithoutCancel(ctx), &patchbayv1.GetStatusRequest{})
	if err != nil {
		return nil, err
	}
	outcome := &emulated{Summary: summary, Decided: summary.Runtimes["remote"]}
	outcome.Share = 100 * float64(outcome.Decided) / float64(max(summary.Offers, 1))
	for _, x := range status.GetStrategies() {
		if x.GetRuntime() == "remote" {
			outcome.Strategies = append(outcome.Strategies, fared{
				x.GetStrategy(), x.GetTurns(), x.GetOffers(), x.GetRefusals(), x.GetFaults(), x.GetLastFault(),
			})
		}
	}
	return outcome, nil
}

// led waits until a router decides.
func (e *emulating) led(ctx context.Context, conn grpc.ClientConnInterface) error {
	waiting, cancel := context.WithTimeout(ctx, e.wait)
	defer cancel()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	last := ""
	for {
		status, err := patchbayv1.NewHostServiceClient(conn).GetStatus(waiting, &patchbayv1.GetStatusRequest{}, grpc.WaitForReady(true))
		if err != nil && waiting.Err() == nil && grpcstatus.Code(err) != codes.DeadlineExceeded {
			return err
		}
		for _, x := range status.GetStrategies() {
			if x.GetRuntime() != "remote" {
				continue
			}
			if x.GetState() == patchbayv1.StrategyState_STRATEGY_STATE_ACTIVE {
				return nil
			}
			last = cmp.Or(x.GetLastFault(), last)
		}
		select {
		case <-ticker.C:
		case <-waiting.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return fmt.Errorf("no router decides within %v: %s", e.wait, cmp.Or(last, "none has come"))
		}
	}
}

// tell prints the summary, and fails if the host did, or the router had others
// decide.
func (e *emulating) tell(o *emulated) error {
	var err error
	if e.json {
		err = json.NewEncoder(e.std.out).Encode(o)
	} else {
		_, err = o.WriteTo(e.std.out)
		fmt.Fprintf(e.std.out, "decided by routers: %d of %d offers, %.1f %%\n", o.Decided, o.Offers, o.Share)
		for _, x := range o.Strategies {
			fmt.Fprintf(e.std.out, "%s: %d turns, %d offers, %d refused, %d faults", x.Strategy, x.Turns, x.Offers, x.Refusals, x.Faults)
			if x.LastFault != "" {
				fmt.Fprintf(e.std.out, "; the last: %s", x.LastFault)
			}
			fmt.Fprintln(e.std.out)
		}
	}
	if err == nil {
		err = verdict(o.Summary)
	}
	if err == nil && o.Share < e.least && o.Offers > 0 {
		err = fmt.Errorf("routers decided %.1f %% of the offers; --least wants %g %%", o.Share, e.least)
	}
	return err
}
