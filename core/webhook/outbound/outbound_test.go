// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package outbound_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/webhook"
	"github.com/patchbay-cx/patchbay/core/webhook/outbound"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// log is a feed's events, which may grow.
type log struct {
	mu     sync.Mutex
	events []engine.Event
	more   chan struct{}
	kept   uint64   // events up to here are forgotten
	after  []uint64 // that feeds were asked for
}

var (
	errForgotten = errors.New("forgotten")
	errOver      = errors.New("over")
)

// newLog holds so many events about so many pieces of work.
func newLog(count, works int) *log {
	l := &log{more: make(chan struct{})}
	for i := range count {
		l.events = append(l.events, event(uint64(i+1), engine.WorkID(i%works+1)))
	}
	return l
}

func event(number uint64, work engine.WorkID) engine.Event {
	return engine.Event{Number: number, At: engine.Time(1_767_225_600_000 + number), Kind: engine.KindWorkUpdated, Work: work, Queue: "support"}
}

func (l *log) add(ev engine.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, ev)
	close(l.more)
	l.more = make(chan struct{})
}

func (l *log) askedAfter() []uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.after)
}

type feed struct {
	log   *log
	after uint64
}

func (l *log) feed(after uint64) outbound.Feed {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.after = append(l.after, after)
	if after == 0 {
		after = l.kept
	}
	return &feed{l, after}
}

// Next implements outbound.Feed. It hands out a few events at a time.
func (f *feed) Next(ctx context.Context) ([]engine.Event, error) {
	for {
		f.log.mu.Lock()
		events, more, kept := f.log.events, f.log.more, f.log.kept
		f.log.mu.Unlock()
		if f.after < kept {
			return nil, errForgotten
		}
		if f.after < uint64(len(events)) {
			out := events[f.after:min(uint64(len(events)), f.after+100)]
			f.after += uint64(len(out))
			return slices.Clone(out), nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// receiver takes events, and counts those it has taken.
type receiver struct {
	*httptest.Server

	mu      sync.Mutex
	taken   []webhook.Event
	headers []http.Header
	bodies  [][]byte
	came    chan struct{} // one for each event taken
}

// receive runs one that asks a function whether to take an event: 0 to take it,
// or else the status to answer.
func receive(t testing.TB, take func(ev *webhook.Event) int) *receiver {
	t.Helper()
	r := &receiver{came: make(chan struct{}, 100_000)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		var ev webhook.Event
		if err == nil {
			err = json.Unmarshal(body, &ev)
		}
		if err != nil {
			if request.Context().Err() == nil {
				t.Errorf("it cannot be read: %v", err)
			}
			return
		}
		if code := take(&ev); code != 0 {
			http.Error(w, "not now", code)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.taken, r.headers, r.bodies = append(r.taken, ev), append(r.headers, request.Header), append(r.bodies, body)
		r.came <- struct{}{}
	}))
	t.Cleanup(r.Close)
	return r
}

func always(*webhook.Event) int { return 0 }

// wait waits until so many more events were taken.
func (r *receiver) wait(t testing.TB, count int) {
	t.Helper()
	for range count {
		select {
		case <-r.came:
		case <-t.Context().Done():
			t.Fatal("the test is over")
		}
	}
}

func (r *receiver) events() []webhook.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.taken)
}

// numbers are those of the events that were taken.
func (r *receiver) numbers() (out []string) {
	for _, ev := range r.events() {
		out = append(out, ev.Sequence)
	}
	return out
}

const hush = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// options are those of one hook, "crm".
func options(l *log, dir, url string, change func(*outbound.Hook)) outbound.Options {
	h := outbound.Hook{
		Name: "crm", URL: url, Secrets: []string{hush}, RetryFor: time.Hour, FromStart: true,
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	}
	if change != nil {
		change(&h)
	}
	return outbound.Options{
		Hooks: []outbound.Hook{h}, Dir: dir, Last: uint64(len(l.events)), Feed: l.feed, Source: "/workspaces/test",
		Forgotten: func(err error) bool { return errors.Is(err, errForgotten) },
		Over:      func(err error) bool { return errors.Is(err, errOver) },
		Pause:     func(int) time.Duration { return time.Millisecond },
		Encode: func(ev *engine.Event) (json.RawMessage, error) {
			return json.Marshal(map[string]any{"number": ev.Number, "kind": ev.Kind.String()})
		},
	}
}

func open(t testing.TB, o outbound.Options) *outbound.Courier {
	t.Helper()
	c, err := outbound.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// until waits until a hook fares so.
func until(t testing.TB, c *outbound.Courier, holds func(outbound.Status) bool) outbound.Status {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		if s := c.List()[0]; holds(s) {
			return s
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the test is over")
		}
	}
}

// idle says that everything up to an event is done with.
func idle(last uint64) func(outbound.Status) bool {
	return func(s outbound.Status) bool { return s.Open == 0 && s.Position == s.Read && s.Read == last }
}

// TestInOrder: though several are posted at once, and some are refused at first,
// all arrive, and those of one piece of work in their order.
func TestInOrder(t *testing.T) {
	t.Parallel()
	const count, works = 200, 20
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	var mu sync.Mutex
	random := rand.New(rand.NewPCG(seed, 1))
	r := receive(t, func(*webhook.Event) int {
		mu.Lock()
		defer mu.Unlock()
		return []int{503, 404, 429, 0}[min(random.IntN(24), 3)]
	})
	l := newLog(count, works)
	c := open(t, options(l, t.TempDir(), r.URL, nil))
	r.wait(t, count)
	last := map[string]string{}
	for _, ev := range r.events() {
		if before := last[ev.Subject]; len(before) > len(ev.Sequence) || len(before) == len(ev.Sequence) && before >= ev.Sequence {
			t.Errorf("%s: %s comes after %s", ev.Subject, ev.Sequence, before)
		}
		last[ev.Subject] = ev.Sequence
	}
	if s := until(t, c, idle(count)); s.Delivered != count || s.Failed == 0 || s.Read != count || s.Dead != 0 {
		t.Errorf("%+v", s)
	}
	if len(last) != works || len(r.events()) != count {
		t.Errorf("%d events of %d pieces of work", len(r.events()), len(last))
	}
}

func TestMessage(t *testing.T) {
	t.Parallel()
	r := receive(t, always)
	l := newLog(1, 1)
	open(t, options(l, t.TempDir(), r.URL, nil))
	r.wait(t, 1)
	ev := r.events()[0]
	if ev.Type != "dev.patchbay.work_updated" || ev.Source != "/workspaces/test" || ev.Subject != "w1" || ev.Sequence != "1" ||
		!ev.Time.Equal(time.UnixMilli(1_767_225_600_001)) || string(ev.Data) != `{"kind":"work_updated","number":1}` {
		t.Errorf("%+v", ev)
	}
	secret, _ := webhook.ParseSecret(hush)
	if err := webhook.Verify(r.headers[0], r.bodies[0], time.Now(), secret); err != nil || r.headers[0].Get("Webhook-Id") != ev.ID {
		t.Errorf("%v: %v", r.headers[0], err)
	}
	if !strings.HasPrefix(ev.ID, "evt_") || !strings.HasSuffix(ev.ID, "_1") || strings.Contains(ev.ID, ".") {
		t.Errorf("id %s", ev.ID)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	r := receive(t, always)
	l := newLog(30, 3)
	c := open(t, options(l, t.TempDir(), r.URL, func(h *outbound.Hook) { h.When = `event.work == "w2" && event.number > 10` }))
	r.wait(t, 7)
	s := until(t, c, idle(30))
	if got := strings.Join(r.numbers(), " "); len(r.events()) != 7 || s.Passed != 23 || s.When == "" {
		t.Errorf("%s; %+v", got, s)
	}
	unfit := open(t, options(l, t.TempDir(), r.URL, func(h *outbound.Hook) { h.When = `event.attributes.tier == "gold"` }))
	if s := until(t, unfit, idle(30)); s.Unfit != 30 || !strings.Contains(s.LastError, "no such key") {
		t.Errorf("%+v", s)
	}
}

// TestResume: after an orderly end a hook goes on where it was, and tells nothing
// twice.
func TestResume(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLog(50, 5)
	r := receive(t, always)
	c := open(t, options(l, dir, r.URL, nil))
	r.wait(t, 50)
	until(t, c, idle(50))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for number := uint64(51); number <= 60; number++ {
		l.add(event(number, engine.WorkID(number%5+1)))
	}
	open(t, options(l, dir, r.URL, nil))
	r.wait(t, 10)
	got := r.numbers()
	slices.Sort(got)
	if len(slices.Compact(got)) != 60 || len(r.events()) != 60 {
		t.Errorf("%d events, %d different", len(r.events()), len(slices.Compact(got)))
	}
	if after := l.askedAfter(); after[len(after)-1] != 50 {
		t.Errorf("feeds begin after %v", after)
	}
}

// TestCrash: what a hook remembers is in its folder at any time, so that nothing
// is lost when it ends without a word, and what was refused is posted again.
func TestCrash(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLog(4, 2) // w1, w2, w1, w2
	refuses := receive(t, func(ev *webhook.Event) int {
		if ev.Subject == "w1" {
			return 500
		}
		return 0
	})
	o := options(l, dir, refuses.URL, nil)
	o.Pause = func(int) time.Duration { return time.Hour }
	o.Hooks[0].RetryFor = 2 * time.Hour
	c := open(t, o)
	refuses.wait(t, 2)
	s := until(t, c, func(s outbound.Status) bool { return s.Open == 2 && s.Retried == 1 && s.Position == 4 })
	if s.NextTry.Before(time.Now().Add(50*time.Minute)) || s.LastError == "" {
		t.Errorf("%+v", s)
	}
	copied := t.TempDir() // as a crash would leave it
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	takes := receive(t, always)
	open(t, options(l, copied, takes.URL, nil))
	for !slices.Contains(takes.numbers(), "3") { // others may come again
		takes.wait(t, 1)
	}
	got := takes.numbers()
	if first := slices.Index(got, "1"); first < 0 || first > slices.Index(got, "3") {
		t.Errorf("posted again: %v", got)
	}
}

// TestDead: what is not taken for too long becomes a dead letter, outlives a
// restart, and can be posted again.
func TestDead(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLog(6, 6)
	code := 410
	var mu sync.Mutex
	r := receive(t, func(*webhook.Event) int { mu.Lock(); defer mu.Unlock(); return code })
	o := options(l, dir, r.URL, func(h *outbound.Hook) { h.RetryFor = 0 })
	c := open(t, o)
	until(t, c, func(s outbound.Status) bool { return s.Dead == 6 && idle(6)(s) })
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, o)
	letters, err := c.Dead("crm", 2, 3)
	if err != nil || len(letters) != 3 || letters[0].Number != 3 || letters[0].Attempts != 1 || letters[0].Subject != "w3" ||
		letters[0].Error != `webhook: the receiver answers 410: "not now"` || letters[0].First.IsZero() || !json.Valid(letters[0].Body) {
		t.Fatalf("%+v, %v", letters, err)
	}
	mu.Lock()
	code = 0
	mu.Unlock()
	if count, left, err := c.Redeliver("crm", []uint64{5, 2}); count != 2 || left != 4 || err != nil {
		t.Errorf("%d, %d, %v", count, left, err)
	}
	r.wait(t, 2)
	if count, left, err := c.Redeliver("crm", []uint64{1, 5}); count != 0 || left != 4 || !errors.Is(err, outbound.ErrUnknown) {
		t.Errorf("again: %d, %d, %v", count, left, err)
	}
	if count, left, err := c.Redeliver("crm", nil); count != 4 || left != 0 || err != nil {
		t.Errorf("%d, %d, %v", count, left, err)
	}
	r.wait(t, 4)
	got := r.numbers()
	slices.Sort(got)
	if strings.Join(got, " ") != "1 2 3 4 5 6" {
		t.Errorf("%v", got)
	}
	if s := until(t, c, idle(6)); s.Dead != 0 || s.Position != 6 {
		t.Errorf("%+v", s)
	}
}

// signers returns which of the secrets signed the last event that was taken.
func (r *receiver) signers(secrets ...string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	header, body := r.headers[len(r.headers)-1], r.bodies[len(r.bodies)-1]
	out := ""
	for i, text := range secrets {
		secret, err := webhook.ParseSecret(text)
		if err == nil && webhook.Verify(header, body, time.Now(), secret) == nil {
			out += fmt.Sprint(i)
		}
	}
	return out
}

// TestRotate: secrets overlap for as long as is asked for, outlive a restart, and
// give way to a config that changes.
func TestRotate(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLog(0, 1)
	r := receive(t, always)
	number := uint64(0)
	c := open(t, options(l, dir, r.URL, nil))
	next := func() {
		number++
		l.add(event(number, 1))
		r.wait(t, 1)
		until(t, c, idle(number))
	}
	first, until1, err := c.Rotate("crm", time.Hour)
	if err != nil || time.Until(until1) < 59*time.Minute {
		t.Fatalf("%v, %v", until1, err)
	}
	next()
	if got := r.signers(hush, first); got != "01" {
		t.Errorf("after the first: %s", got)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, options(l, dir, r.URL, nil))
	next()
	if got := r.signers(hush, first); got != "01" {
		t.Errorf("after a restart: %s", got)
	}
	second, _, err := c.Rotate("crm", 0)
	if err != nil {
		t.Fatal(err)
	}
	next()
	if got := r.signers(hush, first, second); got != "2" {
		t.Errorf("after one that does not overlap: %s", got)
	}
	if s := c.List()[0]; s.Secrets != 1 {
		t.Errorf("%d secrets", s.Secrets)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	other := webhook.NewSecret().Reveal()
	c = open(t, options(l, dir, r.URL, func(h *outbound.Hook) { h.Secrets = []string{other, second} }))
	next()
	if got := r.signers(hush, first, second, other); got != "23" {
		t.Errorf("after the config changed: %s", got)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	c = open(t, options(l, dir, r.URL, nil))
	next()
	if got := r.signers(hush, first, second, other); got != "0" {
		t.Errorf("after it changed back: %s", got)
	}
}

// TestManyRotations: however often secrets are drawn, few sign.
func TestManyRotations(t *testing.T) {
	t.Parallel()
	r := receive(t, always)
	c := open(t, options(newLog(0, 1), t.TempDir(), r.URL, nil))
	for range 20 {
		if _, _, err := c.Rotate("crm", time.Hour); err != nil {
			t.Fatal(err)
		}
	}
	if s := c.List()[0]; s.Secrets != 5 {
		t.Errorf("%d secrets sign", s.Secrets)
	}
}

// TestForgotten: events that are kept no more are counted, and the rest is told.
func TestForgotten(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLog(10, 1)
	r := receive(t, always)
	c := open(t, options(l, dir, r.URL, nil))
	r.wait(t, 10)
	until(t, c, idle(10))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for number := uint64(11); number <= 30; number++ {
		l.add(event(number, 1))
	}
	l.kept = 25
	c = open(t, options(l, dir, r.URL, nil))
	r.wait(t, 5)
	if s := until(t, c, idle(30)); s.Lost != 15 || !strings.Contains(s.LastError, "15 events are not kept any more") {
		t.Errorf("%+v", s)
	}
}

// TestNew: a hook that is new begins with the next event, and one whose journal
// is another one does so too.
func TestNew(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), newLog(10, 1)
	r := receive(t, always)
	now := func(h *outbound.Hook) { h.FromStart = false }
	c := open(t, options(l, dir, r.URL, now))
	l.add(event(11, 1))
	r.wait(t, 1)
	until(t, c, idle(11))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	short := newLog(3, 1)
	open(t, options(short, dir, r.URL, now))
	short.add(event(4, 1))
	r.wait(t, 1)
	if got := strings.Join(r.numbers(), " "); got != "11 4" {
		t.Errorf("told %s", got)
	}
}

// TestAnotherJournal: letters that are left of another journal are not taken for
// the events that have their numbers in this one.
func TestAnotherJournal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	refuses := receive(t, func(ev *webhook.Event) int {
		if ev.Subject == "w2" {
			return 0
		}
		return 500
	})
	o := options(newLog(6, 2), dir, refuses.URL, func(h *outbound.Hook) { h.RetryFor = 0 })
	c := open(t, o)
	until(t, c, func(s outbound.Status) bool { return s.Dead == 3 && idle(6)(s) }) // 1, 3 and 5
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	takes := receive(t, always)
	short := newLog(2, 2)
	c = open(t, options(short, dir, takes.URL, nil))
	for number := uint64(3); number <= 6; number++ {
		short.add(event(number, 7))
	}
	s := until(t, c, idle(6))
	if got := strings.Join(takes.numbers(), " "); got != "3 4 5 6" || s.Dead != 1 || s.Dropped != 2 {
		t.Errorf("told %s; %+v", got, s)
	}
}

// TestFull: what a receiver does not take does not pile up without end.
func TestFull(t *testing.T) {
	t.Parallel()
	l := newLog(1500, 1500)
	var mu sync.Mutex
	down := true
	r := receive(t, func(*webhook.Event) int {
		mu.Lock()
		defer mu.Unlock()
		if down {
			return 503
		}
		return 0
	})
	o := options(l, t.TempDir(), r.URL, func(h *outbound.Hook) { h.Parallel = 64 })
	o.Pause = func(int) time.Duration { return 200 * time.Millisecond }
	c := open(t, o)
	s := until(t, c, func(s outbound.Status) bool { return s.Open >= 1000 && s.Failed > 20 })
	if s.Open > 1100 || s.Read > 1100 {
		t.Errorf("%d wait, %d were read", s.Open, s.Read)
	}
	mu.Lock()
	down = false
	mu.Unlock()
	r.wait(t, 1500)
	until(t, c, idle(1500))
}

func TestTest(t *testing.T) {
	t.Parallel()
	r := receive(t, func(ev *webhook.Event) int {
		if ev.Type != "dev.patchbay.test" {
			return 400
		}
		return 0
	})
	c := open(t, options(newLog(0, 1), t.TempDir(), r.URL, nil))
	if _, err := c.Test(t.Context(), "crm"); err != nil {
		t.Error(err)
	}
	r.Close()
	if _, err := c.Test(t.Context(), "crm"); err == nil {
		t.Error("nobody is there, and it was taken")
	}
	for _, err := range []error{
		func() error { _, err := c.Test(t.Context(), "none"); return err }(),
		func() error { _, err := c.Dead("none", 0, 1); return err }(),
		func() error { _, _, err := c.Redeliver("none", nil); return err }(),
		func() error { _, _, err := c.Rotate("none", 0); return err }(),
	} {
		if !errors.Is(err, outbound.ErrUnknown) {
			t.Errorf("%v", err)
		}
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	l := newLog(0, 1)
	damaged := t.TempDir()
	if err := os.MkdirAll(filepath.Join(damaged, "crm"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(damaged, "crm", "state.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]outbound.Options{
		"line 1, column 1":    options(l, t.TempDir(), "https://example.com", func(h *outbound.Hook) { h.When = "nonsense" }),
		"a secret should be":  options(l, t.TempDir(), "https://example.com", func(h *outbound.Hook) { h.Secrets = []string{"x"} }),
		"state.json is damag": options(l, damaged, "https://example.com", nil),
		"not a directory":     options(l, filepath.Join(damaged, "crm", "state.json"), "https://example.com", nil),
	} {
		if _, err := outbound.Open(o); err == nil || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), `outbound: hook "crm": `) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
