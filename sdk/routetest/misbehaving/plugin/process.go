// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !wasip1

package main

import (
	"context"
	"errors"
	"os"
	"sync"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving"
)

func main() {
	misbehaving.Rest()
	if len(os.Args) > 1 {
		manifest = os.Args[1]
	}
	plugin.Serve(&plugin.ServeConfig{
		// These stand in sdk/serve, and in every plugin of another language.
		HandshakeConfig: plugin.HandshakeConfig{
			MagicCookieKey: "PATCHBAY_STRATEGY_PLUGIN", MagicCookieValue: "b1f6a4d2c0e94f7e8a35",
		},
		VersionedPlugins: map[int]plugin.PluginSet{
			route.ContractMajor: {"strategy": &carrier{guest: misbehaving.NewGuest(nil)}},
		},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			opts = append(opts, grpc.MaxRecvMsgSize(route.MaxFrameBytes), grpc.MaxSendMsgSize(route.MaxFrameBytes))
			return grpc.NewServer(opts...)
		},
		Logger: hclog.NewNullLogger(),
	})
}

// carrier is the service, and how go-plugin wants it wrapped.
type carrier struct {
	plugin.NetRPCUnsupportedPlugin
	strategygrpc.UnimplementedStrategyServiceServer

	mu    sync.Mutex // guards guest
	guest *misbehaving.Guest
}

var _ plugin.GRPCPlugin = (*carrier)(nil)

// GRPCServer implements plugin.GRPCPlugin.
func (c *carrier) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	strategygrpc.RegisterStrategyServiceServer(server, c)
	return nil
}

// GRPCClient implements plugin.GRPCPlugin. A plugin is no client.
func (c *carrier) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("misbehaving: a plugin serves, it does not dispense")
}

// Handshake implements the service.
func (c *carrier) Handshake(context.Context, *strategyv1.HandshakeRequest) (*strategyv1.HandshakeResponse, error) {
	m := manifestOf(manifest)
	out := &strategyv1.HandshakeResponse{
		Name: m.Name, Version: m.Version, SettingsSchema: m.SettingsSchema, Majors: []uint32{route.ContractMajor},
	}
	for _, reason := range m.Reasons {
		out.Reasons = append(out.Reasons, &strategyv1.Reason{Code: uint32(reason.Code), Name: reason.Name, Text: reason.Text})
	}
	return out, nil
}

// Configure implements the service.
func (c *carrier) Configure(_ context.Context, in *strategyv1.ConfigureRequest) (*strategyv1.ConfigureResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := &strategyv1.ConfigureResponse{Generation: in.GetGeneration()}
	if err := c.guest.Configure(in.GetSettingsJson()); err != nil {
		out.Diagnostics = []*strategyv1.Diagnostic{{Severity: strategyv1.Diagnostic_SEVERITY_ERROR, Message: err.Error()}}
	}
	return out, nil
}

// Turns implements the service.
func (c *carrier) Turns(stream grpc.BidiStreamingServer[strategyv1.TurnsRequest, strategyv1.TurnsResponse]) error {
	for {
		in, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := c.answer(stream, in.GetFrame()); err != nil {
			return err
		}
	}
}

func (c *carrier) answer(stream grpc.BidiStreamingServer[strategyv1.TurnsRequest, strategyv1.TurnsResponse], frame []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := &strategyv1.TurnsResponse{Frame: c.guest.Turn(frame)}
	if c.guest.ClosesStream() {
		return errors.New("misbehaving: no more turns today")
	}
	for range c.guest.Answers() {
		if err := stream.Send(out); err != nil {
			return err
		}
	}
	return nil
}

// Drain implements the service.
func (c *carrier) Drain(context.Context, *strategyv1.DrainRequest) (*strategyv1.DrainResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return &strategyv1.DrainResponse{}, c.guest.Close()
}
