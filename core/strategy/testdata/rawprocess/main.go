// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Command rawprocess is a plugin process that does without sdk/serve, as one in
// another language would, and breaks the protocol as its argument says.
package main

import (
	"context"
	"errors"
	"os"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func main() {
	mode := os.Args[1]
	major := 1
	if mode == "major" {
		major = 9
	}
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			MagicCookieKey: "PATCHBAY_STRATEGY_PLUGIN", MagicCookieValue: "b1f6a4d2c0e94f7e8a35",
		},
		VersionedPlugins: map[int]plugin.PluginSet{major: {"strategy": &carrier{mode: mode}}},
		GRPCServer: func(opts []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(opts, grpc.MaxRecvMsgSize(1<<30))...)
		},
		Logger: hclog.NewNullLogger(),
	})
}

type carrier struct {
	plugin.NetRPCUnsupportedPlugin
	strategygrpc.UnimplementedStrategyServiceServer
	mode  string
	calls int
}

func (c *carrier) GRPCServer(_ *plugin.GRPCBroker, server *grpc.Server) error {
	strategygrpc.RegisterStrategyServiceServer(server, c)
	return nil
}

func (c *carrier) GRPCClient(context.Context, *plugin.GRPCBroker, *grpc.ClientConn) (any, error) {
	return nil, errors.New("no client")
}

func (c *carrier) Handshake(context.Context, *strategyv1.HandshakeRequest) (*strategyv1.HandshakeResponse, error) {
	out := &strategyv1.HandshakeResponse{Name: "raw"}
	switch c.mode {
	case "handshake_error":
		return nil, errors.New("not today")
	case "no_name":
		out.Name = ""
	case "minor":
		out.Minor = 7
	case "majors":
		out.Majors = []uint32{2, 3}
	case "layout":
		out.Layouts = []*strategyv1.Layout{{Table: uint32(route.TableWork), Version: 9, Stride: 4000}}
	case "reason":
		out.Reasons = []*strategyv1.Reason{{Code: 70_000, Name: "big"}}
	}
	return out, nil
}

func (c *carrier) Configure(_ context.Context, in *strategyv1.ConfigureRequest) (*strategyv1.ConfigureResponse, error) {
	out := &strategyv1.ConfigureResponse{Generation: in.GetGeneration()}
	if c.mode == "diagnostics" {
		out.Diagnostics = []*strategyv1.Diagnostic{
			{Severity: strategyv1.Diagnostic_SEVERITY_WARNING, Message: "odd"},
			{Severity: strategyv1.Diagnostic_SEVERITY_ERROR, Path: "weights.age", Message: "must not be negative"},
		}
	}
	return out, nil
}

// Turns answers well, but for the first turn.
func (c *carrier) Turns(stream grpc.BidiStreamingServer[strategyv1.TurnsRequest, strategyv1.TurnsResponse]) error {
	var turn route.Turn
	var echo []byte
	for {
		in, err := stream.Recv()
		if err != nil {
			return err
		}
		if c.mode == "echo" {
			if echo == nil {
				echo, _ = route.EncodeReply(nil, &route.Reply{Proposals: make([]route.Proposal, 256)})
			}
			if err := stream.Send(&strategyv1.TurnsResponse{Frame: echo}); err != nil {
				return err
			}
			continue
		}
		if err := route.DecodeTurn(in.GetFrame(), &turn); err != nil {
			return err
		}
		c.calls++
		if err := c.answer(stream, &turn); err != nil {
			return err
		}
	}
}

func (c *carrier) answer(stream grpc.BidiStreamingServer[strategyv1.TurnsRequest, strategyv1.TurnsResponse], turn *route.Turn) error {
	reply := route.Reply{Epoch: turn.Epoch, Seq: turn.Seq}
	times := 1
	if c.calls == 1 {
		switch c.mode {
		case "rubbish":
			return stream.Send(&strategyv1.TurnsResponse{Frame: []byte("rubbish")})
		case "wrong_seq":
			reply.Seq++
		case "wrong_epoch":
			reply.Epoch++
		case "twice":
			times = 2
		case "fail":
			return errors.New("no more")
		case "crash":
			os.Exit(4)
		}
	}
	frame, err := route.EncodeReply(nil, &reply)
	if err != nil {
		return err
	}
	for range times {
		if err := stream.Send(&strategyv1.TurnsResponse{Frame: frame}); err != nil {
			return err
		}
	}
	return nil
}
