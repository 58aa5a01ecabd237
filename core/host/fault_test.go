// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// player is a strategy that answers turns as play does.
type player struct {
	play func(*route.Turn, *route.Reply) error
}

func (player) Configure([]byte) error { return nil }

func (s player) Turn(turn *route.Turn, reply *route.Reply) error { return s.play(turn, reply) }

// played has queues decided by a strategy that plays, with "queue" as fallback.
func (p *place) played(play func(*route.Turn, *route.Reply) error) {
	p.def.RoutingConfigs[0].Strategy = "played"
	p.options = func(opts *host.Options) {
		opts.Strategies = append(queueStrategy(), strategy.Spec{
			Name: "played", Runtime: "builtin", Source: "played", Limits: strategy.Limits{TurnDeadline: 20 * time.Millisecond},
		})
		opts.Runtimes = builtins(map[string]func() route.Strategy{"played": func() route.Strategy { return player{play} }})
	}
}

func TestHangingStrategyDoesNotStopTheLoop(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	p := &place{t: t, dir: t.TempDir(), def: definition(1)}
	p.played(func(*route.Turn, *route.Reply) error {
		<-hang
		return nil
	})
	p.open(host.Options{})
	t.Cleanup(func() {
		close(hang)
		p.close()
	})
	stream := p.attach("a1")
	p.create()
	if offer := await(t, stream, engine.KindWorkOffered); offer.Decision.Strategy != "queue" {
		t.Fatalf("offered by %+v", offer.Decision)
	}
	for {
		status, err := p.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if played := status.Strategies[0]; played.Counts.Faults > 0 && status.Queues[0].DecidedBy == "queue" {
			return
		}
	}
}

// TestWhatAStrategySaysOfItsFaultHarmsNobody has one say what no journal and no
// protocol would take.
func TestWhatAStrategySaysOfItsFaultHarmsNobody(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"not text": "broken \xff\xfe",
		"too long": strings.Repeat("long ", journal.MaxRecord/5+1),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &place{t: t, dir: t.TempDir(), def: definition(1)}
			p.played(func(*route.Turn, *route.Reply) error { return errors.New(text) })
			p.open(host.Options{})
			feed := p.Feed(0)
			for down := false; !down; {
				events, err := feed.Next(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				for _, ev := range events {
					down = down || ev.Kind == engine.KindStrategyChanged && ev.Status == "down"
				}
			}
			status, err := p.Status(t.Context())
			if fault := status.Strategies[0].Counts.LastFault; err != nil || !utf8.ValidString(fault) || len(fault) > 10_000 || fault == "" {
				t.Errorf("a fault of %d bytes, %v", len(fault), err)
			}
			for range 2 { // by replay, then by snapshot
				p.close()
				p.open(host.Options{})
			}
			p.close()
		})
	}
}

// TestTextThatIsNoneIsKept has a caller bring bytes that are no text: what was
// acknowledged must be there after a restart all the same.
func TestTextThatIsNoneIsKept(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	const external = "case \xff"
	id := p.do(engine.CreateWork{Spec: engine.WorkSpec{Channel: "case", Queue: "support", External: external}}).Work
	for range 2 {
		p.close()
		p.open(host.Options{})
	}
	if err := p.View(t.Context(), func(e *engine.Engine) {
		if w, ok := e.Work(id); !ok || w.Spec.External != external {
			t.Errorf("found %+v", w)
		}
	}); err != nil {
		t.Fatal(err)
	}
}

// TestTimeGoesOnWhenTheClockWasSetBack opens a journal that was written while
// the clock was an hour ahead.
func TestTimeGoesOnWhenTheClockWasSetBack(t *testing.T) {
	t.Parallel()
	def := definition(1)
	def.RoutingConfigs[0].PushTimeout = 20
	p := &place{t: t, dir: t.TempDir(), def: def}
	ahead := engine.Time(time.Now().Add(time.Hour).UnixMilli())
	p.writes(ahead, engine.Configure{Definition: def})
	p.open(host.Options{})
	t.Cleanup(p.close)
	stream := p.attach("a1")
	p.create()
	offer := await(t, stream, engine.KindWorkOffered)
	timedOut := await(t, stream, engine.KindOfferTimedOut)
	if offer.At < ahead || timedOut.At < offer.Deadline {
		t.Fatalf("offered %+v, timed out %+v", offer, timedOut)
	}
}

// writes puts what comes of the commands into a journal that is not open.
func (p *place) writes(at engine.Time, commands ...engine.Command) {
	p.t.Helper()
	server, err := journal.Open(p.t.Context(), journal.Options{Dir: p.dir})
	if err != nil {
		p.t.Fatal(err)
	}
	log, err := server.Log(p.t.Context(), "test")
	if err != nil {
		p.t.Fatal(err)
	}
	e := engine.New()
	for _, command := range commands {
		result, err := e.Step(at, command)
		if err != nil {
			p.t.Fatal(err)
		}
		records := make([][]byte, len(result.Events))
		for i := range result.Events {
			if records[i], err = cbor.Marshal(&result.Events[i]); err != nil {
				p.t.Fatal(err)
			}
		}
		if err := log.Append(p.t.Context(), result.Events[0].Number, records); err != nil {
			p.t.Fatal(err)
		}
	}
	if err := server.Close(); err != nil {
		p.t.Fatal(err)
	}
}

// TestAgentWhoWentAwayMayBeRemoved restarts with a definition without an agent
// whose grace period ran out while the host was down.
func TestAgentWhoWentAwayMayBeRemoved(t *testing.T) {
	t.Parallel()
	def := definition(2)
	p := &place{t: t, dir: t.TempDir(), def: definition(1)}
	ago := engine.Time(time.Now().Add(-time.Hour).UnixMilli())
	p.writes(ago, engine.Configure{Definition: def}, engine.SignIn{Agent: "a2", Status: "available"})
	p.open(host.Options{})
	t.Cleanup(p.close)
	if err := p.View(t.Context(), func(e *engine.Engine) {
		if _, ok := e.Agent("a2"); ok {
			t.Error("the agent is still there")
		}
	}); err != nil {
		t.Fatal(err)
	}
}
