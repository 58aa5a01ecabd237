// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// boardTurn is a snapshot of a small contact centre.
func boardTurn() *Turn {
	return &Turn{
		Epoch: 1, Seq: 1, Kind: KindSnapshot, Now: 1000,
		Bytes: []byte("adabobbillingvipyes"),
		Words: []Word{
			{ID: 1, Text: Span{0, 3}},
			{ID: 2, Text: Span{3, 3}},
			{ID: 3, Text: Span{6, 7}},
			{ID: 4, Text: Span{13, 3}},
		},
		Channels: []Channel{{Ordinal: 0, Name: 3}},
		Queues:   []Queue{{Ref: 0, Gen: 1, Name: 3, Model: ModelLeastActive}},
		Agents: []Agent{
			{Ref: 0, Gen: 1, Version: 1, Name: 1, Channels: 1, Flags: AgentConnected, Capacity: 1000, MaxOpen: 5, Members: Span{0, 1}, Skills: Span{0, 1}},
			{Ref: 1, Gen: 1, Version: 1, Name: 2, Channels: 1, Flags: AgentConnected, Capacity: 1000, MaxOpen: 5, Members: Span{0, 1}},
		},
		Work: []Work{
			{Ref: 0, Gen: 1, Revision: 1, Size: 1000, State: WorkWaiting, Attributes: Span{0, 1}},
			{Ref: 1, Gen: 1, Revision: 1, Size: 1000, State: WorkWaiting, Needs: Span{0, 1}},
			{Ref: 2, Gen: 1, Revision: 1, Size: 1000, State: WorkWaiting, Declined: Span{0, 1}},
			{Ref: 3, Gen: 1, Revision: 1, Size: 1000, State: WorkWaiting, Agent: 2, Flags: WorkRequired},
			{Ref: 4, Gen: 1, Revision: 1, Size: 1000, State: WorkOffered},
		},
		Members:    []Member{{Queue: 0, Tier: 1}},
		Skills:     []Skill{{Name: 4, Level: 5000}},
		Needs:      []Need{{Name: 4, Level: 5000}},
		WordIDs:    []uint32{1},
		Attributes: []Attribute{{Name: 4, Value: Span{16, 3}}},
	}
}

func mustApply(t testing.TB, b *Board, turn *Turn) {
	t.Helper()
	if err := b.Apply(turn); err != nil {
		t.Fatal(err)
	}
}

func TestBoardReads(t *testing.T) {
	t.Parallel()
	var b Board
	mustApply(t, &b, boardTurn())
	if b.WorkCount() != 5 || b.AgentCount() != 2 || b.QueueCount() != 1 || len(b.Channels()) != 1 {
		t.Errorf("counts %d %d %d", b.WorkCount(), b.AgentCount(), b.QueueCount())
	}
	if !b.Ready() || b.Now() != 1000 || b.Seq() != 1 {
		t.Errorf("ready %v, now %d, seq %d", b.Ready(), b.Now(), b.Seq())
	}
	if b.Work(5) != nil || b.Work(1<<31) != nil || b.Agent(2) != nil || b.Queue(1) != nil {
		t.Error("rows where there are none")
	}
	if got := b.Word(b.Agent(1).Name); got != "bob" {
		t.Errorf("agent 1 is %q", got)
	}
	if b.Word(0) != "" || b.Word(99) != "" || b.Word(1<<32-1) != "" {
		t.Error("words where there are none")
	}
	if value, ok := b.Attribute(b.Work(0), "vip"); !ok || value != "yes" {
		t.Errorf("attribute vip is %q, %v", value, ok)
	}
	if _, ok := b.Attribute(b.Work(0), "billing"); ok {
		t.Error("an attribute that is not there")
	}
	if got := b.Skills(b.Agent(0)); len(got) != 1 || got[0].Level != 5000 {
		t.Errorf("skills %v", got)
	}
}

func TestBoardCandidates(t *testing.T) {
	t.Parallel()
	var b Board
	mustApply(t, &b, boardTurn())
	for ref, want := range [][]string{{"ada", "bob"}, {"ada"}, {"bob"}, {"bob"}, nil} {
		var got []string
		for agent := range b.Candidates(b.Work(uint32(ref))) {
			got = append(got, b.Word(agent.Name))
		}
		if !slices.Equal(got, want) {
			t.Errorf("work %d: candidates %v, want %v", ref, got, want)
		}
	}
	if v := b.Eligible(b.Work(4), b.Agent(0)); v != VerdictAlreadyAssigned {
		t.Errorf("offered work: %v", v)
	}
	for range b.Candidates(b.Work(0)) {
		break // stopping early must be possible
	}
}

func TestBoardFollows(t *testing.T) {
	t.Parallel()
	delta := func(epoch, base, seq uint64) *Turn {
		return &Turn{Epoch: epoch, BaseSeq: base, Seq: seq, Kind: KindDelta}
	}
	page := func(kind Kind, seq uint64) *Turn { return &Turn{Epoch: 1, Seq: seq, Kind: kind} }
	snapshot := boardTurn()
	for name, test := range map[string]struct {
		turns []*Turn
		want  error // of the last
	}{
		"delta first":        {[]*Turn{delta(1, 0, 1)}, ErrNeedSnapshot},
		"delta follows":      {[]*Turn{snapshot, delta(1, 1, 2)}, nil},
		"delta skips":        {[]*Turn{snapshot, delta(1, 2, 3)}, ErrNeedSnapshot},
		"same delta again":   {[]*Turn{snapshot, delta(1, 1, 2), delta(1, 1, 2)}, ErrNeedSnapshot},
		"other epoch":        {[]*Turn{snapshot, delta(2, 1, 2)}, ErrNeedSnapshot},
		"stays out of step":  {[]*Turn{snapshot, delta(1, 2, 3), delta(1, 1, 2)}, ErrNeedSnapshot},
		"snapshot mends":     {[]*Turn{snapshot, delta(1, 2, 3), snapshot, delta(1, 1, 2)}, nil},
		"pages":              {[]*Turn{page(KindSnapshotFirst, 1), page(KindSnapshotMore, 2), page(KindSnapshotLast, 3), delta(1, 3, 4)}, nil},
		"page missing":       {[]*Turn{page(KindSnapshotFirst, 1), page(KindSnapshotLast, 3)}, ErrNeedSnapshot},
		"delta within pages": {[]*Turn{page(KindSnapshotFirst, 1), delta(1, 1, 2)}, ErrNeedSnapshot},
		"more without first": {[]*Turn{snapshot, page(KindSnapshotMore, 2)}, ErrNeedSnapshot},
		"unknown kind":       {[]*Turn{{Epoch: 1, Seq: 1, Kind: 9}}, ErrNeedSnapshot},
		"wrong digest":       {[]*Turn{{Epoch: 1, Seq: 1, Kind: KindSnapshot, Digest: 5}}, ErrNeedSnapshot},
		"gone generation":    {[]*Turn{snapshot, {Epoch: 1, BaseSeq: 1, Seq: 2, Kind: KindDelta, WorkGone: []Gone{{Ref: 0, Gen: 2}}}}, ErrNeedSnapshot},
		"gone agent gen":     {[]*Turn{snapshot, {Epoch: 1, BaseSeq: 1, Seq: 2, Kind: KindDelta, AgentsGone: []Gone{{Ref: 0, Gen: 2}}}}, ErrNeedSnapshot},
		"gone queue gen":     {[]*Turn{snapshot, {Epoch: 1, BaseSeq: 1, Seq: 2, Kind: KindDelta, QueuesGone: []Gone{{Ref: 0, Gen: 2}}}}, ErrNeedSnapshot},
		"gone never there":   {[]*Turn{snapshot, {Epoch: 1, BaseSeq: 1, Seq: 2, Kind: KindDelta, WorkGone: []Gone{{Ref: 77, Gen: 2}}}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b Board
			var err error
			for _, turn := range test.turns {
				err = b.Apply(turn)
			}
			if !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			if b.Ready() != (test.want == nil) {
				t.Errorf("ready is %v", b.Ready())
			}
		})
	}
}

func TestBoardRefusesRowsOutOfRange(t *testing.T) {
	t.Parallel()
	for name, turn := range map[string]*Turn{
		"work ref":        {Work: []Work{{Ref: MaxRef + 1}}},
		"work lists":      {Work: []Work{{Needs: Span{0, 1}}}},
		"agent ref":       {Agents: []Agent{{Ref: 1<<32 - 1}}},
		"agent lists":     {Agents: []Agent{{Skills: Span{1<<32 - 1, 2}}}},
		"queue ref":       {Queues: []Queue{{Ref: MaxRef + 1}}},
		"word 0":          {Words: []Word{{ID: 0}}},
		"word id":         {Words: []Word{{ID: MaxRef + 1}}},
		"word text":       {Words: []Word{{ID: 1, Text: Span{0, 1}}}},
		"attribute value": {Work: []Work{{Attributes: Span{0, 1}}}, Attributes: []Attribute{{Value: Span{0, 1}}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			turn.Kind, turn.Seq = KindSnapshot, 1
			var b Board
			if err := b.Apply(turn); err == nil || errors.Is(err, ErrNeedSnapshot) {
				t.Errorf("got %v, want an error that names the row", err)
			}
			if b.Ready() {
				t.Error("the board says that it is whole")
			}
			mustApply(t, &b, boardTurn())
			if value, _ := b.Attribute(b.Work(0), "vip"); value != "yes" {
				t.Errorf("after a snapshot, attribute vip is %q", value)
			}
		})
	}
}

func TestBoardChanged(t *testing.T) {
	t.Parallel()
	var b Board
	mustApply(t, &b, boardTurn())
	if c := b.Changed(); !c.Reset || len(c.Work) != 5 || len(c.Agents) != 2 || len(c.Queues) != 1 {
		t.Errorf("after a snapshot: %+v", c)
	}
	mustApply(t, &b, &Turn{
		Epoch: 1, BaseSeq: 1, Seq: 2, Kind: KindDelta,
		WorkGone: []Gone{{Ref: 1, Gen: 1}, {Ref: 0, Gen: 1}}, AgentsGone: []Gone{{Ref: 1, Gen: 1}},
		Work: []Work{{Ref: 0, Gen: 2, State: WorkWaiting}, {Ref: 3, Gen: 9, State: WorkWaiting}},
	})
	c := b.Changed()
	if c.Reset || !slices.Equal(c.WorkGone, []uint32{1, 0, 3}) || !slices.Equal(c.Work, []uint32{0, 3}) ||
		!slices.Equal(c.AgentsGone, []uint32{1}) || len(c.Agents)+len(c.Queues)+len(c.QueuesGone) != 0 {
		t.Errorf("after a delta: %+v", c)
	}
}

// The vector is part of the written specification (frame.md).
func TestDigestVector(t *testing.T) {
	t.Parallel()
	var d Digest
	d.Toggle(TableAgent, 6, 1, 3)
	if d != 0x5e5bb32113c0692f || d.Sum() != 0x4d9bda0e {
		t.Errorf("one row: %#x, sum %#x", uint64(d), d.Sum())
	}
	d.Toggle(TableWork, 8, 4, 2)
	if d.Sum() != 0xa2d515c3 {
		t.Errorf("two rows: %#x, sum %#x", uint64(d), d.Sum())
	}
	d.Toggle(TableAgent, 6, 1, 3)
	d.Toggle(TableWork, 8, 4, 2)
	if d != 0 {
		t.Errorf("empty again: %#x", uint64(d))
	}
}

// model is what a board must hold after any series of turns.
type model struct {
	work   map[uint32]modelRow
	agents map[uint32]modelRow
}

type modelRow struct {
	gen, version uint32
	lists        []uint32 // needs or skills, by name
	ids          []uint32 // declined
	text         string   // an attribute's value, if any
}

// TestBoardModel applies random deltas and snapshots and compares the board
// with a plain map after each.
func TestBoardModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var b Board
		m := model{work: map[uint32]modelRow{}, agents: map[uint32]modelRow{}}
		var gen uint32
		for seq := uint64(1); seq < 12; seq++ {
			turn := &Turn{Epoch: 1, Seq: seq, BaseSeq: seq - 1, Kind: KindDelta}
			if seq == 1 || rapid.IntRange(0, 9).Draw(t, "snapshot") == 0 {
				turn.Kind = KindSnapshot
				clear(m.work)
				clear(m.agents)
			}
			m.drawRows(t, turn, &gen)
			turn.Digest = m.digest()
			if err := b.Apply(turn); err != nil {
				t.Fatalf("turn %d: %v", seq, err)
			}
			m.compare(t, &b)
		}
	})
}

func (m *model) drawRows(t *rapid.T, turn *Turn, gen *uint32) {
	for _, ref := range slices.Sorted(maps.Keys(m.work)) {
		if rapid.IntRange(0, 3).Draw(t, "gone") == 0 {
			turn.WorkGone = append(turn.WorkGone, Gone{Ref: ref, Gen: m.work[ref].gen})
			delete(m.work, ref)
		}
	}
	for _, ref := range slices.Sorted(maps.Keys(m.agents)) {
		if rapid.IntRange(0, 3).Draw(t, "gone") == 0 {
			turn.AgentsGone = append(turn.AgentsGone, Gone{Ref: ref, Gen: m.agents[ref].gen})
			delete(m.agents, ref)
		}
	}
	names := rapid.SliceOfN(rapid.Uint32Range(1, 9), 0, 9)
	for _, ref := range rapid.SliceOfNDistinct(rapid.Uint32Range(0, 70), 0, 6, rapid.ID).Draw(t, "work") {
		row := m.work[ref].next(gen)
		row.lists, row.ids = names.Draw(t, "needs"), names.Draw(t, "declined")
		row.text = rapid.StringN(0, 5, 9).Draw(t, "value")
		m.work[ref] = row
		work := Work{
			Ref: ref, Gen: row.gen, Revision: row.version, State: WorkWaiting,
			Needs:      Span{At: uint32(len(turn.Needs)), N: uint32(len(row.lists))},
			Declined:   Span{At: uint32(len(turn.WordIDs)), N: uint32(len(row.ids))},
			Attributes: Span{At: uint32(len(turn.Attributes)), N: min(1, uint32(len(row.text)))},
		}
		for _, name := range row.lists {
			turn.Needs = append(turn.Needs, Need{Name: name})
		}
		turn.WordIDs = append(turn.WordIDs, row.ids...)
		if row.text != "" {
			turn.Attributes = append(turn.Attributes, Attribute{Value: Span{At: uint32(len(turn.Bytes)), N: uint32(len(row.text))}})
			turn.Bytes = append(turn.Bytes, row.text...)
		}
		turn.Work = append(turn.Work, work)
	}
	for _, ref := range rapid.SliceOfNDistinct(rapid.Uint32Range(0, 70), 0, 6, rapid.ID).Draw(t, "agents") {
		row := m.agents[ref].next(gen)
		row.lists = names.Draw(t, "skills")
		m.agents[ref] = row
		agent := Agent{
			Ref: ref, Gen: row.gen, Version: row.version,
			Skills: Span{At: uint32(len(turn.Skills)), N: uint32(len(row.lists))},
		}
		for _, name := range row.lists {
			turn.Skills = append(turn.Skills, Skill{Name: name})
		}
		turn.Agents = append(turn.Agents, agent)
	}
}

// next returns the row's next version, or a first one with a new generation.
func (r modelRow) next(gen *uint32) modelRow {
	if r.gen == 0 {
		*gen++
		r.gen = *gen
	}
	r.version++
	return r
}

func (m *model) digest() uint32 {
	var d Digest
	for ref, row := range m.work {
		d.Toggle(TableWork, ref, row.gen, row.version)
	}
	for ref, row := range m.agents {
		d.Toggle(TableAgent, ref, row.gen, row.version)
	}
	return d.Sum()
}

func (m *model) compare(t *rapid.T, b *Board) {
	if b.WorkCount() != len(m.work) || b.AgentCount() != len(m.agents) {
		t.Fatalf("%d work and %d agents, want %d and %d", b.WorkCount(), b.AgentCount(), len(m.work), len(m.agents))
	}
	last := -1
	for work := range b.AllWork() {
		row := m.work[work.Ref]
		if int(work.Ref) <= last {
			t.Fatalf("work %d after %d", work.Ref, last)
		}
		last = int(work.Ref)
		got := modelRow{gen: work.Gen, version: work.Revision, ids: b.Declined(work)}
		for _, need := range b.Needs(work) {
			got.lists = append(got.lists, need.Name)
		}
		for i := range b.Attributes(work) {
			got.text += string(b.Value(&b.Attributes(work)[i]))
		}
		if !got.equal(row) {
			t.Fatalf("work %d is %+v, want %+v", work.Ref, got, row)
		}
	}
	for agent := range b.AllAgents() {
		got := modelRow{gen: agent.Gen, version: agent.Version}
		for _, skill := range b.Skills(agent) {
			got.lists = append(got.lists, skill.Name)
		}
		if row := m.agents[agent.Ref]; !got.equal(row) {
			t.Fatalf("agent %d is %+v, want %+v", agent.Ref, got, row)
		}
	}
}

func (r modelRow) equal(o modelRow) bool {
	return r.gen == o.gen && r.version == o.version && r.text == o.text &&
		slices.Equal(r.lists, o.lists) && slices.Equal(r.ids, o.ids)
}

// Counting allocations forbids running beside other tests.
func TestApplyAllocations(t *testing.T) {
	var b Board
	snapshot := benchTurn(256)
	snapshot.Kind = KindSnapshot
	mustApply(t, &b, snapshot)
	turn := benchTurn(256)
	if n := testing.AllocsPerRun(100, func() {
		turn.BaseSeq, turn.Seq = b.Seq(), b.Seq()+1
		if err := b.Apply(turn); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations per turn, want 0", n)
	}
}

func BenchmarkApply(b *testing.B) {
	for _, n := range []int{1, 256} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			var board Board
			turn := benchTurn(n)
			turn.Kind = KindSnapshot
			mustApply(b, &board, turn)
			turn.Kind = KindDelta
			b.ReportAllocs()
			for b.Loop() {
				turn.BaseSeq, turn.Seq = board.Seq(), board.Seq()+1
				if err := board.Apply(turn); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
