// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// classedDoors returns open doors for a strategy "x" with classes voice and
// chat.
func classedDoors(t testing.TB) *remote.Doors {
	t.Helper()
	doors, err := remote.NewDoors(remote.Options{}, remote.Strategy{
		Name: "x", Tokens: []string{digest(secret)}, Classes: []string{"voice", "chat"},
	})
	if err != nil {
		t.Fatal(err)
	}
	doors.Open()
	t.Cleanup(func() { _ = doors.Close() })
	return doors
}

// startClass starts the part of the strategy for a class while the test goes on.
func startClass(t testing.TB, doors *remote.Doors, class string) <-chan started {
	t.Helper()
	out := make(chan started, 1)
	spec := strategy.Spec{Name: strategy.ClassName("x", class), Of: "x", Class: class, Runtime: "remote"}
	go func() {
		in, manifest, err := remote.New(doors).Start(context.Background(), spec, 7)
		out <- started{in, manifest, err}
	}()
	return out
}

func classed(t testing.TB, doors *remote.Doors, router, class string) *pipe {
	t.Helper()
	p := dial(t, doors)
	hello := helloOf(router, 0)
	hello.Class = class
	if sayHello(p, hello) == nil {
		t.Fatalf("router %s is not welcomed", router)
	}
	return p
}

// Routers of classes lead at once, each for its own; a standby of the class
// takes over, and no other.
func TestClasses(t *testing.T) {
	t.Parallel()
	doors := classedDoors(t)
	rest, _ := connected(t, doors, "rest", 0)
	starting := startClass(t, doors, "voice")
	first := classed(t, doors, "first", "voice")
	voice := first.follow(t)
	in := <-starting
	if in.err != nil {
		t.Fatal(in.err)
	}
	defer in.instance.Close()
	_, whole := led(t, doors, rest, strategy.Spec{})
	standby := classed(t, doors, "standby", "voice")
	if voice.GetLease() == whole.GetLease() {
		t.Errorf("both lead under lease %d", whole.GetLease())
	}
	led := map[string]string{}
	for _, r := range doors.Routers() {
		if r.Lease != 0 {
			led[r.Name] = r.Class
		}
	}
	if len(led) != 2 || led["first"] != "voice" || led["rest"] != "" {
		t.Errorf("who leads: %v", led)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	turn := turned(ctx, in.instance, snapshot(1))
	if ask := first.hear().GetAsk(); ask.GetLease() != voice.GetLease() {
		t.Errorf("asked %v", ask)
	}
	first.hangUp()
	if lead := standby.follow(t); lead.GetLease() <= voice.GetLease() {
		t.Errorf("the standby leads under %d after %d", lead.GetLease(), voice.GetLease())
	}
	standby.reply(t, standby.hear().GetAsk())
	if err := <-turn; err != nil {
		t.Error(err)
	}
	// Nobody of the class is left: it is not for the others.
	standby.hangUp()
	<-standby.served
	short, stop := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer stop()
	wantFault(t, <-turned(short, in.instance, snapshot(2)), strategy.FaultDied, "")
}

func TestUnknownClass(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		doors *remote.Doors
		words string
	}{
		{classedDoors(t), `has no class "fax"; its classes are voice, chat`},
		{newDoors(t, remote.Options{}), `has no class "fax"; it is not split`},
	} {
		p := dial(t, c.doors)
		hello := helloOf("r", 0)
		hello.Class = "fax"
		p.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Hello{Hello: hello}})
		<-p.served
		var refused *remote.Refusal
		if !errors.As(p.err, &refused) || refused.Code != "invalid" || !strings.Contains(refused.Text, c.words) {
			t.Errorf("got %v, want %q", p.err, c.words)
		}
	}
}

// A router that comes back for another class begins anew.
func TestResumeOfAnotherClass(t *testing.T) {
	t.Parallel()
	doors := classedDoors(t)
	p := dial(t, doors)
	hello := helloOf("r", 0)
	hello.Class = "voice"
	welcome := sayHello(p, hello)
	p.hangUp()
	<-p.served
	again := dial(t, doors)
	hello = helloOf("r", 0)
	hello.Class, hello.Resume = "chat", &strategyv1.Resume{Token: welcome.GetResumeToken()}
	if welcome = sayHello(again, hello); welcome.GetResumed() {
		t.Error("the session goes on for another class")
	}
	if routers := doors.Routers(); len(routers) != 1 || routers[0].Class != "chat" {
		t.Errorf("%+v", routers)
	}
}
