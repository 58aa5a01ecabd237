// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package shortlist_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a settling host with a strategy that is given candidates.
type world struct {
	host     *routetest.Host
	instance strategy.Instance
	reply    route.Reply
}

func newWorld(t testing.TB, g guest) *world {
	in, _ := start(t, pluginOf(g))
	return &world{host: routetest.NewHost(), instance: in}
}

// turn takes one turn and returns what is proposed.
func (w *world) turn(t require) []route.Proposal {
	t.Helper()
	for _, turn := range w.host.Turns() {
		if err := w.instance.Turn(context.Background(), turn, &w.reply); err != nil {
			t.Fatalf("turn %d: %v", turn.Seq, err)
		}
	}
	return slices.Clone(w.reply.Proposals)
}

type require interface {
	Helper()
	Fatalf(string, ...any)
}

// TestFirstEqualsPlainRule holds that a strategy which takes the best candidate
// of each item proposes what the plain rule does over the board.
func TestFirstEqualsPlainRule(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(r, "n") }
		w := newWorld(t, checked(all))
		plain := routetest.Plain(0)
		for range rapid.IntRange(1, 20).Draw(r, "turns") {
			for range rapid.IntRange(0, 12).Draw(r, "steps") {
				routetest.Walk(w.host, draw)
			}
			if draw(20) == 0 {
				w.host.Page(draw(4))
				w.host.Snapshot()
			}
			var want route.Reply
			for _, turn := range w.host.Turns() {
				want.Reset()
				if err := plain.Turn(turn, &want); err != nil {
					r.Fatal(err)
				}
				if err := w.instance.Turn(context.Background(), turn, &w.reply); err != nil {
					r.Fatal(err)
				}
			}
			for i := range want.Proposals {
				want.Proposals[i].Score, want.Proposals[i].Reason = 0, 0
			}
			if !slices.Equal(want.Proposals, w.reply.Proposals) {
				r.Fatalf("turn %d:\nplain %+v\nguest %+v", w.host.Seq(), want.Proposals, w.reply.Proposals)
			}
			if want.WakeAt != w.reply.WakeAt {
				r.Fatalf("turn %d: plain wakes at %d, guest at %d", w.host.Seq(), want.WakeAt, w.reply.WakeAt)
			}
			w.host.Settle(w.host.Seq(), want.Proposals...)
		}
	})
}

// TestNothingIsRefused holds that whatever a strategy chooses among candidates,
// in whatever order, the host takes; and that work is left only to those who
// have no room.
func TestNothingIsRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(r, "n") }
		whims := func(t *route.Turn, reply *route.Reply) error { // draws are of the same goroutine's making: turns wait
			for _, i := range rapid.Permutation(indexes(len(t.Items))).Draw(r, "items") {
				if draw(4) == 0 {
					continue
				}
				candidates := route.Of(t.Candidates, t.Items[i].Candidates)
				work := &t.Work[t.Items[i].Work]
				for rank, n := range rapid.Permutation(indexes(len(candidates))).Draw(r, "candidates") {
					reply.Proposals = append(reply.Proposals, route.Proposal{
						Work: work.Ref, Revision: work.Revision, Agent: t.Agents[candidates[n].Agent].Ref, Rank: uint16(rank),
					})
				}
			}
			return nil
		}
		w := newWorld(t, checked(whims))
		for range rapid.IntRange(1, 15).Draw(r, "turns") {
			for range rapid.IntRange(0, 12).Draw(r, "steps") {
				routetest.Walk(w.host, draw)
			}
			proposals := w.turn(r)
			for i, verdict := range w.host.Settle(w.host.Seq(), proposals...) {
				if verdict != route.VerdictAcceptedByHost {
					r.Fatalf("turn %d: %+v of %+v: %v", w.host.Seq(), proposals[i], proposals, verdict)
				}
			}
		}
	})
}

func indexes(n int) []int {
	list := make([]int, n)
	for i := range list {
		list[i] = i
	}
	return list
}

// centre puts up so many agents of one unit and so many pieces of work.
func (w *world) centre(agents, work int) {
	w.host.Queue("support")
	for i := range agents {
		w.host.Agent("a" + string(rune('A'+i))).In("support").On("case")
	}
	for i := range work {
		w.host.Work("w" + string(rune('A'+i))).In("support").On("case").Size(1000)
	}
}

// TestOneAgentIsNotProposedTwice holds that whom an item takes is not there for
// the next, though the strategy prefers the same for all.
func TestOneAgentIsNotProposedTwice(t *testing.T) {
	t.Parallel()
	frames := 0
	favourite := func(t *route.Turn, reply *route.Reply) error {
		frames++
		return last(t, reply)
	}
	w := newWorld(t, favourite)
	w.centre(5, 8)
	proposals := w.turn(t)
	agents, work := map[uint32]bool{}, map[uint32]bool{}
	for _, p := range proposals {
		agents[p.Agent], work[p.Work] = true, true
	}
	if len(proposals) != 5 || len(agents) != 5 || len(work) != 5 {
		t.Errorf("5 agents, 8 items: %+v", proposals)
	}
	if frames > 2 {
		t.Errorf("it took %d frames", frames)
	}
}

// TestHeldWork holds that what the strategy does not decide leaves the agent to
// others, in few frames, and comes again when something has changed.
func TestHeldWork(t *testing.T) {
	t.Parallel()
	var shown [][]uint32
	wakeAt := int64(0)
	picky := func(t *route.Turn, reply *route.Reply) error {
		var list []uint32
		for i := range t.Items {
			work := &t.Work[t.Items[i].Work]
			if list = append(list, work.Ref); work.Ref == 9 {
				propose(t, i, 1, reply)
			} else {
				reply.Notes = append(reply.Notes, route.Note{Work: work.Ref, Reason: 7})
			}
		}
		reply.WakeAt = wakeAt
		shown = append(shown, list)
		return nil
	}
	w := newWorld(t, picky)
	w.centre(1, 12)
	if got := w.turn(t); len(got) != 1 || got[0].Work != 9 {
		t.Errorf("proposed %+v, want work 9", got)
	}
	if want := [][]uint32{{0}, {1, 2}, {3, 4, 5, 6}, {7, 8, 9, 10, 11}}; !equal(shown, want) {
		t.Errorf("frames showed %v, want %v", shown, want)
	}
	if len(w.reply.Notes) != 11 {
		t.Errorf("%d notes, want 11", len(w.reply.Notes))
	}
	w.host.Settle(w.host.Seq(), w.reply.Proposals...)
	w.host.AcceptBy("wJ", "")
	shown = nil
	if w.turn(t); len(shown) != 0 {
		t.Errorf("nobody has room, and frames show %v", shown)
	}
	w.host.Complete("wJ")
	if w.turn(t); len(shown) == 0 || shown[0][0] != 0 {
		t.Errorf("somebody has room again, and frames show %v", shown)
	}
	shown = nil
	if w.turn(t); len(shown) != 0 {
		t.Errorf("nothing has changed, and frames show %v", shown)
	}
}

func equal(a, b [][]uint32) bool { return slices.EqualFunc(a, b, slices.Equal[[]uint32]) }

// TestManyHeld holds that a thousand items that are held are passed in few
// frames, and that who comes behind them is not forgotten.
func TestManyHeld(t *testing.T) {
	t.Parallel()
	frames, longest := 0, 0
	w := newWorld(t, func(t *route.Turn, reply *route.Reply) error {
		frames++
		longest = max(longest, len(t.Items))
		for i := range t.Items {
			if t.Work[t.Items[i].Work].Priority == 9 {
				propose(t, i, 1, reply)
			}
		}
		return nil
	})
	w.centre(1, 0)
	for i := range 1000 {
		w.host.Work(fmt.Sprint("held", i)).In("support").On("case").Size(1000)
	}
	w.host.Work("last").In("support").On("case").Size(1000).Priority(9, 0)
	proposals := w.turn(t)
	for turns := 1; len(proposals) == 0; turns++ {
		if w.reply.WakeAt != w.host.Now() || turns > 2 {
			t.Fatalf("turn %d: wakes at %d, not now (%d)", turns, w.reply.WakeAt, w.host.Now())
		}
		w.host.Wait(1)
		proposals = w.turn(t)
	}
	if len(proposals) != 1 || frames > 11 || longest > 256 {
		t.Errorf("proposed %+v after %d frames of %d items at most", proposals, frames, longest)
	}
	frames = 0
	if w.turn(t); frames > 0 || w.reply.WakeAt != 0 {
		t.Errorf("nothing has changed: %d frames more, wakes at %d", frames, w.reply.WakeAt)
	}
}

// A reply under another number is a fault, though the runtime lets it through.
func TestWrongTurn(t *testing.T) {
	t.Parallel()
	in, _, err := shortlist.New(wrongTurns{runtimeOfInner(pluginOf(first))}).Start(
		context.Background(), strategy.Spec{Source: "guest"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	w := &world{host: routetest.NewHost(), instance: in}
	w.centre(1, 1)
	var fault *strategy.Fault
	if err := in.Turn(context.Background(), w.host.Turns()[0], &w.reply); !errors.As(err, &fault) || fault.Kind != strategy.FaultWrongTurn {
		t.Errorf("got %v", err)
	}
	if f, ok := in.(strategy.Footprint); !ok || f.Memory() != 42 {
		t.Error("what the strategy holds is not told")
	}
	if stamper := strategy.Stamper(shortlist.New(wrongTurns{})); stamper.Stamp(strategy.Spec{Source: "x"}) != "stamp of x" ||
		shortlist.New(runtimeOfInner(pluginOf(first))).Stamp(strategy.Spec{}) != "" {
		t.Error("the stamp is not told")
	}
}

// wrongTurns starts what answers every frame under the number of the one
// before.
type wrongTurns struct{ strategy.Runtime }

func (w wrongTurns) Start(ctx context.Context, spec strategy.Spec, epoch uint64) (strategy.Instance, route.Manifest, error) {
	in, manifest, err := w.Runtime.Start(ctx, spec, epoch)
	return wrongTurn{in}, manifest, err
}

func (wrongTurns) Stamp(spec strategy.Spec) string { return "stamp of " + spec.Source }

type wrongTurn struct{ strategy.Instance }

func (w wrongTurn) Turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error {
	err := w.Instance.Turn(ctx, turn, reply)
	reply.Seq--
	return err
}

func (wrongTurn) Memory() uint64 { return 42 }

// TestWakeAt holds that a strategy that holds work until then is shown it then.
func TestWakeAt(t *testing.T) {
	t.Parallel()
	frames, until := 0, int64(0)
	w := newWorld(t, func(t *route.Turn, reply *route.Reply) error {
		frames++
		if t.Now < until {
			reply.WakeAt = until
			return nil
		}
		return first(t, reply)
	})
	w.centre(1, 1)
	until = w.host.Now() + 500
	if w.turn(t); w.reply.WakeAt != until || len(w.reply.Proposals) != 0 {
		t.Fatalf("held: %+v", w.reply)
	}
	w.host.Wait(499)
	if w.turn(t); frames != 1 || w.reply.WakeAt != until {
		t.Fatalf("%d frames before its time; wakes at %d, want %d", frames, w.reply.WakeAt, until)
	}
	w.host.Wait(1)
	if got := w.turn(t); len(got) != 1 {
		t.Fatalf("at its time: %+v", got)
	}
}

// TestSettled holds that what became of proposals is told under the number of
// the frame in which they were made.
func TestSettled(t *testing.T) {
	t.Parallel()
	var told []route.Settled
	w := newWorld(t, func(t *route.Turn, reply *route.Reply) error {
		told = append(told, t.Settled...)
		return first(t, reply)
	})
	w.centre(1, 1)
	w.turn(t) // frame 1
	w.host.Settle(w.host.Seq(), w.reply.Proposals...)
	w.turn(t) // nothing to decide, no frame
	w.host.Decline("wA", route.VerdictDeclined)
	w.host.Agent("zoe").In("support").On("case")
	w.turn(t) // frame 2
	if len(told) != 2 || told[0].Seq != 1 || told[0].Verdict != route.VerdictAcceptedByHost ||
		told[1].Seq != 1 || told[1].Verdict != route.VerdictDeclined {
		t.Errorf("told %+v", told)
	}
}

// TestNonsenseIsHandedOn holds that what cannot hold goes to the host, to be
// refused there, and does not hold up the rest.
func TestNonsenseIsHandedOn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(t *route.Turn, reply *route.Reply) error {
		stale := route.Proposal{Work: t.Work[0].Ref, Revision: t.Work[0].Revision + 1, Agent: t.Agents[0].Ref}
		reply.Proposals = append(reply.Proposals,
			route.Proposal{Work: 777, Agent: t.Agents[0].Ref}, stale,
			route.Proposal{Work: t.Work[1].Ref, Revision: t.Work[1].Revision, Agent: 888},
		)
		propose(t, 1, 1, reply)
		propose(t, 1, 1, reply)
		propose(t, 1, 1, reply)
		return nil
	})
	w.centre(2, 2)
	proposals := w.turn(t)
	var verdicts []string
	for _, p := range proposals {
		verdicts = append(verdicts, w.host.Verdict(w.host.Seq(), &p).String())
		w.host.Settle(w.host.Seq(), p)
	}
	if want := []string{"unknown_work", "stale", "unknown_agent", "none", "already_assigned", "already_assigned"}; len(verdicts) < 4 ||
		!slices.Equal(verdicts[:4], want[:4]) {
		t.Errorf("verdicts %v of %+v, want %v", verdicts, proposals, want)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		guest guest
		kind  strategy.FaultKind
		words string
	}{
		"snapshot": {func(*route.Turn, *route.Reply) error { return route.ErrNeedSnapshot }, strategy.FaultBroken, "nothing is kept"},
		"error":    {func(*route.Turn, *route.Reply) error { return errors.New("broken index") }, strategy.FaultBroken, "broken index"},
		"too much": {func(t *route.Turn, reply *route.Reply) error {
			for range 10_001 {
				propose(t, 0, 1, reply)
			}
			return nil
		}, strategy.FaultTooLarge, "10001 proposals"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.guest)
			w.centre(1, 1)
			var fault *strategy.Fault
			err := w.instance.Turn(context.Background(), w.host.Turns()[0], &w.reply)
			if !errors.As(err, &fault) || fault.Kind != test.kind || !strings.Contains(err.Error(), test.words) {
				t.Errorf("got %v, want a fault of kind %v with %q", err, test.kind, test.words)
			}
		})
	}
}

func TestStart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		manifest route.Manifest
		words    string
	}{
		"view":       {route.Manifest{Name: "guest", View: "window"}, `it wants the view "window"; there are "board" and "candidates"`},
		"candidates": {route.Manifest{Name: "guest", View: route.ViewCandidates, Candidates: 65}, "it wants 65 candidates for each item; 1 to 64 are possible, or 0 for 16"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plugin := route.Plugin{Manifest: test.manifest, New: func() route.Strategy { return guest(first) }}
			_, _, err := runtimeOf(plugin).Start(context.Background(), strategy.Spec{Source: "guest"}, 1)
			var fault *strategy.Fault
			if !errors.As(err, &fault) || fault.Kind != strategy.FaultStart || !strings.Contains(err.Error(), test.words) {
				t.Errorf("got %v, want %q", err, test.words)
			}
		})
	}
	plugin := pluginOf(first)
	plugin.Manifest.Tables = []route.Table{route.TableAgent, route.TableWork, route.TableAttribute}
	_, manifest := start(t, plugin)
	for _, table := range []route.Table{route.TableAttribute, route.TableNeed, route.TableMember, route.TableSettled} {
		if !slices.Contains(manifest.Tables, table) {
			t.Errorf("the desk is not told to send the table %v", table)
		}
	}
}
