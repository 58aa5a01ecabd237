// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Command patchbay is the one binary: it serves a workspace, shows itself off,
// plays load against a host, plays days in virtual time, builds plugins, and is
// a client of the API.
//
// It is wiring only. It must not hold what decides, keeps, checks or measures
// anything: that is in core and config.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once.
	context.AfterFunc(ctx, stop)
	code := execute(ctx, stdio{in: os.Stdin, out: os.Stdout, err: os.Stderr}, os.Args[1:])
	stop()
	os.Exit(code)
}
