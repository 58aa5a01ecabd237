// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import "github.com/patchbay-cx/patchbay/sdk/route"

// Turns returns what the strategy has to be told now: one delta, or a snapshot
// in one or more pages. The caller owns the turns. Each must be carried before
// the next, and only the last asks for proposals.
func (h *Host) Turns() []*route.Turn {
	if h.snapshot {
		h.forget()
	}
	b := pages{host: h, rows: h.pageRows}
	if !h.snapshot {
		b.rows = 0
	}
	b.open()
	h.sendWords(b.turn())
	h.sendChannels(b.turn())
	for _, q := range h.queues.inOrder() {
		if q.dirty {
			turn := b.room()
			q.send(&h.digest, turn.Seq)
			turn.Queues = append(turn.Queues, q.row)
		}
	}
	for _, a := range h.agents.inOrder() {
		if a.dirty {
			a.write(b.room())
		}
	}
	for _, w := range h.work.inOrder() {
		if w.dirty {
			w.write(b.room())
		}
	}
	first := b.list[0]
	first.WorkGone, h.work.gone = h.work.gone, nil
	first.AgentsGone, h.agents.gone = h.agents.gone, nil
	first.QueuesGone, h.queues.gone = h.queues.gone, nil
	last := b.turn()
	last.Settled, h.settled = h.settled, nil
	last.Digest = h.digest.Sum()
	b.close(h.snapshot)
	h.snapshot = false
	return b.list
}

// forget marks everything to be sent anew, to an empty board.
func (h *Host) forget() {
	h.digest, h.wordsSent, h.chansSent = 0, 0, 0
	h.work.gone, h.agents.gone, h.queues.gone = nil, nil, nil
	for _, q := range h.queues.inOrder() {
		q.sent, q.dirty = false, true
	}
	for _, a := range h.agents.inOrder() {
		a.sent, a.dirty = false, true
	}
	for _, w := range h.work.inOrder() {
		w.sent, w.dirty = false, true
	}
}

func (h *Host) sendWords(turn *route.Turn) {
	for ; h.wordsSent < len(h.texts); h.wordsSent++ {
		text := h.texts[h.wordsSent]
		turn.Words = append(turn.Words, route.Word{ID: uint32(h.wordsSent + 1), Text: addText(turn, text)})
	}
}

func (h *Host) sendChannels(turn *route.Turn) {
	for ; h.chansSent < len(h.channels); h.chansSent++ {
		turn.Channels = append(turn.Channels, route.Channel{
			Ordinal: uint16(h.chansSent), Name: h.words[h.channels[h.chansSent]],
		})
	}
}

func (a *Agent) write(turn *route.Turn) {
	a.send(&a.host.digest, turn.Seq)
	row := a.row
	row.Members = route.Span{At: uint32(len(turn.Members)), N: uint32(len(a.members))}
	turn.Members = append(turn.Members, a.members...)
	row.Skills = route.Span{At: uint32(len(turn.Skills)), N: uint32(len(a.skills))}
	turn.Skills = append(turn.Skills, a.skills...)
	turn.Agents = append(turn.Agents, row)
}

func (w *Work) write(turn *route.Turn) {
	w.send(&w.host.digest, turn.Seq)
	row := w.row
	row.Needs = route.Span{At: uint32(len(turn.Needs)), N: uint32(len(w.needs))}
	turn.Needs = append(turn.Needs, w.needs...)
	row.Declined = route.Span{At: uint32(len(turn.WordIDs)), N: uint32(len(w.declined))}
	turn.WordIDs = append(turn.WordIDs, w.declined...)
	row.Attributes = route.Span{At: uint32(len(turn.Attributes)), N: uint32(len(w.attributes))}
	for _, pair := range w.attributes {
		turn.Attributes = append(turn.Attributes, route.Attribute{
			Name: w.host.words[pair[0]], Value: addText(turn, pair[1]),
		})
	}
	turn.Work = append(turn.Work, row)
}

func addText(turn *route.Turn, text string) route.Span {
	at := uint32(len(turn.Bytes))
	turn.Bytes = append(turn.Bytes, text...)
	return route.Span{At: at, N: uint32(len(text))}
}

// pages collects rows into turns of a bounded number of rows.
type pages struct {
	host *Host
	rows int // at most so many to a page; 0 means any number
	used int
	list []*route.Turn
}

func (b *pages) open() {
	h := b.host
	turn := &route.Turn{Epoch: h.epoch, Seq: h.seq + 1, BaseSeq: h.seq, Now: h.now}
	h.seq++
	h.turnSeed = h.turnSeed*6364136223846793005 + 1442695040888963407
	turn.Seed = h.turnSeed
	b.list = append(b.list, turn)
	b.used = 0
}

func (b *pages) turn() *route.Turn { return b.list[len(b.list)-1] }

// room returns a turn that has room for one more row.
func (b *pages) room() *route.Turn {
	if b.rows > 0 && b.used == b.rows {
		b.open()
	}
	b.used++
	return b.turn()
}

func (b *pages) close(snapshot bool) {
	for i, turn := range b.list {
		switch {
		case !snapshot:
			turn.Kind = route.KindDelta
			continue
		case len(b.list) == 1:
			turn.Kind = route.KindSnapshot
		case i == 0:
			turn.Kind = route.KindSnapshotFirst
		case i == len(b.list)-1:
			turn.Kind = route.KindSnapshotLast
		default:
			turn.Kind = route.KindSnapshotMore
		}
		turn.BaseSeq = 0
	}
}
