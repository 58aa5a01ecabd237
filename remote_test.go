// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"context"
	"net"
	"os/exec"
	"syscall"
	"testing"

	"google.golang.org/grpc"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
)

// remoteRuntime has the executable of a plugin dial a host on this machine as a
// router of the strategy "remote".
func remoteRuntime(t *testing.T, executable string) *remote.Runtime {
	t.Helper()
	doors, err := remote.NewDoors(remote.Options{}, remote.Strategy{Name: "remote"})
	if err != nil {
		t.Fatal(err)
	}
	doors.Open()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer()
	strategygrpc.RegisterRouterServiceServer(server, &remote.Service{Doors: doors})
	serving := make(chan struct{})
	go func() { defer close(serving); _ = server.Serve(listener) }()
	ctx, cancel := context.WithCancel(context.Background())
	router := exec.CommandContext(ctx, executable, "-connect", listener.Addr().String(), "-strategy", "remote")
	router.Cancel = func() error { return router.Process.Signal(syscall.SIGTERM) }
	if err := router.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = router.Wait()
		if !router.ProcessState.Success() {
			t.Errorf("the router ended with %v", router.ProcessState)
		}
		server.Stop()
		<-serving
		_ = doors.Close()
	})
	return remote.New(doors)
}
