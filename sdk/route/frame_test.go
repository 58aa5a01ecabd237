// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files anew")

// sampleTurn is a turn with something in every list.
func sampleTurn() *Turn {
	return &Turn{
		Epoch: 3, Seq: 9, BaseSeq: 8, Kind: KindDelta, Now: 1_700_000_000_123, Seed: 0x0102030405060708,
		Budget: 50_000, Digest: 0xdeadbeef,
		WorkGone:   []Gone{{Ref: 4, Gen: 2}},
		AgentsGone: []Gone{{Ref: 1, Gen: 1}},
		QueuesGone: []Gone{{Ref: 2, Gen: 7}},
		Words:      []Word{{ID: 1, Text: Span{At: 0, N: 3}}, {ID: 2, Text: Span{At: 3, N: 2}}},
		Channels:   []Channel{{Ordinal: 5, Name: 2}},
		Queues:     []Queue{{Ref: 0, Gen: 1, Version: 2, Name: 1, Model: ModelRoundRobin, Flags: QueueBySkills, OfferTo: 3, WithinMS: 20_000, ChangedAt: 77}},
		Agents: []Agent{{
			Ref: 6, Gen: 1, Version: 3, Name: 1, Channels: 1 << 5, Status: 2, Flags: AgentConnected, Open: 1,
			Capacity: 5000, Used: 1000, SignedInAt: 5, AssignedAt: 6, MaxOpen: 100, StatusSince: -1,
			Offers: 1, MaxOffers: 2, Interruptible: 4000, InterruptibleUsed: 500,
			Members: Span{At: 0, N: 1}, Skills: Span{At: 0, N: 2},
		}},
		Work: []Work{{
			Ref: 8, Gen: 4, Revision: 2, Queue: 0, Sequence: 1 << 40, RequestedAt: 55, TargetAcceptAt: 66,
			Priority: -2, Secondary: 3, Size: 1000, Channel: 5, State: WorkWaiting, Flags: WorkRequired, Agent: 1,
			Declines: 1, PreferredUntil: 99, Needs: Span{At: 0, N: 1}, Declined: Span{At: 0, N: 2},
			Attributes: Span{At: 0, N: 1}, External: 2, Percent: 50_000, Tier: 2, Offers: 1,
		}},
		Settled:    []Settled{{Seq: 7, Work: 8, Revision: 1, Agent: 6, Verdict: VerdictStale, At: 44}},
		Members:    []Member{{Queue: 0, Tier: 1, Weight: 70}},
		Skills:     []Skill{{Name: 1, Level: 5000}, {Name: 2, Level: 10000}},
		Needs:      []Need{{Name: 1, Level: 4000, Flags: NeedAdditional, Group: 2}},
		Attributes: []Attribute{{Name: 2, Value: Span{At: 5, N: 1}}},
		WordIDs:    []uint32{1, 2},
		Bytes:      []byte("adaen!"),
	}
}

func sampleReply() *Reply {
	return &Reply{
		Epoch: 3, Seq: 9, WakeAt: 1_700_000_060_000, Digest: 42,
		Proposals: []Proposal{{Work: 8, Revision: 2, Agent: 6, Score: -5, Reason: 1, Rank: 0}, {Work: 8, Agent: 7, Rank: 1}},
		Notes:     []Note{{Work: 9, Reason: 2}},
	}
}

func mustEncodeTurn(t testing.TB, turn *Turn) []byte {
	t.Helper()
	frame, err := EncodeTurn(nil, turn)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func mustEncodeReply(t testing.TB, reply *Reply) []byte {
	t.Helper()
	frame, err := EncodeReply(nil, reply)
	if err != nil {
		t.Fatal(err)
	}
	return frame
}

func TestFrameRoundTrip(t *testing.T) {
	t.Parallel()
	turn, reply := sampleTurn(), sampleReply()
	var gotTurn Turn
	if err := DecodeTurn(mustEncodeTurn(t, turn), &gotTurn); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&gotTurn, turn) {
		t.Errorf("turn: got %+v\nwant %+v", gotTurn, turn)
	}
	var gotReply Reply
	if err := DecodeReply(mustEncodeReply(t, reply), &gotReply); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&gotReply, reply) {
		t.Errorf("reply: got %+v\nwant %+v", gotReply, reply)
	}
}

// The golden files are part of the written specification: a reader in another
// language must read these bytes.
func TestFrameGolden(t *testing.T) {
	t.Parallel()
	for name, frame := range map[string][]byte{
		"turn.hex":   mustEncodeTurn(t, sampleTurn()),
		"reply.hex":  mustEncodeReply(t, sampleReply()),
		"status.hex": EncodeStatus(nil, 3, 9, StatusInternal, "index broken"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := hex.Dump(frame)
			path := "testdata/" + name
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the bytes on the wire changed; got\n%swant\n%s", got, want)
			}
		})
	}
}

func TestEncodeReusesMemory(t *testing.T) {
	t.Parallel()
	turn := sampleTurn()
	first := mustEncodeTurn(t, turn)
	dirty := bytes.Repeat([]byte{0xff}, len(first)+100)
	second, err := EncodeTurn(dirty, turn)
	if err != nil {
		t.Fatal(err)
	}
	if &second[0] != &dirty[0] {
		t.Error("the buffer was not used")
	}
	if !bytes.Equal(first, second) {
		t.Error("what the buffer held before shows in the frame")
	}
}

// portable round-trips rows through the portable writer and reader and
// compares the bytes with memory's.
func portable[T comparable, P rowOf[T]](t *testing.T, rows []T) {
	t.Helper()
	size := len(memory(rows)) / len(rows)
	out := make([]byte, len(rows)*size)
	putAll[T, P](out, rows)
	if rowsAreFrames && !bytes.Equal(out, memory(rows)) {
		t.Errorf("%T: portable bytes %x, memory %x", rows, out, memory(rows))
	}
	back := make([]T, len(rows))
	getAll[T, P](back, out, size)
	for i := range rows {
		if back[i] != rows[i] {
			t.Errorf("%T: row %d came back as %+v, want %+v", rows, i, back[i], rows[i])
		}
	}
}

func TestPortableRows(t *testing.T) {
	t.Parallel()
	turn, reply := sampleTurn(), sampleReply()
	portable(t, turn.WorkGone)
	portable(t, turn.Words)
	portable(t, turn.Channels)
	portable(t, turn.Queues)
	portable(t, turn.Agents)
	portable(t, turn.Work)
	portable(t, turn.Settled)
	portable(t, turn.Members)
	portable(t, turn.Skills)
	portable(t, turn.Needs)
	portable(t, turn.Attributes)
	portable(t, reply.Proposals)
	portable(t, reply.Notes)
	portable(t, []header{{Magic: 1, HeaderLen: 2, Kind: 3, FrameLen: 4, Sections: 5, Status: 6, Epoch: 7, Seed: 8, Now: -9, Digest: 10}})
	portable(t, []entry{{Table: 1, Op: 2, Layout: 3, Stride: 4, Count: 5, Offset: 6}})
}

// shifted returns the bytes at an address that is no multiple of 8.
func shifted(b []byte) []byte {
	return append(make([]byte, 1, len(b)+1), b...)[1:]
}

func TestUnalignedFrames(t *testing.T) {
	t.Parallel()
	want := mustEncodeTurn(t, sampleTurn())
	got, err := EncodeTurn(shifted(want)[:0], sampleTurn())
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("encoded at an odd address: %x, %v", got, err)
	}
	for name, read := range map[string]func([]byte, *Turn) error{"decode": DecodeTurn, "view": ViewTurn} {
		var turn Turn
		if err := read(shifted(want), &turn); err != nil || !reflect.DeepEqual(&turn, sampleTurn()) {
			t.Errorf("%s at an odd address: %+v, %v", name, turn, err)
		}
	}
}

func TestViewTurn(t *testing.T) {
	t.Parallel()
	for name, frame := range map[string][]byte{
		"same layout": mustEncodeTurn(t, sampleTurn()), "newer": grown(t, mustEncodeTurn(t, sampleTurn())),
	} {
		turn := *sampleTurn() // what it held must not show
		if err := ViewTurn(frame, &turn); err != nil || !reflect.DeepEqual(&turn, sampleTurn()) {
			t.Errorf("%s: %+v, %v", name, turn, err)
		}
	}
	frame := mustEncodeTurn(t, sampleTurn())
	var turn Turn
	if err := ViewTurn(frame, &turn); err != nil {
		t.Fatal(err)
	}
	frame[len(frame)-8] = 'X' // the first byte of the last section, the text
	if rowsAreFrames && turn.Bytes[0] != 'X' {
		t.Error("the view is a copy")
	}
}

// grown returns a frame whose header is 8 bytes longer, whose sections have 4
// bytes more per row, and which has a section of an unknown table: what a
// newer writer sends.
func grown(t *testing.T, frame []byte) []byte {
	t.Helper()
	n := int(binary.LittleEndian.Uint16(frame[atSections:]))
	out := append(bytes.Clone(frame[:headerSize]), 1, 2, 3, 4, 5, 6, 7, 8)
	binary.LittleEndian.PutUint16(out[atHeaderLen:], headerSize+8)
	binary.LittleEndian.PutUint16(out[atSections:], uint16(n+1))
	at := headerSize + 8 + (n+1)*entrySize
	var directory, sections []byte
	for i := range n {
		entry := bytes.Clone(frame[headerSize+i*entrySize : headerSize+(i+1)*entrySize])
		stride := int(binary.LittleEndian.Uint16(entry[4:]))
		count := int(binary.LittleEndian.Uint32(entry[8:]))
		offset := int(binary.LittleEndian.Uint32(entry[12:]))
		wider := stride
		if table := Table(binary.LittleEndian.Uint16(entry)); table != TableBytes && table != TableIDs {
			wider += 4
		}
		binary.LittleEndian.PutUint16(entry[4:], uint16(wider))
		binary.LittleEndian.PutUint32(entry[12:], uint32(at+len(sections)))
		for row := range count {
			sections = append(sections, frame[offset+row*stride:offset+(row+1)*stride]...)
			sections = append(sections, bytes.Repeat([]byte{0xee}, wider-stride)...)
		}
		sections = append(sections, make([]byte, align8(len(sections))-len(sections))...)
		directory = append(directory, entry...)
	}
	unknown := make([]byte, entrySize)
	binary.LittleEndian.PutUint16(unknown, 60)
	unknown[2] = opPut
	binary.LittleEndian.PutUint16(unknown[4:], 8)
	binary.LittleEndian.PutUint32(unknown[8:], 1)
	binary.LittleEndian.PutUint32(unknown[12:], uint32(at+len(sections)))
	out = append(append(append(append(out, directory...), unknown...), sections...), make([]byte, 8)...)
	binary.LittleEndian.PutUint32(out[atFrameLen:], uint32(len(out)))
	return out
}

func TestDecodeReadsNewerWriters(t *testing.T) {
	t.Parallel()
	turn, reply := sampleTurn(), sampleReply()
	var gotTurn Turn
	if err := DecodeTurn(grown(t, mustEncodeTurn(t, turn)), &gotTurn); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&gotTurn, turn) {
		t.Errorf("turn: got %+v\nwant %+v", gotTurn, turn)
	}
	var gotReply Reply
	if err := DecodeReply(grown(t, mustEncodeReply(t, reply)), &gotReply); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&gotReply, reply) {
		t.Errorf("reply: got %+v\nwant %+v", gotReply, reply)
	}
}

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	// entry returns the offset of a field of the directory entry of a table.
	entry := func(frame []byte, table Table) int {
		for at := headerSize; ; at += entrySize {
			if Table(binary.LittleEndian.Uint16(frame[at:])) == table && frame[at+2] == opPut {
				return at
			}
		}
	}
	u16 := binary.LittleEndian.PutUint16
	u32 := binary.LittleEndian.PutUint32
	for name, test := range map[string]struct {
		spoil func(b []byte) []byte
		want  string
	}{
		"empty":             {func([]byte) []byte { return nil }, "less than the header's"},
		"short":             {func(b []byte) []byte { return b[:63] }, "less than the header's"},
		"magic":             {func(b []byte) []byte { b[0] = 'X'; return b }, "magic"},
		"cut":               {func(b []byte) []byte { return b[:len(b)-8] }, "frame length"},
		"header too short":  {func(b []byte) []byte { u16(b[atHeaderLen:], 56); return b }, "header length"},
		"header odd":        {func(b []byte) []byte { u16(b[atHeaderLen:], 65); return b }, "header length"},
		"header past end":   {func(b []byte) []byte { u16(b[atHeaderLen:], 65528); return b }, "header length"},
		"kind":              {func(b []byte) []byte { b[atKind] = 9; return b }, "kind 9"},
		"reply kind":        {func(b []byte) []byte { b[atKind] = kindResult; return b }, "kind 16"},
		"too many sections": {func(b []byte) []byte { u16(b[atSections:], 65535); return b }, "sections"},
		"stride 0":          {func(b []byte) []byte { u16(b[entry(b, TableWork)+4:], 0); return b }, "stride 0"},
		"stride short":      {func(b []byte) []byte { u16(b[entry(b, TableWork)+4:], 100); return b }, "stride 100"},
		"stride odd": {func(b []byte) []byte {
			u16(b[entry(b, TableSkill)+4:], 9)
			u32(b[entry(b, TableSkill)+8:], 1)
			return b
		}, "stride 9"},
		"ids stride": {func(b []byte) []byte { u16(b[entry(b, TableIDs)+4:], 8); u32(b[entry(b, TableIDs)+8:], 1); return b }, "stride 8"},
		"bytes stride": {func(b []byte) []byte {
			u16(b[entry(b, TableBytes)+4:], 2)
			u32(b[entry(b, TableBytes)+8:], 1)
			return b
		}, "stride 2"},
		"count huge":         {func(b []byte) []byte { u32(b[entry(b, TableWork)+8:], 1<<32-1); return b }, "past the frame"},
		"offset past end":    {func(b []byte) []byte { u32(b[entry(b, TableBytes)+12:], uint32(len(b))); return b }, "past the frame"},
		"offset misaligned":  {func(b []byte) []byte { u32(b[entry(b, TableWork)+12:], 404); return b }, "multiple of 8"},
		"sections overlap":   {func(b []byte) []byte { u32(b[entry(b, TableWork)+12:], 64); return b }, "past the section before"},
		"section twice":      {func(b []byte) []byte { u16(b[entry(b, TableSkill):], uint16(TableWork)); return b }, "twice"},
		"agent's span":       {func(b []byte) []byte { at := entry(b, TableMember); u16(b[at:], 60); return b }, "agent row 0"},
		"work's span":        {func(b []byte) []byte { at := entry(b, TableNeed); u16(b[at:], 60); return b }, "work row 0"},
		"declined's span":    {func(b []byte) []byte { at := entry(b, TableIDs); u16(b[at:], 60); return b }, "work row 0"},
		"word's span":        {func(b []byte) []byte { at := entry(b, TableBytes); u32(b[at+8:], 1); return b }, "word row 0"},
		"attribute's span":   {func(b []byte) []byte { at := entry(b, TableBytes); u32(b[at+8:], 5); return b }, "attribute row 0"},
		"span sum overflows": {func(b []byte) []byte { at := sectionAt(b, entry(b, TableWord)); u32(b[at+4:], 1<<32-1); return b }, "word row 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, read := range []func([]byte, *Turn) error{DecodeTurn, ViewTurn} {
				err := read(test.spoil(mustEncodeTurn(t, sampleTurn())), new(Turn))
				var frame *FrameError
				if !errors.As(err, &frame) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, want a *FrameError with %q", err, test.want)
				}
			}
		})
	}
}

func sectionAt(frame []byte, entry int) int {
	return int(binary.LittleEndian.Uint32(frame[entry+12:]))
}

func TestDecodeReplyStatus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		err    error
		status Status
	}{
		{ErrNeedSnapshot, StatusNeedSnapshot},
		{fmt.Errorf("wrapped: %w", ErrNeedSnapshot), StatusNeedSnapshot},
		{errors.New("index broken"), StatusInternal},
		{&StatusError{Status: StatusOverBudget, Text: "gave up"}, StatusOverBudget},
		{&FrameError{Reason: "no frame"}, StatusBadFrame},
	} {
		status, text := StatusOf(test.err)
		if status != test.status {
			t.Errorf("StatusOf(%v) is %v, want %v", test.err, status, test.status)
		}
		reply := sampleReply()
		err := DecodeReply(EncodeStatus(nil, 5, 6, status, text), reply)
		var carried *StatusError
		if !errors.As(err, &carried) || carried.Status != status || carried.Text != text {
			t.Errorf("decoded %v, want status %v with text %q", err, status, text)
		}
		if errors.Is(err, ErrNeedSnapshot) != (status == StatusNeedSnapshot) {
			t.Errorf("%v: ErrNeedSnapshot is not told right", err)
		}
		if reply.Epoch != 5 || reply.Seq != 6 || len(reply.Proposals) != 0 {
			t.Errorf("reply beside a status: %+v", reply)
		}
	}
	if status, _ := StatusOf(nil); status != StatusOK {
		t.Errorf("StatusOf(nil) is %v", status)
	}
	if err := DecodeReply(mustEncodeTurn(t, sampleTurn()), new(Reply)); err == nil {
		t.Error("a turn was read as a reply")
	}
}

func TestStatusTextIsCut(t *testing.T) {
	t.Parallel()
	err := DecodeReply(EncodeStatus(nil, 1, 1, StatusInternal, strings.Repeat("x", 1<<20)), new(Reply))
	var carried *StatusError
	if !errors.As(err, &carried) || len(carried.Text) != maxStatusText {
		t.Errorf("got %v", err)
	}
}

func TestFrameProperties(t *testing.T) {
	t.Parallel()
	// One turn is decoded into again and again, so that memory used before
	// must not show.
	var into Turn
	rapid.Check(t, func(t *rapid.T) {
		turn := rapid.Custom(drawTurn).Draw(t, "turn")
		frame, err := EncodeTurn(nil, turn)
		if err != nil {
			t.Fatal(err)
		}
		if err := DecodeTurn(frame, &into); err != nil {
			t.Fatal(err)
		}
		again, err := EncodeTurn(nil, &into)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(frame, again) {
			t.Fatalf("bytes differ after a round trip")
		}
	})
}

func drawTurn(t *rapid.T) *Turn {
	n := rapid.IntRange(0, 5)
	turn := &Turn{
		Epoch: rapid.Uint64().Draw(t, "epoch"), Seq: rapid.Uint64().Draw(t, "seq"),
		Kind: Kind(rapid.IntRange(1, 5).Draw(t, "kind")), Now: rapid.Int64().Draw(t, "now"),
	}
	turn.Bytes = rapid.SliceOfN(rapid.Byte(), 0, 20).Draw(t, "bytes")
	turn.WordIDs = rapid.SliceOfN(rapid.Uint32(), 0, 5).Draw(t, "ids")
	turn.Needs = make([]Need, n.Draw(t, "needs"))
	turn.Skills = make([]Skill, n.Draw(t, "skills"))
	for range n.Draw(t, "words") {
		turn.Words = append(turn.Words, Word{ID: rapid.Uint32().Draw(t, "id"), Text: drawSpan(t, len(turn.Bytes))})
	}
	for range n.Draw(t, "agents") {
		turn.Agents = append(turn.Agents, Agent{
			Ref: rapid.Uint32().Draw(t, "ref"), Channels: rapid.Uint64().Draw(t, "channels"),
			Skills: drawSpan(t, len(turn.Skills)),
		})
	}
	for range n.Draw(t, "work") {
		turn.Work = append(turn.Work, Work{
			Ref: rapid.Uint32().Draw(t, "ref"), Sequence: rapid.Uint64().Draw(t, "sequence"),
			Priority: rapid.Int32().Draw(t, "priority"), Needs: drawSpan(t, len(turn.Needs)),
			Declined: drawSpan(t, len(turn.WordIDs)),
		})
	}
	return turn
}

func drawSpan(t *rapid.T, length int) Span {
	at := rapid.IntRange(0, length).Draw(t, "at")
	return Span{At: uint32(at), N: uint32(rapid.IntRange(0, length-at).Draw(t, "n"))}
}

func FuzzDecodeTurn(f *testing.F) {
	f.Add(mustEncodeTurn(f, sampleTurn()))
	f.Add(mustEncodeTurn(f, &Turn{Kind: KindSnapshot, Seq: 1}))
	f.Add(mustEncodeReply(f, sampleReply()))
	f.Fuzz(func(t *testing.T, frame []byte) {
		var turn, view Turn
		err := DecodeTurn(frame, &turn)
		if viewErr := ViewTurn(bytes.Clone(frame), &view); (err == nil) != (viewErr == nil) {
			t.Fatalf("decoding says %v, viewing %v", err, viewErr)
		}
		if err != nil {
			if _, ok := errors.AsType[*FrameError](err); !ok {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		// What was read can be followed and written again to the same turn.
		var board Board
		turn.Kind = KindSnapshot
		turn.Digest = 0
		if small(&turn) {
			_ = board.Apply(&turn)
		}
		var again Turn
		if err := DecodeTurn(mustEncodeTurn(t, &turn), &again); err != nil {
			t.Fatal(err)
		}
	})
}

// small reports whether all refs are low, so that the fuzzer does not spend
// its time on making room.
func small(t *Turn) bool {
	for i := range t.Work {
		if t.Work[i].Ref > 1000 {
			return false
		}
	}
	for i := range t.Agents {
		if t.Agents[i].Ref > 1000 {
			return false
		}
	}
	for i := range t.Queues {
		if t.Queues[i].Ref > 1000 {
			return false
		}
	}
	for i := range t.Words {
		if t.Words[i].ID > 1000 {
			return false
		}
	}
	return true
}

func FuzzDecodeReply(f *testing.F) {
	f.Add(mustEncodeReply(f, sampleReply()))
	f.Add(EncodeStatus(nil, 1, 2, StatusNeedSnapshot, "gap"))
	f.Add(mustEncodeTurn(f, sampleTurn()))
	f.Fuzz(func(t *testing.T, frame []byte) {
		var reply Reply
		err := DecodeReply(frame, &reply)
		var typed *FrameError
		var status *StatusError
		if err != nil && !errors.As(err, &typed) && !errors.As(err, &status) {
			t.Fatalf("untyped error %v", err)
		}
	})
}

// Counting allocations forbids running beside other tests.
func TestFrameAllocations(t *testing.T) {
	turn, reply := benchTurn(256), benchReply(256)
	frame, answer := mustEncodeTurn(t, turn), mustEncodeReply(t, reply)
	var intoTurn Turn
	var intoReply Reply
	if n := testing.AllocsPerRun(100, func() {
		frame, _ = EncodeTurn(frame, turn)
		_ = DecodeTurn(frame, &intoTurn)
		answer, _ = EncodeReply(answer, reply)
		_ = DecodeReply(answer, &intoReply)
		answer = EncodeStatus(answer, 1, 2, StatusOK, "")
	}); n != 0 {
		t.Errorf("%v allocations per exchange, want 0", n)
	}
}

func benchTurn(n int) *Turn {
	turn := &Turn{Kind: KindDelta, Seq: 2, BaseSeq: 1, Bytes: []byte("billing")}
	for i := range n {
		turn.Needs = append(turn.Needs, Need{Name: 1, Level: 3000})
		turn.Work = append(turn.Work, Work{
			Ref: uint32(i), Gen: 1, Revision: 1, Sequence: uint64(i), State: WorkWaiting, Size: 1000,
			Needs: Span{At: uint32(i), N: 1},
		})
	}
	return turn
}

func benchReply(n int) *Reply {
	reply := &Reply{Seq: 2}
	for i := range n {
		reply.Proposals = append(reply.Proposals, Proposal{Work: uint32(i), Revision: 1, Agent: uint32(i)})
	}
	return reply
}

func BenchmarkEncodeTurn(b *testing.B) {
	for _, n := range []int{1, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			turn := benchTurn(n)
			var frame []byte
			b.ReportAllocs()
			for b.Loop() {
				frame, _ = EncodeTurn(frame, turn)
			}
			b.SetBytes(int64(len(frame)))
		})
	}
}

func BenchmarkDecodeTurn(b *testing.B) {
	for _, n := range []int{1, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			frame := mustEncodeTurn(b, benchTurn(n))
			var turn Turn
			b.SetBytes(int64(len(frame)))
			b.ReportAllocs()
			for b.Loop() {
				if err := DecodeTurn(frame, &turn); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncodeReply(b *testing.B) {
	for _, n := range []int{1, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			reply := benchReply(n)
			var frame []byte
			b.ReportAllocs()
			for b.Loop() {
				frame, _ = EncodeReply(frame, reply)
			}
		})
	}
}

func BenchmarkDecodeReply(b *testing.B) {
	for _, n := range []int{1, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			frame := mustEncodeReply(b, benchReply(n))
			var reply Reply
			b.ReportAllocs()
			for b.Loop() {
				if err := DecodeReply(frame, &reply); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
