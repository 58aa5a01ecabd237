// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/patchbay-cx/patchbay/core/drive"
	"github.com/patchbay-cx/patchbay/core/sim/calllog"
)

// driving is the flags of the drive command.
type driving struct {
	client
	log, day     string
	rate         float64
	agents       int
	length       time.Duration
	busy         float64
	patience     float64
	speed        float64
	seed         uint64
	channel      string
	status, away string
	quiet        bool
	configQueues int
}

func newDrive(std stdio) *cobra.Command {
	d := &driving{client: client{std: std}}
	cmd := &cobra.Command{
		Use:   "drive",
		Short: "Play load against a running host and check that it keeps its promises",
		Long: `Drive plays customers and agents against a running host through its public API:
a recorded day (--log, --day) or made-up ones (--rate, --agents, --for). It
follows the feed meanwhile, and at the end prints percentiles, whether every
customer is accounted for, and what the host did wrong, if anything.

Agents of a recorded day work from the first call the log shows them answer to
the end of the last. Customers come as they did. One who was answered in the log
brings the recorded service and never hangs up, as nobody knows how long they
would have waited; one who hung up does so again after the recorded patience,
unless an agent is faster now: then the service is drawn from the day's own.

Start the host with a config that fits; "patchbay drive config" writes one.`,
		Example: `  patchbay drive config --log calls.tsv.gz --day 991003 > day.yaml
  patchbay serve --config day.yaml --data day-data &
  patchbay drive --log calls.tsv.gz --day 991003 --speed 120
  patchbay drive --rate 200 --agents 500 --for 30s`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := d.check(cmd); err != nil {
				return err
			}
			return d.run(cmd.Context())
		},
	}
	d.addFlags(cmd.Flags())
	d.logFlags(cmd)
	f := cmd.Flags()
	f.Float64Var(&d.rate, "rate", 0, "made-up customers per second")
	f.IntVar(&d.agents, "agents", 0, "how many agents serve made-up customers; left out, all of the host")
	f.Uint64Var(&d.seed, "seed", 1, "what is drawn is drawn from this")
	f.Float64Var(&d.busy, "busy", 0.85, "the share of their time that made-up agents are busy")
	f.Float64Var(&d.patience, "patience", 3, "mean patience of made-up customers, in mean services; 0 for endless")
	f.DurationVar(&d.length, "for", 30*time.Second, "how long made-up customers come")
	f.Float64Var(&d.speed, "speed", 1, "how many seconds of the load pass in one")
	f.StringVar(&d.channel, "channel", "voice", "the channel of the work")
	f.StringVar(&d.status, "status", "available", "the presence status in which agents take work")
	f.StringVar(&d.away, "away", "away", "the status of agents at the end of a shift while work is open; empty for none")
	f.BoolVar(&d.quiet, "no-progress", false, "show no progress bar")
	cmd.AddCommand(newDriveConfig(std))
	return cmd
}

// logFlags are the flags that say which recorded day it is.
func (d *driving) logFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&d.log, "log", "", "a recorded log of calls, in the bank format, packed or not")
	f.StringVar(&d.day, "day", "", "the day of the log, YYMMDD; left out, the busiest")
}

// newDriveConfig makes the command that writes a config for a load.
func newDriveConfig(std stdio) *cobra.Command {
	d := &driving{client: client{std: std}}
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Write a config that fits a load",
		Long: `Config writes a config for "patchbay serve" to the standard output: with the
agents and queues of a recorded day (--log, --day), or with so many made-up ones
(--agents, --queues).`,
		Example: `  patchbay drive config --agents 500 > load.yaml`,
		Args:    exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if given := cmd.Flags().Changed; given("log") && (given("agents") || given("queues")) || given("day") && !given("log") {
				return usagef("drive config: either --log, with --day, or --agents, with --queues")
			}
			config, err := d.config()
			if err != nil {
				return err
			}
			_, err = config.WriteTo(std.out)
			return err
		},
	}
	d.logFlags(cmd)
	cmd.Flags().IntVar(&d.agents, "agents", 0, "how many made-up agents there are")
	cmd.Flags().IntVar(&d.configQueues, "queues", 3, "how many queues for made-up customers")
	return cmd
}

func (d *driving) config() (*drive.Config, error) {
	switch {
	case d.log != "":
		l, day, err := d.readLog()
		if err != nil {
			return nil, err
		}
		config := drive.RecordedConfig(l, day)
		return &config, nil
	case d.agents < 1 || d.configQueues < 1:
		return nil, usagef("drive config: either --log, or --agents and --queues above 0, are needed")
	default:
		config := drive.SyntheticConfig(d.agents, d.configQueues)
		return &config, nil
	}
}

// readLog reads the log, says what is wrong in it, and finds the day.
func (d *driving) readLog() (*calllog.Log, calllog.Day, error) {
	l, err := calllog.Open(d.log)
	if err != nil {
		return nil, calllog.Day{}, err
	}
	for _, remark := range l.Malformed {
		fmt.Fprintf(d.std.err, "%s: %s: skipped\n", d.log, remark)
	}
	if d.day == "" {
		return l, l.Busiest(), nil
	}
	day, ok := l.Day(d.day)
	if !ok {
		var dates []string
		for _, day := range l.Days() {
			dates = append(dates, day.Date)
		}
		return nil, calllog.Day{}, usagef("--day: the log has no day %q; it has %s", d.day, strings.Join(dates, ", "))
	}
	return l, day, nil
}

// check looks at the flags before anything is asked of a host.
func (d *driving) check(cmd *cobra.Command) error {
	given := cmd.Flags().Changed
	if given("log") == given("rate") {
		return usagef("drive: either --log or --rate is needed, and only one of them")
	}
	others, load := []string{"day"}, "--log"
	if given("log") {
		others, load = []string{"agents", "for", "busy", "patience"}, "--rate"
	}
	for _, name := range others {
		if given(name) {
			return usagef("--%s: it goes with %s only", name, load)
		}
	}
	for _, x := range []struct {
		name string
		good bool
		want string
	}{
		{"rate", d.rate > 0 || !given("rate"), "be above 0"},
		{"agents", d.agents > 0 || !given("agents"), "be above 0"},
		{"for", d.length > 0, "be above 0"},
		{"busy", d.busy > 0 && d.busy <= 1, "be above 0 and at most 1"},
		{"patience", d.patience >= 0, "not be negative"},
		{"speed", d.speed > 0 && d.speed <= 1e6, "be above 0 and at most a million"},
		{"channel", d.channel != "", "not be empty"},
		{"status", d.status != "", "not be empty"},
	} {
		if !x.good {
			return usagef("--%s: it should %s", x.name, x.want)
		}
	}
	return nil
}

func (d *driving) run(ctx context.Context) error {
	conn, err := d.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	plan, err := d.plan(ctx, conn)
	if err != nil {
		return err
	}
	options, hangUp, err := d.options(conn, plan)
	if err != nil {
		return err
	}
	defer hangUp()
	player, err := drive.New(ctx, plan, options)
	if err != nil {
		return err
	}
	fmt.Fprintf(d.std.err, "%s; about %v\n", plan, time.Duration(float64(plan.Length())/d.speed).Round(time.Second))
	stop := d.showProgress(player)
	summary, err := player.Run(ctx)
	stop()
	if err != nil {
		return err
	}
	return d.report(summary)
}

// plan makes the load.
func (d *driving) plan(ctx context.Context, conn grpc.ClientConnInterface) (*drive.Plan, error) {
	if d.log != "" {
		_, day, err := d.readLog()
		if err != nil {
			return nil, err
		}
		plan, err := drive.Recorded(day, d.seed)
		if err == nil {
			fmt.Fprintf(d.std.err, "day %s: %d rows = %d who asked for an agent + %d who hung up before + %d phantoms\n",
				day.Date, len(day.Calls)+day.Phantoms, len(plan.Customers), drive.NeverAsked(day), day.Phantoms)
		}
		return plan, err
	}
	host, err := drive.Discover(ctx, conn)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, agent := range host.Agents {
		if len(agent.GetMemberships()) > 0 {
			names = append(names, agent.GetId())
		}
	}
	switch {
	case d.agents > len(names):
		return nil, usagef("--agents: the host has %d agents with queues, not %d; \"patchbay drive config --agents %d\" writes a config that fits",
			len(names), d.agents, d.agents)
	case d.agents > 0:
		names = names[:d.agents]
	}
	return drive.Synthetic{
		Rate: d.rate, For: d.length, Agents: names, Queues: host.Queues(), Busy: d.busy, Patience: d.patience, Seed: d.seed,
	}.Plan()
}

// options opens the connections the plan needs. hangUp closes them, but not the
// one that was given.
func (d *driving) options(conn *grpc.ClientConn, plan *drive.Plan) (o drive.Options, hangUp func(), err error) {
	o = drive.Options{
		Conns: []grpc.ClientConnInterface{conn}, Speed: d.speed, Channel: d.channel, Status: d.status, Away: d.away,
	}
	var more []*grpc.ClientConn
	hangUp = func() {
		for _, conn := range more {
			_ = conn.Close()
		}
	}
	for len(o.Conns) < drive.Connections(plan) {
		conn, err := d.dial()
		if err != nil {
			hangUp()
			return o, nil, err
		}
		more, o.Conns = append(more, conn), append(o.Conns, conn)
	}
	return o, hangUp, nil
}

// showProgress draws a bar on a terminal until stop is called, if it goes on
// for more than two seconds.
func (d *driving) showProgress(player *drive.Player) (stop func()) {
	if d.quiet || !terminal(d.std.err) {
		return func() {}
	}
	return showBar(d.std.err, player)
}

func showBar(w io.Writer, player *drive.Player) (stop func()) {
	end, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		var bar *progressbar.ProgressBar
		for n := 0; ; n++ {
			select {
			case <-end:
				if bar != nil {
					_ = bar.Clear() // a bar that cannot be drawn is no harm
				}
				return
			case <-ticker.C:
			}
			p := player.Progress()
			if n < 10 {
				continue
			}
			if bar == nil {
				bar = progressbar.NewOptions64(max(p.Length.Milliseconds(), 1), progressbar.OptionSetWriter(w),
					progressbar.OptionSetWidth(30), progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
			}
			bar.Describe(fmt.Sprintf("%d of %d came, %d served, %d hung up, violations %d", p.Come, p.Customers, p.Served, p.Abandoned, p.Violations))
			_ = bar.Set64(p.Elapsed.Milliseconds())
		}
	}()
	return func() {
		close(end)
		<-ended
	}
}

// report prints the summary and fails if the host did.
func (d *driving) report(s *drive.Summary) error {
	if d.json {
		if err := json.NewEncoder(d.std.out).Encode(s); err != nil {
			return err
		}
	} else if _, err := s.WriteTo(d.std.out); err != nil {
		return err
	}
	return verdict(s)
}

// errBroken is returned when the host broke a promise.
var errBroken = errors.New("the host broke its promises; the summary says how")

// errRefused is returned when there was no load at all.
var errRefused = errors.New("the host refused every customer; the summary says why")

// verdict fails if something was found wrong with the host, or nothing was
// tried at all.
func verdict(s *drive.Summary) error {
	switch {
	case !s.Sound():
		return errBroken
	case s.Refused > 0 && s.Refused == s.Offered:
		return errRefused
	}
	return nil
}
