// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func contains(text, words string) bool { return strings.Contains(text, words) }

// in runs a test in a bubble of virtual time.
func in(t *testing.T, test func(*testing.T)) {
	t.Helper()
	synctest.Test(t, test)
}

func TestStartWithoutRouter(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		began := time.Now()
		got := <-start(t, doors, strategy.Spec{Limits: strategy.Limits{StartTimeout: 9 * time.Second}})
		wantFault(t, got.err, strategy.FaultStart, `no router is connected for strategy "x"`)
		if waited := time.Since(began); waited != 9*time.Second {
			t.Errorf("waited %v", waited)
		}
	})
}

func TestStartBeforeOpen(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors, err := remote.NewDoors(remote.Options{}, remote.Strategy{Name: "x"})
		if err != nil {
			t.Fatal(err)
		}
		defer doors.Close()
		began := time.Now()
		got := <-start(t, doors, strategy.Spec{})
		wantFault(t, got.err, strategy.FaultStart, "only starting")
		if time.Since(began) != 0 || doors.Unguarded() != "x" {
			t.Error("it waited, or guards what it does not")
		}
	})
}

// A router that comes while the host waits is led at once, with the settings.
func TestLead(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{HostVersion: "v3"})
		starting := start(t, doors, strategy.Spec{Settings: []byte(`{"a":1}`), Limits: strategy.Limits{TurnDeadline: time.Second}})
		synctest.Wait()
		p, welcome := connected(t, doors, "one", 0)
		if welcome.GetHost().GetHostVersion() != "v3" || welcome.GetRetentionMs() != 15_000 || welcome.GetResumed() ||
			len(welcome.GetResumeToken()) != 64 {
			t.Errorf("welcome %v", welcome)
		}
		lead := p.follow(t)
		if lead.GetEpoch() != 7 || lead.GetTurnBudgetUs() != 1_000_000 || string(lead.GetConfigure().GetSettingsJson()) != `{"a":1}` {
			t.Errorf("lead %v", lead)
		}
		got := <-starting
		if got.err != nil || got.manifest.Name != "greedy" {
			t.Fatalf("%+v", got)
		}
		defer got.instance.Close()
		turn := turned(t.Context(), got.instance, snapshot(1))
		p.reply(t, p.hear().GetAsk())
		if err := <-turn; err != nil {
			t.Error(err)
		}
		_ = got.instance.Close()
		if p.hear().GetDrained().GetLease() != lead.GetLease() {
			t.Error("the router was not told that its lease is over")
		}
		wantFault(t, got.instance.Turn(t.Context(), delta(), new(route.Reply)), strategy.FaultDied, "closed")
	})
}

func TestRefusesSettings(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		p, _ := connected(t, doors, "one", 0)
		starting := start(t, doors, strategy.Spec{})
		lead := p.hear().GetLead()
		p.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Configured{Configured: &strategyv1.Configured{
			Lease: lead.GetLease(), Response: &strategyv1.ConfigureResponse{Diagnostics: []*strategyv1.Diagnostic{{
				Severity: strategyv1.Diagnostic_SEVERITY_ERROR, Path: "a", Message: "is odd",
			}}},
		}}})
		wantFault(t, (<-starting).err, strategy.FaultStart, `router "one": it refuses its settings: a: is odd`)
	})
}

// Whoever is not to be let in is told why, and no more than that.
func TestNotLetIn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*strategyv1.Hello)
		code   string
	}{
		"wrong token":      {func(h *strategyv1.Hello) { h.Token = "open" }, "unauthenticated"},
		"no token":         {func(h *strategyv1.Hello) { h.Token = "" }, "unauthenticated"},
		"unknown strategy": {func(h *strategyv1.Hello) { h.Strategy = strings.Repeat("y", 300) }, "unauthenticated"},
		"long name":        {func(h *strategyv1.Hello) { h.Router = strings.Repeat("r", 300) }, "invalid"},
		"other contract":   {func(h *strategyv1.Hello) { h.Manifest.Majors = []uint32{9} }, "no_common_version"},
		"no manifest":      {func(h *strategyv1.Hello) { h.Manifest = nil }, "no_common_version"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, func(t *testing.T) {
				doors := newDoors(t, remote.Options{})
				p := dial(t, doors)
				hello := helloOf("one", 0)
				test.change(hello)
				if sayHello(p, hello) != nil {
					t.Fatal("it is welcomed")
				}
				wantRefusal(t, p, test.code)
			})
		})
	}
}

func wantRefusal(t *testing.T, p *pipe, code string) {
	t.Helper()
	<-p.served
	var refusal *remote.Refusal
	if !errors.As(p.err, &refusal) || refusal.Code != code || len(refusal.Text) > 300 {
		t.Errorf("the connection ended with %v, want %s", p.err, code)
	}
}

func TestOtherFirstMessages(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{Hello: 3 * time.Second})
		mute := dial(t, doors)
		wantRefusal(t, mute, "out_of_place")
		early := dial(t, doors)
		early.answer(1, 1, nil)
		wantRefusal(t, early, "out_of_place")
		old := dial(t, doors)
		hello := helloOf("old", 0)
		hello.Token = "old one"
		if sayHello(old, hello) == nil {
			t.Error("the other token is not taken")
		}
	})
}

func TestTooManyRouters(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{MaxRouters: 2})
		connected(t, doors, "one", 0)
		connected(t, doors, "two", 0)
		p := dial(t, doors)
		if sayHello(p, helloOf("three", 0)) != nil {
			t.Error("it is welcomed")
		}
		wantRefusal(t, p, "too_many_routers")
	})
}

func TestSilentRouter(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{Ping: time.Second})
		p, _ := connected(t, doors, "one", 0)
		began := time.Now()
		if got := p.hear().GetNotice(); got.GetCode() != strategyv1.Notice_CODE_SILENT {
			t.Errorf("got %v", got)
		}
		wantRefusal(t, p, "silent")
		if after := time.Since(began); after > 5*time.Second {
			t.Errorf("after %v", after)
		}
	})
}

func TestShutDown(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		p, _ := connected(t, doors, "one", 0)
		instance, _ := led(t, doors, p, strategy.Spec{})
		closing := make(chan error)
		go func() { closing <- doors.Close() }()
		if got := p.hear().GetNotice(); got.GetCode() != strategyv1.Notice_CODE_SHUTTING_DOWN {
			t.Errorf("got %v", got)
		}
		<-p.served
		if err := <-closing; err != nil {
			t.Error(err)
		}
		wantFault(t, instance.Turn(t.Context(), snapshot(1), new(route.Reply)), strategy.FaultDied, "no router")
	})
}

func TestBadToken(t *testing.T) {
	t.Parallel()
	if _, err := remote.NewDoors(remote.Options{}, remote.Strategy{Name: "x", Tokens: []string{"12"}}); err == nil {
		t.Error("half a checksum is taken")
	}
}

func ExampleRuntime_Start() {
	doors, err := remote.NewDoors(remote.Options{}, remote.Strategy{Name: "vendor"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer doors.Close()
	_, _, err = remote.New(doors).Start(context.Background(), strategy.Spec{Name: "vendor"}, 1)
	fmt.Println(err)
	// Output: strategy: start: remote: no router is connected for strategy "vendor"; the host is only starting, and routers cannot come in yet
}
