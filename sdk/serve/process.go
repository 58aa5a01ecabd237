// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !wasip1

package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// How host and plugin process find each other by go-plugin's handshake. The
// protocol version of that handshake is the contract's major. A plugin in
// another language repeats these.
const (
	// CookieKey and CookieValue tell a plugin that a host started it, not a
	// person. They are no secret.
	CookieKey   = "PATCHBAY_STRATEGY_PLUGIN"
	CookieValue = "b1f6a4d2c0e94f7e8a35"
	// Name is the name under which the strategy is dispensed.
	Name = "strategy"
	// WatchKey is set to WatchStdin in the plugin's environment when the host
	// holds the other end of its standard input, which then ends with the host.
	WatchKey   = "PATCHBAY_WATCH"
	WatchStdin = "stdin"
)

// Run serves the registered plugin as a process until the host ends it. Started
// by hand it says that this is a plugin, and exits with status 1; unless it is
// told where to dial, by -connect and -strategy or by the environment: then it
// is a router, as by Remote, until it is interrupted or told to terminate.
func Run() {
	if !registered.ok {
		fmt.Fprintln(os.Stderr, "serve: no plugin is registered; call serve.Register from init")
		os.Exit(1)
	}
	Process(registered.plugin)
}

// Process serves the plugin as a process until the host ends it, as Run does,
// for a program that holds several and knows by its arguments which is wanted.
//
// The standard output belongs to the handshake: it is not written to. What the
// strategy prints goes to the host's log.
func Process(p route.Plugin) {
	if status, ok := dialOut(p, os.Args[1:]); ok {
		os.Exit(status)
	}
	if os.Getenv(WatchKey) == WatchStdin {
		go exitWithHost()
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{MagicCookieKey: CookieKey, MagicCookieValue: CookieValue},
		VersionedPlugins: map[int]plugin.PluginSet{
			route.ContractMajor: {Name: &carrier{service: newService(p)}},
		},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			opts = append(opts, grpc.MaxRecvMsgSize(route.MaxFrameBytes), grpc.MaxSendMsgSize(route.MaxFrameBytes))
			return grpc.NewServer(opts...)
		},
		Logger: hclog.NewNullLogger(),
	})
}

// exitWithHost ends the process when the standard input ends: the host, who
// holds the other end, is gone, however it went.
func exitWithHost() {
	_, _ = io.Copy(io.Discard, os.Stdin)
	os.Exit(1)
}

// Log writes a line to the host's log.
func Log(text string) { fmt.Fprintln(os.Stderr, text) }

// carrier is how go-plugin wants a service wrapped.
type carrier struct {
	plugin.NetRPCUnsupportedPlugin
	service *service
}

var _ plugin.GRPCPlugin = (*carrier)(nil)

// GRPCServer implements plugin.GRPCPlugin.
func (c *carrier) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	strategygrpc.RegisterStrategyServiceServer(server, c.service)
	return nil
}

// GRPCClient implements plugin.GRPCPlugin. A plugin is no client.
func (c *carrier) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("serve: a plugin serves, it does not dispense")
}
