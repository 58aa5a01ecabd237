// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Sip-redirect is a SIP redirect server (RFC 3261 §8.3) that asks Patchbay where
// a call should go. Every INVITE becomes work; when the host has offered it to an
// agent, the caller is told the address of that agent's phone. Who that is, the
// host's strategy decides: this program has no opinion.
//
// It knows of Patchbay what anybody can know: its public API.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/emiago/sipgo"

	"github.com/patchbay-cx/patchbay/sdk/client"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "sip-redirect:", err)
		os.Exit(1)
	}
}

// options are what the command line says.
type options struct {
	listen   string
	host     string
	ca       string
	plan     plan
	contacts contacts
}

// read reads the command line.
func read(args []string, stderr io.Writer) (*options, error) {
	o := &options{
		plan:     plan{numbers: make(map[string]string)},
		contacts: contacts{of: make(map[string]string)},
	}
	f := flag.NewFlagSet("sip-redirect", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.listen, "listen", "127.0.0.1:5060", "where to listen for SIP, over UDP and TCP")
	f.StringVar(&o.host, "host", "127.0.0.1:7460", "Patchbay's address; its key is read from $PATCHBAY_KEY")
	f.StringVar(&o.ca, "ca", "", "speak TLS with Patchbay, trusting the certificates in this PEM file")
	f.StringVar(&o.plan.channel, "channel", "voice", "the channel of calls")
	f.StringVar(&o.plan.queue, "queue", "", "the queue of calls to numbers without one of their own; empty refuses those")
	f.Func("number", "NUMBER=QUEUE, the queue of calls to a number (repeatable)", pairs(o.plan.numbers))
	f.DurationVar(&o.plan.patience, "patience", 3*time.Minute, "how long a call waits for an agent")
	f.StringVar(&o.plan.voicemail, "voicemail", "", "where a call goes that has waited for so long, such as sip:voicemail@example.com; empty answers 480")
	f.StringVar(&o.plan.unanswered, "unanswered", "no answer", "the reason for which an offer is declined whose call came back")
	f.StringVar(&o.contacts.pattern, "contact", "", "the address of agents' phones, such as sip:{agent}@phones.example.com")
	f.Func("contact-of", "AGENT=ADDRESS, the address of one agent's phone (repeatable)", pairs(o.contacts.of))
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("%q is not understood; there are flags only", f.Arg(0))
	}
	return o, o.check()
}

// pairs fills a table from NAME=VALUE.
func pairs(table map[string]string) func(string) error {
	return func(text string) error {
		name, value, ok := strings.Cut(text, "=")
		if !ok || name == "" || value == "" {
			return errors.New("it should be NAME=VALUE")
		}
		table[name] = value
		return nil
	}
}

func (o *options) check() error {
	if o.plan.queue == "" && len(o.plan.numbers) == 0 {
		return errors.New("-queue or -number is needed: to which queue do calls go?")
	}
	if o.plan.patience <= 0 {
		return errors.New("-patience: it should be above 0")
	}
	if o.plan.voicemail != "" {
		if _, err := address(o.plan.voicemail); err != nil {
			return fmt.Errorf("-voicemail: %w", err)
		}
	}
	return o.contacts.check()
}

// run serves until ctx ends.
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
	agent, err := sipgo.NewUA(sipgo.WithUserAgent("patchbay-sip-redirect"))
	if err != nil {
		return err
	}
	defer func() { _ = agent.Close() }()
	sip, err := sipgo.NewServer(agent, sipgo.WithServerLogger(logger))
	if err != nil {
		return err
	}
	udp, tcp, err := listen(ctx, o.listen)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	s := newServer(ctx, newHost(patchbay, logger), o, logger)
	s.register(sip)
	var running sync.WaitGroup
	failed := make(chan error, 2)
	running.Go(func() { s.host.follow(ctx) })
	running.Go(func() { failed <- sip.ServeUDP(udp) })
	running.Go(func() { failed <- sip.ServeTCP(tcp) })
	fmt.Fprintf(stdout, "sip-redirect: ready on %s\n", udp.LocalAddr())
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	}
	stop()
	s.drain() // every caller is told before the line is cut
	_, _ = udp.Close(), tcp.Close()
	running.Wait()
	return err
}

// listen takes an address for UDP and TCP; port 0 takes one that is free for
// both.
func listen(ctx context.Context, at string) (net.PacketConn, net.Listener, error) {
	var config net.ListenConfig
	for try := 0; ; try++ {
		udp, err := config.ListenPacket(ctx, "udp", at)
		if err != nil {
			return nil, nil, err
		}
		tcp, err := config.Listen(ctx, "tcp", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp, nil
		}
		_ = udp.Close()
		if !strings.HasSuffix(at, ":0") || try == 20 {
			return nil, nil, err
		}
	}
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
