// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// within is a context that ends after so long.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// resume dials again as the router that was welcomed and has applied a turn.
func resume(t testing.TB, doors *remote.Doors, welcome *strategyv1.Welcome, lease, applied uint64) (*pipe, *strategyv1.Welcome) {
	t.Helper()
	p := dial(t, doors)
	hello := helloOf("one", 0)
	hello.Resume = &strategyv1.Resume{Token: welcome.GetResumeToken(), Lease: lease, Applied: applied}
	again := sayHello(p, hello)
	if again == nil {
		t.Fatal("the router is not welcomed again")
	}
	return p, again
}

// A connection that is lost in the middle of a turn is made again in time: the
// same turn comes again, and its answer counts.
func TestResumeInATurn(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		p, welcome := connected(t, doors, "one", 0)
		instance, lead := led(t, doors, p, strategy.Spec{})
		turn := turned(within(t, time.Second), instance, snapshot(1))
		first := p.hear().GetAsk()
		p.hangUp()
		<-p.served
		time.Sleep(900 * time.Millisecond)
		again, welcomed := resume(t, doors, welcome, lead.GetLease(), 0)
		if !welcomed.GetResumed() || welcomed.GetLease() != lead.GetLease() {
			t.Errorf("welcome %v", welcomed)
		}
		second := again.hear().GetAsk()
		if second.GetTurn() != 1 || string(second.GetFrame()) != string(first.GetFrame()) {
			t.Errorf("the turn came again as %v", second)
		}
		again.reply(t, second)
		if err := <-turn; err != nil {
			t.Error(err)
		}
		// Nothing was missed, so a delta follows on.
		next := turned(within(t, time.Second), instance, delta())
		again.reply(t, again.hear().GetAsk())
		if err := <-next; err != nil {
			t.Error(err)
		}
		if got := doors.Routers()[0]; got.Counts.Resumes != 1 || got.Counts.Replays != 1 || got.Counts.Answers != 2 {
			t.Errorf("%+v", got)
		}
	})
}

// A router that comes back between two turns goes on where it was.
func TestResumeBetweenTurns(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		p, welcome := connected(t, doors, "one", 0)
		instance, lead := led(t, doors, p, strategy.Spec{})
		turn := turned(within(t, time.Second), instance, snapshot(1))
		p.reply(t, p.hear().GetAsk())
		<-turn
		p.hangUp()
		<-p.served
		time.Sleep(14 * time.Second)
		again, welcomed := resume(t, doors, welcome, lead.GetLease(), 1)
		turn = turned(within(t, time.Second), instance, delta())
		again.reply(t, again.hear().GetAsk())
		if err := <-turn; err != nil || !welcomed.GetResumed() {
			t.Error(err, welcomed)
		}
	})
}

// What cannot be resumed begins anew, and its board with it.
func TestNotResumed(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		after          time.Duration
		lease, applied func(uint64) uint64
	}{
		"too late":        {16 * time.Second, same, always(1)},
		"other lease":     {time.Second, func(lease uint64) uint64 { return lease - 1 }, always(1)},
		"has lost a turn": {time.Second, same, always(0)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, func(t *testing.T) {
				doors := newDoors(t, remote.Options{})
				p, welcome := connected(t, doors, "one", 0)
				instance, lead := led(t, doors, p, strategy.Spec{})
				turn := turned(within(t, time.Second), instance, snapshot(1))
				p.reply(t, p.hear().GetAsk())
				<-turn
				p.hangUp()
				<-p.served
				time.Sleep(test.after)
				again, welcomed := resume(t, doors, welcome, test.lease(lead.GetLease()), test.applied(1))
				if welcomed.GetResumed() || welcomed.GetLease() != 0 || len(doors.Routers()) != 1 {
					t.Errorf("welcome %v, routers %+v", welcomed, doors.Routers())
				}
				turn = turned(within(t, time.Second), instance, delta())
				anew := again.follow(t)
				if err := <-turn; !errors.Is(err, route.ErrNeedSnapshot) {
					t.Errorf("the turn ended with %v", err)
				}
				if anew.GetLease() <= lead.GetLease() {
					t.Errorf("lease %d after %d", anew.GetLease(), lead.GetLease())
				}
				turn = turned(within(t, time.Second), instance, snapshot(3))
				again.reply(t, again.hear().GetAsk())
				if err := <-turn; err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func same(lease uint64) uint64 { return lease }

func always(n uint64) func(uint64) uint64 { return func(uint64) uint64 { return n } }

// A router that takes its session up again while the host still believes in the
// old connection replaces that.
func TestResumeReplaces(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		p, welcome := connected(t, doors, "one", 0)
		instance, lead := led(t, doors, p, strategy.Spec{})
		turn := turned(within(t, time.Second), instance, snapshot(1))
		first := p.hear().GetAsk()
		again, _ := resume(t, doors, welcome, lead.GetLease(), 0)
		if got := p.hear().GetNotice(); got.GetCode() != strategyv1.Notice_CODE_REPLACED {
			t.Errorf("got %v", got)
		}
		wantRefusal(t, p, "replaced")
		p.reply(t, first) // nobody hears it
		again.reply(t, again.hear().GetAsk())
		if err := <-turn; err != nil {
			t.Error(err)
		}
	})
}

func TestLostForLong(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		p, _ := connected(t, doors, "one", 0)
		instance, _ := led(t, doors, p, strategy.Spec{})
		p.hangUp()
		<-p.served
		wantFault(t, instance.Turn(within(t, time.Second), snapshot(1), new(route.Reply)), strategy.FaultDied,
			`the connection of router "one" was lost, and it did not come back in time`)
		time.Sleep(15 * time.Second)
		wantFault(t, instance.Turn(within(t, time.Second), snapshot(1), new(route.Reply)), strategy.FaultDied,
			`no router is connected for strategy "x"`)
		if len(doors.Routers()) != 0 {
			t.Errorf("%+v", doors.Routers())
		}
	})
}

// The one that stands by takes over within the turn: at once if it is given a
// snapshot, else one is asked for.
func TestStandbyTakesOver(t *testing.T) {
	t.Parallel()
	for name, loses := range map[string]func(*pipe){
		"breaks": (*pipe).hangUp,
		"leaves": func(p *pipe) {
			p.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Leave{Leave: &strategyv1.Leave{Reason: "update"}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, func(t *testing.T) {
				doors := newDoors(t, remote.Options{})
				one, _ := connected(t, doors, "one", 0)
				last, _ := connected(t, doors, "last", 9)
				late, _ := connected(t, doors, "late", 1)
				second, _ := connected(t, doors, "second", 1)
				instance, lead := led(t, doors, one, strategy.Spec{})
				turn := turned(within(t, time.Second), instance, snapshot(1))
				one.hear()
				loses(one)
				next := late.follow(t)
				late.reply(t, late.hear().GetAsk())
				if err := <-turn; err != nil || next.GetLease() <= lead.GetLease() || next.GetEpoch() != lead.GetEpoch() {
					t.Errorf("%v, lease %d after %d", err, next.GetLease(), lead.GetLease())
				}
				turn = turned(within(t, time.Second), instance, delta())
				late.hear()
				loses(late)
				second.follow(t)
				if err := <-turn; !errors.Is(err, route.ErrNeedSnapshot) {
					t.Errorf("the turn ended with %v", err)
				}
				wantLeader(t, doors, "second", "last")
				_ = last
			})
		})
	}
}

// wantLeader wants these routers connected, in that order.
func wantLeader(t *testing.T, doors *remote.Doors, leader string, standby ...string) {
	t.Helper()
	synctest.Wait()
	var names []string
	for _, r := range doors.Routers() {
		if r.Connected {
			names = append(names, r.Name)
			if (r.Lease != 0) != (len(names) == 1) {
				t.Errorf("%+v", r)
			}
		}
	}
	if want := append([]string{leader}, standby...); len(names) != len(want) || names[0] != leader || names[len(names)-1] != want[len(want)-1] {
		t.Errorf("routers are %v, want %v", names, want)
	}
}

// A leader that was replaced and comes back stands by, and what it still decides
// is refused and it is told so.
func TestDoubleLeader(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		one, welcome := connected(t, doors, "one", 0)
		two, _ := connected(t, doors, "two", 1)
		instance, lead := led(t, doors, one, strategy.Spec{})
		turn := turned(within(t, time.Second), instance, snapshot(1))
		ask := one.hear().GetAsk()
		one.hangUp()
		two.follow(t)
		second := two.hear().GetAsk()
		back, welcomed := resume(t, doors, welcome, lead.GetLease(), 0)
		if !welcomed.GetResumed() || welcomed.GetLease() != 0 {
			t.Errorf("welcome %v", welcomed)
		}
		back.reply(t, ask) // it believes that it leads
		if got := back.hear().GetNotice(); got.GetCode() != strategyv1.Notice_CODE_FENCED || got.GetLease() != lead.GetLease() || got.GetTurn() != 1 {
			t.Errorf("got %v", got)
		}
		two.answer(ask.GetLease(), 1, nil) // one that has read the other's lease
		if got := two.hear().GetNotice(); got.GetCode() != strategyv1.Notice_CODE_FENCED || !contains(got.GetText(), "leads under lease") {
			t.Errorf("got %v", got)
		}
		select {
		case err := <-turn:
			t.Fatalf("the turn is over: %v", err)
		default:
		}
		two.reply(t, second)
		if err := <-turn; err != nil {
			t.Error(err)
		}
		wantLeader(t, doors, "two", "one")
	})
}

// An answer that comes after the time is refused, and the router is told. The
// next turn's answer is not mistaken.
func TestLateAnswer(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		p, _ := connected(t, doors, "one", 0)
		instance, lead := led(t, doors, p, strategy.Spec{})
		turn := turned(within(t, 100*time.Millisecond), instance, snapshot(1))
		late := p.hear().GetAsk()
		wantFault(t, <-turn, strategy.FaultDeadline, `router "one" did not answer in time`)
		turn = turned(within(t, 100*time.Millisecond), instance, snapshot(2))
		ask := p.hear().GetAsk()
		p.reply(t, late)
		if got := p.hear().GetNotice(); got.GetCode() != strategyv1.Notice_CODE_LATE || got.GetTurn() != 1 ||
			got.GetLease() != lead.GetLease() || !contains(got.GetText(), "within 100ms") {
			t.Errorf("got %v", got)
		}
		p.reply(t, ask)
		if err := <-turn; err != nil {
			t.Error(err)
		}
		p.reply(t, ask)
		if got := p.hear().GetNotice(); got.GetCode() != strategyv1.Notice_CODE_DUPLICATE || got.GetTurn() != 2 {
			t.Errorf("got %v", got)
		}
		if got := doors.Routers()[0].Counts; got.Late != 1 || got.Duplicates != 1 || got.Answers != 1 {
			t.Errorf("%+v", got)
		}
	})
}

// A router that let a turn pass is led again only if nobody else can.
func TestStruckRouterComesLast(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		one, _ := connected(t, doors, "one", 0)
		instance, _ := led(t, doors, one, strategy.Spec{})
		turn := turned(within(t, time.Second), instance, snapshot(1))
		one.hear()
		wantFault(t, <-turn, strategy.FaultDeadline, "in time")
		two, _ := connected(t, doors, "two", 5)
		_ = instance.Close()
		led(t, doors, two, strategy.Spec{})
	})
}

func TestBadAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		answer func(*testing.T, *pipe, *strategyv1.Ask)
		kind   strategy.FaultKind
		words  string
		notice strategyv1.Notice_Code
	}{
		"rubbish": {func(_ *testing.T, p *pipe, a *strategyv1.Ask) {
			p.answer(a.GetLease(), a.GetTurn(), []byte("rubbish"))
		}, strategy.FaultRubbish, "7 bytes are less", strategyv1.Notice_CODE_RUBBISH},
		"too much": {func(_ *testing.T, p *pipe, a *strategyv1.Ask) {
			p.answer(a.GetLease(), a.GetTurn(), make([]byte, 1001))
		}, strategy.FaultTooLarge, "has 1001 bytes, 1000 are allowed", strategyv1.Notice_CODE_TOO_LARGE},
		"no such turn": {func(t *testing.T, p *pipe, a *strategyv1.Ask) {
			p.answer(a.GetLease(), 99, replyFrame(t, &route.Reply{Epoch: 7, Seq: 99}))
		}, strategy.FaultWrongTurn, "answered turn 99 when asked turn 1", strategyv1.Notice_CODE_WRONG_TURN},
		"another frame": {func(t *testing.T, p *pipe, a *strategyv1.Ask) {
			p.answer(a.GetLease(), a.GetTurn(), replyFrame(t, &route.Reply{Epoch: 6, Seq: 1}))
		}, strategy.FaultWrongTurn, "turn 1 of epoch 6", strategyv1.Notice_CODE_WRONG_TURN},
		"nothing known": {func(_ *testing.T, p *pipe, _ *strategyv1.Ask) {
			p.say(&strategyv1.SessionRequest{})
		}, strategy.FaultRubbish, "holds nothing", strategyv1.Notice_CODE_RUBBISH},
		"broken": {func(_ *testing.T, p *pipe, a *strategyv1.Ask) {
			p.answer(a.GetLease(), a.GetTurn(), route.EncodeStatus(nil, 7, 1, route.StatusInternal, "no database"))
		}, strategy.FaultBroken, "no database", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, func(t *testing.T) {
				doors := newDoors(t, remote.Options{})
				p, _ := connected(t, doors, "one", 0)
				instance, lead := led(t, doors, p, strategy.Spec{Limits: strategy.Limits{ReplyBytes: 1000}})
				if lead.GetMaxReplyBytes() != 1000 {
					t.Errorf("lead %v", lead)
				}
				turn := turned(within(t, time.Second), instance, snapshot(1))
				test.answer(t, p, p.hear().GetAsk())
				wantFault(t, <-turn, test.kind, test.words)
				if test.notice != 0 {
					if got := p.hear().GetNotice(); got.GetCode() != test.notice || got.GetText() == "" {
						t.Errorf("notice %v, want %v", got, test.notice)
					}
				}
				turn = turned(within(t, time.Second), instance, snapshot(2))
				p.reply(t, p.hear().GetAsk())
				if err := <-turn; err != nil {
					t.Errorf("the next turn: %v", err)
				}
			})
		})
	}
}

// What breaks the connection is a fault of its own kind, and not resumed.
func TestFatalMessages(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		err  error
		kind strategy.FaultKind
		code strategyv1.Notice_Code
	}{
		"too large": {remote.ErrTooLarge, strategy.FaultTooLarge, strategyv1.Notice_CODE_TOO_LARGE},
		"rubbish":   {remote.ErrRubbish, strategy.FaultRubbish, strategyv1.Notice_CODE_RUBBISH},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in(t, func(t *testing.T) {
				doors := newDoors(t, remote.Options{})
				p, _ := connected(t, doors, "one", 0)
				instance, _ := led(t, doors, p, strategy.Spec{})
				turn := turned(within(t, time.Second), instance, snapshot(1))
				p.hear()
				p.refuse = test.err
				p.hangUp()
				wantFault(t, <-turn, test.kind, "its message")
				<-p.served
				if len(doors.Routers()) != 0 {
					t.Errorf("%+v", doors.Routers())
				}
			})
		})
	}
}

// A second hello, and a word on settings that nobody asked for, change nothing.
func TestOutOfPlace(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		p, _ := connected(t, doors, "one", 0)
		_, lead := led(t, doors, p, strategy.Spec{})
		for _, message := range []*strategyv1.SessionRequest{
			{Message: &strategyv1.SessionRequest_Hello{Hello: helloOf("one", 0)}},
			{Message: &strategyv1.SessionRequest_Configured{Configured: &strategyv1.Configured{Lease: lead.GetLease()}}},
		} {
			p.say(message)
			if got := p.hear().GetNotice(); got.GetCode() != strategyv1.Notice_CODE_OUT_OF_PLACE {
				t.Errorf("got %v", got)
			}
		}
		p.answer(lead.GetLease(), 5, nil)
		if got := p.hear().GetNotice(); got.GetCode() != strategyv1.Notice_CODE_WRONG_TURN {
			t.Errorf("got %v", got)
		}
	})
}

// A router that reads nothing is hung up on, and holds nobody up.
func TestRouterThatDoesNotRead(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		p, _ := connected(t, doors, "one", 0)
		instance, lead := led(t, doors, p, strategy.Spec{})
		for range cap(p.down) {
			p.down <- nil // the line is full
		}
		for turn := uint64(1); ; turn++ {
			p.answer(lead.GetLease(), turn, nil) // for a notice each
			err := instance.Turn(within(t, time.Millisecond), snapshot(turn), new(route.Reply))
			var f *strategy.Fault
			if errors.As(err, &f) && f.Kind == strategy.FaultDied {
				break
			}
			if turn > 1000 {
				t.Fatal("it is never hung up on")
			}
			synctest.Wait()
			select {
			case <-p.served:
			default:
				if turn > 200 {
					p.hangUp() // the door's own deadline for writing
				}
			}
		}
	})
}

// Closing an instance ends the turn under way.
func TestCloseInATurn(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		p, _ := connected(t, doors, "one", 0)
		instance, _ := led(t, doors, p, strategy.Spec{})
		turn := turned(context.Background(), instance, snapshot(1))
		p.hear()
		_ = instance.Close()
		wantFault(t, <-turn, strategy.FaultDied, "")
	})
}

// A router that does not take the lead in time is passed over.
func TestMuteWhenToLead(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		mute, _ := connected(t, doors, "mute", 0)
		two, _ := connected(t, doors, "two", 1)
		starting := start(t, doors, strategy.Spec{})
		if mute.hear().GetLead() == nil {
			t.Error("the first one is not asked")
		}
		two.follow(t)
		got := <-starting
		if got.err != nil {
			t.Fatal(got.err)
		}
		_ = got.instance.Close()
	})
}

// A standby of another version cannot go on where the leader was: the host
// starts anew with it.
func TestOtherManifestDoesNotTakeOver(t *testing.T) {
	t.Parallel()
	in(t, func(t *testing.T) {
		doors := newDoors(t, remote.Options{})
		one, _ := connected(t, doors, "one", 0)
		instance, _ := led(t, doors, one, strategy.Spec{})
		other := dial(t, doors)
		hello := helloOf("two", 0)
		hello.Manifest.Version = "2.0.0"
		sayHello(other, hello)
		turn := turned(within(t, time.Second), instance, snapshot(1))
		one.hear()
		one.hangUp()
		wantFault(t, <-turn, strategy.FaultDied, "did not come back")
		_ = instance.Close()
		led(t, doors, other, strategy.Spec{})
	})
}
