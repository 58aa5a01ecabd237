// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package document_test

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

func askOf(lease uint64, turn *route.Turn) *strategyv1.SessionResponse {
	frame, err := route.EncodeTurn(nil, turn)
	if err != nil {
		panic(err)
	}
	return &strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Ask{
		Ask: &strategyv1.Ask{Lease: lease, Turn: turn.Seq, Frame: frame},
	}}
}

// TestRowsAreTheLayouts holds every document against the one description of the
// rows: each field under its own name, and nothing else.
func TestRowsAreTheLayouts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../../sdk/proto/patchbay/strategy/v1/frame.layout")
	if err != nil {
		t.Fatal(err)
	}
	layout := fieldsOf(string(text))
	for row, doc := range map[string]any{
		"agent": document.Agent{}, "work": document.Work{}, "queue": document.Queue{}, "channel": document.Channel{},
		"member": document.Member{}, "skill": document.Skill{}, "need": document.Need{}, "gone": document.Slot{},
		"settled": document.Settled{}, "proposal": document.Proposal{}, "note": document.Note{},
		"item": document.Item{}, "candidate": document.Candidate{},
	} {
		var names []string
		for field := range reflect.TypeOf(doc).Fields() {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			names = append(names, name)
		}
		if !reflect.DeepEqual(names, layout[row]) {
			t.Errorf("row %s has the fields %v, its document %v", row, layout[row], names)
		}
	}
}

// fieldsOf reads the names of the fields of every row.
func fieldsOf(layout string) map[string][]string {
	fields := make(map[string][]string)
	row := ""
	for line := range strings.Lines(layout) {
		words := strings.Fields(line)
		switch {
		case len(words) > 1 && words[0] == "row":
			row = words[1]
		case len(words) < 3 || !strings.HasPrefix(line, " "):
			if len(words) > 0 && words[0] != "#" {
				row = ""
			}
		case row != "":
			name := words[2]
			if words[1] == "span" {
				name = words[3]
			}
			if name != "reserved" {
				fields[row] = append(fields[row], name)
			}
		}
	}
	return fields
}

// TestNothingIsLost has random days told in documents and in rows, and compares
// the boards.
func TestNothingIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		host := routetest.NewHost()
		host.Page(rapid.IntRange(0, 5).Draw(t, "page"))
		codec, again, reader := document.NewCodec(), document.NewCodec(), document.NewReader()
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }
		for range rapid.IntRange(1, 12).Draw(t, "turns") {
			for range rapid.IntRange(1, 8).Draw(t, "changes") {
				routetest.Walk(host, draw)
			}
			for _, turn := range host.Turns() {
				told := throughJSON(t, codec, turn)
				read := reader.Rows(told)
				if back := throughJSON(t, again, read); !reflect.DeepEqual(told, back) {
					t.Fatalf("told %s\nread %s", text(told), text(back))
				}
			}
		}
	})
}

func text(v any) string {
	out, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(out)
}

// throughJSON writes a turn and reads it as a router would.
func throughJSON(t interface{ Fatal(...any) }, codec *document.Codec, turn *route.Turn) *document.Turn {
	message, err := codec.Host(askOf(1, turn))
	if err != nil {
		t.Fatal(err)
	}
	var back document.FromHost
	if err := json.Unmarshal([]byte(text(message)), &back); err != nil {
		t.Fatal(err)
	}
	return back.Ask.Frame
}

func TestMessages(t *testing.T) {
	t.Parallel()
	codec := document.NewCodec()
	for want, message := range map[string]*strategyv1.SessionResponse{
		`{"lead":{"lease":4,"epoch":2,"settings":{"a":1},"turn_budget_us":5,"max_reply_bytes":6}}`: {Message: &strategyv1.SessionResponse_Lead{Lead: &strategyv1.Lead{
			Lease: 4, Epoch: 2, Configure: &strategyv1.ConfigureRequest{SettingsJson: []byte(`{"a":1}`)}, TurnBudgetUs: 5, MaxReplyBytes: 6,
		}}},
		`{"welcome":{"host_version":"v","resume_token":"t","retention_ms":1,"resumed":true,"lease":3,"ping_ms":2}}`: {Message: &strategyv1.SessionResponse_Welcome{Welcome: &strategyv1.Welcome{
			Host: &strategyv1.HandshakeRequest{HostVersion: "v"}, ResumeToken: "t", RetentionMs: 1, Resumed: true, Lease: 3, PingMs: 2,
		}}},
		`{"notice":{"code":"wrong_turn","text":"x","lease":1,"turn":2}}`: {Message: &strategyv1.SessionResponse_Notice{Notice: &strategyv1.Notice{
			Code: strategyv1.Notice_CODE_WRONG_TURN, Text: "x", Lease: 1, Turn: 2,
		}}},
		`{"drained":{"lease":1}}`: {Message: &strategyv1.SessionResponse_Drained{Drained: &strategyv1.Drained{Lease: 1}}},
		`{"ping":{"number":1}}`:   {Message: &strategyv1.SessionResponse_Ping{Ping: &strategyv1.Ping{Number: 1}}},
	} {
		if got, err := codec.Host(message); err != nil || text(got) != want {
			t.Errorf("%s, %v\nwant %s", text(got), err, want)
		}
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	codec := document.NewCodec()
	hello, err := codec.Read([]byte(`{"hello":{"strategy":"x","token":"t","router":"r","rank":2,"resume":{"token":"u","lease":3,"applied":4},
		"manifest":{"name":"m","view":"candidates","tables":["work","agent"],"reasons":[{"code":7,"name":"best","text":"Best."}]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	h := hello.GetHello()
	if h.GetRank() != 2 || h.GetResume().GetApplied() != 4 || h.GetManifest().GetView() != strategyv1.View_VIEW_CANDIDATES ||
		len(h.GetManifest().GetLayouts()) != 2 || h.GetManifest().GetLayouts()[0].GetTable() != uint32(route.TableWork) {
		t.Errorf("%v", h)
	}
	if _, err := codec.Host(askOf(9, &route.Turn{Epoch: 5, Seq: 6, Kind: route.KindSnapshot})); err != nil {
		t.Fatal(err)
	}
	answer, err := codec.Read([]byte(`{"answer":{"lease":9,"turn":6,"reply":{"proposals":[{"work":1,"revision":2,"agent":3,"reason":"best"},
		{"work":4,"revision":1,"agent":3,"score":-1,"reason":9,"rank":1}],"notes":[{"work":8,"reason":"best"}],"wake_at":77,"digest":5}}}`))
	if err != nil {
		t.Fatal(err)
	}
	var reply route.Reply
	if wake, err := codec.Read([]byte(`{"wake":{"lease":9}}`)); err != nil || wake.GetWake().GetLease() != 9 {
		t.Errorf("%v, %v", wake, err)
	}
	if err := route.DecodeReply(answer.GetAnswer().GetFrame(), &reply); err != nil {
		t.Fatal(err)
	}
	want := route.Reply{Epoch: 5, Seq: 6, WakeAt: 77, Digest: 5, Notes: []route.Note{{Work: 8, Reason: 7}}, Proposals: []route.Proposal{
		{Work: 1, Revision: 2, Agent: 3, Reason: 7}, {Work: 4, Revision: 1, Agent: 3, Score: -1, Reason: 9, Rank: 1},
	}}
	if !reflect.DeepEqual(reply, want) {
		t.Errorf("%+v", reply)
	}
	for message, status := range map[string]route.Status{
		`{"answer":{"lease":9,"turn":6,"reply":{"need_snapshot":true}}}`: route.StatusNeedSnapshot,
		`{"answer":{"lease":9,"turn":6,"reply":{"error":"no"}}}`:         route.StatusInternal,
	} {
		answer, err := codec.Read([]byte(message))
		if err != nil {
			t.Fatal(err)
		}
		var carried *route.StatusError
		if err := route.DecodeReply(answer.GetAnswer().GetFrame(), &reply); !asStatus(err, &carried) || carried.Status != status || reply.Epoch != 5 {
			t.Errorf("%s: %v", message, err)
		}
	}
}

func asStatus(err error, to **route.StatusError) bool {
	s, ok := err.(*route.StatusError) //nolint:errorlint // it is returned as it is
	*to = s
	return ok
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	for message, words := range map[string]string{
		`{`:                        "unexpected EOF",
		`{}`:                       "has one member",
		`{"pong":{},"leave":{}}`:   "has one member",
		`{"pong":{"number":1}} {}`: "more follows",
		`{"answer":{"turns":1}}`:   `unknown field "turns"`,
		`{"answer":{"turn":-1}}`:   "cannot unmarshal number -1",
		`{"answer":{"reply":{"notes":[{"work":1,"reason":"best"}]}}}`:             `no reason "best"`,
		`{"answer":{"reply":{"proposals":[{"reason":99999}]}}}`:                   "the reason 99999",
		`{"hello":{"strategy":"x","manifest":{"name":"m","view":"all"}}}`:         `view "all"`,
		`{"hello":{"strategy":"x","manifest":{"name":"m","tables":["workers"]}}}`: `no table "workers"`,
	} {
		if _, err := document.NewCodec().Read([]byte(message)); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, want %q", message, err, words)
		}
	}
}

// A connection that takes a session up again knows the words of the one before.
func TestRecall(t *testing.T) {
	t.Parallel()
	host := routetest.NewHost()
	host.Queue("support")
	first := document.NewCodec()
	memory := first.Recall(nil)
	for _, turn := range host.Turns() {
		throughJSON(t, first, turn)
	}
	second := document.NewCodec()
	second.Recall(memory)
	host.Queue("support").Held(true)
	for _, turn := range host.Turns() {
		if told := throughJSON(t, second, turn); told.Queues[0].Name != "support" || fmt.Sprint(told.Queues[0].Flags) != "[held]" {
			t.Errorf("%s", text(told))
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"hello":{"strategy":"x","manifest":{"name":"m"}}}`))
	f.Add([]byte(`{"answer":{"lease":1,"turn":2,"reply":{"proposals":[{"work":1,"reason":"a"}]}}}`))
	f.Add([]byte(`{"configured":{"lease":1,"error":"x"}}`))
	f.Fuzz(func(t *testing.T, message []byte) {
		m, err := document.NewCodec().Read(message)
		if err == nil && m.GetMessage() == nil {
			t.Error("nothing was read")
		}
	})
}

func FuzzFrame(f *testing.F) {
	frame, err := route.EncodeTurn(nil, &route.Turn{Epoch: 1, Seq: 1, Kind: route.KindSnapshot, Work: make([]route.Work, 1)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(frame)
	f.Fuzz(func(t *testing.T, frame []byte) {
		told, err := document.NewDictionary().Frame(1, frame)
		if err == nil {
			document.NewReader().Rows(told)
			if _, err := json.Marshal(told); err != nil {
				t.Error(err)
			}
		}
	})
}

// notices are the codes of notices, as documents have them.
func notices() []string {
	var names []string
	for code := range int32(len(strategyv1.Notice_Code_name)) {
		if code != 0 {
			names = append(names, strings.ToLower(strings.TrimPrefix(strategyv1.Notice_Code(code).String(), "CODE_")))
		}
	}
	return names
}
