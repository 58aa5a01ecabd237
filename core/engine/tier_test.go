// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// tiered has support ask ann first, bob after ten seconds, and cid after thirty.
func tiered(d *engine.Definition) {
	d.Queues[3].Tiers = []engine.Time{10 * second, 30 * second}
	for i, tier := range []uint16{0, 2, 3} {
		d.Agents[i].Queues = []engine.Membership{{Queue: "sales"}, {Queue: "support", Tier: tier}}
	}
}

func TestTiersOpenByWaiting(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tiered)
	w.present("ann", "bob", "cid")
	id := w.arrives("support")
	w.cannot(id, "bob", route.VerdictNotEligible)
	w.offered(w.arrives("support"), "ann")
	w.happens(10*second - 1)
	if ev := w.happens(1, engine.KindTierOpened)[0]; ev.Work != id || ev.Placed.Tier != 2 || ev.Queue != "support" {
		t.Errorf("%+v", ev)
	}
	w.cannot(id, "cid", route.VerdictNotEligible)
	// A decline does not close the tier again.
	w.declines(id, "bob")
	w.is(id, engine.Waiting, "bob")
	// The other one, at ann's, comes back when it is bob's turn, too.
	w.happens(10*second, engine.KindOfferTimedOut, engine.KindExclusionsCleared, engine.KindTierOpened)
	w.happens(10*second, engine.KindTierOpened, engine.KindTierOpened)
	w.offered(id, "cid")
	w.happens(minute, engine.KindOfferTimedOut) // ann has not been asked
}

// Waiting counts from when the work came into the queue, not from its age.
func TestTiersCountFromTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tiered)
	id := w.arrives("sales", aged(minute))
	w.at += 5 * second
	w.do(engine.TransferWork{Work: id, Queue: "support"})
	if item := w.in(id, "support"); item.Tier != 1 || item.QueuedAt != start+5*second || item.RequestedAt != start-minute {
		t.Errorf("%+v", item.Placement)
	}
	w.happens(10*second - 1)
	w.happens(1, engine.KindTierOpened)
}

// All who are asked by now have declined: they are asked again, though others are
// to be asked later.
func TestExhaustionWithinTheTiersAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tiered)
	w.present("ann", "bob")
	id := w.arrives("support")
	w.did(engine.Decline{Assignment: w.offered(id, "ann"), Agent: "ann"}, engine.KindOfferDeclined, engine.KindExclusionsCleared)
	w.offered(id, "ann")
}

// A new definition reaches what waits.
func TestTiersChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, tiered)
	w.present("cid")
	id := w.arrives("support")
	w.defined(func(*engine.Definition) {}) // without tiers all are asked
	w.offered(id, "cid")
	w.do(engine.RequeueWork{Work: id})
	w.defined(tiered)
	w.cannot(id, "cid", route.VerdictNotEligible)
	w.happens(40*second, engine.KindTierOpened, engine.KindTierOpened)
	w.defined(func(d *engine.Definition) {
		tiered(d)
		d.Queues[3].Tiers = d.Queues[3].Tiers[:1]
		d.Agents[2].Queues[1].Tier = 2
	})
	if item := w.item(id); item.Tier != 2 {
		t.Errorf("tier %d", item.Tier)
	}
	w.offered(id, "cid")
}
