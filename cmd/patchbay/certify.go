// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/certify"
	"github.com/patchbay-cx/patchbay/core/webhook"
)

// envToken is the variable with the secret of a remote strategy's routers.
const envToken = "PATCHBAY_TOKEN" //nolint:gosec // the variable's name

// envSecret is the variable with the secret of a decision webhook.
const envSecret = "PATCHBAY_WEBHOOK_SECRET" //nolint:gosec // the variable's name

// certifying is the flags of the certify command.
type certifying struct {
	std       stdio
	listen    string
	dial      string
	secret    string
	strategy  string
	token     string
	cert, key string
	settings  settings
	options   certify.Options
	json      bool
	junit     string
	list      bool
	quiet     bool
	group     string // of the last result that was printed
}

func newCertify(std stdio) *cobra.Command {
	c := &certifying{std: std}
	cmd := &cobra.Command{
		Use:   "certify [--listen ADDR] [-- COMMAND…] | certify --dial URL",
		Short: "Try a vendor's router against what is asked of routers, requirement by requirement",
		Long: `Certify plays a host: a router dials it, over gRPC or the WebSocket, and is led
through everything that happens to routers: turns and what comes of them, messages
that come twice, late or not at all, lines that break at every point, a host that
begins anew or says nothing, rubbish, other clocks, and boards of 100,000 agents.
It says of each requirement whether the router keeps it, what was seen, and what
to do, and fails if one is not kept that must be.

With a COMMAND it runs the router by itself, which finds where to dial in
PATCHBAY_CONNECT (gRPC), PATCHBAY_URL (WebSocket), PATCHBAY_STRATEGY and
PATCHBAY_TOKEN, and starts it again when it has ended. Without, it waits for the
router to dial.

With --dial it tries a decision webhook instead: it asks it questions, signed and
not, old ones, twice, many at a time, and has it decide as the host's own door
would. docs/certify.md has all requirements.`,
		Example: `  patchbay certify --listen :9000 --token-file secret
  patchbay certify --junit report.xml -- python3 router.py
  patchbay certify --only connection,pong -- ./router
  patchbay certify --dial https://router.example.com/decide --secret-file secret`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := c.check(cmd, args); err != nil {
				return err
			}
			if c.list {
				return c.print(c.requirements())
			}
			return c.run(cmd.Context(), args)
		},
	}
	c.flags(cmd)
	return cmd
}

func (c *certifying) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&c.listen, "listen", "", "the address to listen on (default 127.0.0.1:9000; with a COMMAND, a free port of this machine)")
	f.StringVar(&c.dial, "dial", "", "try the decision webhook at this URL, instead of a router that dials")
	f.StringVar(&c.secret, "secret-file", "", "with --dial: the file that holds the webhook's secret, whsec_…; else it is $"+envSecret)
	f.StringVar(&c.strategy, "strategy", "certify", "the strategy that the router says in its hello")
	f.StringVar(&c.token, "token-file", "", "the file that holds the token that the router shows; else it is $"+envToken)
	f.StringVar(&c.cert, "cert", "", "speak TLS, with the certificate in this PEM file")
	f.StringVar(&c.key, "cert-key", "", "the certificate's key, in this PEM file")
	c.settings.flag(cmd)
	f.DurationVar(&c.options.Budget, "budget", 250*time.Millisecond, "how long the router may take for a turn")
	f.DurationVar(&c.options.Deadline, "deadline", 10*time.Second, "after how long a turn is given up where time is not what is tried")
	f.IntVar(&c.options.Agents, "agents", 100_000, "how many agents the large snapshot has")
	f.DurationVar(&c.options.Wait, "wait", 2*time.Minute, "how long to wait for the router to dial at first")
	f.DurationVar(&c.options.Patience, "patience", 10*time.Second, "how long the router may take to dial again")
	f.DurationVar(&c.options.Quiet, "quiet", 6*time.Second, "for how long it is watched how often the router dials")
	f.StringSliceVar(&c.options.Only, "only", nil, "try these requirements, or groups of them, only")
	f.BoolVar(&c.list, "list", false, "list the requirements and end")
	f.BoolVar(&c.json, "json", false, "print the report as JSON")
	f.StringVar(&c.junit, "junit", "", "write the report as JUnit XML to this file too")
	f.BoolVar(&c.quiet, "no-progress", false, "show no progress bar")
}

// check looks at the flags before anything is opened.
func (c *certifying) check(cmd *cobra.Command, args []string) error {
	if at := cmd.ArgsLenAtDash(); len(args) > 0 && at != 0 {
		return usagef("certify: %q: the router's command line comes behind --, as in patchbay certify -- %s", args[0], strings.Join(args, " "))
	}
	for _, x := range []struct {
		name string
		good bool
	}{
		{"budget", c.options.Budget > 0},
		{"deadline", c.options.Deadline > 0},
		{"agents", c.options.Agents > 0 && c.options.Agents <= 10_000_000},
		{"wait", c.options.Wait > 0},
		{"patience", c.options.Patience > 0},
		{"quiet", c.options.Quiet > 0},
	} {
		if !x.good {
			return usagef("--%s: it should be above 0, and not beyond measure", x.name)
		}
	}
	if (c.cert == "") != (c.key == "") {
		return usagef("--cert and --cert-key go together")
	}
	if err := c.checkDial(cmd, args); err != nil {
		return err
	}
	known := knownRequirements(c.requirements())
	for _, name := range c.options.Only {
		if !slices.Contains(known, name) {
			return noSuch("--only: there is no requirement or group", name, known)
		}
	}
	return nil
}

// checkDial checks what goes with --dial, and without.
func (c *certifying) checkDial(cmd *cobra.Command, args []string) error {
	if c.dial == "" {
		if c.secret != "" {
			return usagef("--secret-file: it goes with --dial only")
		}
		return nil
	}
	for _, name := range []string{"listen", "strategy", "token-file", "cert", "settings", "wait", "quiet"} {
		if cmd.Flags().Changed(name) {
			return usagef("--%s: it is about routers that dial, and does not go with --dial", name)
		}
	}
	if len(args) > 0 {
		return usagef("certify: %q: a webhook is running already, so there is no command to run", args[0])
	}
	if err := webhook.CheckURL(c.dial); err != nil {
		return usagef("--dial: %s", strings.TrimPrefix(err.Error(), "webhook: "))
	}
	return nil
}

// requirements are those of what is tried.
func (c *certifying) requirements() []certify.Requirement {
	if c.dial != "" {
		return certify.WebhookRequirements()
	}
	return certify.Requirements()
}

// knownRequirements are the ids of requirements, and their groups.
func knownRequirements(list []certify.Requirement) []string {
	var names []string
	for _, r := range list {
		if !slices.Contains(names, r.Group) {
			names = append(names, r.Group)
		}
		names = append(names, r.ID)
	}
	return names
}

// print lists requirements.
func (c *certifying) print(list []certify.Requirement) error {
	if c.json {
		return json.NewEncoder(c.std.out).Encode(list)
	}
	for _, r := range list {
		c.heading(r.Group)
		if _, err := fmt.Fprintf(c.std.out, "  %-15s  %-6s  %s\n", r.ID, r.Level, r.Text); err != nil {
			return err
		}
	}
	return nil
}

// heading writes a group's name above its first requirement.
func (c *certifying) heading(group string) {
	if group != c.group {
		c.group = group
		fmt.Fprintln(c.std.out, group)
	}
}

func (c *certifying) run(ctx context.Context, command []string) (err error) {
	if c.options.Settings, err = c.settings.json(); err != nil {
		return err
	}
	draw, wipe := c.bar()
	c.options.Each = func(r certify.Result) {
		wipe()
		if !c.json {
			c.heading(r.Group)
			_ = r.WriteText(c.std.out) // the last word is checked
		}
		draw(r.ID)
	}
	defer wipe()
	if c.dial != "" {
		return c.ask(ctx)
	}
	stand, err := c.open(ctx, len(command) > 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stand.Close()) }()
	if len(command) > 0 {
		c.options.Program = certify.NewProgram(command, stand, c.std.err)
	} else {
		fmt.Fprintf(c.std.err, "waiting for the router, strategy %s, at %s (gRPC) or %s\n", stand.Strategy(), stand.Address(), stand.SocketURL())
	}
	report, err := certify.Run(ctx, stand, c.options)
	wipe()
	if err != nil {
		return err
	}
	return c.report(report)
}

// ask tries a decision webhook. Whoever names its address here may have it
// called, wherever it is.
func (c *certifying) ask(ctx context.Context) error {
	text := os.Getenv(envSecret)
	if c.secret != "" {
		content, err := os.ReadFile(c.secret)
		if err != nil {
			return fmt.Errorf("--secret-file: %w", err)
		}
		text = strings.TrimSpace(string(content))
	}
	if text == "" {
		return usagef("--dial: the webhook's secret is needed, by --secret-file or $%s", envSecret)
	}
	secret, err := webhook.ParseSecret(text)
	if err != nil {
		return err
	}
	report, err := certify.RunWebhook(ctx, certify.Webhook{
		URL: c.dial, Secrets: []webhook.Secret{secret},
		Allow: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
	}, c.options)
	if err != nil {
		return err
	}
	return c.report(report)
}

// open opens the stand.
func (c *certifying) open(ctx context.Context, runs bool) (*certify.Stand, error) {
	options := certify.StandOptions{
		Strategy: c.strategy, Token: os.Getenv(envToken), MaxMessageBytes: api.MaxRequestBytes, HostVersion: version(),
	}
	if c.token != "" {
		text, err := os.ReadFile(c.token)
		if err != nil {
			return nil, fmt.Errorf("--token-file: %w", err)
		}
		options.Token = strings.TrimSpace(string(text))
	}
	address := cmp.Or(c.listen, "127.0.0.1:9000")
	if runs && c.listen == "" {
		address = "127.0.0.1:0"
	}
	if options.Token == "" && !loopback(address) {
		return nil, usagef("--listen: %s can be reached from elsewhere; give the router a token, by --token-file or $%s", address, envToken)
	}
	if c.cert != "" {
		certificate, err := tls.LoadX509KeyPair(c.cert, c.key)
		if err != nil {
			return nil, fmt.Errorf("the certificate %s with the key %s cannot be used: %w", c.cert, c.key, err)
		}
		options.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	listener, err := listen(ctx, address)
	if err != nil {
		return nil, err
	}
	return certify.Open(listener, options)
}

// bar draws how many requirements have been tried; draw names the last one.
func (c *certifying) bar() (draw func(id string), wipe func()) {
	if c.quiet || !terminal(c.std.err) {
		return func(string) {}, func() {}
	}
	shares, wipe := countBar(c.std.err, "requirements")
	done, total := 0, len(c.requirements())
	return func(string) { done++; shares(done, total) }, wipe
}

// report prints what came of it, and fails if the router is not certified.
func (c *certifying) report(r *certify.Report) error {
	if c.junit != "" {
		var text bytes.Buffer
		if err := r.WriteJUnit(&text); err != nil {
			return err
		}
		if err := os.WriteFile(c.junit, text.Bytes(), 0o644); err != nil { //nolint:gosec // CI reads it as somebody else
			return err
		}
	}
	var err error
	if c.json {
		err = json.NewEncoder(c.std.out).Encode(r)
	} else {
		_, err = fmt.Fprintf(c.std.out, "\n%s\n", r.Verdict())
	}
	switch {
	case err != nil:
		return err
	case r.Failed > 0:
		return fmt.Errorf("%d requirements are not kept", r.Failed)
	case !r.Certified && len(c.options.Only) == 0:
		return errors.New("not everything could be tried")
	}
	return nil
}
