// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/patchbay-cx/patchbay/config"
	"github.com/patchbay-cx/patchbay/core/drive"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

//go:embed bench_swap.yaml
var swapYAML string

// swapping is the flags of the bench swap command.
type swapping struct {
	std    stdio
	swaps  int
	passes int
	rate   float64
	length time.Duration
	agents int
	seed   uint64
	json   bool
	quiet  bool
}

func newBenchSwap(std stdio) *cobra.Command {
	s := &swapping{std: std}
	cmd := &cobra.Command{
		Use:   "swap",
		Short: "Measure what swapping strategies under load does to the wait for an offer",
		Long: `Swap runs a host under a steady load, again and again: undisturbed for a while,
and then while strategies are swapped, shadowed, tried as canaries, promoted, rolled
back and upgraded at random, among builtin, process and wasm. Who decides in the next
pass is whoever does then. All customers and agents use the public API, and everything
is checked: nothing lost, nothing doubled, nobody over capacity. It fails if anything
was, or if the wait for an offer, at its 99th percentile, became more than twice what
it was, by the median of the passes.`,
		Example: `  patchbay bench swap
  patchbay bench swap --passes 1 --swaps 40 --for 10s --rate 200 --json`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch {
			case s.swaps < 1:
				return usagef("--swaps: %d are none; 1 or more are wanted", s.swaps)
			case s.passes < 1 || s.passes > s.swaps:
				return usagef("--passes: it should be from 1 to the number of swaps, not %d", s.passes)
			case !(s.rate > 0) || s.rate > 1e5:
				return usagef("--rate: it should be above 0 and at most 100000")
			case s.length < time.Second:
				return usagef("--for: it should be a second at least")
			case s.agents < 1:
				return usagef("--agents: %d are none; 1 or more are wanted", s.agents)
			}
			return s.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.IntVar(&s.swaps, "swaps", 200, "how often something is changed, in all passes together")
	f.IntVar(&s.passes, "passes", 10, "how often everything is measured")
	f.Float64Var(&s.rate, "rate", 500, "customers a second")
	f.DurationVar(&s.length, "for", 4*time.Second, "how long each is measured in each pass")
	f.IntVar(&s.agents, "agents", 1000, "agents")
	f.Uint64Var(&s.seed, "seed", 1, "what is changed is drawn from this")
	f.BoolVar(&s.json, "json", false, "print JSON")
	f.BoolVar(&s.quiet, "no-progress", false, "show no progress bar")
	return cmd
}

// swapped is what came of it.
type swapped struct {
	Seed   uint64         `json:"seed"`
	Swaps  map[string]int `json:"swaps"`
	Passes []*swapPass    `json:"passes"`
	// Ratio is the median of those of the passes.
	Ratio float64 `json:"p99_ratio"`
}

// swapPass is what came of one pass.
type swapPass struct {
	Undisturbed *drive.Summary `json:"undisturbed"`
	Disturbed   *drive.Summary `json:"disturbed"`
	// Ratio is what the changes made of the wait for an offer, at its 99th
	// percentile; 0 if nobody waited.
	Ratio float64 `json:"p99_ratio"`
}

func (s *swapping) run(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "patchbay-swaps-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	text, err := s.company(ctx, folder)
	if err != nil {
		return err
	}
	h, err := s.host(ctx, folder, text)
	if err != nil {
		return err
	}
	var result *swapped
	err = h.during(ctx, func() (err error) {
		result, err = s.measure(ctx, h, text)
		return err
	})
	if err != nil {
		return err
	}
	return s.report(result)
}

// host opens a host with the config in a file, so that another one can be
// applied.
func (s *swapping) host(ctx context.Context, folder, text string) (*hosted, error) {
	again := &rereading{file: filepath.Join(folder, "bench_swap.yaml"), options: []config.Option{config.Builtins(builtins()...)}}
	if err := os.WriteFile(again.file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	c, err := config.Load(again.file, again.options...)
	if err != nil {
		return nil, err
	}
	return openAgain(ctx, c, again, slog.New(slog.DiscardHandler))
}

// company returns the config's text.
func (s *swapping) company(ctx context.Context, folder string) (string, error) {
	module, err := (&demo{std: s.std}).module(ctx, folder)
	if err != nil {
		return "", err
	}
	moduleSum, err := strategy.Checksum(module)
	if err != nil {
		return "", err
	}
	program, args, err := s.program(ctx, folder)
	if err != nil {
		return "", err
	}
	sum, err := strategy.Checksum(program)
	if err != nil {
		return "", err
	}
	quote := func(s string) string { return strconv.Quote(filepath.ToSlash(s)) }
	text := strings.NewReplacer(
		"$LISTEN", `"127.0.0.1:0"`, "$DATA", quote(filepath.Join(folder, "data")), "$PROCESS", quote(program), "$ARGS", args, "$SHA256", sum,
		"$WASMSHA", moduleSum, "$WASM", quote(module),
	).Replace(swapYAML)
	var agents strings.Builder
	agents.WriteString("agents:\n")
	for i := range s.agents {
		fmt.Fprintf(&agents, "  a%04d: {presence_config: desk, queues: [support, sales]}\n", i)
	}
	return text + agents.String(), nil
}

// program returns the plugin that runs as a process, and its arguments: one built
// from source, or without that this program, which then stands for it.
func (s *swapping) program(ctx context.Context, folder string) (file, args string, err error) {
	source, err := queueSource(ctx)
	if err == nil {
		fmt.Fprintln(s.std.err, "building the process strategy…")
		file = filepath.Join(folder, "queue")
		_, err = (&build{dir: source, runtime: "process", output: file}).run(ctx, s.std.err)
		return file, "[]", err
	}
	if file, err = os.Executable(); err != nil {
		return "", "", fmt.Errorf("this program cannot find itself, to run as a plugin: %w", err)
	}
	return file, "[plugin, serve, queue]", nil
}

// measure plays the same load twice in each pass.
func (s *swapping) measure(ctx context.Context, h *hosted, text string) (*swapped, error) {
	c := &client{std: s.std, host: h.address()}
	conn, err := c.dial()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	d := newDisturber(conn, s, text)
	result := &swapped{Seed: s.seed, Swaps: d.done}
	for i := range s.passes {
		pass, err := s.pass(ctx, conn, d, s.swaps*(i+1)/s.passes-s.swaps*i/s.passes)
		if err != nil {
			return nil, err
		}
		result.Passes = append(result.Passes, pass)
	}
	ratios := make([]float64, len(result.Passes))
	for i, pass := range result.Passes {
		ratios[i] = pass.Ratio
	}
	slices.Sort(ratios)
	result.Ratio = (ratios[(len(ratios)-1)/2] + ratios[len(ratios)/2]) / 2
	return result, nil
}

// pass plays the load undisturbed, and then while as many changes are made.
func (s *swapping) pass(ctx context.Context, conn grpc.ClientConnInterface, d *disturber, changes int) (pass *swapPass, err error) {
	pass = &swapPass{}
	if pass.Undisturbed, err = s.play(ctx, conn); err != nil {
		return nil, err
	}
	disturbing, stop := context.WithCancel(ctx)
	disturbed := make(chan error, 1)
	go func() { disturbed <- d.run(disturbing, changes) }()
	pass.Disturbed, err = s.play(ctx, conn)
	stop()
	if err := errors.Join(err, <-disturbed); err != nil {
		return nil, err
	}
	if before := pass.Undisturbed.Offer.P99; before > 0 {
		pass.Ratio = float64(pass.Disturbed.Offer.P99) / float64(before)
	}
	return pass, nil
}

func (s *swapping) play(ctx context.Context, conn grpc.ClientConnInterface) (*drive.Summary, error) {
	found, err := drive.Discover(ctx, conn)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(found.Agents))
	for i, agent := range found.Agents {
		names[i] = agent.GetId()
	}
	plan, err := drive.Synthetic{
		Rate: s.rate, For: s.length, Agents: names, Queues: found.Queues(), Patience: 3, Seed: s.seed,
	}.Plan()
	if err != nil {
		return nil, err
	}
	plan.Drain = 5 * time.Second
	player, err := drive.New(ctx, plan, drive.Options{Conns: []grpc.ClientConnInterface{conn}, Channel: "chat", Status: "available"})
	if err != nil {
		return nil, err
	}
	if !s.quiet && terminal(s.std.err) {
		defer showBar(s.std.err, player)()
	}
	return player.Run(ctx)
}

func (s *swapping) report(r *swapped) error {
	if s.json {
		if err := json.NewEncoder(s.std.out).Encode(r); err != nil {
			return err
		}
		return r.verdict()
	}
	rows := [][]string{{"PASS", "", "OFFERED", "SERVED", "ABANDONED", "OFFER P50", "OFFER P95", "OFFER P99", "P99 ×", "LOST", "VIOLATIONS"}}
	for i, pass := range r.Passes {
		rows = append(rows, swapRow(i, "undisturbed", pass.Undisturbed, ""), swapRow(i, "disturbed", pass.Disturbed, fmt.Sprintf("%.2f", pass.Ratio)))
	}
	if err := table(s.std.out, rows); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.std.out, "\nseed %d: %s\np99 of the wait for an offer: %.2f × the undisturbed, the median of the passes\n", r.Seed, counted(r.Swaps), r.Ratio); err != nil {
		return err
	}
	return r.verdict()
}

func swapRow(pass int, name string, of *drive.Summary, ratio string) []string {
	return []string{
		strconv.Itoa(pass + 1), name, fmt.Sprint(of.Offered), fmt.Sprint(of.Served), fmt.Sprint(of.Abandoned), span(of.Offer.P50), span(of.Offer.P95),
		span(of.Offer.P99), ratio, fmt.Sprint(of.LostAcknowledgements), fmt.Sprint(of.Violations),
	}
}

// verdict fails if the host did not hold what it promises.
func (r *swapped) verdict() error {
	const most = 2
	for _, pass := range r.Passes {
		if err := cmp.Or(verdict(pass.Undisturbed), verdict(pass.Disturbed)); err != nil {
			return err
		}
	}
	if r.Ratio > most {
		return fmt.Errorf("the wait for an offer became %.2f times as long, at its 99th percentile; at most %d is allowed", r.Ratio, most)
	}
	return nil
}
