// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Asterisk-ari puts Patchbay behind an Asterisk. The dialplan sends callers to its
// Stasis application; they hear music while their work waits, the phone of the
// agent whom the host chose rings, and whoever answers talks to them. Answering
// accepts, hanging up completes, and a caller who hangs up before has abandoned.
//
// It knows of Patchbay what anybody can know, its public API, and decides about
// nobody.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // who asks twice does not wait for calls to end
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "asterisk-ari:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	ari     string
	app     string
	host    string
	ca      string
	channel string
	queue   string
	music   string
	ring    time.Duration
	phones  phones
	agents  []string
}

// read reads the command line.
func read(args []string, stderr io.Writer) (*options, error) {
	o := &options{phones: phones{of: make(map[string]string)}}
	f := flag.NewFlagSet("asterisk-ari", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.ari, "ari", "http://127.0.0.1:8088", "Asterisk's HTTP server; user and password are read from $ARI_USER and $ARI_PASSWORD")
	f.StringVar(&o.app, "app", "patchbay", "the name of the Stasis application")
	f.StringVar(&o.host, "host", "127.0.0.1:7460", "Patchbay's address; its key is read from $PATCHBAY_KEY")
	f.StringVar(&o.ca, "ca", "", "speak TLS with Patchbay, trusting the certificates in this PEM file")
	f.StringVar(&o.channel, "channel", "voice", "the channel of calls")
	f.StringVar(&o.queue, "queue", "", "the queue of calls for which the dialplan names none: Stasis(patchbay,QUEUE)")
	f.StringVar(&o.music, "music", "default", "the class of music on hold")
	f.DurationVar(&o.ring, "ring", 30*time.Second, "how long an agent's phone rings")
	f.StringVar(&o.phones.pattern, "phone", "", "the endpoint of agents' phones, such as PJSIP/{agent}")
	f.Func("phone-of", "AGENT=ENDPOINT, the endpoint of one agent's phone (repeatable)", func(text string) error {
		agent, endpoint, ok := strings.Cut(text, "=")
		if !ok || agent == "" || endpoint == "" {
			return errors.New("it should be AGENT=ENDPOINT")
		}
		o.phones.of[agent] = endpoint
		return nil
	})
	f.Func("connect", "AGENT, who has a phone and no desktop: be their connection (repeatable)", func(agent string) error {
		o.agents = append(o.agents, agent)
		return nil
	})
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%q is not understood; there are flags only", f.Arg(0))
	}
	return o, o.check()
}

func (o *options) check() error {
	at, err := url.Parse(o.ari)
	switch {
	case err != nil || at.Scheme != "http" && at.Scheme != "https" || at.Host == "":
		return fmt.Errorf("-ari: %q should be such as http://127.0.0.1:8088", o.ari)
	case o.phones.pattern == "" && len(o.phones.of) == 0:
		return errors.New("-phone or -phone-of is needed: where are agents' phones?")
	case o.phones.pattern != "" && !strings.Contains(o.phones.pattern, placeholder):
		return fmt.Errorf("-phone: %q should have %s for the agent's name", o.phones.pattern, placeholder)
	case o.ring < time.Second:
		return errors.New("-ring: it should be at least 1s")
	}
	o.ari = strings.TrimSuffix(o.ari, "/")
	return nil
}

// run serves until ctx ends and nobody talks any more.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := read(args, stderr)
	if err != nil {
		return err
	}
	patchbay, err := o.dial()
	if err != nil {
		return err
	}
	defer func() { _ = patchbay.Close() }()
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	a := &adapter{
		ari:  &ari{base: o.ari, app: o.app, user: os.Getenv("ARI_USER"), password: os.Getenv("ARI_PASSWORD"), client: &http.Client{}},
		host: newHost(patchbay, logger), phones: &o.phones, logger: logger,
		channel: o.channel, queue: o.queue, music: o.music, ringFor: o.ring,
		closing: ctx.Done(), calls: make(map[string]*call),
	}
	// Those who talk outlive ctx, and what they need does.
	talking, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	defer hangUp()
	var running sync.WaitGroup
	running.Go(func() { a.host.follow(talking) })
	for _, agent := range o.agents {
		running.Go(func() { a.host.connected(talking, agent) })
	}
	ready := sync.OnceFunc(func() { fmt.Fprintf(stdout, "asterisk-ari: ready in application %s\n", o.app) })
	running.Go(func() { a.serve(talking, ready) })
	<-ctx.Done()
	a.drain()
	hangUp()
	running.Wait()
	return nil
}

// dial opens the connection to Patchbay. Each call is made once: a caller who has
// waited in vain hears of it.
func (o *options) dial() (*client.Client, error) {
	options := client.Options{Address: o.host, Key: os.Getenv("PATCHBAY_KEY"), Attempts: 1}
	if o.ca != "" {
		var err error
		if options.TLS, err = client.Trust(o.ca); err != nil {
			return nil, fmt.Errorf("-ca: %w", err)
		}
	}
	patchbay, err := client.Open(options)
	if err != nil {
		return nil, fmt.Errorf("-host, -ca: %w", err)
	}
	return patchbay, nil
}
