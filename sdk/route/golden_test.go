// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode"
)

// The golden frames are for readers and writers in other languages: NAME.hex
// holds a frame, NAME.json what is in it, by the names of frame.layout.
// testdata/golden/README.md says how they are written.

// lexicon gives words their ids as they come.
type lexicon struct{ turn *Turn }

func (l lexicon) id(text string) uint32 {
	for i := range l.turn.Words {
		if word := &l.turn.Words[i]; string(Of(l.turn.Bytes, word.Text)) == text {
			return word.ID
		}
	}
	id := uint32(len(l.turn.Words) + 1)
	l.turn.Words = append(l.turn.Words, Word{ID: id, Text: l.text(text)})
	return id
}

func (l lexicon) text(text string) Span {
	at := len(l.turn.Bytes)
	l.turn.Bytes = append(l.turn.Bytes, text...)
	return Span{At: uint32(at), N: uint32(len(text))}
}

const goldenNow = 1_767_225_600_000 // 2026-01-01 00:00:00 UTC

// goldenAgents adds two agents, who may be offered voice work in queue 0.
func goldenAgents(t *Turn) {
	l := lexicon{t}
	t.Channels = []Channel{{Ordinal: 0, Name: l.id("voice")}, {Ordinal: 63, Name: l.id("Fax ☎")}}
	t.Queues = []Queue{{Ref: 0, Gen: 1, Version: 1, Name: l.id("support"), Model: ModelLongestIdle, Flags: QueueBySkills, OfferTo: 1, WithinMS: 20_000, ChangedAt: goldenNow - 86_400_000}}
	t.Members = []Member{{Queue: 0, Tier: 1, Weight: 100}, {Queue: 0, Tier: 2, Weight: 1}}
	t.Skills = []Skill{{Name: l.id("english"), Level: 10_000}, {Name: l.id("deutsch"), Level: 2500}, {Name: l.id("english"), Level: 5500}}
	t.Agents = []Agent{
		{
			Ref: 7, Gen: 3, Version: 12, Name: l.id("anna"), Channels: 1<<63 | 1, Status: l.id("available"), Flags: AgentConnected,
			Capacity: 5000, IdleSince: goldenNow - 90_000, SignedInAt: goldenNow - 3_600_000, AssignedAt: goldenNow - 600_000,
			Members: Span{At: 0, N: 1}, Skills: Span{At: 0, N: 2}, MaxOpen: 100, StatusSince: goldenNow - 3_600_000, Interruptible: 4000,
		},
		{
			Ref: 2, Gen: 1, Version: 4, Name: l.id("bjørn"), Channels: 1, Status: l.id("available"), Flags: AgentConnected, Open: 1,
			Capacity: 3000, Used: 1000, SignedInAt: goldenNow - 1_800_000, AssignedAt: goldenNow - 5000,
			Members: Span{At: 1, N: 1}, Skills: Span{At: 2, N: 1}, MaxOpen: 4, Offers: 1, MaxOffers: 2, StatusSince: goldenNow - 1_800_000,
		},
	}
}

// goldenWork adds three pieces of work of queue 0.
func goldenWork(t *Turn) {
	l := lexicon{t}
	t.Needs = []Need{{Name: l.id("english"), Level: 5000}, {Name: l.id("deutsch"), Level: 1000, Flags: NeedAdditional | NeedDropped, Group: 3}}
	t.WordIDs = []uint32{l.id("carla"), l.id("dora")}
	t.Attributes = []Attribute{{Name: l.id("tier"), Value: l.text("gold")}, {Name: l.id("city"), Value: l.text("Zürich")}, {Name: l.id("note"), Value: l.text("")}}
	t.Work = []Work{
		{
			Ref: 5, Gen: 9, Revision: 2, Queue: 0, Sequence: 1<<53 + 1, RequestedAt: goldenNow - 45_000, TargetAcceptAt: goldenNow + 15_000,
			Priority: 1, Secondary: -3, Size: 1000, Channel: 0, State: WorkWaiting, Agent: l.id("anna"), Declines: 2, PreferredUntil: goldenNow - 1,
			Needs: Span{At: 0, N: 2}, Declined: Span{At: 0, N: 2}, Attributes: Span{At: 0, N: 3}, External: l.id("crm/4711"), Tier: 2,
		},
		{
			Ref: 1, Gen: 1, Revision: 1, Queue: 0, Sequence: 43, RequestedAt: goldenNow - 30_000, Priority: 5, Percent: 33_333,
			Channel: 0, State: WorkWaiting, Flags: WorkInterruptible | WorkRequired, Agent: l.id("anna"),
		},
		{Ref: 0, Gen: 2, Revision: 1, Queue: 0, Sequence: 44, RequestedAt: goldenNow, Priority: 5, Size: 2000, State: WorkWaiting},
	}
}

// goldenTurns are the turns. Each begins from an empty board, but for "delta",
// which follows on "snapshot".
func goldenTurns(t *testing.T) map[string]*Turn {
	t.Helper()
	snapshot := &Turn{Epoch: 1, Seq: 1, Kind: KindSnapshot, Now: goldenNow, Seed: 0xfedcba9876543210, Budget: 250_000}
	goldenAgents(snapshot)
	goldenWork(snapshot)
	snapshot.Work[1].State, snapshot.Work[1].Offers = WorkOffered, 1
	delta := &Turn{
		Epoch: 1, Seq: 2, BaseSeq: 1, Kind: KindDelta, Now: goldenNow + 250, Seed: 42, Budget: 250_000,
		WorkGone: []Gone{{Ref: 1, Gen: 1}}, AgentsGone: []Gone{{Ref: 2, Gen: 1}},
		Settled: []Settled{
			{Seq: 1, Work: 5, Revision: 2, Agent: 7, Verdict: VerdictAcceptedByHost, At: goldenNow + 100},
			{Seq: 1, Work: 0, Revision: 1, Agent: 2, Verdict: VerdictNoCapacity, At: goldenNow + 100},
		},
	}
	l := lexicon{delta}
	l.turn.Words = []Word{{ID: 30, Text: l.text("break")}}
	delta.Agents = []Agent{{Ref: 7, Gen: 3, Version: 13, Name: 6, Status: 30, Flags: AgentConnected, Capacity: 5000, MaxOpen: 100}}
	delta.Work = []Work{{Ref: 1, Gen: 2, Revision: 1, Sequence: 45, RequestedAt: goldenNow + 200, Size: 1000, State: WorkWaiting}}
	var board Board
	for _, turn := range []*Turn{snapshot, delta} {
		if err := board.Apply(turn); err != nil {
			t.Fatal(err)
		}
		turn.Digest = board.Digest()
	}
	candidates := &Turn{Epoch: 2, Seq: 17, Kind: KindCandidates, Now: goldenNow, Seed: 0x0102030405060708, Budget: 50_000}
	goldenWork(candidates)
	goldenAgents(candidates)
	candidates.Items = []Item{
		{Work: 0, Candidates: Span{At: 0, N: 2}},
		{Work: 1, Candidates: Span{At: 2, N: 1}},
		{Work: 2, Candidates: Span{At: 3, N: 2}},
	}
	candidates.Candidates = []Candidate{{Agent: 0, Takes: 1000}, {Agent: 1, Takes: 1000}, {Agent: 0, Takes: 1333}, {Agent: 1, Takes: 2000}, {Agent: 0, Takes: 2000}}
	candidates.Settled = []Settled{{Seq: 16, Work: 3, Revision: 4, Agent: 2, Verdict: VerdictDeclined, At: goldenNow - 10}}
	return map[string]*Turn{"snapshot": snapshot, "delta": delta, "candidates": candidates}
}

// goldenReplies are the replies, as frames.
func goldenReplies(t *testing.T) map[string][]byte {
	t.Helper()
	return map[string][]byte{
		"reply": mustEncodeReply(t, &Reply{
			Epoch: 2, Seq: 17, WakeAt: goldenNow + 5000,
			Proposals: []Proposal{
				{Work: 5, Revision: 2, Agent: 7, Score: 900, Reason: 1},
				{Work: 5, Revision: 2, Agent: 2, Score: -100, Reason: 1, Rank: 1},
			},
			Notes: []Note{{Work: 1, Reason: 2}},
		}),
		"reply-empty":         mustEncodeReply(t, &Reply{Epoch: 2, Seq: 18}),
		"reply-digest":        mustEncodeReply(t, &Reply{Epoch: 1, Seq: 1, Digest: goldenTurns(t)["snapshot"].Digest}),
		"reply-need-snapshot": EncodeStatus(nil, 1, 3, StatusNeedSnapshot, ""),
		"reply-internal":      EncodeStatus(nil, 2, 19, StatusInternal, "score: division by zero ÷"),
	}
}

func TestGolden(t *testing.T) {
	t.Parallel()
	frames := goldenReplies(t)
	for name, turn := range goldenTurns(t) {
		frames[name] = mustEncodeTurn(t, turn)
	}
	for name, frame := range frames {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said, err := json.MarshalIndent(said(t, frame), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			hold(t, name+".hex", lines(hex.EncodeToString(frame)))
			hold(t, name+".json", string(said)+"\n")
		})
	}
	files, err := filepath.Glob("testdata/golden/*.hex")
	if err != nil || len(files) != len(frames) {
		t.Errorf("%d frames in testdata/golden, %v; want %d", len(files), err, len(frames))
	}
}

// hold compares the golden file with what it is to hold.
func hold(t *testing.T, name, want string) {
	t.Helper()
	path := filepath.Join("testdata/golden", name)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the code gives:\n%s", path, want)
	}
}

// lines breaks hex digits into lines of 32 bytes.
func lines(digits string) string {
	var out strings.Builder
	for len(digits) > 64 {
		out.WriteString(digits[:64] + "\n")
		digits = digits[64:]
	}
	return out.String() + digits + "\n"
}

// said is what the frame holds, by the names of the layout.
func said(t *testing.T, frame []byte) map[string]any {
	t.Helper()
	var h header
	h.get(frame)
	sections := map[string]any{}
	out := map[string]any{"header": fieldsOf(reflect.ValueOf(h)), "sections": sections}
	lists := func(v any, names map[string]string) {
		for field, name := range names {
			if list := reflect.ValueOf(v).Elem().FieldByName(field); list.Len() > 0 {
				sections[name] = plain(list)
			}
		}
	}
	if h.Kind == kindResult {
		var reply Reply
		if err := DecodeReply(frame, &reply); err != nil {
			status, ok := errors.AsType[*StatusError](err)
			if !ok {
				t.Fatal(err)
			}
			if status.Text != "" {
				sections["bytes"] = status.Text
			}
		}
		lists(&reply, map[string]string{"Proposals": "proposal", "Notes": "note"})
		return out
	}
	var turn Turn
	if err := DecodeTurn(frame, &turn); err != nil {
		t.Fatal(err)
	}
	lists(&turn, map[string]string{
		"WorkGone": "work gone", "AgentsGone": "agent gone", "QueuesGone": "queue gone",
		"Words": "word", "Channels": "channel", "Queues": "queue", "Agents": "agent", "Work": "work", "Settled": "settled",
		"Items": "item", "Candidates": "candidate", "Members": "member", "Skills": "skill", "Needs": "need",
		"Attributes": "attribute", "WordIDs": "ids", "Bytes": "bytes",
	})
	if turn.Kind == KindCandidates {
		out["items"] = itemsOf(&turn)
	}
	return out
}

// plain is a value as it stands in JSON: what has 64 bits as decimal digits in
// a string, since not every language reads such numbers whole.
func plain(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			return string(v.Bytes())
		}
		list := []any{}
		for i := range v.Len() {
			list = append(list, plain(v.Index(i)))
		}
		return list
	case reflect.Struct:
		return fieldsOf(v)
	case reflect.Uint64:
		return strconv.FormatUint(v.Uint(), 10)
	case reflect.Int64:
		return strconv.FormatInt(v.Int(), 10)
	case reflect.Int32:
		return v.Int()
	default:
		return v.Uint()
	}
}

func fieldsOf(v reflect.Value) map[string]any {
	fields := map[string]any{}
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.IsExported() {
			fields[snake(f.Name)] = plain(v.Field(i))
		}
	}
	return fields
}

// snake is the name in the layout of a Go field.
func snake(name string) string {
	var out strings.Builder
	for i, r := range name {
		if unicode.IsUpper(r) && i > 0 && !unicode.IsUpper(rune(name[i-1])) {
			out.WriteByte('_')
		}
		out.WriteRune(unicode.ToLower(r))
	}
	return out.String()
}

// itemsOf is what a candidates frame says, with its words and spans followed.
func itemsOf(t *Turn) []any {
	words := map[uint32]string{}
	for i := range t.Words {
		words[t.Words[i].ID] = string(Of(t.Bytes, t.Words[i].Text))
	}
	list := []any{}
	for i := range t.Items {
		work := &t.Work[t.Items[i].Work]
		needs, attributes, declined, candidates := []any{}, map[string]string{}, []string{}, []any{}
		for _, need := range Of(t.Needs, work.Needs) {
			needs = append(needs, map[string]any{"skill": words[need.Name], "level": need.Level, "flags": need.Flags})
		}
		for _, attribute := range Of(t.Attributes, work.Attributes) {
			attributes[words[attribute.Name]] = string(Of(t.Bytes, attribute.Value))
		}
		for _, id := range Of(t.WordIDs, work.Declined) {
			declined = append(declined, words[id])
		}
		for _, candidate := range Of(t.Candidates, t.Items[i].Candidates) {
			agent, skills := &t.Agents[candidate.Agent], map[string]uint32{}
			for _, skill := range Of(t.Skills, agent.Skills) {
				skills[words[skill.Name]] = skill.Level
			}
			candidates = append(candidates, map[string]any{
				"agent": words[agent.Name], "ref": agent.Ref, "status": words[agent.Status], "takes": candidate.Takes, "skills": skills,
			})
		}
		list = append(list, map[string]any{
			"ref": work.Ref, "revision": work.Revision, "external": words[work.External], "preferred": words[work.Agent],
			"queue": words[queueOf(t, work.Queue)], "channel": words[channelOf(t, work.Channel)],
			"needs": needs, "attributes": attributes, "declined": declined, "candidates": candidates,
		})
	}
	return list
}

// queueOf returns the dictionary id of the name of the queue at ref.
func queueOf(t *Turn, ref uint32) uint32 {
	for i := range t.Queues {
		if t.Queues[i].Ref == ref {
			return t.Queues[i].Name
		}
	}
	return 0
}

// channelOf returns the dictionary id of the name of the channel.
func channelOf(t *Turn, ordinal uint16) uint32 {
	for i := range t.Channels {
		if t.Channels[i].Ordinal == ordinal {
			return t.Channels[i].Name
		}
	}
	return 0
}

// The worked example of frame.md shows bytes of the golden candidates frame.
func TestGoldenInTheText(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../proto/patchbay/strategy/v1/frame.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(string(text), "`sdk/route/testdata/golden/candidates.hex` is such a frame")
	if !found {
		t.Fatal("frame.md has no example any more")
	}
	frame := mustEncodeTurn(t, goldenTurns(t)["candidates"])
	shown := 0
	for line := range strings.SplitSeq(example, "\n") {
		digits, _, _ := strings.Cut(strings.TrimPrefix(line, "    "), "   ")
		want, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if !strings.HasPrefix(line, "    ") || err != nil || len(want) < 8 {
			continue
		}
		if shown++; !bytes.Contains(frame, want) {
			t.Errorf("frame.md shows %s, which is not in the frame", digits)
		}
	}
	if shown != 14 {
		t.Errorf("frame.md shows %d pieces of the frame, want 14", shown)
	}
}
