// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

const (
	waiting = patchbayv1.WorkState_WORK_STATE_WAITING
	open    = patchbayv1.WorkState_WORK_STATE_OPEN
	paused  = patchbayv1.WorkState_WORK_STATE_PAUSED
	wrapUp  = patchbayv1.WorkState_WORK_STATE_WRAP_UP
	closed  = patchbayv1.WorkState_WORK_STATE_CLOSED

	transferred = patchbayv1.AssignmentState_ASSIGNMENT_STATE_TRANSFERRED
	completed   = patchbayv1.AssignmentState_ASSIGNMENT_STATE_COMPLETED
	declined    = patchbayv1.AssignmentState_ASSIGNMENT_STATE_DECLINED
	withdrawn   = patchbayv1.AssignmentState_ASSIGNMENT_STATE_WITHDRAWN
)

// A conversation rests, goes on, falls silent, is wrapped up and reopened.
func TestAConversation(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, p *place, d door) {
		ann := p.signIn("ann")
		w := create(t, d, &patchbayv1.CreateWorkRequest{
			Channel: "chat", Queue: "support", Customer: "c1", Conversation: "v1", Transcript: "bot/7",
		})
		if w.GetCustomer() != "c1" || w.GetConversation() != "v1" || w.GetTranscript() != "bot/7" || w.GetSize() != 1 || w.GetQueuedAt() == nil {
			t.Errorf("created %v", w)
		}
		a := ann.accepts(d).GetAssignment().GetId()
		must(t, d, "PauseWork", &patchbayv1.PauseWorkRequest{Work: "w1", Reason: "lunch", By: "ann"}, &patchbayv1.PauseWorkResponse{})
		if m := ann.next().GetPaused(); m.GetAssignment() != a || m.GetWork() != "w1" || m.GetReason() != "lunch" || m.GetSize() != 0.25 {
			t.Errorf("after pausing: %v", m)
		}
		if w := get(t, d, "w1"); w.GetState() != paused || w.GetAssignments()[0].GetPausedAt() == nil || w.GetAssignments()[0].GetHoldTime() == nil {
			t.Errorf("paused work is %v", w)
		}
		if again := must(t, d, "PauseWork", &patchbayv1.PauseWorkRequest{Work: "w1"}, &patchbayv1.PauseWorkResponse{}); again.GetEvent() != 0 {
			t.Errorf("pausing again is event %d", again.GetEvent())
		}
		must(t, d, "ResumeWork", &patchbayv1.ResumeWorkRequest{Work: "w1"}, &patchbayv1.ResumeWorkResponse{})
		if m := ann.next().GetResumed(); m.GetAssignment() != a || m.GetSize() != 1 {
			t.Errorf("after resuming: %v", m)
		}
		silent := must(t, d, "DeactivateWork", &patchbayv1.DeactivateWorkRequest{Work: "w1"}, &patchbayv1.DeactivateWorkResponse{})
		if m := ann.next().GetPaused(); m.GetReason() != "inactive" || silent.GetWork().GetState() != paused || silent.GetEvent() == 0 {
			t.Errorf("after falling silent: %v, %v", m, silent)
		}
		must(t, d, "ResumeWork", &patchbayv1.ResumeWorkRequest{Work: "w1", By: "ann"}, &patchbayv1.ResumeWorkResponse{})
		ann.next()
		must(t, d, "CompleteWork", &patchbayv1.CompleteWorkRequest{Assignment: a}, &patchbayv1.CompleteWorkResponse{})
		until := ann.next().GetWrapUpStarted().GetUntil()
		if until == nil || get(t, d, "w1").GetState() != wrapUp {
			t.Errorf("after completing: until %v", until)
		}
		longer := must(t, d, "ExtendWrapUp", &patchbayv1.ExtendWrapUpRequest{Assignment: a, Agent: "ann"}, &patchbayv1.ExtendWrapUpResponse{})
		if m := ann.next().GetWrapUpExtended(); longer.GetUntil().AsTime().Sub(until.AsTime()) != time.Minute || !m.GetUntil().AsTime().Equal(longer.GetUntil().AsTime()) {
			t.Errorf("extended from %v to %v, told as %v", until, longer, m)
		}
		must(t, d, "FinishWrapUp", &patchbayv1.FinishWrapUpRequest{Assignment: a}, &patchbayv1.FinishWrapUpResponse{})
		if m := ann.next().GetEnded(); m.GetAssignment() != a || m.GetState() != completed {
			t.Errorf("after wrapping up: %v", m)
		}
		x := get(t, d, "w1").GetAssignments()[0]
		if x.GetState() != completed || x.GetSpeedToAnswer() == nil || x.GetHandleTime() == nil || x.GetWrapUpTime() == nil ||
			x.GetHoldTime() == nil || x.GetAcceptedAt() == nil || x.GetRequestedAt() == nil || x.GetWrapUpExtensions() != 1 {
			t.Errorf("the assignment was %v", x)
		}
		reopened := must(t, d, "ReopenWork", &patchbayv1.ReopenWorkRequest{Work: "w1"}, &patchbayv1.ReopenWorkResponse{})
		if reopened.GetEvent() == 0 || reopened.GetWork().GetState() != open || len(reopened.GetWork().GetAssignments()) != 2 {
			t.Errorf("reopened %v", reopened)
		}
		if m := ann.offer(); m.GetWork().GetId() != "w1" || m.GetAssignment().GetDecision().GetReason() != "reopened" {
			t.Errorf("reopened as %v", m)
		}
	})
}

// Somebody is invited, comes, and takes over; somebody else does not come.
func TestAConference(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, p *place, d door) {
		ann := p.signIn("ann")
		create(t, d, &patchbayv1.CreateWorkRequest{Channel: "case", Queue: "support"})
		ann.accepts(d)
		bob, cid := p.signIn("bob"), p.signIn("cid")
		invited := must(t, d, "InviteAgent", &patchbayv1.InviteAgentRequest{Work: "w1", Agent: "bob", By: "ann"}, &patchbayv1.InviteAgentResponse{})
		offer := bob.accepts(d)
		if !offer.GetAssignment().GetGuest() || offer.GetAssignment().GetId() != invited.GetAssignment() || offer.GetWork().GetState() != open {
			t.Errorf("invited by %v to %v", invited, offer)
		}
		if m := ann.next().GetGuestJoined(); m.GetAgent() != "bob" || m.GetWork() != "w1" || m.GetAssignment() != invited.GetAssignment() {
			t.Errorf("bob came as %v", m)
		}
		if held := p.listen("ann"); held.first.GetHeld()[0].GetGuests()[0] != "bob" {
			t.Errorf("ann holds %v", held.first)
		} else {
			ann = held
		}
		must(t, d, "InviteAgent", &patchbayv1.InviteAgentRequest{Work: "w1", Agent: "cid"}, &patchbayv1.InviteAgentResponse{})
		declines := &patchbayv1.DeclineOfferRequest{Assignment: cid.offer().GetAssignment().GetId()}
		must(t, d, "DeclineOffer", declines, &patchbayv1.DeclineOfferResponse{})
		if m := ann.next().GetGuestLeft(); m.GetAgent() != "cid" || m.GetState() != declined {
			t.Errorf("cid did not come as %v", m)
		}
		must(t, d, "TransferWork", &patchbayv1.TransferWorkRequest{Work: "w1", Agent: "bob", Reason: "knows more", By: "ann"}, &patchbayv1.TransferWorkResponse{})
		if m := ann.next().GetEnded(); m.GetState() != transferred || m.GetReason() != "knows more" {
			t.Errorf("ann lost it as %v", m)
		}
		if m := bob.next().GetHandedOver(); m.GetWork() != "w1" || m.GetAssignment() != invited.GetAssignment() {
			t.Errorf("bob has it as %v", m)
		}
		must(t, d, "InviteAgent", &patchbayv1.InviteAgentRequest{Work: "w1", Agent: "ann", By: "bob"}, &patchbayv1.InviteAgentResponse{})
		guest := ann.accepts(d).GetAssignment().GetId()
		bob.next()
		must(t, d, "CompleteWork", &patchbayv1.CompleteWorkRequest{Assignment: guest, Agent: "ann"}, &patchbayv1.CompleteWorkResponse{})
		if m := ann.next().GetEnded(); m.GetState() != completed {
			t.Errorf("ann left as %v", m)
		}
		if m := bob.next().GetGuestLeft(); m.GetAgent() != "ann" || m.GetState() != completed {
			t.Errorf("bob was told %v", m)
		}
		if w := get(t, d, "w1"); w.GetState() != open {
			t.Errorf("the work is %v", w)
		}
	})
}

// Work goes to another queue, to an agent, and to who holds skills.
func TestTransfers(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, p *place, d door) {
		ann := p.signIn("ann")
		was := create(t, d, &patchbayv1.CreateWorkRequest{Channel: "case", Queue: "support", Attributes: map[string]string{"a": "1", "b": "2"}})
		ann.accepts(d)
		moved := must(t, d, "TransferWork", &patchbayv1.TransferWorkRequest{
			Work: "w1", Queue: "sales", Reason: "buys", Attributes: map[string]string{"a": "", "c": "3"}, Transcript: "call/9",
		}, &patchbayv1.TransferWorkResponse{})
		if m := ann.next(); m.GetEnded().GetState() != transferred || m.GetEvent() != moved.GetEvent() {
			t.Errorf("ann lost it as %v, event %d", m, moved.GetEvent())
		}
		w := get(t, d, "w1")
		if w.GetQueue() != "sales" || w.GetState() != waiting || w.GetAttributes()["a"] != "" || w.GetAttributes()["c"] != "3" ||
			w.GetTranscript() != "call/9" || !w.GetRequestedAt().AsTime().Equal(was.GetRequestedAt().AsTime()) {
			t.Errorf("in sales it is %v", w)
		}
		age := timestamppb.New(time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC))
		must(t, d, "TransferWork", &patchbayv1.TransferWorkRequest{
			Work: "w1", Queue: "experts", RequestedAt: age, Skills: []*patchbayv1.RequiredSkill{{
				Skill: "german", Level: 9.5, Relax: []*patchbayv1.Relaxation{{After: durationpb.New(time.Hour), Level: 7}},
			}, {Skill: "french", Additional: true, Priority: 2}},
		}, &patchbayv1.TransferWorkResponse{})
		w = get(t, d, "w1")
		if !w.GetRequestedAt().AsTime().Equal(age.AsTime()) || len(w.GetSkills()) != 2 || w.GetSkills()[1].GetRequired().GetRelax()[0].GetLevel() != 7 ||
			w.GetSkills()[1].GetLevelNow() != 9.5 || !w.GetSkills()[0].GetDropped() {
			t.Errorf("among experts it is %v", w)
		}
		must(t, d, "TransferWork", &patchbayv1.TransferWorkRequest{Work: "w1", Queue: "sales", Agent: "ann", ClearSkills: true}, &patchbayv1.TransferWorkResponse{})
		offer := ann.offer()
		if offer.GetAssignment().GetDecision().GetReason() != "transferred" || len(offer.GetWork().GetSkills()) != 0 || offer.GetWork().GetQueue() != "sales" {
			t.Errorf("to ann it is %v", offer)
		}
		must(t, d, "RequeueWork", &patchbayv1.RequeueWorkRequest{Work: "w1", Reason: "no"}, &patchbayv1.RequeueWorkResponse{})
		if m := ann.next().GetEnded(); m.GetState() != withdrawn || m.GetReason() != "no" {
			t.Errorf("taken back as %v", m)
		}
	})
}

func TestAnAgentStartsWork(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, p *place, d door) {
		ann := p.signIn("ann")
		request := &patchbayv1.StartWorkRequest{
			Agent: "ann", Channel: "case", Queue: "sales", External: "lead 4", IdempotencyKey: "k", Priority: new(int32(3)), Size: new(0.5),
		}
		started := must(t, d, "StartWork", request, &patchbayv1.StartWorkResponse{})
		w := started.GetWork()
		if w.GetState() != open || !w.GetOutbound() || w.GetSize() != 0.5 || w.GetPriority() != 3 || w.GetAssignments()[0].GetAgent() != "ann" || started.GetEvent() == 0 {
			t.Errorf("started %v", started)
		}
		if offer := ann.offer(); offer.GetWork().GetId() != w.GetId() {
			t.Errorf("ann is told %v", offer)
		}
		again := must(t, d, "StartWork", request, &patchbayv1.StartWorkResponse{})
		if !again.GetDuplicate() || again.GetWork().GetId() != w.GetId() || again.GetEvent() != 0 {
			t.Errorf("started again %v", again)
		}
	})
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, _ *place, d door) {
		create(t, d, &patchbayv1.CreateWorkRequest{
			Channel: "mail", Queue: "experts", SizePercent: new(12.5), Skills: []*patchbayv1.RequiredSkill{{Skill: "french", Level: 1.25}},
		})
		if w := get(t, d, "w1"); w.GetSizePercent() != 12.5 || w.GetSize() != 0 || w.GetSkills()[0].GetLevelNow() != 1.25 ||
			w.GetUnroutable().GetReason() != "no_holder" {
			t.Errorf("created %v", w)
		}
		at := timestamppb.New(time.Date(2040, 1, 2, 3, 4, 5, 0, time.UTC))
		updated := must(t, d, "UpdateWork", &patchbayv1.UpdateWorkRequest{
			Work: "w1", Priority: new(int32(2)), Attributes: map[string]string{"lang": "de"}, ClearSkills: true, Reevaluate: true,
			TargetAcceptAt: at, Transcript: "t",
		}, &patchbayv1.UpdateWorkResponse{})
		w := updated.GetWork()
		if w.GetPriority() != 2 || w.GetSkills()[0].GetRequired().GetSkill() != "german" || w.GetSkills()[0].GetLevelNow() != 5 ||
			!w.GetTargetAcceptAt().AsTime().Equal(at.AsTime()) || w.GetTranscript() != "t" || w.GetUnroutable() != nil || updated.GetEvent() == 0 {
			t.Errorf("updated %v", updated)
		}
		w = must(t, d, "UpdateWork", &patchbayv1.UpdateWorkRequest{Work: "w1", ClearTargetAcceptAt: true}, &patchbayv1.UpdateWorkResponse{}).GetWork()
		if w.GetTargetAcceptAt() != nil || w.GetPriority() != 2 || len(w.GetSkills()) != 1 {
			t.Errorf("updated again %v", w)
		}
	})
}

// What must somebody who comes now expect, and what one who waits already?
func TestEstimates(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, p *place, d door) {
		minute := timestamppb.New(time.Now().Add(-time.Minute))
		for range 2 {
			create(t, d, &patchbayv1.CreateWorkRequest{Channel: "case", Queue: "support", RequestedAt: minute})
		}
		ask := func(r *patchbayv1.GetEstimatedWaitRequest) *patchbayv1.GetEstimatedWaitResponse {
			t.Helper()
			return must(t, d, "GetEstimatedWait", r, &patchbayv1.GetEstimatedWaitResponse{})
		}
		if m := ask(&patchbayv1.GetEstimatedWaitRequest{Queue: "support"}); m.GetEstimatedWait() != nil || m.GetWaiting() != 2 || m.GetPosition() != 0 {
			t.Errorf("at first %v", m)
		}
		if m := ask(&patchbayv1.GetEstimatedWaitRequest{Work: "w2"}); m.GetPosition() != 2 || m.GetQueue() != "support" {
			t.Errorf("the second is %v", m)
		}
		p.signIn("ann").accepts(d)
		if m := ask(&patchbayv1.GetEstimatedWaitRequest{Queue: "support", Skills: []string{"german"}}); m.GetEstimatedWait().AsDuration() < time.Minute {
			t.Errorf("then %v", m)
		}
		if m := ask(&patchbayv1.GetEstimatedWaitRequest{Work: "w1"}); m.GetEstimatedWait() != nil || m.GetPosition() != 0 {
			t.Errorf("one who does not wait: %v", m)
		}
		if m := ask(&patchbayv1.GetEstimatedWaitRequest{Queue: "night"}); !m.GetClosed() {
			t.Errorf("at night %v", m)
		}
		status := must(t, d, "GetStatus", &patchbayv1.GetStatusRequest{}, &patchbayv1.GetStatusResponse{})
		queues := map[string]*patchbayv1.QueueStatus{}
		for _, q := range status.GetQueues() {
			queues[q.GetQueue()] = q
		}
		if q := queues["support"]; q.GetEstimatedWait().AsDuration() < time.Minute || q.GetClosed() || q.GetOfferTo() != 1 {
			t.Errorf("support is %v", q)
		}
		if q := queues["night"]; q.GetEstimatedWait() != nil || !q.GetClosed() {
			t.Errorf("night is %v", q)
		}
	})
}

func TestWhatNobodyCouldTake(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, _ *place, d door) {
		create(t, d, &patchbayv1.CreateWorkRequest{Channel: "case", Queue: "support"})
		for range 2 {
			create(t, d, &patchbayv1.CreateWorkRequest{Channel: "case", Queue: "empty"})
		}
		if why := get(t, d, "w2").GetUnroutable(); why.GetReason() != "no_members" || why.GetText() == "" || why.GetHelp() == "" {
			t.Errorf("w2 waits for nobody since %v", why)
		}
		found := must(t, d, "ListWork", &patchbayv1.ListWorkRequest{Unroutable: true, PageSize: 1}, &patchbayv1.ListWorkResponse{})
		if len(found.GetWork()) != 1 || found.GetWork()[0].GetId() != "w2" || found.GetWork()[0].GetUnroutable() == nil || found.GetNextPageToken() != "w2" {
			t.Errorf("the first is %v", found)
		}
		found = must(t, d, "ListWork", &patchbayv1.ListWorkRequest{Unroutable: true, PageToken: "w2"}, &patchbayv1.ListWorkResponse{})
		if len(found.GetWork()) != 1 || found.GetWork()[0].GetId() != "w3" || found.GetNextPageToken() != "" {
			t.Errorf("the second is %v", found)
		}
		status := must(t, d, "GetStatus", &patchbayv1.GetStatusRequest{}, &patchbayv1.GetStatusResponse{})
		if q := status.GetQueues()[0]; q.GetQueue() != "empty" || q.GetUnroutable() != 2 {
			t.Errorf("empty is %v", q)
		}
	})
}

func TestFlowsSetTheQueue(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, _ *place, d door) {
		w := create(t, d, &patchbayv1.CreateWorkRequest{Channel: "web", Attributes: map[string]string{"tier": "gold"}})
		if w.GetQueue() != "sales" || w.GetPriority() != 1 || len(w.GetIntake()) != 1 || w.GetIntake()[0].GetStep() != "site/gold" || w.GetSizePercent() != 50 {
			t.Errorf("gold is %v", w)
		}
		w = create(t, d, &patchbayv1.CreateWorkRequest{Channel: "web"})
		if w.GetQueue() != "support" || w.GetIntake()[0].GetFailed() == "" {
			t.Errorf("the rest is %v", w)
		}
	})
}

func TestForOneAgent(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, _ *place, d door) {
		w := create(t, d, &patchbayv1.CreateWorkRequest{
			Channel: "case", Queue: "support", RequiredAgent: "ann", BackupQueue: "sales", PreferredFor: durationpb.New(time.Hour),
		})
		if w.GetRequiredAgent() != "ann" || w.GetBackupQueue() != "sales" || w.GetAgentUntil() == nil || w.GetPreferredAgent() != "" {
			t.Errorf("for ann %v", w)
		}
		w = create(t, d, &patchbayv1.CreateWorkRequest{Channel: "case", Queue: "support", PreferredAgent: "bob", PreferredFor: durationpb.New(time.Minute)})
		if w.GetPreferredAgent() != "bob" || w.GetRequiredAgent() != "" || w.GetAgentUntil().AsTime().Sub(w.GetCreatedAt().AsTime()) != time.Minute {
			t.Errorf("for bob first %v", w)
		}
	})
}

func TestWhatIsToldOfAgents(t *testing.T) {
	t.Parallel()
	eachWay(t, func(t *testing.T, p *place, d door) {
		ann := p.signIn("ann")
		create(t, d, &patchbayv1.CreateWorkRequest{Channel: "mail", Queue: "support"})
		ann.offer()
		a := must(t, d, "GetAgent", &patchbayv1.GetAgentRequest{Agent: "ann"}, &patchbayv1.GetAgentResponse{}).GetAgent()
		if a.GetCapacity() != 2 || a.GetInterruptibleCapacity() != 1 || a.GetUsed() != 0 || a.GetInterruptibleUsed() != 1 || a.GetOffers() != 1 || a.GetMaxOffers() != 5 {
			t.Errorf("her load is %v", a)
		}
		if m := a.GetMemberships(); len(m) != 1 || m[0].GetQueue() != "support" || m[0].GetTier() != 1 || m[0].GetWeight() != 3 {
			t.Errorf("her memberships are %v", m)
		}
		if s := a.GetSkills(); len(s) != 2 || s[0].GetLevel() != 7.5 || !s[0].GetValid() || s[1].GetSkill() != "french" || s[1].GetValid() || s[1].GetUntil() == nil {
			t.Errorf("her skills are %v", s)
		}
	})
}
