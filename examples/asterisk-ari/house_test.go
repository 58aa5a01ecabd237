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

// house is a running Patchbay and an adapter before it.
type house struct {
	t    *testing.T
	conn *grpc.ClientConn
	stop func() // the adapter: interrupts it and waits until it has ended
}

// open runs both, before an exchange. The arguments are the adapter's.
func open(t *testing.T, p *pbx, args ...string) *house {
	t.Helper()
	h := &house{t: t}
	address := h.serve()
	h.dial(address)
	h.adapt(append([]string{"-ari", p.server.URL, "-host", address, "-queue", "sales", "-phone", "PJSIP/{agent}"}, args...))
	t.Cleanup(p.everybodyHangsUp) // before the adapter ends
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

// dial connects the test with Patchbay.
func (h *house) dial(address string) {
	h.t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	h.conn = conn
}

// adapt runs the adapter until the test ends.
func (h *house) adapt(args []string) {
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
			h.t.Error("the adapter ended:", err)
		}
	})
	h.t.Cleanup(h.stop)
	if _, err := bufio.NewReader(read).ReadString('\n'); err != nil {
		h.t.Fatal("the adapter did not start:", err)
	}
}

// signIn has an agent come to work, once the adapter has connected them.
func (h *house) signIn(agent string) {
	h.t.Helper()
	h.until(func(ev *patchbayv1.Event) bool { return ev.GetAgent() == agent }, patchbayv1.EventKind_EVENT_KIND_AGENT_CONNECTED)
	if _, err := patchbayv1.NewAgentServiceClient(h.conn).SignIn(h.t.Context(), &patchbayv1.SignInRequest{Agent: agent, Status: "available"}); err != nil {
		h.t.Fatal(err)
	}
}

// the returns the one piece of work whose call it is.
func (h *house) the(call string) *patchbayv1.Work {
	h.t.Helper()
	list, err := patchbayv1.NewWorkServiceClient(h.conn).ListWork(h.t.Context(), &patchbayv1.ListWorkRequest{PageSize: 1000})
	if err != nil {
		h.t.Fatal(err)
	}
	var found *patchbayv1.Work
	for _, w := range list.GetWork() {
		if w.GetExternal() == call {
			if found != nil {
				h.t.Fatalf("both %s and %s are of call %s", found.GetId(), w.GetId(), call)
			}
			found = w
		}
	}
	if found == nil {
		h.t.Fatalf("there is no work of call %s", call)
	}
	return found
}

// created waits until there is work of a call.
func (h *house) created(call string) {
	h.t.Helper()
	h.until(func(ev *patchbayv1.Event) bool { return ev.GetCreated().GetExternal() == call },
		patchbayv1.EventKind_EVENT_KIND_WORK_CREATED)
}

// declined waits until somebody has declined a call.
func (h *house) declined(call string) {
	h.t.Helper()
	h.created(call)
	id := h.the(call).GetId()
	h.until(func(ev *patchbayv1.Event) bool { return ev.GetWork() == id }, patchbayv1.EventKind_EVENT_KIND_OFFER_DECLINED)
}

// ends waits until the work of a call is over, and returns it.
func (h *house) ends(call string) *patchbayv1.Work {
	h.t.Helper()
	id := h.the(call).GetId()
	h.until(func(ev *patchbayv1.Event) bool { return ev.GetWork() == id }, patchbayv1.EventKind_EVENT_KIND_WORK_COMPLETED,
		patchbayv1.EventKind_EVENT_KIND_WORK_ABANDONED, patchbayv1.EventKind_EVENT_KIND_WORK_CANCELLED)
	return h.the(call)
}

// until waits for an event of some kinds, old or new.
func (h *house) until(so func(*patchbayv1.Event) bool, kinds ...patchbayv1.EventKind) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	defer cancel()
	stream, err := patchbayv1.NewFeedServiceClient(h.conn).StreamEvents(ctx, &patchbayv1.StreamEventsRequest{Kinds: kinds})
	if err != nil {
		h.t.Fatal(err)
	}
	for {
		m, err := stream.Recv()
		if err != nil {
			h.t.Fatalf("waiting for %v: %v", kinds, err)
		}
		if so(m.GetEvent()) {
			return
		}
	}
}
