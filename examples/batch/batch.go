// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package batch is a strategy that does not decide about each piece of work
// alone. It gathers what comes within a short window, and then gives out all of
// it at once so that the sum of values is as high as can be: what a customer's
// tier is worth, times how well the agent's skills fit. With more waiting than a
// batch holds there is no time to wait: it decides one by one, each for the best
// value.
//
// It shows the third rung of the SDK's ladder: an own Turn over a board, with
// match.Index to find who could take what.
package batch

import (
	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

const (
	// most is how much work is decided on together.
	most = 32
	// candidates is how many agents are looked at for each.
	candidates = 16
	// proposals is about how many a turn makes, so that none takes long; the
	// host comes back for the rest.
	proposals = 256
)

// Why this strategy decides as it does.
const (
	reasonTogether = 1 + iota
	reasonAlone
)

// Settings are what an admin may set.
type Settings struct {
	Window    route.Duration   `json:"window" default:"200ms" min:"0s" max:"10s" desc:"How long work is gathered before it is given out; 0s decides at once."`
	Attribute string           `json:"attribute" default:"tier" min:"1" desc:"The attribute of work that holds the customer's tier."`
	Worth     map[string]int64 `json:"worth" default:"{\"gold\": 5, \"silver\": 2}" desc:"What each tier is worth; 1 for tiers that are not named."`
}

// Plugin returns the strategy's package.
func Plugin() route.Plugin {
	return route.Plugin{
		Manifest: route.Manifest{
			Name: "batch", Version: "1.0.0", Deterministic: true,
			SettingsSchema: route.SettingsSchema[Settings](),
			Reasons: []route.Reason{
				{Code: reasonTogether, Name: "best_together", Text: "Of all ways to give out what waited, this was worth most; the score is this pair's part."},
				{Code: reasonAlone, Name: "best_alone", Text: "More waited than is given out together; of all who could take this, the agent was worth most."},
			},
		},
		New: func() route.Strategy {
			s := &strategy{}
			s.index = match.New(&s.board)
			return s
		},
	}
}

// strategy is one instance: a board, an index beside it, and until when work is
// gathered.
type strategy struct {
	route.Settings[Settings]

	board route.Board
	index *match.Index
	until int64 // 0 while nothing waits that could be given out
	batch []item
}

// item is work with those who could take it.
type item struct {
	work   *route.Work
	agents []*route.Agent
}

// Turn implements route.Strategy.
func (s *strategy) Turn(turn *route.Turn, reply *route.Reply) error {
	if err := s.board.Apply(turn); err != nil {
		return err
	}
	s.index.Apply(turn)
	reply.Digest = s.board.Digest()
	if !turn.Kind.Asks() {
		return nil
	}
	s.decide(turn.Now, reply)
	reply.WakeAt = s.index.WakeAt()
	if s.until > 0 && (reply.WakeAt == 0 || s.until < reply.WakeAt) {
		reply.WakeAt = s.until
	}
	return nil
}

// decide gathers, and gives out when the window is over.
func (s *strategy) decide(now int64, reply *route.Reply) {
	for len(reply.Proposals) < proposals && s.gather() {
		if s.until == 0 {
			s.until = now + int64(s.Get().Window)
		}
		switch {
		case len(s.batch) > most:
			s.alone(reply)
		case now >= s.until:
			s.together(reply)
		default:
			return // more may come
		}
	}
	s.until = 0
}

// gather takes what could be given out off the index, up to one more than a
// batch holds, and puts it back: what becomes of it is to be decided. It reports
// whether there is any.
func (s *strategy) gather() bool {
	s.batch = s.batch[:0]
	for len(s.batch) <= most {
		work, agents := s.index.NextWork(candidates)
		if work == nil {
			break
		}
		s.batch = append(s.batch, item{work, append([]*route.Agent(nil), agents...)})
		s.index.Hold(work, 0)
	}
	for i := range s.batch {
		s.index.Release(s.batch[i].work)
	}
	return len(s.batch) > 0
}

// together gives the batch out so that the sum of values is as high as can be.
// Who has room for more than one gets one at a time: decide comes back.
func (s *strategy) together(reply *route.Reply) {
	columns := map[uint32]int{}
	var agents []*route.Agent
	for _, item := range s.batch {
		for _, agent := range item.agents {
			if _, ok := columns[agent.Ref]; !ok {
				columns[agent.Ref] = len(agents)
				agents = append(agents, agent)
			}
		}
	}
	values := make([][]int64, len(s.batch))
	for row, item := range s.batch {
		values[row] = make([]int64, len(agents))
		for column := range values[row] {
			values[row][column] = never
		}
		for _, agent := range item.agents {
			values[row][columns[agent.Ref]] = s.value(item.work, agent)
		}
	}
	for row, column := range assign(values) {
		if column >= 0 {
			s.propose(s.batch[row].work, agents[column], values[row][column], reasonTogether, reply)
		}
	}
}

// alone gives the batch out one by one. Whose candidates are all taken by then
// is gathered again.
func (s *strategy) alone(reply *route.Reply) {
	for _, item := range s.batch {
		var best *route.Agent
		worth := int64(never)
		for _, agent := range item.agents {
			if value := s.value(item.work, agent); value > worth && s.index.CanTake(item.work, agent) {
				best, worth = agent, value
			}
		}
		if best != nil {
			s.propose(item.work, best, worth, reasonAlone, reply)
		}
	}
}

func (s *strategy) propose(work *route.Work, agent *route.Agent, value int64, reason uint16, reply *route.Reply) {
	if s.index.Take(work, agent) == 1 {
		reply.Propose(work, agent, int32(min(value, 1<<31-1)), reason)
	}
}

// value is what it is worth that the agent takes the work: at least 1, so that
// nobody is left idle beside work.
func (s *strategy) value(work *route.Work, agent *route.Agent) int64 {
	tier, _ := s.board.Attribute(work, s.Get().Attribute)
	worth, named := s.Get().Worth[tier]
	if !named {
		worth = 1
	}
	return 1 + max(0, min(worth, 1_000_000))*(1000+s.fit(work, agent))
}

// fit is the sum of the agent's levels in the skills that the work requires.
func (s *strategy) fit(work *route.Work, agent *route.Agent) int64 {
	sum := int64(0)
	for _, need := range s.board.Needs(work) {
		for _, skill := range s.board.Skills(agent) {
			if skill.Name == need.Name {
				sum += int64(skill.Level)
			}
		}
	}
	return sum
}
