// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// reader is a subscriber's picture of one queue, made of events alone.
type reader struct {
	seq    uint64
	agents map[uint32]document.Agent
	work   map[uint32]document.Work
}

func (r *reader) read(t *rapid.T, data []byte) {
	var doc document.Turn
	if err := json.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	switch doc.Kind {
	case "snapshot", "snapshot_first":
		r.agents, r.work = make(map[uint32]document.Agent), make(map[uint32]document.Work)
	case "delta":
		if doc.BaseSeq != r.seq {
			t.Fatalf("turn %d builds on %d, and %d was read last", doc.Seq, doc.BaseSeq, r.seq)
		}
	}
	r.seq = doc.Seq
	if doc.Gone != nil {
		for _, s := range doc.Gone.Agents {
			if a, ok := r.agents[s.Ref]; !ok || a.Gen != s.Gen {
				t.Fatalf("agent %v is gone, who never was there", s)
			}
			delete(r.agents, s.Ref)
		}
		for _, s := range doc.Gone.Work {
			if w, ok := r.work[s.Ref]; !ok || w.Gen != s.Gen {
				t.Fatalf("work %v is gone, that never was there", s)
			}
			delete(r.work, s.Ref)
		}
	}
	for _, a := range doc.Agents {
		r.agents[a.Ref] = a
	}
	for _, w := range doc.Work {
		r.work[w.Ref] = w
	}
}

// is holds the picture against the board itself.
func (r *reader) is(t *rapid.T, b *board) {
	agents, items := make(map[uint32]document.Agent), make(map[uint32]document.Work)
	for ref, a := range b.agents {
		if b.concerns(a) {
			agents[ref] = *a
		}
	}
	for ref, w := range b.work {
		if b.sees(w) {
			items[ref] = *w
		}
	}
	if got, want := text(r.agents), text(agents); got != want {
		t.Fatalf("agents\n%s\nwant\n%s", got, want)
	}
	if got, want := text(r.work), text(items); got != want {
		t.Fatalf("work\n%s\nwant\n%s", got, want)
	}
}

func text[D any](rows map[uint32]D) string {
	var b strings.Builder
	for _, ref := range slices.Sorted(maps.Keys(rows)) {
		fmt.Fprintf(&b, "%+v\n", rows[ref])
	}
	return b.String()
}

// TestPicture has random days told to readers of one queue, of another and of
// all. One reads each event, one only now and then what the feed then has for
// whoever missed something: all have the same picture, which is the board's.
func TestPicture(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		host := routetest.NewHost()
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }
		for range rapid.IntRange(1, 20).Draw(t, "before") {
			routetest.Walk(host, draw)
		}
		names := []string{""}
		options := Options{Events: rapid.IntRange(1, 6).Draw(t, "events"), Bytes: 1 << 20, Page: rapid.IntRange(1, 9).Draw(t, "page")}
		var routers []*router
		for _, turn := range host.Turns() {
			for i := range turn.Queues {
				names = append(names, word(turn, turn.Queues[i].Name))
			}
			routers = follow(t, routers, names, options, turn)
		}
		steady, lazy := make([]*viewer, len(routers)), make([]*viewer, len(routers))
		for i := range routers {
			steady[i], lazy[i] = &viewer{router: routers[i]}, &viewer{router: routers[i]}
		}
		for range rapid.IntRange(1, 25).Draw(t, "turns") {
			for range rapid.IntRange(0, 4).Draw(t, "changes") {
				routetest.Walk(host, draw)
			}
			for _, turn := range host.Turns() {
				follow(t, routers, names, options, turn)
			}
			for i := range routers {
				steady[i].catchUp(t)
				if draw(4) == 0 {
					lazy[i].catchUp(t)
				}
			}
		}
	})
}

// word is a text of a turn.
func word(turn *route.Turn, id uint32) string {
	for _, w := range turn.Words {
		if w.ID == id {
			return string(route.Of(turn.Bytes, w.Text))
		}
	}
	return ""
}

// follow has routers, made if there are none, take a turn as they do when asked.
func follow(t *rapid.T, routers []*router, queues []string, options Options, turn *route.Turn) []*router {
	for i := range queues {
		if i == len(routers) {
			r := newRouter(&Door{options: options}, "id", Subscription{Queue: queues[i]})
			r.lease = 5
			routers = append(routers, r)
		}
		r := routers[i]
		if err := r.board.apply(5, turn); err != nil {
			t.Fatal(err)
		}
		if r.applied, r.epoch = turn.Seq, turn.Epoch; turn.Kind.Asks() {
			r.tell(turn.Kind, nil)
		}
	}
	return routers
}

// viewer is a reader of a router's events.
type viewer struct {
	reader
	router *router
	cursor uint64
}

// catchUp reads all there is.
func (v *viewer) catchUp(t *rapid.T) {
	r := v.router
	for v.cursor != r.log.last {
		if !r.log.misses(v.cursor) {
			v.cursor++
			v.read(t, r.log.at(v.cursor).Data)
			continue
		}
		pages, err := r.view().pages(r.door.options.Page)
		if err != nil {
			t.Fatal(err)
		}
		for i, page := range pages {
			if (page.ID != "") != (i == len(pages)-1) {
				t.Fatalf("page %d of %d has the id %q", i, len(pages), page.ID)
			}
			v.read(t, page.Data)
		}
		v.cursor = r.log.last
	}
	v.is(t, &r.board)
}

// Events of all queues are turns that any router reads: its board is the host's.
func TestUnfilteredIsTheTurn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		host := routetest.NewHost()
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "n") }
		options := Options{Events: 1000, Bytes: 1 << 20, Page: 1000}
		var routers []*router
		var cursor uint64
		var board route.Board
		rows := document.NewReader()
		apply := func(data []byte) {
			var doc document.Turn
			if err := json.Unmarshal(data, &doc); err != nil {
				t.Fatal(err)
			}
			if err := board.Apply(rows.Rows(&doc)); err != nil {
				t.Fatalf("%v\n%s", err, data)
			}
		}
		for range rapid.IntRange(1, 10).Draw(t, "turns") {
			for range rapid.IntRange(0, 6).Draw(t, "changes") {
				routetest.Walk(host, draw)
			}
			for _, turn := range host.Turns() {
				routers = follow(t, routers, []string{""}, options, turn)
			}
			r := routers[0]
			if r.log.misses(cursor) {
				pages, err := r.view().pages(1000)
				if err != nil || len(pages) != 1 {
					t.Fatal(len(pages), err)
				}
				apply(pages[0].Data)
				cursor = r.log.last
			}
			for ; cursor < r.log.last; cursor++ {
				apply(r.log.at(cursor + 1).Data)
			}
			if board.Digest() != host.Digest() {
				t.Fatal("the board is another")
			}
		}
	})
}

func TestWords(t *testing.T) {
	t.Parallel()
	var w words
	if w.code("") != 0 || w.code("a") != firstWord || w.code("b") != firstWord+1 || w.code("a") != firstWord {
		t.Error("codes differ")
	}
	got := w.reasons()
	if len(got) != 2 || got[1].GetName() != "b" || got[1].GetCode() != firstWord+1 {
		t.Error(got)
	}
	for i := range 1 << 17 {
		w.code(fmt.Sprint(i))
	}
	if n := len(w.reasons()); n != 1<<16-1-firstWord || w.code("one more") != 0 {
		t.Errorf("%d codes", n)
	}
	if !reflect.DeepEqual(w.reasons()[0], got[0]) {
		t.Error("a code has changed")
	}
}

func TestParseID(t *testing.T) {
	t.Parallel()
	if id, n, err := parseID("ab12-7"); id != "ab12" || n != 7 || err != nil {
		t.Error(id, n, err)
	}
	for _, bad := range []string{"7", "-", "a-", "a-b", "a--1"} {
		if _, _, err := parseID(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
