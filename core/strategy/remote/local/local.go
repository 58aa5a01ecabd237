// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package local runs plugins' executables as routers on this machine, so that
// they can be tried as such without a host: each start opens a door of its own,
// and has the executable dial it.
//
// It is for trying and measuring. An executable that is run so is not confined
// as a process plugin is. The package knows the doors, and what package
// sdk/serve reads from the environment. It does not know any strategy.
package local

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/lines"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

// patience is how long a router may take to end when it is told to.
const patience = 2 * time.Second

// Runtime starts executables as routers. It is safe for concurrent use.
type Runtime struct{ logger *slog.Logger }

var _ strategy.Runtime = (*Runtime)(nil)

// New returns a Runtime whose routers print to the logger; nil for silence.
func New(logger *slog.Logger) *Runtime {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Runtime{logger: logger}
}

// Start implements strategy.Runtime. The spec's source is the path of an
// executable that package sdk/serve made a plugin of.
func (r *Runtime) Start(ctx context.Context, spec strategy.Spec, epoch uint64) (strategy.Instance, route.Manifest, error) {
	in, err := r.open(&spec)
	if err != nil {
		return nil, route.Manifest{}, startFault(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(in.ended, cancel)() // nobody waits for a router that is gone
	inner, manifest, err := remote.New(in.doors).Start(ctx, spec, epoch)
	if err != nil {
		dead := in.ended.Err() != nil
		err = errors.Join(err, in.Close())
		if tail := in.log.Tail(); dead && tail != "" {
			err = fmt.Errorf("%w; the last it printed:\n%s", err, tail)
		}
		return nil, manifest, startFault(err)
	}
	in.Instance = inner
	return in, manifest, nil
}

func startFault(err error) error {
	return &strategy.Fault{Kind: strategy.FaultStart, Err: fmt.Errorf("local: %w", err)}
}

// instance is a router's process and the door that it comes in by.
type instance struct {
	strategy.Instance // nil until it leads

	doors  *remote.Doors
	server *grpc.Server
	cmd    *exec.Cmd
	log    *lines.Log
	ended  context.Context // ends with the process
	work   sync.WaitGroup
	once   sync.Once
}

// open opens a door and starts the process.
func (r *Runtime) open(spec *strategy.Spec) (in *instance, err error) {
	var secret [16]byte
	_, _ = rand.Read(secret[:]) // it never fails
	token := hex.EncodeToString(secret[:])
	sum := sha256.Sum256([]byte(token))
	in = &instance{server: grpc.NewServer(), log: lines.New(r.logger.With("strategy", spec.Name), spec.Limits.WithDefaults().LogLines)}
	in.doors, err = remote.NewDoors(remote.Options{}, remote.Strategy{Name: spec.Name, Tokens: []string{hex.EncodeToString(sum[:])}})
	if err != nil {
		return nil, err
	}
	in.doors.Open()
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, errors.Join(err, in.doors.Close())
	}
	strategygrpc.RegisterRouterServiceServer(in.server, &remote.Service{Doors: in.doors})
	in.work.Go(func() { _ = in.server.Serve(listener) })
	in.cmd = exec.Command(spec.Source, spec.Args...) //nolint:noctx // Close ends it
	in.cmd.Env = append(os.Environ(),
		serve.ConnectKey+"="+listener.Addr().String(), serve.StrategyKey+"="+spec.Name, serve.TokenKey+"="+token)
	in.cmd.Stdout, in.cmd.Stderr, in.cmd.WaitDelay = in.log, in.log, patience
	var end context.CancelFunc
	in.ended, end = context.WithCancel(context.Background())
	if err := in.cmd.Start(); err != nil {
		end()
		in.server.Stop()
		in.work.Wait()
		return nil, errors.Join(err, in.doors.Close())
	}
	in.work.Go(func() {
		defer end()
		_ = in.cmd.Wait() // how it ended does not matter, or is printed
		in.log.Flush()
	})
	return in, nil
}

// Close implements strategy.Instance. The router is told to end, and killed if
// it does not.
func (in *instance) Close() error {
	var err error
	in.once.Do(func() {
		if in.Instance != nil {
			err = in.Instance.Close()
		}
		kill := time.AfterFunc(patience, func() { _ = in.cmd.Process.Kill() })
		if in.cmd.Process.Signal(os.Interrupt) != nil { // not everywhere can one be told
			_ = in.cmd.Process.Kill()
		}
		<-in.ended.Done()
		kill.Stop()
		in.server.Stop()
		in.work.Wait()
		err = errors.Join(err, in.doors.Close())
	})
	return err
}
