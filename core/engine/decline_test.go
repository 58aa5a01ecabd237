// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestDeclineUntilExhausted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob", "cid")
	id := w.arrives("support")
	w.declines(id, "ann")
	w.is(id, engine.Waiting, "ann")
	w.cannot(id, "ann", route.VerdictNotEligible)
	w.declines(id, "bob")
	w.is(id, engine.Waiting, "ann", "bob")
	events := w.did(engine.Decline{Assignment: w.offered(id, "cid"), Agent: "cid"}, engine.KindOfferDeclined, engine.KindExclusionsCleared)
	if events[1].Work != id || events[1].Queue != "support" {
		t.Errorf("%+v", events[1])
	}
	w.is(id, engine.Waiting) // all are asked again
	if w.item(id).Declines != 3 {
		t.Errorf("%d declines", w.item(id).Declines)
	}
	w.declines(id, "ann")
	w.opened(id, "bob")
	w.is(id, engine.Open) // what is open is kept from nobody
}

func TestDeclineLastOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob")
	id := w.arrives("sales")
	w.declines(id, "ann")
	w.cannot(id, "ann", route.VerdictNotEligible)
	w.declines(id, "bob")
	w.is(id, engine.Waiting, "bob")
	w.declines(id, "ann")
	w.is(id, engine.Waiting, "ann")
	w.opened(id, "bob")
	w.is(id, engine.Open)
}

func TestDeclineForever(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob", "cid")
	id := w.arrives("claims")
	w.declines(id, "ann")
	w.declines(id, "bob")
	w.opened(id, "cid")
	w.is(id, engine.Open, "ann", "bob")
	w.do(engine.RequeueWork{Work: id})
	w.cannot(id, "ann", route.VerdictNotEligible)
	w.declines(id, "cid")
	w.is(id, engine.Waiting, "ann", "bob", "cid") // nobody is asked again
	for _, agent := range []string{"ann", "bob", "cid"} {
		w.do(engine.SignOut{Agent: agent})
		w.present(agent)
		w.cannot(id, agent, route.VerdictNotEligible)
	}
}

// Exclusions also end when the last candidate who has not declined is lost,
// in whatever way.
func TestExhaustionByLosingTheLastCandidate(t *testing.T) {
	t.Parallel()
	without := func(agent string) engine.Definition {
		d := centre()
		for i := range d.Agents {
			if d.Agents[i].ID == agent {
				d.Agents[i].Queues = nil
			}
		}
		return d
	}
	cases := map[string]func(w *world){
		"signs out":       func(w *world) { w.do(engine.SignOut{Agent: "cid"}) },
		"takes a break":   func(w *world) { w.do(engine.SetStatus{Agent: "cid", Status: "break"}) },
		"other channels":  func(w *world) { w.do(engine.SetStatus{Agent: "cid", Status: "chatting"}) },
		"connection lost": func(w *world) { w.do(engine.Disconnect{Agent: "cid"}); w.pass(15 * second) },
		"leaves queue":    func(w *world) { w.do(engine.Configure{Definition: without("cid")}) },
	}
	for name, lose := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.present("ann", "bob", "cid")
			id := w.arrives("support", on("voice"))
			w.declines(id, "ann")
			w.declines(id, "bob")
			w.is(id, engine.Waiting, "ann", "bob")
			lose(w)
			w.is(id, engine.Waiting)
			w.opened(id, "ann")
		})
	}
}

// A candidate who is only loaded, or within the grace period, is waited for.
func TestALoadedCandidateIsWaitedFor(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "cid")
	w.opened(w.arrives("support", sized(3000)), "cid")
	id := w.arrives("support")
	w.declines(id, "ann")
	w.cannot(id, "cid", route.VerdictNoCapacity)
	w.is(id, engine.Waiting, "ann")
	w.do(engine.Disconnect{Agent: "cid"})
	w.is(id, engine.Waiting, "ann")
}

// Who could never take the work is no candidate to wait for.
func TestExhaustionPassesOverWhoCouldNeverTakeIt(t *testing.T) {
	t.Parallel()
	t.Run("required agent", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.present("ann", "bob")
		id := w.arrives("support", requires("ann"))
		w.declines(id, "ann")
		w.is(id, engine.Waiting)
		w.opened(id, "ann")
	})
	t.Run("size", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.present("ann", "dot") // dot has a capacity of 1
		id := w.arrives("support", sized(2000))
		w.declines(id, "ann")
		w.is(id, engine.Waiting)
		w.opened(id, "ann")
	})
}

// Work comes back to waiting when nobody is left who has not declined.
func TestExhaustionWhenAnOfferIsTakenBack(t *testing.T) {
	t.Parallel()
	t.Run("requeued", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.present("ann", "bob")
		id := w.arrives("support")
		w.declines(id, "ann")
		w.offered(id, "bob")
		w.do(engine.SetStatus{Agent: "bob", Status: "break"})
		w.is(id, engine.Offered, "ann")
		w.did(engine.RequeueWork{Work: id}, engine.KindOfferWithdrawn, engine.KindExclusionsCleared)
		w.is(id, engine.Waiting)
	})
	t.Run("unavailable in a queue that was left", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.present("ann", "bob")
		id := w.arrives("support")
		w.declines(id, "ann")
		w.offered(id, "bob")
		d := centre()
		d.Agents[1].Queues = engine.Member("sales")
		w.do(engine.Configure{Definition: d})
		w.is(id, engine.Offered, "ann")
		w.did(engine.SignOut{Agent: "bob"}, engine.KindOfferUnavailable, engine.KindAgentSignedOut, engine.KindExclusionsCleared)
		w.is(id, engine.Waiting)
	})
}

func TestDeclineRuleChanges(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "bob", "cid")
	id := w.arrives("claims")
	w.declines(id, "ann")
	w.declines(id, "bob")
	d := centre()
	d.Queues[0].Routing = "last"
	w.do(engine.Configure{Definition: d})
	w.is(id, engine.Waiting, "bob")
	d.Queues[0].Routing = "normal"
	w.do(engine.Configure{Definition: d})
	w.is(id, engine.Waiting, "bob")
	w.do(engine.SignOut{Agent: "ann"})
	w.is(id, engine.Waiting, "bob")
	w.do(engine.SignOut{Agent: "cid"})
	w.is(id, engine.Waiting)
}

func TestDeclineWithReasonAndStatusAfter(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("dot", "ann")
	id := w.arrives("support")
	a := w.offered(id, "dot")
	events := w.did(engine.Decline{Assignment: a, Agent: "dot", Reason: "too hard"}, engine.KindOfferDeclined, engine.KindAgentStatusChanged)
	if events[0].Reason != "too hard" || events[1].Cause != engine.CauseDecline || events[1].Status != "break" {
		t.Errorf("%+v", events)
	}
	if x := w.tried(id, engine.AssignmentDeclined); x.Reason != "too hard" || x.AnsweredAt != w.at || x.EndedAt != w.at {
		t.Errorf("%+v", x)
	}
	w.is(id, engine.Waiting, "dot")
	w.uses("dot", 0, 0)
	if dot := w.agent("dot"); dot.Status != "break" || dot.Cause != engine.CauseDecline {
		t.Errorf("dot is %+v", dot)
	}
}
