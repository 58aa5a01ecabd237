// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"fmt"
	"iter"
)

// Result is what came of a scenario, of all its replications together. Times are
// in seconds. All but Broken, Events, Refused and Fingerprint is of the
// customers who came after the warm-up, and of the time from then to the end.
type Result struct {
	Scenario string `json:"scenario"`
	About    string `json:"about,omitempty"`
	// Strategy says who decided, with its version and runtime; SHA256 is the
	// checksum of its file, empty for a built-in.
	Strategy string `json:"strategy"`
	SHA256   string `json:"sha256,omitempty"`
	Model    string `json:"model"`
	Seed     uint64 `json:"seed"`
	// Replications is how often it was played.
	Replications int `json:"replications"`
	// Measured is how much virtual time was looked at in one replication, on
	// average.
	Measured float64 `json:"measured_seconds"`
	// AcceptableWait is what service levels compare to.
	AcceptableWait float64 `json:"acceptable_wait_seconds"`
	// Overall is of all customers; Classes and Queues of each, in order of names.
	Overall Figures        `json:"overall"`
	Classes []NamedFigures `json:"classes"`
	Queues  []QueueFigures `json:"queues"`
	// Staff is of all agents, Groups of each group in order of names.
	Staff  StaffFigures `json:"staff"`
	Groups []NamedStaff `json:"groups"`
	// Periods is of the periods of a day, in order, for those customers who came
	// in them; Series is the same, finer, with less to each point.
	Periods []PeriodFigures `json:"periods"`
	Series  []Point         `json:"series"`
	// Runs are the replications one by one, in order; empty if there is but one.
	// The same replication of another strategy had the same customers.
	Runs []Replication `json:"runs,omitempty"`
	// Refused counts proposals that the host refused.
	Refused uint64 `json:"refused_proposals"`
	// Events counts all events, and Fingerprint is a hash of them: the same
	// scenario, seed and strategy have the same.
	Events      uint64 `json:"events"`
	Fingerprint string `json:"fingerprint"`
	// Broken lists what must hold of every run and did not: a fault of this
	// program or of the strategy. It is empty when all is well.
	Broken []string `json:"broken"`
}

// Counts count customers. Those who come back are counted anew.
type Counts struct {
	// Offered = Served + Abandoned + Blocked + Waiting + Open, the last two being
	// those who are still there at the end.
	Offered   int64 `json:"offered"`
	Served    int64 `json:"served"`
	Abandoned int64 `json:"abandoned"`
	// Blocked found no room to wait.
	Blocked int64 `json:"blocked"`
	Waiting int64 `json:"waiting"`
	Open    int64 `json:"open"`
	// Retried are those of the offered who had left or been blocked before.
	Retried int64 `json:"retried"`
	// AnsweredWithin are those whom an agent took within the acceptable wait;
	// AbandonedWithin those who left within it, AbandonedAfter those who left
	// later.
	AnsweredWithin  int64 `json:"answered_within"`
	AbandonedWithin int64 `json:"abandoned_within"`
	AbandonedAfter  int64 `json:"abandoned_after"`
}

// Figures are what became of a set of customers.
type Figures struct {
	// Counts are sums over all replications.
	Counts
	// PerRun are the same counts for one replication, on average; nil if there
	// is but one.
	PerRun *MeanCounts `json:"per_run,omitempty"`
	// Wait is of all whose wait has ended, AnsweredWait of those whom an agent
	// took: the speed of answer.
	Wait         Wait         `json:"wait"`
	AnsweredWait AnsweredWait `json:"answered_wait"`
	// HandleTime is the mean time an agent took for one who was served.
	HandleTime Estimate `json:"handle_time"`
	// QueueLength is how many waited, on average over time.
	QueueLength Estimate `json:"queue_length"`
	// AbandonShare and BlockShare are of the offered.
	AbandonShare Estimate     `json:"abandon_share"`
	BlockShare   Estimate     `json:"block_share"`
	ServiceLevel ServiceLevel `json:"service_level"`
}

// MeanCounts are counts of one replication, on average.
type MeanCounts struct {
	Offered         Estimate `json:"offered"`
	Served          Estimate `json:"served"`
	Abandoned       Estimate `json:"abandoned"`
	Blocked         Estimate `json:"blocked"`
	Waiting         Estimate `json:"waiting"`
	Open            Estimate `json:"open"`
	Retried         Estimate `json:"retried"`
	AnsweredWithin  Estimate `json:"answered_within"`
	AbandonedWithin Estimate `json:"abandoned_within"`
	AbandonedAfter  Estimate `json:"abandoned_after"`
}

// Wait describes waits; those who did not wait at all count with 0. Percentiles
// are those of a replication, averaged over the replications.
type Wait struct {
	Mean Estimate `json:"mean"`
	P50  Estimate `json:"p50"`
	P95  Estimate `json:"p95"`
	// Delayed is the probability of waiting at all.
	Delayed Estimate `json:"delayed"`
	// MeanSquare is E[W²], in square seconds.
	MeanSquare Estimate `json:"mean_square"`
}

// AnsweredWait describes the waits of those who were answered. Its mean is
// commonly called the average speed of answer.
type AnsweredWait struct {
	Mean Estimate `json:"mean"`
	P50  Estimate `json:"p50"`
	P95  Estimate `json:"p95"`
}

// ServiceLevel is the share of customers answered within the acceptable wait,
// in the three usual definitions.
type ServiceLevel struct {
	// OfOffered: answered within it / offered. Who abandons or is blocked counts
	// against it.
	OfOffered Estimate `json:"of_offered"`
	// OfPatient: answered within it / (offered - abandoned within it). Who left
	// so soon gave it no chance.
	OfPatient Estimate `json:"of_patient"`
	// OfAnswered: answered within it / answered. Who abandons does not count.
	OfAnswered Estimate `json:"of_answered"`
}

// NamedFigures are the figures of one class.
type NamedFigures struct {
	Name string `json:"name"`
	Figures
}

// QueueFigures are the figures of one queue, and its series.
type QueueFigures struct {
	NamedFigures
	Series []Point `json:"series,omitempty"`
}

// StaffFigures are what a set of agents did.
type StaffFigures struct {
	// Agents is how many there are, Present how many were there, on average.
	Agents  int      `json:"agents"`
	Present Estimate `json:"present"`
	// Occupancy is the share that was held of the capacity that was there.
	// Agents are there while they can be given work or have some.
	Occupancy Estimate `json:"occupancy"`
	// Fairness is Jain's index of the occupancies of the agents: 1 if all are
	// alike, and the nearer to 0 the fewer do everything.
	Fairness Estimate `json:"fairness"`
}

// NamedStaff are the figures of one group of agents.
type NamedStaff struct {
	Name string `json:"name"`
	StaffFigures
}

// PeriodFigures are the figures of one period.
type PeriodFigures struct {
	// Start is since counting began, Length is how long it takes.
	Start  float64 `json:"start_seconds"`
	Length float64 `json:"length_seconds"`
	Figures
	// Present is how many agents were there, on average, Occupancy how busy.
	Present   Estimate `json:"present"`
	Occupancy Estimate `json:"occupancy"`
}

// Point is a short while of a day, of the customers who came in it.
type Point struct {
	// Start is since counting began; it lasts until the next.
	Start float64 `json:"start_seconds"`
	// Offered, Served, Abandoned and Blocked are of one replication, on average.
	Offered   float64 `json:"offered"`
	Served    float64 `json:"served"`
	Abandoned float64 `json:"abandoned"`
	Blocked   float64 `json:"blocked"`
	// Wait is the mean wait, WaitP95 its 95th percentile.
	Wait    Estimate `json:"wait"`
	WaitP95 Estimate `json:"wait_p95"`
	// Backlog is how many waited, on average over the time.
	Backlog Estimate `json:"backlog"`
	// ServiceLevel is of the offered.
	ServiceLevel Estimate `json:"service_level"`
	// Present and Occupancy are of all agents, and not said of a single queue.
	Present   *Estimate `json:"present,omitempty"`
	Occupancy *Estimate `json:"occupancy,omitempty"`
}

// Replication is one play of the scenario.
type Replication struct {
	// DayFactor is what its rates of arrivals were multiplied by.
	DayFactor float64        `json:"day_factor"`
	Measured  float64        `json:"measured_seconds"`
	Overall   Figures        `json:"overall"`
	Classes   []NamedFigures `json:"classes"`
	Queues    []NamedFigures `json:"queues"`
	Staff     StaffFigures   `json:"staff"`
	Groups    []NamedStaff   `json:"groups"`
	// Fingerprint is a hash of its events.
	Fingerprint string `json:"fingerprint"`
}

// Sound reports whether all held that must hold of every run.
func (r *Result) Sound() bool { return len(r.Broken) == 0 }

// All yields every figure that is an estimate under its stable name, such as
// "service_level" or "p95_wait".
func (f *Figures) All() iter.Seq2[string, Estimate] {
	list := []struct {
		name string
		of   Estimate
	}{
		{"service_level", f.ServiceLevel.OfOffered},
		{"service_level_of_patient", f.ServiceLevel.OfPatient},
		{"service_level_of_answered", f.ServiceLevel.OfAnswered},
		{"mean_wait", f.Wait.Mean},
		{"p50_wait", f.Wait.P50},
		{"p95_wait", f.Wait.P95},
		{"delayed_share", f.Wait.Delayed},
		{"mean_square_wait", f.Wait.MeanSquare},
		{"speed_of_answer", f.AnsweredWait.Mean},
		{"p50_speed_of_answer", f.AnsweredWait.P50},
		{"p95_speed_of_answer", f.AnsweredWait.P95},
		{"handle_time", f.HandleTime},
		{"queue_length", f.QueueLength},
		{"abandon_share", f.AbandonShare},
		{"block_share", f.BlockShare},
	}
	return func(yield func(string, Estimate) bool) {
		for _, one := range list {
			if !yield(one.name, one.of) {
				return
			}
		}
	}
}

// All yields every count under its stable name, such as "offered".
func (c *Counts) All() iter.Seq2[string, int64] {
	list := []struct {
		name string
		of   int64
	}{
		{"offered", c.Offered},
		{"served", c.Served},
		{"abandoned", c.Abandoned},
		{"blocked", c.Blocked},
		{"waiting", c.Waiting},
		{"open", c.Open},
		{"retried", c.Retried},
		{"answered_within", c.AnsweredWithin},
		{"abandoned_within", c.AbandonedWithin},
		{"abandoned_after", c.AbandonedAfter},
	}
	return func(yield func(string, int64) bool) {
		for _, one := range list {
			if !yield(one.name, one.of) {
				return
			}
		}
	}
}

// All yields every figure that is an estimate under its stable name, such as
// "occupancy".
func (f *StaffFigures) All() iter.Seq2[string, Estimate] {
	return func(yield func(string, Estimate) bool) {
		_ = yield("present", f.Present) && yield("occupancy", f.Occupancy) && yield("fairness", f.Fairness)
	}
}

func hex(x uint64) string { return fmt.Sprintf("%016x", x) }
