// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// lets are the attributes that strategies of the property tests may see.
var lets = map[string][]string{"first": {"tongue", "tier", "tongue"}, "second": nil}

// TestMirror: whatever happens in a workspace, and however turns fall in
// between, a strategy's board shows what is so, all of it, and nothing more.
// Two desks that live through the same give the same turns, byte by byte.
func TestMirror(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SampledFrom([]int{2, 3, 5, 9, maxRows}).Draw(t, "rows")
		seed := rapid.Uint64().Draw(t, "seed")
		a, b := newStage(t, rows, seed), newStage(t, rows, seed)
		for range rapid.IntRange(1, 150).Draw(t, "steps") {
			act := action(t, a.rig)
			act(a)
			act(b)
		}
		a.curtain()
		b.curtain()
		if !slices.EqualFunc(a.frames, b.frames, bytes.Equal) {
			t.Fatalf("the same history gave other turns")
		}
		if !reflect.DeepEqual(a.events, b.events) {
			t.Fatalf("the same history gave other events")
		}
	})
}

// stage is a rig whose strategies check their boards after every turn.
type stage struct {
	*rig
	frames [][]byte // every turn, encoded
	lent   *Job     // a turn under way
	boards map[*player]*picture
}

// picture is what an instance's board showed last.
type picture struct {
	epoch, seq   uint64
	work, agents map[string]place // by key
	gens         map[string]map[uint32]uint32
}

type place struct{ ref, gen uint32 }

func newStage(t tb, rows int, seed uint64) *stage {
	s := &stage{rig: newRig(t), boards: make(map[*player]*picture)}
	var specs []Spec
	runtimes := make(map[string]Runtime)
	for _, name := range []string{"first", "second"} {
		a := &actor{}
		a.play = moody
		s.actors[name] = a
		runtimes[name] = a
		specs = append(specs, Spec{Name: name, Runtime: name, Attributes: lets[name]})
	}
	d, err := NewDesk(s.e, specs, runtimes, seed)
	if err != nil {
		t.Fatal(err)
	}
	s.d = d
	for _, p := range d.posts {
		p.feed.rows = rows
	}
	s.start()
	return s
}

// moody proposes what it can and misbehaves now and then, by the turn's seed.
func moody(in *player, turn *route.Turn, reply *route.Reply) error {
	_ = greedy(in, turn, reply)
	reply.Proposals = append(reply.Proposals, route.Proposal{Work: uint32(turn.Seed % 8), Revision: 1, Agent: uint32(turn.Seed % 5)})
	switch turn.Seed % 32 {
	case 0:
		return route.ErrNeedSnapshot
	case 1:
		return fault(FaultRubbish, "?")
	case 2:
		return fault(FaultDied, "gone")
	case 3:
		return fault(FaultDeadline, "too slow")
	case 4:
		reply.Digest++
	case 5:
		reply.WakeAt = turn.Now + int64(turn.Seed%5000)
	}
	return nil
}

// lend begins a turn and leaves it under way; give ends it.
func (s *stage) lend() bool {
	job := s.d.Next(s.now)
	if job == nil {
		return false
	}
	job.Run(context.Background())
	if job.turn {
		s.check(job)
	}
	s.lent = job
	return true
}

func (s *stage) give() {
	if s.lent != nil {
		job := s.lent
		s.lent = nil
		s.finish(job)
	}
}

// settle runs until there is nothing to do.
func (s *stage) settle() {
	for n := 0; ; n++ {
		s.give()
		if !s.lend() {
			return
		}
		if n == 10_000 {
			s.Fatal("the desk spins")
		}
	}
}

// curtain checks that all boards are whole once all has been told.
func (s *stage) curtain() {
	s.settle()
	for range 100 { // for those who are down, or have more to complain
		s.now += backoffMost
		for i := range s.e.Definition().Queues { // so that both are needed again
			s.try(engine.Decide{Queue: s.e.Definition().Queues[i].Name})
		}
		s.try(engine.Tick{})
		s.settle()
		if s.d.named["first"].state == Active && s.d.named["second"].state == Active {
			return
		}
	}
	s.Fatal("the strategies never came back")
}

// check compares the board of the instance that has just taken a turn.
func (s *stage) check(job *Job) {
	p := job.post
	in, f, turn := job.instance.(*player), p.feed, &p.turn
	if errors.As(job.err, new(*route.FrameError)) || !in.board.Ready() && turn.Kind.Asks() {
		s.Fatalf("%s: the board did not take the turn: %v", p.spec.Name, job.err)
	}
	if turn.Digest != in.board.Digest() {
		s.Fatalf("%s: digest %x, on the board %x", p.spec.Name, turn.Digest, in.board.Digest())
	}
	s.encode(turn)
	s.follows(in, turn)
	if n := len(turn.Work) + len(turn.Agents) + len(turn.WorkGone) + len(turn.AgentsGone); n > f.rows {
		s.Fatalf("%s: %d rows in a turn of %d", p.spec.Name, n, f.rows)
	}
	if f.work.pending() > len(f.work.refs) || f.agents.pending() > len(f.agents.refs) {
		s.Fatalf("%s: more is pending than there is", p.spec.Name)
	}
	s.discreet(p, in, turn)
	s.compare(p, in)
	s.places(in, turn)
}

func (s *stage) encode(turn *route.Turn) {
	frame, err := route.EncodeTurn(nil, turn)
	if err != nil {
		s.Fatal(err)
	}
	var again route.Turn
	if err := route.DecodeTurn(frame, &again); err != nil {
		s.Fatalf("the turn cannot be read again: %v", err)
	}
	s.frames = append(s.frames, frame)
}

// follows checks the turn's numbers.
func (s *stage) follows(in *player, turn *route.Turn) {
	last := s.boards[in]
	if last == nil {
		last = &picture{epoch: in.epoch}
		s.boards[in] = last
	}
	base := uint64(0)
	if turn.Kind == route.KindDelta {
		base = last.seq
	}
	if turn.Epoch != last.epoch || turn.Seq != last.seq+1 || turn.BaseSeq != base || turn.Now != int64(s.now) {
		s.Fatalf("turn %d/%d on %d at %d follows %d/%d", turn.Epoch, turn.Seq, turn.BaseSeq, turn.Now, last.epoch, last.seq)
	}
	last.seq = turn.Seq
}

// discreet checks that nothing is shown that the strategy may not see.
func (s *stage) discreet(p *post, in *player, turn *route.Turn) {
	if bytes.Contains(turn.Bytes, []byte("hush")) || p.spec.Name == "second" && bytes.Contains(turn.Bytes, []byte("tongue")) {
		s.Fatalf("%s was told a secret", p.spec.Name)
	}
	for q := range in.board.AllQueues() {
		if name := in.board.Word(q.Name); !s.sees(p, name) && p.feed.move.queues[name] != whole {
			s.Fatalf("%s sees queue %q", p.spec.Name, name)
		}
	}
}

// sees says whether the queue is the strategy's matter, by who was put in charge
// of it.
func (s *stage) sees(p *post, queue string) bool {
	t := s.d.trials[queue]
	return s.stands(p, queue) || t != nil && t.post == p
}

// stands says whether the strategy decides for the queue but for a canary, or
// prepares to.
func (s *stage) stands(p *post, queue string) bool {
	q, routing := routed(s.e.Definition(), queue)
	main, owner := s.d.named[cmp.Or(q.Deciders.Strategy, routing.Strategy)], s.d.owner[queue]
	fallback := routing.Fallback
	if fallback == main.spec.Name {
		fallback = routing.Strategy
	}
	return main == p || owner == p || owner != main && s.d.before(queue, main) == p || owner == nil && fallback == p.spec.Name
}

// shows says whether the work is the strategy's matter.
func (s *stage) shows(p *post, w *engine.Work) bool {
	t, stands := s.d.trials[w.Queue], s.stands(p, w.Queue)
	switch {
	case t == nil:
		return stands
	case t.post == p:
		return stands || t.canary.Takes(w.ID)
	default:
		return stands && (!t.decides || !t.canary.Takes(w.ID))
	}
}

// compare checks every row against the engine. What is noted as changed, or is
// still ahead in a snapshot or of a queue that moves, may differ; when nothing
// is, nothing may.
func (s *stage) compare(p *post, in *player) {
	f, all := p.feed, !p.feed.pending()
	var want []string
	for _, q := range s.e.Definition().Queues {
		if c := f.move.queues[q.Name]; s.sees(p, q.Name) || c == whole {
			want = append(want, s.queue(&q, c == more || c == whole))
		}
	}
	s.equal("queues", want, collect(in.board.AllQueues(), func(q *route.Queue) string { return showQueue(in, q) }))
	s.compareWork(p, in, all)
	s.compareAgents(p, in, all)
}

func (s *stage) compareWork(p *post, in *player, all bool) {
	f, shown, expected := p.feed, make(map[string]string), make(map[string]string)
	moves := func(w *engine.Work) bool {
		_, moves := f.move.queues[w.Queue]
		return moves
	}
	ahead := func(w *engine.Work) bool {
		at := &f.walk
		if f.next == route.KindDelta {
			switch f.move.queues[w.Queue] {
			case whole:
			case more:
				at = &f.move.ahead
			default:
				return false
			}
		}
		return !at.work && w.ID > at.item
	}
	for row := range in.board.AllWork() {
		slot := f.work.slots[row.Ref]
		w, ok := s.e.Work(slot.key)
		if slot.dirty || f.moving() && (!ok || moves(w) && !s.shows(p, w)) {
			continue
		}
		shown[slot.key.String()] = showWork(in, row)
	}
	s.e.EachWork(0, func(w *engine.Work) bool {
		ref, known := f.work.refs[w.ID]
		if (w.State == engine.Waiting || w.State == engine.Offered) && s.shows(p, w) {
			if all || known && !f.work.slots[ref].dirty {
				expected[w.ID.String()] = s.work(p, w)
			} else if !known && !ahead(w) {
				s.Fatalf("%s was never told of %v", p.spec.Name, w.ID)
			}
		}
		return true
	})
	s.equal("work", sorted(expected), sorted(shown))
}

func (s *stage) compareAgents(p *post, in *player, all bool) {
	f, shown, expected := p.feed, make(map[string]string), make(map[string]string)
	follows := slices.Contains(slices.Collect(maps.Values(f.move.queues)), whole)
	moves := func(a *engine.Agent) bool {
		return slices.ContainsFunc(a.Definition.InQueues(), func(q string) bool { return f.move.queues[q] == whole }) || follows && !s.concerns(p, a)
	}
	for row := range in.board.AllAgents() {
		slot := f.agents.slots[row.Ref]
		a, ok := s.e.Agent(slot.key)
		if !slot.dirty && ok && !moves(a) {
			shown[slot.key] = showAgent(in, row)
		}
	}
	s.e.EachAgent("", func(a *engine.Agent) bool {
		ref, known := f.agents.refs[a.ID]
		if a.Status != engine.Offline && s.concerns(p, a) {
			if all || known && !f.agents.slots[ref].dirty && !moves(a) {
				expected[a.ID] = s.agent(p, a)
			} else if !known && (f.next == route.KindDelta && !follows || f.walk.agents || a.ID <= f.walk.agent) {
				s.Fatalf("%s was never told of %v", p.spec.Name, a.ID)
			}
		}
		return true
	})
	s.equal("agents", sorted(expected), sorted(shown))
}

// concerns reports whether the agent may take any of the work on the board: a
// member of a queue, or somebody with skills where they are what counts.
func (s *stage) concerns(p *post, a *engine.Agent) bool {
	for _, q := range s.e.Definition().Queues {
		bySkills := slices.ContainsFunc(s.e.Definition().RoutingConfigs, func(r engine.RoutingConfig) bool {
			return r.Name == q.Routing && r.BySkills
		})
		if s.sees(p, q.Name) && (slices.Contains(a.Definition.InQueues(), q.Name) || bySkills && len(a.Skills) > 0) {
			return true
		}
	}
	return false
}

// places checks that a row keeps its ref and generation while it is there, and
// that a slot used again has a higher generation.
func (s *stage) places(in *player, turn *route.Turn) {
	last := s.boards[in]
	if turn.Kind.Resets() {
		last.work, last.agents = nil, nil
		last.gens = map[string]map[uint32]uint32{"work": {}, "agents": {}}
	}
	work, agents := make(map[string]place), make(map[string]place)
	for w := range in.board.AllWork() {
		work[fmt.Sprint(w.Sequence)] = place{w.Ref, w.Gen}
	}
	for a := range in.board.AllAgents() {
		agents[in.board.Word(a.Name)] = place{a.Ref, a.Gen}
	}
	for table, now := range map[string]map[string]place{"work": work, "agents": agents} {
		before := last.work
		if table == "agents" {
			before = last.agents
		}
		for key, at := range now {
			if was, ok := before[key]; ok {
				if was != at {
					s.Fatalf("%s %s moved from %v to %v", table, key, was, at)
				}
				continue
			}
			if gen, ok := last.gens[table][at.ref]; ok && at.gen <= gen {
				s.Fatalf("%s %s came to %v, which had generation %d before", table, key, at, gen)
			}
			last.gens[table][at.ref] = at.gen
		}
	}
	last.work, last.agents = work, agents
}

func (s *stage) equal(what string, want, got []string) {
	if !slices.Equal(want, got) {
		s.Fatalf("%s on the board:\n\t%s\nin the engine:\n\t%s", what, strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func sorted(m map[string]string) []string { return slices.Sorted(maps.Values(m)) }

func collect[T any](rows func(func(T) bool), show func(T) string) (out []string) {
	for row := range rows {
		out = append(out, show(row))
	}
	slices.Sort(out)
	return out
}

// What a row says, in words: once from the engine's state, once from the board.

func (s *stage) queue(q *engine.QueueDefinition, moves bool) string {
	for _, routing := range s.e.Definition().RoutingConfigs {
		if routing.Name == q.Routing {
			return fmt.Sprintf("%s %v within %d, to %d at once, by skills %v, held %v", q.Name, routing.Model, min(q.Within, 1<<32-1),
				q.OfferTo, routing.BySkills, moves || s.e.Held(q.Name))
		}
	}
	return "?"
}

func showQueue(in *player, q *route.Queue) string {
	return fmt.Sprintf("%s %v within %d, to %d at once, by skills %v, held %v", in.board.Word(q.Name), q.Model, q.WithinMS,
		q.OfferTo, q.Flags&route.QueueBySkills != 0, q.Flags&route.QueueHeld != 0)
}

func (s *stage) work(p *post, w *engine.Work) string {
	attributes := make(map[string]string)
	for _, name := range lets[p.spec.Name] {
		if value, ok := w.Spec.Attributes[name]; ok {
			attributes[name] = value
		}
	}
	needs := []string{}
	for _, n := range w.Needs {
		needs = append(needs, fmt.Sprint(n.Skill, n.Now, n.Additional, n.Group, n.Dropped))
	}
	return fmt.Sprintf(workWords,
		w.ID, w.State, w.Spec.Channel, w.Queue, w.Revision, w.Priority, w.Secondary, w.Size.Units, w.Size.Percent,
		s.e.Interruptible(w.Spec.Channel), w.RequestedAt, w.Spec.TargetAcceptAt, w.Tier, w.Offers(), needs,
		w.Declines, append([]string{}, w.Excluded...), w.Agent, w.Required, until(w), attributes)
}

// until is how long the preferred agent alone is asked.
func until(w *engine.Work) engine.Time {
	if w.Required {
		return 0
	}
	return w.Until
}

const workWords = "%d %s of %s in %s, revision %d, priority %d then %d, size %d or %d, interruptible %v, since %d, until %d, " +
	"tier %d, %d offers, needs %v, declined %d: %v, for %q, required %v, until %d, %v"

func showWork(in *player, w *route.Work) string {
	b := &in.board
	declined := []string{}
	for _, id := range b.Declined(w) {
		declined = append(declined, b.Word(id))
	}
	attributes := make(map[string]string)
	list := b.Attributes(w)
	for i := range list {
		attributes[b.Word(list[i].Name)] = string(b.Value(&list[i]))
	}
	only := b.Word(w.Agent)
	if len(list) != len(attributes) {
		only = "inconsistent"
	}
	needs := []string{}
	for _, n := range b.Needs(w) {
		needs = append(needs, fmt.Sprint(b.Word(n.Name), n.Level, n.Flags&route.NeedAdditional != 0, n.Group, n.Flags&route.NeedDropped != 0))
	}
	state := map[route.WorkState]engine.WorkState{route.WorkWaiting: engine.Waiting, route.WorkOffered: engine.Offered}[w.State]
	rest := *w
	rest.Ref, rest.Gen, rest.Revision, rest.Queue, rest.Sequence, rest.RequestedAt, rest.TargetAcceptAt = 0, 0, 0, 0, 0, 0, 0
	rest.Priority, rest.Size, rest.Channel, rest.State, rest.Flags, rest.Agent, rest.Declines = 0, 0, 0, 0, 0, 0, 0
	rest.Declined, rest.Attributes, rest.Needs = route.Span{}, route.Span{}, route.Span{}
	rest.Secondary, rest.Percent, rest.Tier, rest.Offers, rest.PreferredUntil = 0, 0, 0, 0, 0
	if rest != (route.Work{}) {
		only = fmt.Sprintf("more than is so: %+v", rest)
	}
	return fmt.Sprintf(workWords,
		w.Sequence, state, channel(in, w.Channel), b.Word(b.Queue(w.Queue).Name), w.Revision, w.Priority, w.Secondary, w.Size, w.Percent,
		w.Flags&route.WorkInterruptible != 0, w.RequestedAt, w.TargetAcceptAt, w.Tier, w.Offers, needs,
		w.Declines, declined, only, w.Flags&route.WorkRequired != 0, w.PreferredUntil, attributes)
}

func channel(in *player, ordinal uint16) string {
	for _, c := range in.board.Channels() {
		if c.Ordinal == ordinal {
			return in.board.Word(c.Name)
		}
	}
	return "?"
}

func (s *stage) agent(p *post, a *engine.Agent) string {
	var channels, members, skills []string
	for _, status := range s.e.Definition().Statuses {
		if status.Name == a.Status {
			channels = status.Channels
		}
	}
	for _, m := range a.Definition.Queues {
		if s.sees(p, m.Queue) {
			members = append(members, fmt.Sprintf("%s/%d*%d", m.Queue, max(m.Tier, 1), m.Weight))
		}
	}
	for _, k := range a.Skills {
		skills = append(skills, fmt.Sprint(k.Name, k.Level))
	}
	return fmt.Sprintf(agentWords,
		a.ID, a.Status, a.StatusSince, append([]string{}, channels...), a.Connected, members, skills, len(a.Held), a.Presence.MaxOpen,
		a.Offers, a.Presence.MaxOffers, a.Used, a.Presence.Capacity, a.InterruptibleUsed, a.Presence.Interruptible,
		a.IdleSince, a.SignedInAt, a.AssignedAt)
}

const agentWords = "%s is %s since %d on %v, connected %v, in %v, skills %v, %d of %d open, %d of %d offers, %d of %d used and %d of %d, " +
	"idle %d, in since %d, assigned %d"

func showAgent(in *player, a *route.Agent) string {
	b := &in.board
	channels, members, skills := []string{}, []string(nil), []string(nil)
	for _, c := range b.Channels() {
		if a.Channels&(1<<c.Ordinal) != 0 {
			channels = append(channels, b.Word(c.Name))
		}
	}
	for _, m := range b.Members(a) {
		members = append(members, fmt.Sprintf("%s/%d*%d", b.Word(b.Queue(m.Queue).Name), m.Tier, m.Weight))
	}
	for _, k := range b.Skills(a) {
		skills = append(skills, fmt.Sprint(b.Word(k.Name), k.Level))
	}
	return fmt.Sprintf(agentWords,
		b.Word(a.Name), b.Word(a.Status), a.StatusSince, channels, a.Flags == route.AgentConnected, members, skills, a.Open, a.MaxOpen,
		a.Offers, a.MaxOffers, a.Used, a.Capacity, a.InterruptibleUsed, a.Interruptible,
		a.IdleSince, a.SignedInAt, a.AssignedAt)
}

// action draws something that happens, for two stages that are alike.
func action(t *rapid.T, r *rig) func(*stage) {
	agents := []string{"ann", "bob", "cid", "eve"}
	agent := rapid.SampledFrom(agents)
	command := func(c engine.Command) func(*stage) { return func(s *stage) { s.try(c) } }
	item := func() engine.WorkID {
		next := uint64(r.e.State().NextWork)
		return engine.WorkID(rapid.Uint64Range(next-min(next, 12), next).Draw(t, "work"))
	}
	// held is an assignment that stands, most of the time.
	held := func() (engine.AssignmentID, string) {
		name := agent.Draw(t, "agent")
		if a, ok := r.e.Agent(name); ok && len(a.Held) > 0 {
			return rapid.SampledFrom(slices.Clone(a.Held)).Draw(t, "assignment"), name
		}
		return 1, name
	}
	switch rapid.IntRange(0, 27).Draw(t, "action") {
	case 0, 1, 2:
		return command(engine.CreateWork{Spec: arrival(t, r.now)})
	case 3:
		return command(engine.CancelWork{Work: item()})
	case 4:
		return command(engine.AbandonWork{Work: item()})
	case 5:
		return command(engine.RequeueWork{Work: item()})
	case 6, 7:
		name, status := agent.Draw(t, "agent"), rapid.SampledFrom([]string{"online", "online", "writing", "break"}).Draw(t, "status")
		return func(s *stage) {
			s.try(engine.Connect{Agent: name})
			s.try(engine.SignIn{Agent: name, Status: status})
		}
	case 8:
		return command(engine.SignOut{Agent: agent.Draw(t, "agent")})
	case 9:
		return command(engine.Disconnect{Agent: agent.Draw(t, "agent")})
	case 10:
		return command(engine.SetStatus{Agent: agent.Draw(t, "agent"), Status: rapid.SampledFrom([]string{"online", "writing", "break"}).Draw(t, "status")})
	case 11, 12:
		id, name := held()
		return command(engine.Accept{Assignment: id, Agent: name})
	case 13:
		id, name := held()
		return command(engine.Decline{Assignment: id, Agent: name})
	case 14:
		id, name := held()
		return command(engine.Complete{Assignment: id, Agent: name})
	case 15:
		by := engine.Time(rapid.SampledFrom([]int64{1, 100, 1000, 7000, 20_000}).Draw(t, "ms"))
		return func(s *stage) {
			s.now += by
			s.try(engine.Tick{})
		}
	case 16:
		return command(engine.Configure{Definition: redefined(t)})
	case 17:
		return (*stage).settle
	case 18, 19:
		return func(s *stage) {
			s.give()
			s.lend()
		}
	case 22:
		return command(engine.TransferWork{Work: item(), Queue: rapid.SampledFrom([]string{"main", "other"}).Draw(t, "queue")})
	case 23:
		return command(engine.TransferWork{Work: item(), Agent: agent.Draw(t, "agent")})
	case 24:
		return command(engine.UpdateWork{Work: item(), Attributes: map[string]string{"tongue": "fr"}})
	case 20:
		names := rapid.SampledFrom([]string{"", "first", "second"})
		to := engine.Deciders{Strategy: names.Draw(t, "strategy")}
		if name := names.Draw(t, "canary"); name != "" {
			to.Canary = &engine.Canary{Strategy: name, Share: uint16(rapid.IntRange(1, engine.WholeShare).Draw(t, "share"))}
		}
		return command(engine.Decide{Queue: rapid.SampledFrom([]string{"main", "other"}).Draw(t, "queue"), To: to})
	case 25:
		return command(engine.InviteAgent{Work: item(), Agent: agent.Draw(t, "agent")})
	default:
		return (*stage).give
	}
}

func arrival(t *rapid.T, now engine.Time) engine.WorkSpec {
	spec := engine.WorkSpec{
		Channel:       rapid.SampledFrom([]string{"chat", "mail"}).Draw(t, "channel"),
		Queue:         rapid.SampledFrom([]string{"main", "other"}).Draw(t, "queue"),
		RequiredAgent: rapid.SampledFrom([]string{"", "", "", "ann", "cid"}).Draw(t, "only"),
		Attributes:    map[string]string{"secret": "hush"},
		Needs:         rapid.SampledFrom([][]engine.Need{nil, nil, {{Skill: "art", Level: 3000}}, {{Skill: "law", Additional: true, Group: 2}, {Skill: "art", Additional: true}}}).Draw(t, "needs"),
		Size:          rapid.SampledFrom([]engine.Amount{{}, {}, engine.Percent(33_000)}).Draw(t, "size"),
	}
	if spec.RequiredAgent != "" && rapid.Bool().Draw(t, "backed up") {
		spec.Backup, spec.PreferredFor = "other", 5000
	} else if spec.RequiredAgent == "" && rapid.Bool().Draw(t, "preferring") {
		spec.PreferredAgent, spec.PreferredFor = "bob", 3000
	}
	if rapid.Bool().Draw(t, "more") {
		priority := int32(rapid.IntRange(0, 3).Draw(t, "priority"))
		spec.Priority, spec.TargetAcceptAt, spec.ExpiresAt = &priority, now+7, now+engine.Time(rapid.IntRange(1, 30_000).Draw(t, "life"))
		spec.Attributes["tongue"] = rapid.SampledFrom([]string{"", "de", "日本"}).Draw(t, "tongue")
		spec.Attributes["tier"] = "gold"
	}
	return spec
}

// redefined is the centre in one of many variations.
func redefined(t *rapid.T) engine.Definition {
	d := centre()
	names := rapid.SampledFrom([]string{"first", "second"})
	fallbacks := rapid.SampledFrom([]string{"", "first", "second"})
	for i := range d.RoutingConfigs {
		routing := &d.RoutingConfigs[i]
		routing.Strategy, routing.Fallback = names.Draw(t, "strategy"), fallbacks.Draw(t, "fallback")
		routing.DeclineRule = engine.DeclineRule(rapid.IntRange(0, 2).Draw(t, "decline rule"))
		routing.Model = route.Model(rapid.IntRange(1, 7).Draw(t, "model"))
		routing.BySkills = rapid.Bool().Draw(t, "by skills")
		routing.DropAfter = engine.Time(rapid.SampledFrom([]int64{0, 4000}).Draw(t, "drop after"))
	}
	// Both stay needed, so that the end of the story finds them at work.
	d.RoutingConfigs[0].Strategy, d.RoutingConfigs[1].Fallback = "first", "second"
	for i := range d.PresenceConfigs {
		d.PresenceConfigs[i].Capacity = engine.Milli(rapid.IntRange(1, 3).Draw(t, "capacity")) * 1000
	}
	for i := range d.Agents {
		d.Agents[i].Queues = slices.Clone(rapid.SampledFrom([][]engine.Membership{
			engine.Member("main"), {{Queue: "other", Tier: 2, Weight: 7}}, {{Queue: "main"}, {Queue: "other", Tier: 2}}, nil,
		}).Draw(t, "queues"))
		d.Agents[i].Skills = rapid.SampledFrom([][]engine.Skill{nil, {{Name: "art", Level: 5000}}, {{Name: "law", Until: begin + 30_000}}}).Draw(t, "skills")
	}
	d.Channels[0].Interruptible = rapid.Bool().Draw(t, "interruptible")
	d.Channels[1].Secondary = &engine.Secondary{Attribute: "tongue", Values: map[string]int32{"de": 1}, Otherwise: 2}
	d.KeepClosedItems = uint32(rapid.SampledFrom([]int{1, 100}).Draw(t, "kept"))
	d.Queues[0].OfferTo = uint16(rapid.IntRange(0, 3).Draw(t, "offer to"))
	for i := range d.Queues {
		if d.Queues[i].Name == "other" {
			d.Queues[i].Tiers = []engine.Time{2000}
			d.Queues[i].Overflow = &engine.Overflow{To: "main", After: 9000}
		}
	}
	d.Queues[1].Within = engine.Time(rapid.SampledFrom([]int64{0, 5, 1 << 40}).Draw(t, "within"))
	if rapid.Bool().Draw(t, "third queue") {
		d.Queues = append(d.Queues, engine.QueueDefinition{Name: "third", Routing: "reverse"})
		d.Agents[0].Queues = engine.Member("third", "main")
	}
	return d
}
