// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// noon is that time of day wherever the test runs, since commands print local
// time.
func noon() *timestamppb.Timestamp {
	return timestamppb.New(time.Date(2026, 7, 1, 12, 0, 0, 0, time.Local))
}

func TestMessagesOfTheAgentsStream(t *testing.T) {
	t.Parallel()
	at := noon()
	ended := patchbayv1.AssignmentState_ASSIGNMENT_STATE_TRANSFERRED
	for want, m := range map[string]*patchbayv1.StreamOffersResponse{
		"12:00:00.000 a1 paused: w1 holds 0.25, lunch": {Message: &patchbayv1.StreamOffersResponse_Paused{
			Paused: &patchbayv1.WorkPaused{Assignment: "a1", Work: "w1", Size: 0.25, Reason: "lunch"},
		}},
		"12:00:00.000 a1 resumed: w1 holds 1": {Message: &patchbayv1.StreamOffersResponse_Resumed{
			Resumed: &patchbayv1.WorkResumed{Assignment: "a1", Work: "w1", Size: 1},
		}},
		"12:00:00.000 a1 wrap-up: w1 closes by 12:00:00.000": {Message: &patchbayv1.StreamOffersResponse_WrapUpStarted{
			WrapUpStarted: &patchbayv1.WrapUp{Assignment: "a1", Work: "w1", Until: at},
		}},
		"12:00:00.000 a1 wrap-up extended: w1 closes by 12:00:00.000": {Message: &patchbayv1.StreamOffersResponse_WrapUpExtended{
			WrapUpExtended: &patchbayv1.WrapUp{Assignment: "a1", Work: "w1", Until: at},
		}},
		"12:00:00.000 a1 handed over: w1 is yours, knows more": {Message: &patchbayv1.StreamOffersResponse_HandedOver{
			HandedOver: &patchbayv1.HandedOver{Assignment: "a1", Work: "w1", Reason: "knows more"},
		}},
		"12:00:00.000 guest bob joined w1 as a2": {Message: &patchbayv1.StreamOffersResponse_GuestJoined{
			GuestJoined: &patchbayv1.GuestJoined{Assignment: "a2", Work: "w1", Agent: "bob"},
		}},
		"12:00:00.000 guest bob left w1: a2 declined": {Message: &patchbayv1.StreamOffersResponse_GuestLeft{
			GuestLeft: &patchbayv1.GuestLeft{Assignment: "a2", Work: "w1", Agent: "bob", State: patchbayv1.AssignmentState_ASSIGNMENT_STATE_DECLINED},
		}},
		"12:00:00.000 a1 transferred: w1": {Message: &patchbayv1.StreamOffersResponse_Ended{
			Ended: &patchbayv1.AssignmentEnded{Assignment: "a1", Work: "w1", State: ended},
		}},
		"12:00:00.000 a2 offered: w1 from calls (voice), as a guest, with cid": {Message: &patchbayv1.StreamOffersResponse_Offered{
			Offered: &patchbayv1.Offer{
				Assignment: &patchbayv1.Assignment{Id: "a2", Guest: true, State: patchbayv1.AssignmentState_ASSIGNMENT_STATE_OFFERED},
				Work:       &patchbayv1.Work{Id: "w1", Queue: "calls", Channel: "voice"}, Guests: []string{"cid"},
			},
		}},
	} {
		var out strings.Builder
		m.At = at
		c := &client{std: stdio{out: &out}}
		if err := c.printOffer(m); err != nil || out.String() != want+"\n" {
			t.Errorf("got %q, %v, want %q", out.String(), err, want)
		}
	}
}

// Whatever is added to what an agent is told, the command prints it.
func TestEveryMessageOfTheAgentsStreamIsPrinted(t *testing.T) {
	t.Parallel()
	options := (&patchbayv1.StreamOffersResponse{}).ProtoReflect().Descriptor().Oneofs().ByName("message").Fields()
	for i := range options.Len() {
		m := &patchbayv1.StreamOffersResponse{At: noon()}
		m.ProtoReflect().Mutable(options.Get(i))
		var out strings.Builder
		if err := (&client{std: stdio{out: &out}}).printOffer(m); err != nil || out.Len() == 0 {
			t.Errorf("%s: printed %q, %v", options.Get(i).Name(), out.String(), err)
		}
	}
}

func TestEventsArePrintedWithTheirPoint(t *testing.T) {
	t.Parallel()
	german := []*patchbayv1.SkillNeed{
		{Required: &patchbayv1.RequiredSkill{Skill: "german", Level: 7}, LevelNow: 5},
		{Required: &patchbayv1.RequiredSkill{Skill: "french", Additional: true}, Dropped: true},
	}
	for want, e := range map[string]*patchbayv1.Event{
		"work_overflowed w1 queue=calls to=spill reason=waited": {
			Kind: patchbayv1.EventKind_EVENT_KIND_WORK_OVERFLOWED, Queue: "calls", Reason: "waited", Placed: &patchbayv1.Placement{Queue: "spill"},
		},
		"tier_opened w1 queue=calls tier=2": {
			Kind: patchbayv1.EventKind_EVENT_KIND_TIER_OPENED, Queue: "calls", Placed: &patchbayv1.Placement{Queue: "calls", Tier: 2},
		},
		`skills_relaxed w1 queue=calls skills="german 5 (7 at first), french (dropped)"`: {
			Kind: patchbayv1.EventKind_EVENT_KIND_SKILLS_RELAXED, Queue: "calls", Placed: &patchbayv1.Placement{Queue: "calls", Skills: german},
		},
		"guest_left w1 guest queue=calls": {Kind: patchbayv1.EventKind_EVENT_KIND_GUEST_LEFT, Queue: "calls", Guest: true},
		"work_resumed w1 queue=calls holds=1 may_exceed_capacity": {
			Kind: patchbayv1.EventKind_EVENT_KIND_WORK_RESUMED, Queue: "calls", Size: 1, Granted: true,
		},
		"wrap_up_started w1 queue=calls until=12:00:00.000": {
			Kind: patchbayv1.EventKind_EVENT_KIND_WRAP_UP_STARTED, Queue: "calls", Deadline: noon(),
		},
	} {
		e.Number, e.At, e.Work = 9, noon(), "w1"
		var out strings.Builder
		if err := printEvent(&out, e); err != nil || out.String() != "9 12:00:00.000 "+want+"\n" {
			t.Errorf("got %q, %v, want %q", out.String(), err, want)
		}
	}
}
