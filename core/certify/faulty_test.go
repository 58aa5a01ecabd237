// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// faults are what a faulty router does wrong. Each field is one fault, but for
// the first two.
type faults struct {
	view          route.View
	deterministic bool

	neverConfigured bool // does not answer a lead
	mute            bool // does not answer pings
	strict          bool // ends the connection on members that it does not know
	oldRevisions    bool // proposes by the revision that it saw first
	overfills       bool // proposes agents who have no room
	answersTwice    bool // answers each turn twice
	sulks           bool // proposes nothing any more once it was late
	diesOfRubbish   bool // ends when it cannot read a message
	keepsItsBoard   bool // believes under a new lease what was so under the old one
	blindToLeases   bool // answers whatever it is asked under the lease it has
	givesUp         bool // does not dial again
	calculatesAnew  bool // does not repeat its answer to a turn that comes again
	begetsAnother   bool // says another lease than its own when it resumes
	hammers         bool // dials again at once
	deaf            bool // does not notice a host that says nothing
	ownClock        bool // goes by its own time
	rolls           bool // decides by chance
	inventsReasons  bool // gives reasons that nobody knows
	slow            bool // takes long on large boards
	insists         bool // dials again though it is refused for good
}

// faulty is a router that speaks JSON over the WebSocket, as a vendor would write
// it, and has faults.
type faulty struct {
	faults

	url, strategy, secret string
	client                *http.Client // nil for the default one
	random                *rand.Rand

	conn           *websocket.Conn
	token          string
	lease, applied uint64
	patience       time.Duration
	inner          route.Strategy
	board          *board
	reader         *document.Reader
	answer         *document.Reply
	busy           map[uint32]bool // agents who were proposed, if it keeps that
	returned       bool
	sulking, dead  bool
}

// run runs the router until ctx ends or its fault ends it.
func (f *faulty) run(ctx context.Context) {
	f.random = rand.New(rand.NewPCG(1, 2))
	for wait := 30 * time.Millisecond; ctx.Err() == nil; {
		welcomed, final := f.connect(ctx)
		if f.dead || final && !f.insists || f.givesUp && welcomed {
			return
		}
		if welcomed {
			wait = 30 * time.Millisecond
		}
		if f.hammers {
			wait = time.Millisecond
		}
		pause := time.NewTimer(wait)
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
		}
		wait = min(2*wait, 200*time.Millisecond)
	}
}

// connect speaks over one connection. It reports whether it was welcomed, and
// whether it was refused for good.
func (f *faulty) connect(ctx context.Context) (welcomed, final bool) {
	conn, response, err := websocket.Dial(ctx, f.url, &websocket.DialOptions{HTTPClient: f.client})
	if err != nil {
		return false, false
	}
	if response.Body != nil {
		_ = response.Body.Close()
	}
	defer conn.CloseNow()
	conn.SetReadLimit(64 << 20)
	f.conn, f.patience = conn, time.Minute
	f.say(ctx, &document.FromRouter{Hello: f.hello()})
	for {
		reading, cancel := context.WithTimeout(ctx, f.patience)
		_, text, err := conn.Read(reading)
		cancel()
		if err != nil {
			return welcomed, false
		}
		var in document.FromHost
		if err := f.read(text, &in); err != nil {
			f.dead = f.diesOfRubbish
			return welcomed, false
		}
		if in.Refused != nil {
			return welcomed, in.Refused.Code == "unauthenticated"
		}
		welcomed = welcomed || in.Welcome != nil
		f.take(ctx, &in)
	}
}

func (f *faulty) read(text []byte, in *document.FromHost) error {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	if f.strict {
		decoder.DisallowUnknownFields()
	}
	return decoder.Decode(in)
}

func (f *faulty) say(ctx context.Context, m *document.FromRouter) {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	_ = f.conn.Write(ctx, websocket.MessageText, text) // the reading ends as well
}

func (f *faulty) hello() *document.Hello {
	hello := &document.Hello{Strategy: f.strategy, Token: f.secret, Router: "faulty", Manifest: document.Manifest{
		Name: "acme", Version: "1.0.0", View: f.view, Deterministic: f.deterministic,
		Reasons: []route.Reason{{Code: 1, Name: "idle", Text: "Idle for longest."}},
	}}
	if f.token != "" {
		lease := f.lease
		if f.begetsAnother {
			lease += 5
		}
		hello.Resume = &document.Resume{Token: f.token, Lease: lease, Applied: f.applied}
	}
	return hello
}

// take takes a message of the host.
func (f *faulty) take(ctx context.Context, in *document.FromHost) {
	switch {
	case in.Welcome != nil:
		f.welcome(in.Welcome)
	case in.Lead != nil:
		f.lead(in.Lead)
		if !f.neverConfigured {
			f.say(ctx, &document.FromRouter{Configured: &document.Configured{Lease: in.Lead.Lease}})
		}
	case in.Ask != nil && (in.Ask.Lease == f.lease || f.blindToLeases && f.lease != 0):
		answer := &document.FromRouter{Answer: &document.Answer{Lease: f.lease, Turn: in.Ask.Turn, Reply: *f.turn(in.Ask)}}
		f.say(ctx, answer)
		if f.answersTwice {
			f.say(ctx, answer)
		}
	case in.Ping != nil && !f.mute:
		f.say(ctx, &document.FromRouter{Pong: in.Ping})
	case in.Notice != nil && in.Notice.Code == "late":
		f.sulking = f.sulks
	case in.Drained != nil && in.Drained.Lease == f.lease && !f.blindToLeases:
		f.lease = 0
	}
}

func (f *faulty) welcome(in *document.Welcome) {
	if !f.deaf {
		f.patience = 3 * time.Duration(in.PingMS) * time.Millisecond
	}
	f.token = in.ResumeToken
	if !in.Resumed || in.Lease != f.lease {
		f.lease = 0
	}
	f.returned = f.lease != 0
}

func (f *faulty) lead(in *document.Lead) {
	f.lease, f.applied, f.answer, f.returned, f.sulking = in.Lease, 0, nil, false, false
	if !f.keepsItsBoard || f.busy == nil {
		f.busy = map[uint32]bool{}
	}
	f.inner, f.board, f.reader = queue.Plugin().New(), &board{seen: map[uint32]uint32{}}, document.NewReader()
	if err := f.inner.Configure([]byte("{}")); err != nil {
		panic(err)
	}
}

// turn decides, by the plain strategy or over candidates.
func (f *faulty) turn(in *document.Ask) *document.Reply {
	again := f.returned && in.Turn == f.applied && f.answer != nil
	f.returned = false
	if again && !f.calculatesAnew {
		return f.answer
	}
	var reply route.Reply
	var err error
	turn := f.reader.Rows(in.Frame)
	if f.view == route.ViewCandidates {
		f.pick(turn, &reply)
	} else {
		err = f.inner.Turn(turn, &reply)
	}
	for i := range reply.Proposals {
		reply.Proposals[i].Reason = 1
	}
	for i := range reply.Notes {
		reply.Notes[i].Reason = 1
	}
	f.spoil(turn, &reply)
	f.applied, f.answer = in.Turn, document.ReplyOf(&reply, err)
	return f.answer
}

// board is the little that faults remember of work.
type board struct {
	seen map[uint32]uint32 // revisions, by ref
}

// pick takes for each item the candidate who has been idle for longest, and is
// not taken yet.
func (f *faulty) pick(turn *route.Turn, reply *route.Reply) {
	for _, item := range turn.Items {
		candidates := slices.Clone(route.Of(turn.Candidates, item.Candidates))
		slices.SortStableFunc(candidates, func(a, b route.Candidate) int {
			return int(turn.Agents[a.Agent].IdleSince - turn.Agents[b.Agent].IdleSince)
		})
		for rank, candidate := range candidates {
			reply.Proposals = append(reply.Proposals, route.Proposal{
				Work: turn.Work[item.Work].Ref, Revision: turn.Work[item.Work].Revision,
				Agent: turn.Agents[candidate.Agent].Ref, Rank: uint16(rank),
			})
		}
	}
}

// spoil does what the faults about decisions do.
func (f *faulty) spoil(turn *route.Turn, reply *route.Reply) {
	for _, w := range turn.Work {
		if _, known := f.board.seen[w.Ref]; !known {
			f.board.seen[w.Ref] = w.Revision
		}
	}
	switch {
	case f.sulking:
		reply.Proposals = nil
	case f.oldRevisions:
		for i := range reply.Proposals {
			if first, ok := f.board.seen[reply.Proposals[i].Work]; ok {
				reply.Proposals[i].Revision = first
			}
		}
	case f.overfills && len(turn.Work) > 0 && len(turn.Agents) > 0:
		for _, w := range turn.Work {
			reply.Proposals = append(reply.Proposals, route.Proposal{Work: w.Ref, Revision: w.Revision, Agent: turn.Agents[0].Ref})
		}
	case f.inventsReasons:
		for i := range reply.Proposals {
			reply.Proposals[i].Reason = 7
		}
	case f.keepsItsBoard:
		reply.Proposals = slices.DeleteFunc(reply.Proposals, func(p route.Proposal) bool { return f.busy[p.Agent] })
		for _, p := range reply.Proposals {
			f.busy[p.Agent] = true
		}
	case f.ownClock:
		const years = 5 * 365 * 24 * 3600 * 1000
		if age := time.Now().UnixMilli() - turn.Now; age > years || age < -years {
			reply.Proposals = nil
		}
	case f.slow && len(turn.Agents) >= 500:
		time.Sleep(time.Duration(len(turn.Agents)) * time.Millisecond)
	}
	if (f.rolls || f.calculatesAnew) && len(reply.Proposals) > 0 {
		reply.Proposals[0].Score = f.random.Int32N(1 << 30)
	}
}
