// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package client is for programs that give a Patchbay host its work, and for the
// desks of agents: the public API, with what every such program would otherwise
// write by itself. Calls that may be made again without harm are made again when
// the host cannot be reached; creating work is one of them, because it gets an
// idempotency key. Streams go on when the line breaks, where they were. Who waits
// for what becomes of work is told when to look. Lists are read page by page.
// Errors have their code.
//
// Messages are those of package sdk/proto/patchbay/v1. The package knows the
// public API; it does not know what the host does with it.
package client

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	randv2 "math/rand/v2"
	"net"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// Options say how a host is reached. A zero field means its default.
type Options struct {
	// Address is the host's, such as "127.0.0.1:7460". Required.
	Address string
	// Key is the API key; empty for a host without keys, which serves its own
	// machine alone.
	Key string
	// TLS is how the host is known; nil speaks in the clear, which a Key is not
	// sent over but to this machine.
	TLS *tls.Config
	// Attempts is how often a call is made at most that may be made again.
	// Default 5; 1 makes each call once, and gives none an idempotency key.
	Attempts int
	// BackoffFirst and BackoffMost bound how long is waited before a call is made
	// again, or a stream opened again: the first time, and at most; in between it
	// doubles. Each wait is drawn from its second half. Default 50 ms and 5 s.
	BackoffFirst, BackoffMost time.Duration
	// Dial are further options of the connection, such as a dialer.
	Dial []grpc.DialOption
}

// Client is one connection to a host. Its services are all of the public API;
// their methods take and return the API's own messages, block until the host has
// answered or ctx ends, and return errors from which ErrorOf reads the code. It is
// safe for concurrent use. Close it after use.
type Client struct {
	// Work creates, changes and asks for work.
	Work patchbayv1.WorkServiceClient
	// Agents is what agents do, and what is known of them.
	Agents patchbayv1.AgentServiceClient
	// Feed tells everything that happens; Events reads it on across lost lines,
	// and Watch says which work to look at.
	Feed patchbayv1.FeedServiceClient
	// Explain says why work waits, or went where it did.
	Explain patchbayv1.ExplainServiceClient
	// Host is the host's state.
	Host patchbayv1.HostServiceClient
	// Strategies says who decides, and changes it.
	Strategies patchbayv1.StrategyServiceClient
	// Config plans and applies configuration.
	Config patchbayv1.ConfigServiceClient
	// Journal exports the record.
	Journal patchbayv1.JournalServiceClient
	// Routing is the door of routers that subscribe to work and assign it.
	Routing patchbayv1.RoutingServiceClient
	// Webhooks shows whom the host tells what happens, and what they did not take.
	Webhooks patchbayv1.WebhookServiceClient

	conn    *grpc.ClientConn
	options Options
}

// Open returns a client. It does not wait until the host is there: calls do.
//
// # Errors
//
// An address that is none, or a key that would be sent in the clear to another
// machine.
func Open(options Options) (*Client, error) {
	options.Attempts = cmp.Or(max(options.Attempts, 0), 5)
	options.BackoffFirst = cmp.Or(options.BackoffFirst, 50*time.Millisecond)
	options.BackoffMost = cmp.Or(options.BackoffMost, 5*time.Second)
	if _, port, err := net.SplitHostPort(options.Address); err != nil || port == "" {
		return nil, fmt.Errorf("client: the address %q should have a host and a port, such as 127.0.0.1:7460", options.Address)
	}
	if options.Key != "" && options.TLS == nil && !loopback(options.Address) {
		return nil, errors.New("client: a key is not sent in the clear to another machine; set TLS")
	}
	c := &Client{options: options}
	carried := insecure.NewCredentials()
	if options.TLS != nil {
		carried = credentials.NewTLS(options.TLS)
	}
	dial := []grpc.DialOption{
		grpc.WithTransportCredentials(carried),
		grpc.WithConnectParams(grpc.ConnectParams{
			MinConnectTimeout: 5 * time.Second,
			Backoff:           backoff.Config{BaseDelay: options.BackoffFirst, Multiplier: 1.6, Jitter: 0.2, MaxDelay: options.BackoffMost},
		}),
	}
	if options.Attempts > 1 {
		dial = append(dial, grpc.WithUnaryInterceptor(c.again))
	}
	if options.Key != "" {
		dial = append(dial, grpc.WithPerRPCCredentials(bearer{options.Key, options.TLS != nil}))
	}
	conn, err := grpc.NewClient("passthrough:///"+options.Address, append(dial, options.Dial...)...)
	if err != nil {
		return nil, fmt.Errorf("client: the address %q: %w", options.Address, err)
	}
	c.serve(conn)
	return c, nil
}

// Trust is what [Options].TLS takes for a host whose certificate is signed by one
// of those in a PEM file.
//
// # Errors
//
// A file that cannot be read, or that holds no certificate.
func Trust(file string) (*tls.Config, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("client: certificates: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("client: certificates: %s holds none in PEM", file)
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// serve makes the services over a connection.
func (c *Client) serve(conn *grpc.ClientConn) {
	c.conn = conn
	c.Work = patchbayv1.NewWorkServiceClient(conn)
	c.Agents = patchbayv1.NewAgentServiceClient(conn)
	c.Feed = patchbayv1.NewFeedServiceClient(conn)
	c.Explain = patchbayv1.NewExplainServiceClient(conn)
	c.Host = patchbayv1.NewHostServiceClient(conn)
	c.Strategies = patchbayv1.NewStrategyServiceClient(conn)
	c.Config = patchbayv1.NewConfigServiceClient(conn)
	c.Journal = patchbayv1.NewJournalServiceClient(conn)
	c.Routing = patchbayv1.NewRoutingServiceClient(conn)
	c.Webhooks = patchbayv1.NewWebhookServiceClient(conn)
}

// Conn is the connection, for code that makes services by itself. To close it is
// to close the client.
func (c *Client) Conn() *grpc.ClientConn { return c.conn }

// Close closes the connection. Calls and streams that are under way end with an
// error.
func (c *Client) Close() error { return c.conn.Close() }

// loopback reports whether an address is this machine's alone.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// bearer sends the API key along with every call.
type bearer struct {
	key    string
	secure bool
}

var _ credentials.PerRPCCredentials = bearer{}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"authorization": "Bearer " + b.key}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials. In the clear
// a key goes to this machine alone, which Open has seen to.
func (b bearer) RequireTransportSecurity() bool { return b.secure }

// NewKey returns an idempotency key that nobody else has.
func NewKey() string { return rand.Text() }

// pause is how long to wait after so many failures in a row, from 1.
func (c *Client) pause(failures int) time.Duration {
	wait := c.options.BackoffFirst
	for range failures - 1 {
		if wait *= 2; wait >= c.options.BackoffMost {
			break
		}
	}
	wait = min(wait, c.options.BackoffMost)
	return wait/2 + randv2.N(wait/2+1)
}

// sleep waits, and reports whether ctx did not end before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
