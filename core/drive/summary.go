// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// Summary is what came of playing a plan.
type Summary struct {
	// Plan says what was played, Speed how many of its seconds passed in one.
	Plan  string  `json:"plan"`
	Speed float64 `json:"speed"`
	// Elapsed is the real time it took, without clearing up.
	Elapsed Seconds `json:"elapsed_seconds"`
	// Interrupted says that it was ended before the plan was.
	Interrupted bool `json:"interrupted"`

	// Offered is how many customers came with work. Each was served, is open at
	// an agent, abandoned, was refused by the host, or waits.
	Offered   int `json:"offered"`
	Served    int `json:"served"`
	Open      int `json:"open"`
	Abandoned int `json:"abandoned"`
	Refused   int `json:"refused"`
	Waiting   int `json:"waiting"`
	// Conserved says that these add up, and that the feed says the same of each
	// of them.
	Conserved bool `json:"conserved"`

	// Offers, Accepted and Completed count what the feed told, and so do
	// Runtimes: the offers by the runtime of the strategy that proposed them.
	Offers    int            `json:"offers"`
	Accepted  int            `json:"accepted"`
	Completed int            `json:"completed"`
	Runtimes  map[string]int `json:"runtimes"`
	// Events is how many events the feed told.
	Events int `json:"events"`

	// Create is from the intended arrival until the host acknowledged the work.
	Create Latency `json:"create"`
	// Offer is from the intended arrival until the offer was at the agent, of
	// those customers for whom an agent was free when they came.
	Offer Latency `json:"offer"`
	// Accept and Complete are from the agent's decision until the host
	// acknowledged it.
	Accept   Latency `json:"accept"`
	Complete Latency `json:"complete"`
	// Late is how much later than intended the player itself was.
	Late Latency `json:"late"`
	// Answer is from the intended arrival until an agent had accepted, in the
	// plan's time, of all who were accepted.
	Answer Latency `json:"answer"`

	// LostAcknowledgements is how many commands were acknowledged and are not
	// in the feed.
	LostAcknowledgements int `json:"lost_acknowledgements"`
	// Violations is how many breaches of the host's guarantees were found, lost
	// acknowledgements included, and Examples describes the first.
	Violations int      `json:"violations"`
	Examples   []string `json:"violation_examples,omitempty"`
	// Errors is how many calls failed for reasons other than a customer's or
	// an agent's being faster, and ErrorExamples describes the first.
	Errors        int      `json:"errors"`
	ErrorExamples []string `json:"error_examples,omitempty"`
}

// Sound reports whether nothing was found wrong with the host.
func (s *Summary) Sound() bool { return s.Violations == 0 && s.Conserved }

// tally counts what has become of the customers, and compares each with what
// the feed has told. Nothing is under way while it does.
func (p *Player) tally() *Summary {
	s := &Summary{Plan: p.plan.Name, Speed: p.options.Speed, Conserved: true}
	var answers []time.Duration
	for i := range p.customers {
		c := &p.customers[i]
		if _, id := c.now(); c.fate == waiting && p.checker.WorkState(id) == patchbayv1.WorkState_WORK_STATE_OPEN {
			c.fate = open // by itself, and the agent's stream has not told yet
		}
		if !p.agrees(c) {
			s.Conserved = false
		}
		s.count(c.fate)
		intended := p.clock.at(c.At)
		if !c.offeredAt.IsZero() && p.checker.Straight(c.work) {
			p.offer.add(c.offeredAt.Sub(intended))
		}
		if !c.acceptedAt.IsZero() {
			answers = append(answers, p.clock.planned(c.acceptedAt.Sub(intended)))
		}
	}
	s.Answer = LatencyOf(answers)
	if s.Offered != s.Served+s.Open+s.Abandoned+s.Refused+s.Waiting || s.Offered != int(p.progress.come.Load()) {
		s.Conserved = false
	}
	v := p.checker.Verdict()
	s.Offers, s.Accepted, s.Completed, s.Runtimes = v.Counts.Offers, v.Counts.Accepted, v.Counts.Completed, v.Counts.Runtimes
	return s
}

func (s *Summary) count(f fate) {
	if f != notCome {
		s.Offered++
	}
	switch f {
	case served:
		s.Served++
	case open:
		s.Open++
	case abandoned:
		s.Abandoned++
	case refused:
		s.Refused++
	case waiting:
		s.Waiting++
	}
}

// agrees compares a customer's fate with the feed's word.
func (p *Player) agrees(c *customer) bool {
	if c.fate == notCome || c.fate == refused {
		return true
	}
	got := p.checker.WorkState(c.work)
	want := map[fate]patchbayv1.WorkState{
		waiting:   patchbayv1.WorkState_WORK_STATE_WAITING,
		open:      patchbayv1.WorkState_WORK_STATE_OPEN,
		served:    patchbayv1.WorkState_WORK_STATE_CLOSED,
		abandoned: patchbayv1.WorkState_WORK_STATE_ABANDONED,
	}[c.fate]
	if got == want || c.fate == waiting && got == patchbayv1.WorkState_WORK_STATE_OFFERED {
		return true
	}
	p.checker.Violation("%s of customer %s should be %v, and is %v in the feed", c.work, c.ID, want, got)
	return false
}

// conclude fills in what is known at the very end.
func (p *Player) conclude(s *Summary) {
	v := p.checker.Verdict()
	s.Events, s.Violations, s.Examples, s.LostAcknowledgements = v.Events, v.Violations, v.Examples, v.Lost
	s.Errors, s.ErrorExamples = p.errors.snapshot()
	s.Create, s.Late, s.Offer = p.create.latency(), p.late.latency(), p.offer.latency()
	s.Accept, s.Complete = p.accept.latency(), p.complete.latency()
}

// WriteTo writes the summary as a table for people.
func (s *Summary) WriteTo(w io.Writer) (int64, error) {
	counted := &countingWriter{w: w}
	out := tabwriter.NewWriter(counted, 0, 0, 2, ' ', tabwriter.AlignRight)
	note := ""
	if s.Interrupted {
		note = ", interrupted"
	}
	fmt.Fprintf(counted, "%s at %g×, %v%s\n\n", s.Plan, s.Speed, time.Duration(s.Elapsed).Round(100*time.Millisecond), note)
	fmt.Fprintf(counted, "offered %d = served %d + open %d + abandoned %d + refused %d + waiting %d\n",
		s.Offered, s.Served, s.Open, s.Abandoned, s.Refused, s.Waiting)
	fmt.Fprintf(counted, "offers %d, accepted %d, completed %d%s\n\n", s.Offers, s.Accepted, s.Completed, s.runtimes())
	fmt.Fprintln(out, "\tcount\tmean\tp50\tp95\tp99\tmax\t")
	for _, row := range []struct {
		name string
		Latency
	}{
		{"intended arrival to acknowledged", s.Create},
		{"intended arrival to offer, agent free", s.Offer},
		{"accept to acknowledged", s.Accept},
		{"complete to acknowledged", s.Complete},
		{"the player's own lateness", s.Late},
		{"intended arrival to answer, plan's time", s.Answer},
	} {
		if row.Count == 0 {
			fmt.Fprintf(out, "%s\t0\t-\t-\t-\t-\t-\t\n", row.name)
			continue
		}
		fmt.Fprintf(out, "%s\t%d\t%s\t%s\t%s\t%s\t%s\t\n", row.name, row.Count,
			round(row.Mean), round(row.P50), round(row.P95), round(row.P99), round(row.Max))
	}
	_ = out.Flush() // its error is the next write's
	_, err := fmt.Fprintf(counted, "\nviolations %d, lost acknowledgements %d, errors %d, conserved: %s\n",
		s.Violations, s.LostAcknowledgements, s.Errors, map[bool]string{true: "yes", false: "NO"}[s.Conserved])
	for _, text := range slices.Concat(s.Examples, s.ErrorExamples) {
		_, err = fmt.Fprintln(counted, "  "+text)
	}
	return counted.n, err
}

func (s *Summary) runtimes() string {
	if len(s.Runtimes) == 0 {
		return ""
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(s.Runtimes)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, s.Runtimes[name]))
	}
	return ", by runtime: " + strings.Join(parts, ", ")
}

// Seconds is a span of time that JSON has in seconds with three decimals.
type Seconds time.Duration

// MarshalJSON implements json.Marshaler.
func (s Seconds) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "%.3f", time.Duration(s).Seconds()), nil
}
