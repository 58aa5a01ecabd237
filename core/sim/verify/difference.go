// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// Kind says in which way a past done again differs. The names are stable.
type Kind string

// The kinds of differences.
const (
	// Missing: a strategy on record is not here, or does not start.
	Missing Kind = "missing"
	// Version: the strategy's version is another.
	Version Kind = "version"
	// Checksum: the strategy's file is another.
	Checksum Kind = "sha256"
	// Board: the host gave the strategy another turn than then.
	Board Kind = "turn"
	// Reply: the strategy answered otherwise.
	Reply Kind = "reply"
	// Events: the host made something else of the same reply.
	Events Kind = "events"
	// Place: the record tells of something asked where nothing is to be asked.
	Place Kind = "place"
)

// Difference is the first thing that came out otherwise.
type Difference struct {
	Kind Kind `json:"kind"`
	// Event is the number of the event on record that came out otherwise, At its
	// time in Unix milliseconds.
	Event uint64      `json:"event"`
	At    engine.Time `json:"at"`
	// Strategy, Epoch and Turn name the turn, as far as it is one.
	Strategy string `json:"strategy,omitempty"`
	Epoch    uint64 `json:"epoch,omitempty"`
	Turn     uint64 `json:"turn,omitempty"`
	// Recorded and Came are what is on record and what came, in words.
	Recorded []string `json:"recorded,omitempty"`
	Came     []string `json:"came,omitempty"`
	// Message says in a sentence what differs.
	Message string `json:"message"`
}

// difference describes a difference at a record.
func (v *verifier) difference(kind Kind, rec *engine.Event, message string) *Difference {
	d := &Difference{Kind: kind, Event: rec.Number, At: rec.At, Message: message}
	if by := rec.Decision; by != nil {
		d.Strategy, d.Epoch, d.Turn = by.Strategy, by.Epoch, by.Turn
	}
	if kind == Place && message == "" {
		d.Message = fmt.Sprintf("the record tells of a %v of %s that ends here, and where it began none is due now", rec.Turn.Task, d.Strategy)
	}
	return d
}

// differs notes that other events came than are on record; came is nil if none
// did.
func (v *verifier) differs(kind Kind, rec, came *engine.Event) {
	d := v.difference(kind, rec, "")
	v.report.Difference = d
	if came != nil && came.Kind == engine.KindTurnTaken && rec.Kind == engine.KindTurnTaken {
		v.turnDiffers(d, rec, came)
		return
	}
	if v.instead(v.current) && v.current.Turn != nil {
		turn := v.difference(Reply, v.current, "the strategy decides otherwise than on record")
		v.proposals(turn, rec)
		v.report.Difference = turn
		return
	}
	d.Recorded, d.Message = []string{inWords(rec)}, "the host goes on otherwise than the record does"
	if came != nil {
		d.Came = []string{inWords(came)}
	}
}

// turnDiffers says in which way what came of a turn is not what is on record.
func (v *verifier) turnDiffers(d *Difference, rec, came *engine.Event) {
	r, c := rec.Turn, came.Turn
	switch {
	case rec.Decision.Version != came.Decision.Version:
		d.Kind = Version
		d.Message = fmt.Sprintf("strategy %s is of another version than on record", d.Strategy)
		d.Recorded, d.Came = []string{"version " + rec.Decision.Version}, []string{"version " + came.Decision.Version}
	case r.Board != c.Board:
		d.Kind = Board
		d.Message = "the host gives the strategy another turn than on record"
		d.Recorded, d.Came = []string{fmt.Sprintf("board %08x", r.Board)}, []string{fmt.Sprintf("board %08x", c.Board)}
	case r.Fault != c.Fault:
		d.Kind = Reply
		d.Message = "the strategy's turn ends otherwise than on record"
		d.Recorded, d.Came = []string{ending(rec)}, []string{ending(came)}
	case r.Reply != c.Reply:
		d.Kind = Reply
		d.Message = "the strategy answers otherwise than on record"
		v.proposals(d, v.peek(1))
	default:
		d.Message = "the record of the turn is not what the host puts on record now"
		d.Recorded, d.Came = []string{inWords(rec)}, []string{inWords(came)}
	}
}

func ending(ev *engine.Event) string {
	switch ev.Turn.Fault {
	case "":
		return "it answered"
	case "need_snapshot":
		return "it asked for a snapshot"
	default:
		return fmt.Sprintf("it failed (%s): %s", ev.Turn.Fault, ev.Reason)
	}
}

// proposals tells what the strategy proposed then, as far as the record has it,
// which is from an event on that is still ahead, and now.
func (v *verifier) proposals(d *Difference, from *engine.Event) {
	for i := 0; from != nil; i++ {
		ev := v.peek(i)
		if ev != nil && ev.Number < from.Number {
			continue
		}
		if ev == nil || ev.Decision == nil || !decided(ev) || ev.Kind == engine.KindStrategyChanged ||
			ev.Decision.Strategy != d.Strategy || ev.Decision.Turn != d.Turn || ev.Decision.Epoch != d.Epoch {
			break
		}
		d.Recorded = append(d.Recorded, inWords(ev))
	}
	for i := range v.proposed {
		d.Came = append(d.Came, proposed(&v.proposed[i]))
	}
	// What is alike on both sides says nothing.
	for len(d.Recorded) > 1 && len(d.Came) > 1 && toWhom(d.Recorded[0]) == toWhom(d.Came[0]) {
		d.Recorded, d.Came = d.Recorded[1:], d.Came[1:]
	}
	switch {
	case len(d.Recorded) > 0:
	case len(d.Came) == 0:
		d.Recorded, d.Came = []string{"nothing that was put on record"}, []string{"no proposal, but other notes or another time to wake at, or another board"}
	default:
		d.Recorded = []string{"no proposal that was put on record"}
	}
	if len(d.Came) == 0 {
		d.Came = []string{"no proposal"}
	}
	d.Recorded, d.Came = few(d.Recorded), few(d.Came)
}

// few leaves out what is more than anybody reads.
func few(lines []string) []string {
	const most = 5
	if len(lines) <= most {
		return lines
	}
	return append(slices.Clone(lines[:most]), fmt.Sprintf("and %d more", len(lines)-most))
}

func toWhom(line string) string {
	whom, _, _ := strings.Cut(line, " (")
	return strings.TrimSuffix(whom, ", refused")
}

func proposed(p *engine.Proposal) string {
	text := fmt.Sprintf("%v to %s", p.Work, p.Agent)
	return text + because(p.Score, p.Reason)
}

func because(score int32, reason string) string {
	if reason == "" {
		return fmt.Sprintf(" (score %d)", score)
	}
	return fmt.Sprintf(" (score %d, %s)", score, reason)
}

// inWords tells of an event in a few words.
func inWords(ev *engine.Event) string {
	switch ev.Kind {
	case engine.KindWorkOffered:
		return fmt.Sprintf("%v to %s%s", ev.Work, ev.Agent, because(ev.Decision.Score, ev.Decision.Reason))
	case engine.KindProposalRefused:
		return fmt.Sprintf("%v to %s, refused (%v%s", ev.Work, ev.Agent, ev.Verdict, strings.Replace(because(ev.Decision.Score, ev.Decision.Reason), " (", ", ", 1))
	case engine.KindStrategyChanged:
		return fmt.Sprintf("%s is %s: %s", ev.Decision.Strategy, ev.Status, ev.Reason)
	case engine.KindTurnTaken:
		return fmt.Sprintf("%v of %s, epoch %d, turn %d: %s", ev.Turn.Task, ev.Decision.Strategy, ev.Decision.Epoch, ev.Decision.Turn, ending(ev))
	}
	words := []string{ev.Kind.String()}
	if ev.Work != 0 {
		words = append(words, ev.Work.String())
	}
	for _, word := range []string{ev.Agent, ev.Queue, ev.Status, ev.Reason} {
		if word != "" {
			words = append(words, word)
		}
	}
	return strings.Join(words, " ")
}

// same reports whether two events are, in all that goes on record.
func same(a, b *engine.Event) bool { return reflect.DeepEqual(a, b) }

// packaged says what is wrong with the file of a strategy on record that is to
// be started; nil if nothing is.
func (v *verifier) packaged(job *strategy.Job, rec *engine.Event) *Difference {
	if v.instead(rec) {
		return nil
	}
	source, ok := job.Source()
	if !ok || rec.Turn.SHA256 == "" {
		return nil
	}
	sum, err := strategy.Checksum(source)
	if err != nil {
		d := v.difference(Missing, rec, fmt.Sprintf("the file of strategy %s cannot be read: %v", rec.Decision.Strategy, err))
		d.Recorded = []string{"sha256 " + rec.Turn.SHA256}
		return d
	}
	if sum != rec.Turn.SHA256 {
		d := v.difference(Checksum, rec, fmt.Sprintf("the file %s of strategy %s is not the one on record", source, rec.Decision.Strategy))
		d.Recorded, d.Came = []string{"sha256 " + rec.Turn.SHA256}, []string{"sha256 " + sum}
		return d
	}
	return nil
}

// counts returns the count of the strategy that the record is about.
func (v *verifier) counts(rec *engine.Event) *Strategy {
	for _, s := range v.report.Strategies {
		if s.Name == rec.Decision.Strategy {
			return s
		}
	}
	s := &Strategy{Name: rec.Decision.Strategy, Runtime: rec.Decision.Runtime}
	v.report.Strategies = append(v.report.Strategies, s)
	return s
}

// count counts what came out the same.
func (v *verifier) count(s *Strategy, job *strategy.Job, rec *engine.Event, fault error) {
	if v.report.From == 0 {
		v.report.From = rec.Number
	}
	failed := fault != nil && job.Err() != nil && rec.Turn.Fault != "need_snapshot"
	switch {
	case failed:
		s.Faults++
		v.report.Faults++
	case rec.Turn.Task == engine.TaskTurn:
		s.Turns++
		s.Proposals += uint64(len(v.proposed))
		v.report.Turns++
	case rec.Turn.Task == engine.TaskStart:
		s.Starts++
		s.Version, s.SHA256, s.Runtime = rec.Decision.Version, rec.Turn.SHA256, rec.Decision.Runtime
		s.Deterministic = job.Manifest().Deterministic
		v.remark(s)
	}
}

// remark notes what should be known of a strategy.
func (v *verifier) remark(s *Strategy) {
	note := func(text string) {
		if !slices.Contains(v.report.Notes, text) {
			v.report.Notes = append(v.report.Notes, text)
		}
	}
	if !s.Deterministic {
		note(fmt.Sprintf("strategy %s does not promise the same reply to the same turns", s.Name))
	}
	if other, ok := v.opts.Instead[nameOf(s.Name)]; ok {
		note(fmt.Sprintf("%s %s decided instead of what is on record as %s", other.Runtime, other.Source, s.Name))
	}
}
