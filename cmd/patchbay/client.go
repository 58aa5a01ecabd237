// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// The environment variables of the client commands. The config of a host knows
// others, and does not know these.
const (
	envHost = "PATCHBAY_HOST"
	envKey  = "PATCHBAY_KEY"
	envCA   = "PATCHBAY_CA"
)

// defaultHost is where a host listens unless its config says otherwise.
const defaultHost = "127.0.0.1:7460"

// client is how a command reaches a host.
type client struct {
	std    stdio
	host   string
	key    string
	ca     string
	secure bool
	json   bool
}

// flags adds the flags that every client command has, and those under it.
func (c *client) flags(cmd *cobra.Command) { c.addFlags(cmd.PersistentFlags()) }

func (c *client) addFlags(f *pflag.FlagSet) {
	f.StringVar(&c.host, "host", envOr(envHost, defaultHost), "the host's address ($"+envHost+")")
	f.StringVar(&c.key, "key", "", "the API key ($"+envKey+")")
	f.BoolVar(&c.secure, "tls", false, "speak TLS, trusting this machine's certificates")
	f.StringVar(&c.ca, "ca", os.Getenv(envCA), "speak TLS, trusting the certificates in this PEM file ($"+envCA+")")
	f.BoolVar(&c.json, "json", false, "print JSON")
}

func envOr(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// dial opens a connection. Close it after use.
func (c *client) dial() (*grpc.ClientConn, error) {
	if _, port, err := net.SplitHostPort(c.host); err != nil || port == "" {
		return nil, usagef("--host: %q should be an address with a port, such as %s", c.host, defaultHost)
	}
	transport, secure, err := c.transport()
	if err != nil {
		return nil, err
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport), grpc.WithUserAgent("patchbay/" + version()),
		grpc.WithConnectParams(grpc.ConnectParams{
			MinConnectTimeout: 5 * time.Second, // or a busy machine's first try is cut off after 50 ms
			Backoff:           backoff.Config{BaseDelay: 50 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: time.Second},
		}),
	}
	key := c.key
	if key == "" {
		key = os.Getenv(envKey)
	}
	if key != "" && !secure && !loopback(c.host) {
		return nil, usagef("--key: a key is not sent to %s in the clear; use --tls or --ca", c.host)
	}
	if key != "" {
		options = append(options, grpc.WithPerRPCCredentials(bearer{key: key, secure: secure}))
	}
	conn, err := grpc.NewClient("passthrough:///"+c.host, options...)
	if err != nil {
		return nil, usagef("--host: %q is not an address: %v", c.host, err)
	}
	return conn, nil
}

// loopback reports whether an address is this machine's alone.
func loopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (c *client) transport() (transport credentials.TransportCredentials, secure bool, err error) {
	if c.ca == "" {
		if c.secure {
			return credentials.NewTLS(&tls.Config{MinVersion: tls.VersionTLS12}), true, nil
		}
		return insecure.NewCredentials(), false, nil
	}
	pem, err := os.ReadFile(c.ca)
	if err != nil {
		return nil, false, fmt.Errorf("--ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, false, fmt.Errorf("--ca: %s holds no certificate in PEM", c.ca)
	}
	return credentials.NewTLS(&tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}), true, nil
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

// RequireTransportSecurity implements credentials.PerRPCCredentials. A key is
// sent in the clear only to a host that was asked for in the clear, which
// serves loopback alone.
func (b bearer) RequireTransportSecurity() bool { return b.secure }

// call opens a connection for one use.
func (c *client) call(use func(conn *grpc.ClientConn) error) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	return use(conn)
}
