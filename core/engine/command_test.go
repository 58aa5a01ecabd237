// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Work and assignments of the world in which commands are refused.
const (
	waiting   engine.WorkID       = 1
	offered   engine.WorkID       = 2 // a1 at ann
	open      engine.WorkID       = 3 // a2 at ann
	closed    engine.WorkID       = 4 // a3 at ann
	unknown   engine.WorkID       = 99
	annsOffer engine.AssignmentID = 1
	annsOpen  engine.AssignmentID = 2
	annsDone  engine.AssignmentID = 3
	dotsOffer engine.AssignmentID = 4 // of w5
	bobsNo    engine.AssignmentID = 5 // of w6, declined
)

// busyWorld has work in every state. ann, bob and dot are present.
func busyWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.present("ann", "bob", "dot")
	for range 6 {
		w.arrives("support")
	}
	w.offered(offered, "ann")
	w.opened(open, "ann")
	w.do(engine.Complete{Assignment: w.opened(closed, "ann"), Agent: "ann"})
	w.offered(5, "dot")
	w.declines(6, "bob")
	return w
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	less := int32(-1)
	spec := func(change func(*engine.WorkSpec)) engine.Command {
		s := engine.WorkSpec{Channel: "chat", Queue: "support"}
		change(&s)
		return engine.CreateWork{Spec: s}
	}
	cases := []struct {
		name    string
		command engine.Command
		code    engine.Code
		field   string
	}{
		{"create, queue", spec(func(s *engine.WorkSpec) { s.Queue = "nowhere" }), engine.CodeUnknownQueue, "queue"},
		{"create, channel", spec(func(s *engine.WorkSpec) { s.Channel = "fax" }), engine.CodeUnknownChannel, "channel"},
		{"create, required agent", spec(requires("zoe")), engine.CodeUnknownAgent, "required_agent"},
		{"create, priority", spec(func(s *engine.WorkSpec) { s.Priority = &less }), engine.CodeInvalid, "priority"},
		{"create, negative size", spec(sized(-1)), engine.CodeInvalid, "size"},
		{"create, size above all members", spec(sized(9001)), engine.CodeSizeTooLarge, "size"},
		{"create, size above members of that queue", spec(func(s *engine.WorkSpec) { s.Queue, s.Size = "sales", engine.Units(3001) }), engine.CodeSizeTooLarge, "size"},
		{"create, requested in the future", spec(func(s *engine.WorkSpec) { s.RequestedAt = start + 1 }), engine.CodeInvalid, "requested_at"},
		{"create, requested before 1970", spec(func(s *engine.WorkSpec) { s.RequestedAt = -1 }), engine.CodeInvalid, "requested_at"},
		{"create, target before 1970", spec(func(s *engine.WorkSpec) { s.TargetAcceptAt = -1 }), engine.CodeInvalid, "target_accept_at"},
		{"create, expired now", spec(expiring(start)), engine.CodeInvalid, "expires_at"},
		{"create, expired before 1970", spec(expiring(-1)), engine.CodeInvalid, "expires_at"},
		{"create, size twice", spec(func(s *engine.WorkSpec) { s.Size = engine.Amount{Units: 1, Percent: 1} }), engine.CodeInvalid, "size"},
		{"create, size above all", spec(percent(100_001)), engine.CodeInvalid, "size"},
		{"create, preferred agent", spec(prefers("zoe", 1)), engine.CodeUnknownAgent, "preferred_agent"},
		{"create, preferred for no time", spec(prefers("ann", 0)), engine.CodeInvalid, "preferred_for"},
		{"create, preferred for too long", spec(prefers("ann", math.MaxInt64)), engine.CodeInvalid, "preferred_for"},
		{"create, preferred before", spec(prefers("ann", -1)), engine.CodeInvalid, "preferred_for"},
		{"create, nobody preferred", spec(prefers("", 1)), engine.CodeInvalid, "preferred_for"},
		{"create, preferred and required", spec(func(s *engine.WorkSpec) { requires("bob")(s); prefers("ann", 1)(s) }), engine.CodeInvalid, "preferred_agent"},
		{"create, required for a time", spec(func(s *engine.WorkSpec) { requires("bob")(s); prefers("", 1)(s) }), engine.CodeInvalid, "preferred_for"},
		{"create, backup", spec(func(s *engine.WorkSpec) { requires("bob")(s); s.Backup = "nowhere" }), engine.CodeUnknownQueue, "backup_queue"},
		{"create, backup of nobody", spec(func(s *engine.WorkSpec) { s.Backup = "sales" }), engine.CodeInvalid, "backup_queue"},
		{"create, skills", spec(needing(wants("magic", 1))), engine.CodeUnknownSkill, "skills"},
		{"create, skills by rule", spec(func(s *engine.WorkSpec) { s.Ruled = []engine.Need{wants("magic", 1)} }), engine.CodeUnknownSkill, "skills"},
		{"create, overflow's time", spec(func(s *engine.WorkSpec) { s.Overflow = &engine.Overflow{To: "sales", After: -1} }), engine.CodeInvalid, "overflow.after"},
		{"cancel, unknown", engine.CancelWork{Work: unknown}, engine.CodeUnknownWork, "work"},
		{"cancel, open", engine.CancelWork{Work: open}, engine.CodeWrongState, ""},
		{"cancel, closed", engine.CancelWork{Work: closed}, engine.CodeWrongState, ""},
		{"abandon, unknown", engine.AbandonWork{Work: unknown}, engine.CodeUnknownWork, "work"},
		{"abandon, open", engine.AbandonWork{Work: open}, engine.CodeWrongState, ""},
		{"requeue, unknown", engine.RequeueWork{Work: unknown}, engine.CodeUnknownWork, "work"},
		{"requeue, waiting", engine.RequeueWork{Work: waiting}, engine.CodeWrongState, ""},
		{"requeue, closed", engine.RequeueWork{Work: closed}, engine.CodeWrongState, ""},
		{"sign in, unknown agent", engine.SignIn{Agent: "zoe", Status: "online"}, engine.CodeUnknownAgent, "agent"},
		{"sign in, twice", engine.SignIn{Agent: "ann", Status: "online"}, engine.CodeAlreadySignedIn, "agent"},
		{"sign in, unknown status", engine.SignIn{Agent: "cid", Status: "asleep"}, engine.CodeUnknownStatus, "status"},
		{"sign in, offline", engine.SignIn{Agent: "cid", Status: engine.Offline}, engine.CodeUnknownStatus, "status"},
		{"status, unknown agent", engine.SetStatus{Agent: "zoe", Status: "online"}, engine.CodeUnknownAgent, "agent"},
		{"status, not signed in", engine.SetStatus{Agent: "cid", Status: "online"}, engine.CodeNotSignedIn, "agent"},
		{"status, unknown", engine.SetStatus{Agent: "ann", Status: "asleep"}, engine.CodeUnknownStatus, "status"},
		{"status, offline", engine.SetStatus{Agent: "ann", Status: engine.Offline}, engine.CodeUnknownStatus, "status"},
		{"sign out, unknown agent", engine.SignOut{Agent: "zoe"}, engine.CodeUnknownAgent, "agent"},
		{"sign out, not signed in", engine.SignOut{Agent: "cid"}, engine.CodeNotSignedIn, "agent"},
		{"connect, unknown agent", engine.Connect{Agent: "zoe"}, engine.CodeUnknownAgent, "agent"},
		{"disconnect, unknown agent", engine.Disconnect{Agent: "zoe"}, engine.CodeUnknownAgent, "agent"},
		{"accept, unknown", engine.Accept{Assignment: 99, Agent: "ann"}, engine.CodeUnknownAssignment, "assignment"},
		{"accept, another's", engine.Accept{Assignment: annsOffer, Agent: "bob"}, engine.CodeNotYours, "agent"},
		{"accept, completed", engine.Accept{Assignment: annsDone, Agent: "ann"}, engine.CodeWrongState, ""},
		{"accept, declined", engine.Accept{Assignment: bobsNo, Agent: "bob"}, engine.CodeWrongState, ""},
		{"decline, unknown", engine.Decline{Assignment: 99, Agent: "ann"}, engine.CodeUnknownAssignment, "assignment"},
		{"decline, another's", engine.Decline{Assignment: annsOffer, Agent: "bob"}, engine.CodeNotYours, "agent"},
		{"decline, open", engine.Decline{Assignment: annsOpen, Agent: "ann"}, engine.CodeWrongState, ""},
		{"decline, without reason", engine.Decline{Assignment: dotsOffer, Agent: "dot"}, engine.CodeReasonRequired, "reason"},
		{"decline, a reason of one's own", engine.Decline{Assignment: dotsOffer, Agent: "dot", Reason: "bored"}, engine.CodeReasonRequired, "reason"},
		{"complete, unknown", engine.Complete{Assignment: 99, Agent: "ann"}, engine.CodeUnknownAssignment, "assignment"},
		{"complete, another's", engine.Complete{Assignment: annsOpen, Agent: "bob"}, engine.CodeNotYours, "agent"},
		{"complete, only offered", engine.Complete{Assignment: annsOffer, Agent: "ann"}, engine.CodeWrongState, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := busyWorld(t)
			w.refused(c.command, c.code, c.field)
			w.at += 5 * second // nor does a refusal at a later time
			if !strings.HasPrefix(c.name, "create, requested in") && !strings.HasPrefix(c.name, "create, expired now") {
				w.refused(c.command, c.code, c.field)
			}
		})
	}
}

func prefers(agent string, span engine.Time) func(*engine.WorkSpec) {
	return func(s *engine.WorkSpec) { s.PreferredAgent, s.PreferredFor = agent, span }
}

func TestRefusalSaysWhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.refused(engine.CancelWork{Work: 7}, engine.CodeUnknownWork, "work")
	if got, want := r.Error(), "unknown_work: work: there is no work w7, or it ended long ago"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	w.present("ann")
	id := w.arrives("support")
	w.opened(id, "ann")
	r = w.refused(engine.CancelWork{Work: id}, engine.CodeWrongState, "")
	if got, want := r.Error(), "wrong_state: w1 is open; only waiting or offered work can be ended by its source"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	r = w.refused(engine.CreateWork{Spec: engine.WorkSpec{Channel: "chat", Queue: "support", Size: engine.Units(9500)}}, engine.CodeSizeTooLarge, "size")
	if !strings.Contains(r.Message, "9.5") || !strings.Contains(r.Message, "(9)") {
		t.Errorf("%q does not name the sizes", r.Message)
	}
}

func TestCommandsThatChangeNothing(t *testing.T) {
	t.Parallel()
	cases := map[string]engine.Command{
		"the same definition": engine.Configure{Definition: centre()},
		"the same status":     engine.SetStatus{Agent: "ann", Status: "online"},
		"connect again":       engine.Connect{Agent: "ann"},
		"disconnect again":    engine.Disconnect{Agent: "cid"},
		"accept again":        engine.Accept{Assignment: annsOpen, Agent: "ann"},
		"decline again":       engine.Decline{Assignment: bobsNo, Agent: "bob"},
		"complete again":      engine.Complete{Assignment: annsDone, Agent: "ann"},
		"an early tick":       engine.Tick{},
		"no proposals":        engine.Propose{},
	}
	for name, command := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := busyWorld(t)
			before := picture(t, w.Engine)
			w.at += second
			w.did(command)
			if after := picture(t, w.Engine); !slices.Equal(before, after) {
				t.Errorf("something changed")
			}
		})
	}
}

func TestCreateFillsInWhatIsLeftOut(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	priority := int32(0)
	attributes := map[string]string{"tier": "gold"}
	full := engine.WorkSpec{
		Key: "k", Channel: "mail", Queue: "sales", External: "crm/1", Attributes: attributes, Priority: &priority, Size: engine.Units(10),
		RequestedAt: start - minute, TargetAcceptAt: start, ExpiresAt: start + minute, RequiredAgent: "bob",
	}
	w.do(engine.CreateWork{Spec: full})
	attributes["tier"] = "lead"
	priority = 77
	got := w.item(1).Spec
	if got.Attributes["tier"] != "gold" || *got.Priority != 0 {
		t.Errorf("the caller can change work: %v, priority %d", got.Attributes, *got.Priority)
	}
	if got.Size != engine.Units(10) || got.RequestedAt != start-minute || got.External != "crm/1" || got.RequiredAgent != "bob" || got.ExpiresAt != start+minute || got.TargetAcceptAt != start {
		t.Errorf("%+v is not what was asked for", got)
	}
	for _, c := range []struct {
		channel, queue string
		size           engine.Milli
		priority       int32
	}{
		{"chat", "sales", 500, 3},    // the routing config's size
		{"mail", "support", 333, 5},  // the channel's size
		{"voice", "claims", 1000, 0}, // no priority anywhere
	} {
		id := w.arrives(c.queue, on(c.channel))
		item := w.item(id)
		if p := item.Placement; p.Size != engine.Units(c.size) || p.Priority != c.priority || p.RequestedAt != start {
			t.Errorf("%+v: size %v, priority %d, requested at %d", c, p.Size, p.Priority, p.RequestedAt)
		}
		if item.State != engine.Waiting || item.Revision != 1 || item.CreatedAt != start || standing(item) != nil {
			t.Errorf("new work is %+v", item)
		}
	}
}

func TestLifeOfAnOffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	w.at += 3 * second
	result := w.propose(id, "ann")
	ev := result.Events[0]
	if ev.Kind != engine.KindWorkOffered || ev.Deadline != w.at+20*second || ev.Queue != "support" || ev.Agent != "ann" || ev.Work != id {
		t.Errorf("offered as %+v", ev)
	}
	want := engine.Decision{Strategy: "queue", Version: "1.0.0", Turn: 7, Config: 1, Score: 9, Reason: "longest_idle"}
	if *ev.Decision != want {
		t.Errorf("decision %+v, want %+v", *ev.Decision, want)
	}
	w.is(id, engine.Offered)
	w.uses("ann", 1000, 1)
	if a := w.agent("ann"); a.AssignedAt != w.at || a.IdleSince != 0 {
		t.Errorf("ann is %+v", a)
	}
	x, item, ok := w.Assignment(ev.Assignment)
	if !ok || item.ID != id || x != standing(item) || x.Agent != "ann" || x.State != engine.AssignmentOffered || x.Decision != want {
		t.Errorf("assignment %+v of %+v", x, item)
	}
	w.at += 2 * second
	w.did(engine.Accept{Assignment: x.ID, Agent: "ann"}, engine.KindOfferAccepted)
	w.is(id, engine.Open)
	w.at += minute
	w.did(engine.Complete{Assignment: x.ID, Agent: "ann"}, engine.KindWorkCompleted)
	w.is(id, engine.Closed)
	x = w.tried(id, engine.AssignmentCompleted)
	if x.OfferedAt != start+3*second || x.AnsweredAt != start+5*second || x.EndedAt != start+65*second || w.item(id).EndedAt != x.EndedAt {
		t.Errorf("times %+v", x)
	}
	w.uses("ann", 0, 0)
	if a := w.agent("ann"); a.IdleSince != w.at {
		t.Errorf("ann is idle since %d, not %d", a.IdleSince, w.at)
	}
	if w.tried(id, engine.AssignmentCompleted); standing(w.item(id)) != nil || w.item(id).Revision != 4 {
		t.Errorf("%+v", w.item(id))
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "dot")
	w.do(engine.SignIn{Agent: "bob", Status: "online"}) // not connected
	w.do(engine.Connect{Agent: "cid"})                  // not signed in
	w.present("fay", "guy")
	w.do(engine.SetStatus{Agent: "fay", Status: "chatting"})
	id := w.arrives("support")
	w.cannot(id, "zoe", route.VerdictUnknownAgent)
	w.cannot(id, "bob", route.VerdictAgentUnavailable)
	w.cannot(id, "cid", route.VerdictAgentUnavailable)
	w.cannot(id, "guy", route.VerdictNotEligible) // not a member
	w.do(engine.SetStatus{Agent: "dot", Status: "break"})
	w.cannot(id, "dot", route.VerdictAgentUnavailable)
	w.do(engine.SetStatus{Agent: "dot", Status: "online"})
	w.cannot(w.arrives("support", on("voice")), "fay", route.VerdictChannelMismatch)
	w.cannot(w.arrives("support", requires("bob")), "ann", route.VerdictNotEligible)
	w.cannot(w.arrives("support", sized(1001)), "dot", route.VerdictNoCapacity)
	w.offered(w.arrives("support", sized(1)), "dot")
	w.cannot(w.arrives("support", sized(0)), "dot", route.VerdictLimit)

	verdict := func(p engine.Proposal) route.Verdict {
		return w.do(engine.Propose{Proposals: []engine.Proposal{p}}).Verdicts[0]
	}
	revision := w.item(id).Revision
	for _, c := range []struct {
		p    engine.Proposal
		want route.Verdict
	}{
		{engine.Proposal{Work: id, Agent: "ann", Revision: revision + 1}, route.VerdictStale},
		{engine.Proposal{Work: id, Agent: "ann", Revision: revision - 1}, route.VerdictStale},
		{engine.Proposal{Work: 99, Agent: "ann", Revision: 1}, route.VerdictUnknownWork},
		{engine.Proposal{Work: id, Agent: "ann", Revision: revision, Refused: route.VerdictUnknownAgent}, route.VerdictUnknownAgent},
		{engine.Proposal{Work: id, Agent: "ann", Revision: revision}, route.VerdictAcceptedByHost},
		{engine.Proposal{Work: id, Agent: "ann", Revision: revision + 1}, route.VerdictAlreadyAssigned},
	} {
		if got := verdict(c.p); got != c.want {
			t.Errorf("%+v: %v, want %v", c.p, got, c.want)
		}
	}
	w.do(engine.CancelWork{Work: id})
	w.cannot(id, "ann", route.VerdictGone)
}

// Several proposals are settled in their order, against the state as it is by
// then; a later rank counts only if no earlier one held.
func TestProposalsAreSettledInOrder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann", "dot")
	first, second := w.arrives("support"), w.arrives("support")
	result := w.do(engine.Propose{Proposals: []engine.Proposal{
		{Work: first, Revision: 1, Agent: "bob"},
		{Work: first, Revision: 1, Agent: "dot", Rank: 1},
		{Work: first, Revision: 1, Agent: "ann", Rank: 2},
		{Work: second, Revision: 1, Agent: "dot"},
		{Work: second, Revision: 1, Agent: "ann", Rank: 1},
		{Work: first, Revision: 2, Agent: "ann"},
	}})
	want := []route.Verdict{
		route.VerdictAgentUnavailable, route.VerdictAcceptedByHost, route.VerdictAlreadyAssigned,
		route.VerdictLimit, route.VerdictAcceptedByHost, route.VerdictAlreadyAssigned,
	}
	if !slices.Equal(result.Verdicts, want) {
		t.Errorf("verdicts %v, want %v", result.Verdicts, want)
	}
	// A rank that was passed over is not put on record.
	kinds := []engine.Kind{
		engine.KindProposalRefused, engine.KindWorkOffered, engine.KindProposalRefused, engine.KindWorkOffered, engine.KindProposalRefused,
	}
	if got := kindsOf(result.Events); !slices.Equal(got, kinds) {
		t.Errorf("events %v, want %v", got, kinds)
	}
}

func TestBabbleDoesNotFloodTheJournal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.present("ann")
	id := w.arrives("support")
	babble := make([]engine.Proposal, 1000)
	for i := range babble {
		babble[i] = engine.Proposal{Work: engine.WorkID(1000 + i), Agent: "ann", Revision: 1}
	}
	babble[999] = engine.Proposal{Work: id, Agent: "ann", Revision: 1}
	result := w.do(engine.Propose{Proposals: babble})
	if len(result.Events) != 101 || result.Events[100].Kind != engine.KindWorkOffered {
		t.Errorf("%d events, the last %v", len(result.Events), result.Events[len(result.Events)-1].Kind)
	}
	if result.Verdicts[998] != route.VerdictUnknownWork || result.Verdicts[999] != route.VerdictAcceptedByHost {
		t.Errorf("verdicts end with %v", result.Verdicts[998:])
	}
}

func TestPresence(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	signedIn := w.did(engine.SignIn{Agent: "ann", Status: "online"}, engine.KindAgentSignedIn)[0]
	if signedIn.Deadline != start+15*second || signedIn.Cause != engine.CauseSignIn || signedIn.Status != "online" {
		t.Errorf("%+v", signedIn)
	}
	a := w.agent("ann")
	if !a.SignedIn() || a.GraceUntil != signedIn.Deadline || a.SignedInAt != start || a.IdleSince != start || a.Channels != 7 {
		t.Errorf("%+v", a)
	}
	w.at += second
	w.did(engine.Connect{Agent: "ann"}, engine.KindAgentConnected)
	if a := w.agent("ann"); !a.Connected || a.GraceUntil != 0 {
		t.Errorf("%+v", a)
	}
	changed := w.did(engine.SetStatus{Agent: "ann", Status: "break", Cause: engine.CauseSupervisor}, engine.KindAgentStatusChanged)[0]
	if a := w.agent("ann"); changed.Cause != engine.CauseSupervisor || a.Cause != engine.CauseSupervisor || a.StatusSince != w.at || a.IdleSince != 0 || a.Channels != 0 {
		t.Errorf("%+v, %+v", changed, a)
	}
	changed = w.did(engine.SetStatus{Agent: "ann", Status: "chatting", Cause: engine.CauseConnectionLost}, engine.KindAgentStatusChanged)[0]
	if a := w.agent("ann"); changed.Cause != engine.CauseAgent || a.IdleSince != w.at || a.Channels != 1 {
		t.Errorf("%+v, %+v", changed, a)
	}
	w.did(engine.SignOut{Agent: "ann"}, engine.KindAgentSignedOut)
	if a := w.agent("ann"); a.SignedIn() || a.SignedInAt != 0 || !a.Connected || a.Cause != engine.CauseAgent {
		t.Errorf("%+v", a)
	}
	// Without presence there is no grace to run out.
	if ev := w.did(engine.Disconnect{Agent: "ann"}, engine.KindAgentDisconnected)[0]; ev.Deadline != 0 || w.agent("ann").GraceUntil != 0 {
		t.Errorf("%+v", ev)
	}
	w.present("bob", "cid")
	w.did(engine.DisconnectAll{}, engine.KindAgentDisconnected, engine.KindAgentDisconnected)
	w.did(engine.DisconnectAll{})
}

func TestStrategyHealthIsOnRecord(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ev := w.did(engine.RecordStrategy{By: engine.Decision{Strategy: "vip", Epoch: 3}, State: "fallback", Detail: "missed its deadline"}, engine.KindStrategyChanged)[0]
	if ev.Status != "fallback" || ev.Reason != "missed its deadline" || *ev.Decision != (engine.Decision{Strategy: "vip", Epoch: 3}) {
		t.Errorf("%+v", ev)
	}
}

func TestEndingWorkWhileOffered(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		end   func(w *world, id engine.WorkID) []engine.Event
		kind  engine.Kind
		state engine.WorkState
	}{
		"cancelled": {
			func(w *world, id engine.WorkID) []engine.Event {
				return w.do(engine.CancelWork{Work: id, Reason: "solved"}).Events
			}, engine.KindWorkCancelled, engine.Cancelled,
		},
		"abandoned": {
			func(w *world, id engine.WorkID) []engine.Event {
				return w.do(engine.AbandonWork{Work: id}).Events
			}, engine.KindWorkAbandoned, engine.Abandoned,
		},
		"expired": {
			func(w *world, _ engine.WorkID) []engine.Event { return w.pass(10 * second) }, engine.KindWorkExpired, engine.Expired,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.present("ann")
			id := w.arrives("support", expiring(start+10*second))
			a := w.offered(id, "ann")
			events := c.end(w, id)
			if got := kindsOf(events); !slices.Equal(got, []engine.Kind{engine.KindOfferWithdrawn, c.kind}) {
				t.Fatalf("events %v", got)
			}
			if back, end := events[0], events[1]; back.Agent != "ann" || back.Assignment != a || back.Reason != c.kind.String() || end.Assignment != 0 || end.Work != id {
				t.Errorf("events %+v", events)
			}
			w.is(id, c.state)
			if x := w.tried(id, engine.AssignmentWithdrawn); x.Reason != c.kind.String() {
				t.Errorf("%+v", x)
			}
			w.uses("ann", 0, 0)
			w.refused(engine.Accept{Assignment: a, Agent: "ann"}, engine.CodeWrongState, "")
			if name == "cancelled" && w.item(id).Reason != "solved" {
				t.Errorf("reason %q", w.item(id).Reason)
			}
			waits := w.arrives("support", expiring(w.at+10*second))
			events = c.end(w, waits)
			if len(events) != 1 || events[0].Kind != c.kind || events[0].Agent != "" || events[0].Assignment != 0 {
				t.Errorf("events of waiting work %+v", events)
			}
			w.is(waits, c.state)
			if !w.item(waits).State.Ended() {
				t.Errorf("%v is not the end", w.item(waits).State)
			}
		})
	}
}
