// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// program is the patchbay command: the one that $PATCHBAY_PROGRAM names, or one
// that is built, once.
var program struct {
	build func() (string, error)
}

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "patchbay-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	program.build = sync.OnceValues(func() (string, error) {
		if built := os.Getenv("PATCHBAY_PROGRAM"); built != "" {
			return built, nil
		}
		file := filepath.Join(folder, "patchbay")
		command := exec.Command("go", "build", "-o", file, "./cmd/patchbay")
		command.Dir = filepath.Join("..", "..")
		if out, err := command.CombinedOutput(); err != nil {
			return "", fmt.Errorf("patchbay is not built: %w\n%s", err, out)
		}
		return file, nil
	})
	code := m.Run()
	os.RemoveAll(folder)
	os.Exit(code)
}

// house is a running Patchbay and a redirect server before it.
type house struct {
	t    *testing.T
	conn *grpc.ClientConn
	sip  string
	stop func() // the redirect server
}

// open runs both. The arguments are the redirect server's.
func open(t *testing.T, args ...string) *house {
	t.Helper()
	h := &house{t: t}
	address := h.serve()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	h.conn = conn
	h.redirect(append([]string{"-listen", "127.0.0.1:0", "-host", address, "-contact", "sip:{agent}@phones.test"}, args...))
	return h
}

// serve runs Patchbay and returns its address.
func (h *house) serve() string {
	h.t.Helper()
	file, err := program.build()
	if err != nil {
		h.t.Fatal(err)
	}
	command := exec.Command(file, "serve", "--json", "--log-level", "error", "--config", "testdata/company.yaml", "--data", h.t.TempDir())
	command.Stderr = h.t.Output()
	dieWith(command)
	out, err := command.StdoutPipe()
	if err != nil {
		h.t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		command.Wait()
	})
	var ready struct{ Address string }
	if err := json.NewDecoder(out).Decode(&ready); err != nil {
		h.t.Fatal("Patchbay did not start:", err)
	}
	return ready.Address
}

// redirect runs the redirect server until the test ends.
func (h *house) redirect(args []string) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	read, write := io.Pipe()
	ended := make(chan error, 1)
	log := h.t.Output()
	go func() {
		err := run(ctx, args, write, log)
		write.CloseWithError(io.EOF)
		ended <- err
	}()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Error("the redirect server ended:", err)
		}
	})
	h.t.Cleanup(h.stop)
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		h.t.Fatal("the redirect server did not start:", err)
	}
	h.sip = line[strings.LastIndexByte(line, ' ')+1 : len(line)-1]
}

// desk is an agent who is signed in and connected.
type desk struct {
	t      *testing.T
	agent  string
	client patchbayv1.AgentServiceClient
	stream grpc.ServerStreamingClient[patchbayv1.StreamOffersResponse]
}

func (h *house) signIn(agent string) *desk {
	h.t.Helper()
	d := &desk{t: h.t, agent: agent, client: patchbayv1.NewAgentServiceClient(h.conn)}
	var err error
	if d.stream, err = d.client.StreamOffers(h.t.Context(), &patchbayv1.StreamOffersRequest{Agent: agent}); err != nil {
		h.t.Fatal(err)
	}
	if m, err := d.stream.Recv(); err != nil || m.GetSnapshot() == nil {
		h.t.Fatalf("%s has no snapshot: %v, %v", agent, m, err)
	}
	if _, err := d.client.SignIn(h.t.Context(), &patchbayv1.SignInRequest{Agent: agent, Status: "available"}); err != nil {
		h.t.Fatal(err)
	}
	return d
}

// work takes every offer and completes it, until the test ends.
func (d *desk) work() error {
	for {
		m, err := d.stream.Recv()
		if err != nil {
			return nil //nolint:nilerr // the test is over
		}
		offer := m.GetOffered()
		if offer == nil {
			continue
		}
		id := offer.GetAssignment().GetId()
		if _, err := d.client.AcceptOffer(d.t.Context(), &patchbayv1.AcceptOfferRequest{Assignment: id, Agent: d.agent}); err != nil {
			return err
		}
		if _, err := d.client.CompleteWork(d.t.Context(), &patchbayv1.CompleteWorkRequest{Assignment: id, Agent: d.agent}); err != nil {
			return err
		}
	}
}

// the returns the one piece of work whose call it is.
func (h *house) the(callID string) *patchbayv1.Work {
	h.t.Helper()
	list, err := patchbayv1.NewWorkServiceClient(h.conn).ListWork(h.t.Context(), &patchbayv1.ListWorkRequest{PageSize: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	var found *patchbayv1.Work
	for _, w := range list.GetWork() {
		if w.GetExternal() == callID {
			if found != nil {
				h.t.Fatalf("both %s and %s are of call %s", found.GetId(), w.GetId(), callID)
			}
			found = w
		}
	}
	if found == nil {
		h.t.Fatalf("there is no work of call %s", callID)
	}
	return found
}

// until waits for an event of a kind about a piece of work, old or new.
func (h *house) until(kind patchbayv1.EventKind, work string) *patchbayv1.Event {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	stream, err := patchbayv1.NewFeedServiceClient(h.conn).StreamEvents(ctx, &patchbayv1.StreamEventsRequest{Kinds: []patchbayv1.EventKind{kind}})
	if err != nil {
		h.t.Fatal(err)
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			h.t.Fatalf("waiting for %s of %s: %v", kind, work, err)
		}
		if m.GetEvent().GetWork() == work {
			return m.GetEvent()
		}
	}
}
