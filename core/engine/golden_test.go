// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file in testdata.
func golden(t *testing.T, name string, got []byte) []byte {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; what is on disk must stay readable. If it may change, run the test with -update and look at the difference", path)
	}
	return want
}

// everyKind lists the kinds of events.
func everyKind() (kinds []engine.Kind) {
	for k := range engine.Kind(255) {
		if !strings.HasPrefix(k.String(), "kind_") {
			kinds = append(kinds, k)
		}
	}
	return kinds
}

// The numbers on disk, of fields and of everything that is counted, stay as they
// are; new ones may come.
func TestNumbersStay(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	for _, s := range durable() {
		fmt.Fprintln(&out, s.Name())
		for f := range fields(s) {
			if tag := f.Tag.Get("cbor"); tag != "-" {
				fmt.Fprintf(&out, "\t%s %s %v\n", strings.TrimSuffix(tag, ",keyasint"), f.Name, f.Type)
			}
		}
	}
	for _, k := range everyKind() {
		fmt.Fprintf(&out, "kind %d %v\n", uint8(k), k)
	}
	for s := engine.Waiting; s <= engine.Expired; s++ {
		fmt.Fprintf(&out, "work %d %v\n", uint8(s), s)
	}
	for s := engine.AssignmentOffered; s <= engine.AssignmentTransferred; s++ {
		fmt.Fprintf(&out, "assignment %d %v\n", uint8(s), s)
	}
	for c := engine.CauseAgent; c <= engine.CauseConnectionLost; c++ {
		fmt.Fprintf(&out, "cause %d %v\n", uint8(c), c)
	}
	golden(t, "numbers.golden", out.Bytes())
}

// An event of each kind, as it stands on disk, can still be read, and is written
// in the same bytes.
func TestEventsStayReadable(t *testing.T) {
	t.Parallel()
	w := everything(t)
	mode, err := cbor.CanonicalEncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	first := make(map[engine.Kind]engine.Event)
	for _, ev := range w.events {
		if _, ok := first[ev.Kind]; !ok {
			first[ev.Kind] = ev
		}
	}
	var out bytes.Buffer
	for _, k := range everyKind() {
		ev, ok := first[k]
		if !ok {
			t.Errorf("nothing in the story is %v", k)
		}
		data, err := mode.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%v %x\n", k, data)
	}
	for line := range strings.Lines(string(golden(t, "events.golden", out.Bytes()))) {
		kind, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		data, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		var ev engine.Event
		if err := cbor.Unmarshal(data, &ev); err != nil || ev.Kind.String() != kind {
			t.Fatalf("%s: %v, %v", kind, ev.Kind, err)
		}
		if want := first[ev.Kind]; !reflect.DeepEqual(ev, want) {
			t.Errorf("%s is read as %+v, want %+v", kind, ev, want)
		}
	}
}

// everything is a story in which each kind of event happens.
func everything(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, dropping, func(d *engine.Definition) {
		d.Channels[0].WrapUp = engine.WrapUp{For: 30 * second, Extension: 20 * second, Extensions: 1}
		d.Channels[0].Secondary = &engine.Secondary{Attribute: "tier", Values: map[string]int32{"gold": -1}, Otherwise: 1}
		d.Channels[1].SkillRules = []engine.SkillRule{
			{Attribute: "topic", Values: map[string][]engine.Need{"will": {wants("law", 3)}}}, {When: "work.size > 1", Needs: []engine.Need{extra("tax", 2)}},
		}
		d.Agents[2].Skills = []engine.Skill{{Name: "tax", Level: 1000, From: start + 5*second}}
		d.Agents[2].Queues = append(d.Agents[2].Queues[:2:2], engine.Membership{Queue: "support", Tier: 2, Weight: 7})
		d.Queues[2].Hours, d.Queues[2].Closed = "day", engine.ClosedRefuse
		d.Queues[3].Tiers = []engine.Time{5 * second}
		d.Queues[3].Overflow = &engine.Overflow{To: "claims", After: 15 * second, At: 90}
		d.Hours = []engine.Hours{{
			Name: "day", Zone: "Europe/Berlin", Weekly: []engine.Shift{everyDay(8, 23)},
			Holidays: []engine.Holiday{{Date: "2023-12-25"}, {Date: "2023-12-31", Open: []engine.Span{{From: 0, To: 90}}}},
		}}
		vip := int32(0)
		d.Flows = []engine.Flow{{Name: "intake", Fallback: "support", Steps: []engine.Step{
			{Name: "vip", When: "work.attributes.tier == 'gold'", Priority: &vip, Overflow: &engine.Overflow{To: "claims", WhenNobody: true}, Last: true},
		}}}
	})
	w.do(engine.RecordStrategy{By: engine.Decision{Strategy: "vip", Runtime: "wasm"}, State: "active"})
	w.present("ann", "bob", "dot")
	id := w.arrives("support", keyed("k"), talk("c1", "kim"))
	w.do(engine.SetStatus{Agent: "dot", Status: "break"})
	w.cannot(id, "dot", route.VerdictAgentUnavailable)
	w.do(engine.SetStatus{Agent: "dot", Status: "online"})
	w = w.goesOn(id)
	w.do(engine.Decide{Queue: "support", Reason: "trial", To: engine.Deciders{
		Strategy: "vip", Shadow: "queue", Canary: &engine.Canary{Strategy: "skills", Share: 1000, Guards: []string{"error_rate < 1%"}},
	}})
	w.do(engine.RecordEmployed{Employed: engine.Employed{Seed: 7, Strategies: []byte("[]")}})
	w.do(engine.RecordTurn{
		By: engine.Decision{Strategy: "vip", Epoch: 1, Turn: 2}, Detail: "late",
		Turn: engine.Turn{Task: engine.TaskTurn, Behind: 3, Took: 4, Board: 5, Reply: 6, Fault: "deadline", Gone: true},
	})
	held := w.arrives("claims")
	w.do(engine.Instruct{Work: held, Verb: engine.VerbHold, By: "vendor", Reason: "calls back", Until: w.at + minute})
	w.do(engine.Instruct{Work: held, Verb: engine.VerbAnnotate, By: "vendor", Reason: "is on holiday"})
	w.do(engine.Instruct{Work: held, Verb: engine.VerbClear, By: "ann", Reason: "is back"})
	return w
}

// goesOn is the rest of the story of everything.
func (w *world) goesOn(id engine.WorkID) *world {
	relaxing := engine.Need{Skill: "law", Level: 9000, Relax: []engine.Relaxation{{After: 5 * second, Level: 1000}}}
	waits := w.arrives("claims", needing(relaxing, extra("tax", 1)))
	spare := w.arrives("support")
	w.pass(5 * second)
	w.pass(5 * second)
	w.do(engine.Decline{Assignment: w.offered(id, "ann"), Agent: "ann"})
	w.offered(id, "bob")
	w.do(engine.SignOut{Agent: "bob"})
	w.present("bob")
	w.opened(id, "bob")
	w.do(engine.RequeueWork{Work: id, Reason: "mistaken"})
	w.opened(id, "bob")
	guest := w.joined(id, "ann")
	w.do(engine.PauseWork{Work: id, Reason: "lunch"})
	w.do(engine.ResumeWork{Work: id})
	w.do(engine.TransferWork{Work: id, Agent: "ann"})
	w.joined(id, "bob")
	w.do(engine.Complete{Assignment: guest, Agent: "ann"})
	w.do(engine.ExtendWrapUp{Assignment: guest, Agent: "ann"})
	w.do(engine.FinishWrapUp{Assignment: guest, Agent: "ann"})
	w.do(engine.ReopenWork{Work: id})
	w.do(engine.TransferWork{Work: id, Queue: "claims", Transcript: "said"})
	w.offered(id, "ann")
	w.do(engine.CancelWork{Work: id, Reason: "solved"})
	w.do(engine.UpdateWork{Work: waits, Attributes: map[string]string{"tier": "gold"}})
	w.do(engine.AbandonWork{Work: waits})
	w.pass(5 * second) // spare overflows
	w.do(engine.CancelWork{Work: spare})
	w.declines(w.arrives("support", requires("ann")), "ann") // whom else to ask?
	late := w.arrives("support", expiring(w.at+30*second))
	w.offered(late, "dot")
	w.pass(30 * second)
	w.do(engine.Disconnect{Agent: "dot"})
	w.at = morning(7)
	w.pass(0)
	w.at = morning(22)
	w.pass(0)
	return w
}
