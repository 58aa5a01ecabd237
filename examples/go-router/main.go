// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Command go-router is a router in Go: it dials a Patchbay host over gRPC, keeps
// the board, and proposes who has been idle for longest. Only idle is about
// routing; package serve talks with the host.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

// idle scores an agent by how long it has held nothing.
func idle(_ *struct{}, _ match.Work, agent match.Agent) int64 { return agent.Idle() }

func plugin() route.Plugin {
	return match.Score[struct{}]{
		Manifest: route.Manifest{
			Name: "idle-go", Version: "1.0.0", Deterministic: true,
		},
		Score: idle,
	}.Plugin()
}

func run(ctx context.Context) error {
	return serve.Remote(ctx, plugin(), serve.RouterOptions{
		Address:  cmp.Or(os.Getenv(serve.ConnectKey), "127.0.0.1:7460"),
		Strategy: cmp.Or(os.Getenv(serve.StrategyKey), "vendor"),
		Token:    os.Getenv(serve.TokenKey),
		Name:     "go",
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
}

func main() {
	// When it is told to end, it says goodbye, so that another router leads at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
