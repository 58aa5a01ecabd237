// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/patchbay-cx/patchbay/config"
	"github.com/patchbay-cx/patchbay/core/drive"
	"github.com/patchbay-cx/patchbay/core/strategy"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// demoYAML is the sample company; see company for what is filled in.
//
//go:embed demo.yaml
var demoYAML string

// demoLength is how long a demo lasts that nobody ends.
const demoLength = time.Hour

// demo is the flags of the demo command.
type demo struct {
	std    stdio
	length time.Duration
	json   bool
	listen string
	wasm   string
	rate   float64
	own    own
	seed   uint64
	log    bool
}

func newDemo(std stdio) *cobra.Command {
	d := &demo{std: std}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show a sample company at work: three queues, three runtimes, no files needed",
		Long: `Demo runs a sample company in a temporary folder: three queues, served by the same
strategy linked in, as a process of its own, and as a WASM module. Simulated
customers and agents use the public API, and everything is checked meanwhile.
It shows the queues and the latest decisions until --for is over or it is
interrupted, and then sums up.

With --strategy, your own plugin decides about the chats, beside the built-in
strategy, or with --everywhere about all three queues.`,
		Example: `  patchbay demo
  patchbay demo --for 20s --json
  patchbay demo --strategy ./mine.wasm --settings '{"level": 3}'`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.DurationVar(&d.length, "for", 0, "end by itself after this time, such as 20s; 0 ends when interrupted")
	f.BoolVar(&d.json, "json", false, "print a summary as JSON at the end, and nothing else")
	f.StringVar(&d.listen, "listen", "127.0.0.1:0", "where the API listens meanwhile; port 0 takes a free one")
	f.StringVar(&d.wasm, "wasm", "", "the strategy as a WASM module; left out, it is built if need be")
	f.StringVar(&d.own.path, "strategy", "", "your own plugin, a WASM module or an executable, for the chats")
	f.BoolVar(&d.own.everywhere, "everywhere", false, "with --strategy: for all three queues")
	d.own.settings.flag(cmd)
	f.Float64Var(&d.rate, "rate", 8, "customers per second")
	f.Uint64Var(&d.seed, "seed", 0, "what is drawn is drawn from this; 0 takes another each time")
	f.BoolVar(&d.log, "log", false, "print the host's log")
	return cmd
}

func (d *demo) run(ctx context.Context) error {
	if err := d.check(ctx); err != nil {
		return err
	}
	if d.length == 0 {
		d.length = demoLength
	}
	if d.seed == 0 {
		d.seed = rand.Uint64()
	}
	folder, err := os.MkdirTemp("", "patchbay-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	c, err := d.company(ctx, folder)
	if err != nil {
		return err
	}
	logger := slog.New(slog.DiscardHandler)
	if d.log {
		logger = slog.New(slog.NewTextHandler(d.std.err, nil))
	}
	h, err := open(ctx, c, logger)
	if err != nil {
		return err
	}
	var summary *drive.Summary
	err = h.during(ctx, func() (err error) {
		summary, err = d.play(ctx, h)
		return err
	})
	if err != nil {
		return err
	}
	return d.report(summary)
}

// check looks at the flags before the strategy is built, which takes a while.
func (d *demo) check(ctx context.Context) error {
	switch {
	case d.length < 0:
		return usagef("--for: it should not be negative")
	case !(d.rate > 0) || d.rate > 1e6:
		return usagef("--rate: it should be above 0 and at most a million")
	}
	if d.wasm != "" {
		if err := isModule(d.wasm); err != nil {
			return err
		}
	}
	if err := d.own.check(d); err != nil {
		return err
	}
	listener, err := listen(ctx, d.listen)
	if err != nil {
		return err
	}
	return listener.Close()
}

// company returns the sample company's config.
func (d *demo) company(ctx context.Context, folder string) (*config.Config, error) {
	decides, err := d.decides(ctx, folder)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("this program cannot find itself, to run as a plugin: %w", err)
	}
	sum, err := strategy.Checksum(self)
	if err != nil {
		return nil, err
	}
	quote := func(s string) string { return strconv.Quote(filepath.ToSlash(s)) }
	text := strings.NewReplacer(append(decides,
		"$LISTEN", strconv.Quote(d.listen), "$DATA", quote(filepath.Join(folder, "data")),
		"$PROCESS", quote(self), "$SHA256", sum,
	)...).Replace(demoYAML)
	return config.Parse("demo.yaml", []byte(text), config.Builtins(builtins()...))
}

// play plays customers and agents against the host.
func (d *demo) play(ctx context.Context, h *hosted) (*drive.Summary, error) {
	c := &client{std: d.std, host: h.address()}
	conn, err := c.dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	found, err := drive.Discover(ctx, conn)
	if err != nil {
		return nil, err
	}
	plan, err := d.plan(found)
	if err != nil {
		return nil, err
	}
	length := d.length
	if length == demoLength {
		length = 0 // it lasts until it is interrupted
	}
	s := newScreen(d.out(), h, terminal(d.out()), length)
	player, err := drive.New(ctx, plan, drive.Options{
		Conns: []grpc.ClientConnInterface{conn}, Channel: "voice", Status: "available", Away: "away", Observe: s.observe,
	})
	if err != nil {
		return nil, err
	}
	stop := s.show(player, conn)
	summary, err := player.Run(ctx)
	stop()
	if err != nil {
		return nil, err
	}
	return summary, d.allDecided(context.WithoutCancel(ctx), conn, summary.Runtimes)
}

// allDecided fails if a strategy of the sample company never came to decide: its
// queue was served by the fallback, and the demo has not shown what it is to show.
// It notes how the own strategy fared.
func (d *demo) allDecided(ctx context.Context, conn grpc.ClientConnInterface, offers map[string]int) error {
	status, err := patchbayv1.NewHostServiceClient(conn).GetStatus(ctx, &patchbayv1.GetStatusRequest{})
	if err != nil {
		return err
	}
	for _, x := range status.GetStrategies() {
		if err := d.own.fared(x); err != nil {
			return err
		}
		if x.GetLastFault() != "" && offers[x.GetRuntime()] == 0 {
			return fmt.Errorf("the strategy %s (%s) never decided: %s", x.GetStrategy(), x.GetRuntime(), x.GetLastFault())
		}
	}
	return nil
}

// out is where the demo shows itself: with --json, the standard output is left
// to the summary.
func (d *demo) out() io.Writer {
	if d.json {
		return d.std.err
	}
	return d.std.out
}

// plan makes the load: half calls, half chats, of which an agent does three at
// once.
func (d *demo) plan(found *drive.Host) (*drive.Plan, error) {
	var names []string
	for _, agent := range found.Agents {
		names = append(names, agent.GetId())
	}
	plan, err := drive.Synthetic{
		Rate: d.rate, For: d.length, Agents: names, Queues: found.Queues(), Patience: 3, Seed: d.seed,
	}.Plan()
	if err != nil {
		return nil, err
	}
	plan.Name, plan.Drain = "the sample company", 3*time.Second
	for i := range plan.Customers {
		if c := &plan.Customers[i]; c.Queue == "chats" {
			c.Channel = "chat"
			c.Service *= 2
		}
		// What takes longer would still be open at the end.
		plan.Customers[i].Service = min(plan.Customers[i].Service, plan.Drain*3/4)
	}
	return plan, nil
}

// report prints the summary.
func (d *demo) report(s *drive.Summary) error {
	if !d.json {
		if _, err := s.WriteTo(d.std.out); err != nil {
			return err
		}
		if err := d.own.tell(d.std.out); err != nil {
			return err
		}
		return verdict(s)
	}
	// The offers by runtime stand at the top as well.
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	all := make(map[string]any)
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	for _, runtime := range []string{"builtin", "process", "wasm"} {
		all[runtime] = s.Runtimes[runtime]
	}
	if d.own.path != "" {
		all["strategy"] = d.own
	}
	if err := json.NewEncoder(d.std.out).Encode(all); err != nil {
		return err
	}
	return verdict(s)
}
