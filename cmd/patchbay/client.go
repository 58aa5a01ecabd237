// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"google.golang.org/grpc"

	sdk "github.com/patchbay-cx/patchbay/sdk/client"
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
	trust, err := c.trust()
	if err != nil {
		return nil, err
	}
	key := c.key
	if key == "" {
		key = os.Getenv(envKey)
	}
	if key != "" && trust == nil && !loopback(c.host) {
		return nil, usagef("--key: a key is not sent to %s in the clear; use --tls or --ca", c.host)
	}
	host, err := sdk.Open(sdk.Options{
		Address: c.host, Key: key, TLS: trust, Attempts: 1, BackoffMost: time.Second,
		Dial: []grpc.DialOption{grpc.WithUserAgent("patchbay/" + version())},
	})
	if err != nil {
		return nil, usagef("--host: %q is not an address: %v", c.host, err)
	}
	return host.Conn(), nil
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

// trust says by which certificates the host is known; nil speaks in the clear.
func (c *client) trust() (*tls.Config, error) {
	if c.ca == "" {
		if c.secure {
			return &tls.Config{MinVersion: tls.VersionTLS12}, nil
		}
		return nil, nil //nolint:nilnil // nothing to go by
	}
	trust, err := sdk.Trust(c.ca)
	if err != nil {
		return nil, fmt.Errorf("--ca: %w", err)
	}
	return trust, nil
}

// call opens a connection for one use.
func (c *client) call(use func(conn *grpc.ClientConn) error) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	return use(conn)
}
