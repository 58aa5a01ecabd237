// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/patchbay-cx/patchbay/core/drive"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

const (
	killRounds      = 50
	killRoundsShort = 5
	killAgents      = 8
	killCustomers   = 8
)

// A host that is killed at random moments under load has everything it ever
// acknowledged, in the state acknowledged or a later one, and breaks no promise.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := killRounds
	if testing.Short() {
		rounds = killRoundsShort
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d, %d rounds", seed, rounds)
	random := rand.New(rand.NewPCG(seed, 0))
	v := newVictim(t)
	v.start()
	h := newHammer(t, v, seed)
	defer h.stop()
	for round := range rounds {
		h.await(1 + random.IntN(200))
		switch {
		case round == rounds/2:
			v.interrupt() // once in good order, so that there is a snapshot
		case random.IntN(5) == 0:
			v.kill()
			v.startAndKill(time.Duration(random.IntN(150)) * time.Millisecond)
		default:
			v.kill()
		}
		v.start()
		h.verify(round)
		if t.Failed() {
			return
		}
		h.renew()
	}
	h.stop()
	v.kill()
	v.start()
	h.verify(rounds)
	h.reread()
	t.Logf("%d commands acknowledged, %d pieces of work", len(h.acks), len(h.keys))
}

// victim is the host that is killed. Its methods end the test if they fail.
type victim struct {
	t      *testing.T
	folder string
	cmd    *exec.Cmd
	log    *bytes.Buffer
	conn   *grpc.ClientConn
}

func newVictim(t *testing.T) *victim {
	v := &victim{t: t, folder: t.TempDir(), log: &bytes.Buffer{}}
	f, err := os.Create(filepath.Join(v.folder, "load.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := drive.SyntheticConfig(killAgents, 2).WriteTo(f); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.kill)
	return v
}

// launch starts the process and returns the first line it prints.
func (v *victim) launch() *bufio.Reader {
	v.t.Helper()
	path, err := exec.LookPath("patchbay")
	if err != nil {
		v.t.Fatal(err)
	}
	v.log.Reset()
	v.cmd = exec.Command("patchbay", "serve", "--json", "--config", "load.yaml", "--data", "data", "--listen", "127.0.0.1:0")
	v.cmd.Path, v.cmd.Dir, v.cmd.Stderr = path, v.folder, v.log
	out, err := v.cmd.StdoutPipe()
	if err != nil {
		v.t.Fatal(err)
	}
	if err := v.cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	return bufio.NewReader(out)
}

// start starts the host, waits until it is ready, and connects.
func (v *victim) start() {
	v.t.Helper()
	line, err := v.launch().ReadBytes('\n')
	var ready struct{ Address string }
	if err == nil {
		err = json.Unmarshal(line, &ready)
	}
	if err != nil {
		v.kill()
		v.t.Fatalf("the host did not start: %v\n%s", err, v.log)
	}
	v.conn, err = grpc.NewClient("passthrough:///"+ready.Address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		v.t.Fatal(err)
	}
}

// startAndKill kills the host while it starts.
func (v *victim) startAndKill(after time.Duration) {
	v.t.Helper()
	v.launch()
	<-time.After(after)
	v.kill()
}

func (v *victim) kill() {
	if v.cmd == nil {
		return
	}
	_ = v.cmd.Process.Kill()
	_ = v.cmd.Wait()
	v.hangUp()
}

// interrupt ends the host in good order.
func (v *victim) interrupt() {
	v.t.Helper()
	if err := v.cmd.Process.Signal(os.Interrupt); err != nil {
		v.t.Fatal(err)
	}
	if err := v.cmd.Wait(); err != nil {
		v.t.Fatalf("the host ended with %v\n%s", err, v.log)
	}
	v.hangUp()
}

func (v *victim) hangUp() {
	v.cmd = nil
	if v.conn != nil {
		_ = v.conn.Close()
		v.conn = nil
	}
}

// ack is a command that was acknowledged.
type ack struct {
	event uint64
	kind  patchbayv1.EventKind
	id    string
}

// hammer is the load: customers and agents who go on whenever there is a host.
type hammer struct {
	t       *testing.T
	victim  *victim
	checker *drive.Checker
	cancel  context.CancelFunc
	crowd   sync.WaitGroup
	reading sync.Mutex // held while the feed is read

	mu      sync.Mutex
	changed *sync.Cond
	conn    *grpc.ClientConn // nil while there is no host
	ended   bool
	acks    []ack
	recent  int             // acknowledged since the last renewal
	keys    map[string]bool // idempotency keys whose work was acknowledged
}

func newHammer(t *testing.T, v *victim, seed uint64) *hammer {
	ctx, cancel := context.WithCancel(context.Background())
	h := &hammer{t: t, victim: v, cancel: cancel, keys: make(map[string]bool)}
	h.changed = sync.NewCond(&h.mu)
	agents, err := drive.Agents(ctx, v.conn)
	if err != nil {
		t.Fatal(err)
	}
	h.checker = drive.NewChecker(0, agents, "available")
	h.renew()
	h.crowd.Go(func() { h.each(ctx, h.read) })
	for _, a := range agents {
		h.crowd.Go(func() { h.each(ctx, (&killAgent{hammer: h, name: a.GetId()}).work) })
	}
	for i := range killCustomers {
		c := &killCustomer{hammer: h, name: fmt.Sprint(i), random: rand.New(rand.NewPCG(seed, uint64(i)+1))}
		h.crowd.Go(func() { h.each(ctx, c.come) })
	}
	return h
}

// renew tells everybody that there is a host again.
func (h *hammer) renew() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.conn, h.recent = h.victim.conn, 0
	h.changed.Broadcast()
}

// each uses one connection after the other until the end. A use ends when the
// connection fails.
func (h *hammer) each(ctx context.Context, use func(ctx context.Context, conn *grpc.ClientConn)) {
	var last *grpc.ClientConn
	for {
		h.mu.Lock()
		for !h.ended && (h.conn == nil || h.conn == last) {
			h.changed.Wait()
		}
		conn, ended := h.conn, h.ended
		h.mu.Unlock()
		if ended {
			return
		}
		use(ctx, conn)
		last = conn
	}
}

// stop ends the load and waits for everybody.
func (h *hammer) stop() {
	h.mu.Lock()
	h.ended = true
	h.changed.Broadcast()
	h.mu.Unlock()
	h.cancel()
	h.crowd.Wait()
}

// await waits until so many commands were acknowledged since the last renewal.
func (h *hammer) await(n int) {
	h.t.Helper()
	tooLong := false
	timer := time.AfterFunc(time.Minute, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		tooLong = true
		h.changed.Broadcast()
	})
	defer timer.Stop()
	h.mu.Lock()
	defer h.mu.Unlock()
	for h.recent < n && !tooLong {
		h.changed.Wait()
	}
	if h.recent < n {
		h.t.Fatalf("only %d of %d commands were acknowledged within a minute", h.recent, n)
	}
}

func (h *hammer) acknowledged(event uint64, kind patchbayv1.EventKind, id string) {
	h.checker.Acknowledge(event, kind, id)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.acks = append(h.acks, ack{event, kind, id})
	h.recent++
	h.changed.Broadcast()
}

// read follows the feed from where it was left.
func (h *hammer) read(ctx context.Context, conn *grpc.ClientConn) {
	h.reading.Lock()
	defer h.reading.Unlock()
	stream, err := patchbayv1.NewFeedServiceClient(conn).StreamEvents(ctx, &patchbayv1.StreamEventsRequest{After: h.checker.Number()})
	for err == nil {
		var m *patchbayv1.StreamEventsResponse
		if m, err = stream.Recv(); err == nil {
			h.checker.Event(m.GetEvent())
		}
	}
}

// verify looks at a host that has just been started again.
func (h *hammer) verify(round int) {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	status := h.status(ctx, round)
	if told := h.checker.Number(); status.GetLastEvent() < told {
		h.t.Fatalf("round %d: the feed told %d events, %d are left", round, told, status.GetLastEvent())
	}
	// The load does not know of the host yet: this is the only reader.
	reading, stop := context.WithCancel(ctx)
	var reader sync.WaitGroup
	reader.Go(func() { h.read(reading, h.victim.conn) })
	defer reader.Wait()
	defer stop()
	for {
		h.reach(ctx, round, status.GetLastEvent())
		wrong := h.compare(ctx, round)
		// Nobody is connected, but time goes on, and with it timers.
		before := status.GetLastEvent()
		if status = h.status(ctx, round); status.GetLastEvent() != before {
			continue
		}
		for _, text := range wrong {
			h.t.Error(text)
		}
		break
	}
	if v := h.checker.Verdict(); v.Violations > 0 || status.GetCounters().GetViolations() > 0 {
		h.t.Errorf("round %d: %d violations, %d found by the host, %d acknowledgements lost:\n%s", round,
			v.Violations, status.GetCounters().GetViolations(), v.Lost, strings.Join(v.Examples, "\n"))
	}
}

func (h *hammer) status(ctx context.Context, round int) *patchbayv1.GetStatusResponse {
	h.t.Helper()
	status, err := patchbayv1.NewHostServiceClient(h.victim.conn).GetStatus(ctx, &patchbayv1.GetStatusRequest{})
	if err != nil {
		h.t.Fatalf("round %d: %v", round, err)
	}
	return status
}

func (h *hammer) reach(ctx context.Context, round int, event uint64) {
	h.t.Helper()
	if err := h.checker.Reach(ctx, event); err != nil {
		h.t.Fatalf("round %d: %v", round, err)
	}
}

// compare compares the state of every piece of work with what the feed told,
// and returns what is wrong.
func (h *hammer) compare(ctx context.Context, round int) (wrong []string) {
	h.t.Helper()
	works := patchbayv1.NewWorkServiceClient(h.victim.conn)
	found, err := pages(1<<30, func(size uint32, token string) ([]*patchbayv1.Work, string, error) {
		page, err := works.ListWork(ctx, &patchbayv1.ListWorkRequest{PageSize: size, PageToken: token})
		return page.GetWork(), page.GetNextPageToken(), err
	})
	if err != nil {
		h.t.Fatalf("round %d: %v", round, err)
	}
	there := make(map[string]string)
	for _, w := range found {
		if got := h.checker.WorkState(w.GetId()); got != w.GetState() {
			wrong = append(wrong, fmt.Sprintf("round %d: %s is %v, and %v by the feed", round, w.GetId(), w.GetState(), got))
		}
		if other := there[w.GetIdempotencyKey()]; other != "" {
			wrong = append(wrong, fmt.Sprintf("round %d: the key %s made %s and %s", round, w.GetIdempotencyKey(), other, w.GetId()))
		}
		there[w.GetIdempotencyKey()] = w.GetId()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	for key := range h.keys {
		if there[key] == "" {
			wrong = append(wrong, fmt.Sprintf("round %d: the work of %s was acknowledged and is not there", round, key))
		}
	}
	return wrong
}

// reread reads the feed anew, from the oldest event that is kept, and compares
// it with everything that was ever acknowledged.
func (h *hammer) reread() {
	h.t.Helper()
	ctx, cancel := context.WithTimeout(h.t.Context(), time.Minute)
	defer cancel()
	stream, err := patchbayv1.NewFeedServiceClient(h.victim.conn).StreamEvents(ctx, &patchbayv1.StreamEventsRequest{})
	if err != nil {
		h.t.Fatal(err)
	}
	var again *drive.Checker
	first := uint64(0)
	for last := h.checker.Number(); again == nil || again.Number() < last; {
		m, err := stream.Recv()
		if err != nil {
			h.t.Fatal(err)
		}
		if again == nil {
			first = m.GetEvent().GetNumber()
			again = drive.NewChecker(first-1, nil, "available")
		}
		again.Event(m.GetEvent())
	}
	compared := 0
	for _, a := range h.acks {
		if a.event >= first {
			again.Acknowledge(a.event, a.kind, a.id)
			compared++
		}
	}
	if v := again.Verdict(); v.Violations > 0 {
		h.t.Errorf("read again: %d violations, %d lost:\n%s", v.Violations, v.Lost, strings.Join(v.Examples, "\n"))
	}
	h.t.Logf("%d of %d acknowledgements compared with the feed from event %d on", compared, len(h.acks), first)
}
