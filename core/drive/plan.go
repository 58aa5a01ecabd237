// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sort"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/sim/calllog"
)

// Forever is the patience of a customer who never hangs up.
const Forever = time.Duration(math.MaxInt64)

// Plan is a load: who works when, and who comes when, wanting what. All times
// are spans of the plan's own time since its beginning; a Player may run it
// faster than the clock.
type Plan struct {
	// Name says for people what the plan is.
	Name string
	// Shifts are the agents, by From and then by name; each agent has one.
	Shifts []Shift
	// Customers are those who will come, by At.
	Customers []Customer
	// Drain is how long after the last arrival and the last shift's end the
	// player waits for what is still open.
	Drain time.Duration
}

// Shift is when an agent works.
type Shift struct {
	// Agent is the agent's name at the host.
	Agent string
	// From and Until are when the agent signs in, and when the agent stops
	// taking work; what is open then is completed first. Until is Forever for
	// one who stays to the end.
	From, Until time.Duration
}

// Customer is somebody who comes with work.
type Customer struct {
	// ID is unique in the plan.
	ID string
	// At is when the customer comes.
	At time.Duration
	// Queue is where the customer waits.
	Queue string
	// Channel is the work's channel; empty for that of the player's Options.
	Channel string
	// Priority is the work's, 0 highest; negative leaves it to the queue.
	Priority int32
	// Class and Caller, if not empty, go with the work as its attributes
	// "class" and "customer".
	Class, Caller string
	// Patience is how long the customer waits for an agent before hanging up.
	Patience time.Duration
	// Service is how long the agent who accepts is busy with it.
	Service time.Duration
}

// Length is when the last customer has come and every shift that ends has
// ended.
func (p *Plan) Length() time.Duration {
	var length time.Duration
	if n := len(p.Customers); n > 0 {
		length = p.Customers[n-1].At
	}
	for _, s := range p.Shifts {
		if s.Until != Forever {
			length = max(length, s.Until)
		}
	}
	return length
}

// Queues returns the names of the queues where customers will wait, by name.
func (p *Plan) Queues() []string {
	seen := make(map[string]bool)
	var queues []string
	for i := range p.Customers {
		if q := p.Customers[i].Queue; !seen[q] {
			seen[q] = true
			queues = append(queues, q)
		}
	}
	sort.Strings(queues)
	return queues
}

func (p *Plan) sort() {
	sort.Slice(p.Shifts, func(i, j int) bool {
		a, b := p.Shifts[i], p.Shifts[j]
		if a.From != b.From {
			return a.From < b.From
		}
		return a.Agent < b.Agent
	})
	sort.SliceStable(p.Customers, func(i, j int) bool { return p.Customers[i].At < p.Customers[j].At })
}

// Recorded makes a plan of a recorded day, and counts what the day holds.
//
// Agents work from the start of the first call the log shows them answer to the
// end of the last. Customers come when they asked for an agent. One who was
// answered in the log has the recorded service and, as nobody knows how long
// they would have waited, never hangs up. One who hung up has the recorded
// patience and, should an agent be there in time now, a service drawn from the
// day's own by the seed. Who hung up without ever asking for an agent is left
// out. The queue is the kind of the call.
func Recorded(d calllog.Day, seed uint64) (*Plan, error) {
	shifts := d.Shifts()
	if len(shifts) == 0 {
		return nil, fmt.Errorf("drive: the day %s of the log shows no agent at work", d.Date)
	}
	begin := shifts[0].Start
	for _, s := range shifts {
		begin = min(begin, s.Start)
	}
	var services []time.Duration
	for _, c := range d.Calls {
		if asked(c) {
			begin = min(begin, c.Arrived)
		}
		if c.Outcome == calllog.Answered && c.Service > 0 {
			services = append(services, c.Service)
		}
	}
	p := &Plan{Name: "recorded day " + d.Date, Drain: time.Hour}
	for _, s := range shifts {
		p.Shifts = append(p.Shifts, Shift{Agent: s.Server, From: s.Start - begin, Until: s.End - begin})
	}
	random := rand.New(rand.NewPCG(seed, 0x6c6f67))
	for _, c := range d.Calls {
		if !asked(c) {
			continue
		}
		customer := Customer{
			ID: fmt.Sprintf("%s-%d", d.Date, c.Line), At: c.Arrived - begin, Queue: c.Class, Class: c.Class,
			Caller: c.Customer, Priority: int32(2 - c.Priority), Patience: Forever, Service: c.Service,
		}
		if c.Outcome == calllog.HungUp {
			customer.Patience = c.Wait
			customer.Service = services[random.IntN(len(services))]
		}
		p.Customers = append(p.Customers, customer)
	}
	p.sort()
	return p, nil
}

// asked reports whether the customer ever asked for an agent.
func asked(c calllog.Call) bool { return c.Outcome == calllog.Answered || c.Queued }

// NeverAsked counts the day's customers who hung up in the menu, before asking
// for an agent, and who are therefore in no plan.
func NeverAsked(d calllog.Day) int {
	n := 0
	for _, c := range d.Calls {
		if !asked(c) {
			n++
		}
	}
	return n
}

// Synthetic describes a made-up load.
type Synthetic struct {
	// Rate is how many customers come per second on average; they come
	// independently of each other.
	Rate float64
	// For is how long they come.
	For time.Duration
	// Agents are the names of those who work, from the beginning to the end.
	Agents []string
	// Queues are where customers wait, each with equal probability.
	Queues []string
	// Busy is the share of their time that agents are to be busy, above 0 and
	// at most 1; it sizes the mean service. 0 means 0.85.
	Busy float64
	// Patience is the mean patience, as a multiple of the mean service; 0 means
	// that nobody hangs up.
	Patience float64
	// Seed makes the plan: the same seed, the same plan.
	Seed uint64
}

// Plan makes the plan: arrivals, services and patience are exponential.
func (s Synthetic) Plan() (*Plan, error) {
	if s.Busy == 0 {
		s.Busy = 0.85
	}
	switch {
	case !(s.Rate > 0) || s.Rate > 1e6:
		return nil, fmt.Errorf("drive: rate is %v: it should be above 0 customers per second and at most a million", s.Rate)
	case s.For <= 0:
		return nil, fmt.Errorf("drive: for is %v: it should be above 0", s.For)
	case !(s.Busy > 0) || s.Busy > 1:
		return nil, fmt.Errorf("drive: busy is %v: it should be above 0 and at most 1", s.Busy)
	case s.Patience < 0:
		return nil, fmt.Errorf("drive: patience is %v: it should be 0 for no hanging up, or above", s.Patience)
	case len(s.Agents) == 0:
		return nil, errors.New("drive: there are no agents to take work")
	case len(s.Queues) == 0:
		return nil, errors.New("drive: there are no queues to wait in")
	}
	random := rand.New(rand.NewPCG(s.Seed, 0x73796e))
	mean := s.MeanService()
	p := &Plan{
		Name:  fmt.Sprintf("%g customers a second for %d agents", s.Rate, len(s.Agents)),
		Drain: max(10*mean, 5*time.Second),
	}
	for _, agent := range s.Agents {
		p.Shifts = append(p.Shifts, Shift{Agent: agent, Until: Forever})
	}
	for at := s.next(random); at < s.For; at += s.next(random) {
		c := Customer{
			ID: fmt.Sprintf("s%d", len(p.Customers)+1), At: at, Queue: s.Queues[random.IntN(len(s.Queues))], Priority: -1,
			Service: exponential(random, mean), Patience: Forever,
		}
		if s.Patience > 0 {
			c.Patience = exponential(random, time.Duration(s.Patience*float64(mean)))
		}
		p.Customers = append(p.Customers, c)
	}
	p.sort()
	return p, nil
}

// MeanService is the mean service that keeps the agents as busy as is wanted.
func (s Synthetic) MeanService() time.Duration {
	busy := s.Busy
	if busy == 0 {
		busy = 0.85
	}
	return time.Duration(busy * float64(len(s.Agents)) / s.Rate * float64(time.Second))
}

// next draws the time to the next arrival.
func (s Synthetic) next(random *rand.Rand) time.Duration {
	return exponential(random, time.Duration(float64(time.Second)/s.Rate))
}

func exponential(random *rand.Rand, mean time.Duration) time.Duration {
	return time.Duration(random.ExpFloat64() * float64(mean))
}

// String says how large the plan is.
func (p *Plan) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s: %d customers, %d agents, %v", p.Name, len(p.Customers), len(p.Shifts), p.Length().Round(time.Second)))
}
