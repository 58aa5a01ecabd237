// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"fmt"
	"iter"
)

// Board is a strategy's mirror of what the host lets it see. Apply keeps it in
// step; everything else reads. It holds its own copies, so nothing of a turn
// is kept. The zero Board is empty and ready for a snapshot.
//
// Rows are found by their ref and are valid until the next Apply. Spans inside
// rows refer to the board's own lists: read them with Needs, Declined,
// Attributes, Members and Skills.
//
// A Board is not safe for concurrent use.
type Board struct {
	epoch, seq uint64
	now        int64
	paging     bool // a snapshot has begun and not ended
	ready      bool // a snapshot has ended and nothing was missed since

	work   slots[Work]
	agents slots[Agent]
	queues slots[Queue]

	channels []Channel
	words    []string // by id

	members    arena[Member]
	skills     arena[Skill]
	needs      arena[Need]
	declined   arena[uint32]
	attributes arena[Attribute]
	text       arena[byte]

	digest  Digest
	changed Changes
}

// Changes names the rows that the last Apply touched, so that an index beside
// the board can follow. The lists are valid until the next Apply.
//
// Take them in this order: if Reset, empty the index; then what is gone; then
// what came or changed. A ref may be both gone and changed: its slot was freed
// and used again.
type Changes struct {
	// Reset says that the board was emptied first.
	Reset bool
	// WorkGone, AgentsGone and QueuesGone hold the refs of rows that left.
	WorkGone, AgentsGone, QueuesGone []uint32
	// Work, Agents and Queues hold the refs of rows that came or changed.
	Work, Agents, Queues []uint32
}

// Apply brings the board up to date. It returns ErrNeedSnapshot if the turn
// does not follow on what the board holds, or if the digests differ; the board
// then answers so until a snapshot comes. Other errors mean that the turn is
// not a valid one, and the board needs a snapshot too.
//
// Apply does not allocate once the board has seen its largest size, apart from
// the text of new words.
func (b *Board) Apply(t *Turn) error {
	if !b.follows(t) {
		b.ready, b.paging = false, false
		return ErrNeedSnapshot
	}
	b.ready, b.paging = false, false
	b.changed.clear()
	if t.Kind.Resets() {
		b.reset()
	}
	if err := b.applyRows(t); err != nil {
		return err
	}
	b.epoch, b.seq, b.now = t.Epoch, t.Seq, t.Now
	if t.Digest != 0 && t.Digest != b.digest.Sum() {
		return ErrNeedSnapshot
	}
	b.ready, b.paging = t.Kind.Asks(), !t.Kind.Asks()
	return nil
}

// follows reports whether the turn follows on what the board holds.
func (b *Board) follows(t *Turn) bool {
	switch t.Kind {
	case KindSnapshot, KindSnapshotFirst:
		return true
	case KindSnapshotMore, KindSnapshotLast:
		return b.paging && t.Epoch == b.epoch && t.Seq == b.seq+1
	case KindDelta:
		return b.ready && t.Epoch == b.epoch && t.BaseSeq == b.seq && t.Seq > b.seq
	default:
		return false
	}
}

func (b *Board) reset() {
	b.work.reset()
	b.agents.reset()
	b.queues.reset()
	b.channels = b.channels[:0]
	clear(b.words)
	b.members.reset()
	b.skills.reset()
	b.needs.reset()
	b.declined.reset()
	b.attributes.reset()
	b.text.reset()
	b.digest = 0
	b.changed.Reset = true
}

func (b *Board) applyRows(t *Turn) error {
	for _, gone := range t.WorkGone {
		if err := b.workGone(gone); err != nil {
			return err
		}
	}
	for _, gone := range t.AgentsGone {
		if err := b.agentGone(gone); err != nil {
			return err
		}
	}
	for _, gone := range t.QueuesGone {
		if err := b.queueGone(gone); err != nil {
			return err
		}
	}
	for i := range t.Words {
		if err := b.putWord(t, &t.Words[i]); err != nil {
			return err
		}
	}
	for i := range t.Channels {
		b.putChannel(&t.Channels[i])
	}
	for i := range t.Queues {
		if err := b.putQueue(&t.Queues[i]); err != nil {
			return err
		}
	}
	for i := range t.Agents {
		if err := b.putAgent(t, &t.Agents[i]); err != nil {
			return err
		}
	}
	for i := range t.Work {
		if err := b.putWork(t, &t.Work[i]); err != nil {
			return err
		}
	}
	return nil
}

func (b *Board) workGone(gone Gone) error {
	row := b.work.get(gone.Ref)
	if row == nil {
		return nil
	}
	if row.Gen != gone.Gen {
		return ErrNeedSnapshot
	}
	b.needs.drop(row.Needs)
	b.declined.drop(row.Declined)
	b.dropAttributes(row.Attributes)
	b.digest.Toggle(TableWork, row.Ref, row.Gen, row.Revision)
	b.work.remove(gone.Ref)
	b.changed.WorkGone = append(b.changed.WorkGone, gone.Ref)
	return nil
}

func (b *Board) agentGone(gone Gone) error {
	row := b.agents.get(gone.Ref)
	if row == nil {
		return nil
	}
	if row.Gen != gone.Gen {
		return ErrNeedSnapshot
	}
	b.members.drop(row.Members)
	b.skills.drop(row.Skills)
	b.digest.Toggle(TableAgent, row.Ref, row.Gen, row.Version)
	b.agents.remove(gone.Ref)
	b.changed.AgentsGone = append(b.changed.AgentsGone, gone.Ref)
	return nil
}

func (b *Board) queueGone(gone Gone) error {
	row := b.queues.get(gone.Ref)
	if row == nil {
		return nil
	}
	if row.Gen != gone.Gen {
		return ErrNeedSnapshot
	}
	b.digest.Toggle(TableQueue, row.Ref, row.Gen, row.Version)
	b.queues.remove(gone.Ref)
	b.changed.QueuesGone = append(b.changed.QueuesGone, gone.Ref)
	return nil
}

func (b *Board) putWord(t *Turn, word *Word) error {
	if word.ID == 0 || word.ID > MaxRef || !word.fits(t) {
		return fmt.Errorf("route: word %d: id or text out of range", word.ID)
	}
	for int(word.ID) >= len(b.words) {
		b.words = append(b.words, "")
	}
	if text := Of(t.Bytes, word.Text); b.words[word.ID] != string(text) {
		b.words[word.ID] = string(text)
	}
	return nil
}

func (b *Board) putChannel(channel *Channel) {
	for i := range b.channels {
		if b.channels[i].Ordinal == channel.Ordinal {
			b.channels[i] = *channel
			return
		}
	}
	b.channels = append(b.channels, *channel)
}

func (b *Board) putQueue(queue *Queue) error {
	if queue.Ref > MaxRef {
		return fmt.Errorf("route: queue: ref %d out of range", queue.Ref)
	}
	row := b.queues.get(queue.Ref)
	if row != nil && row.Gen != queue.Gen {
		if err := b.queueGone(Gone{Ref: row.Ref, Gen: row.Gen}); err != nil {
			return err
		}
		row = nil
	}
	if row != nil {
		b.digest.Toggle(TableQueue, row.Ref, row.Gen, row.Version)
	}
	*b.queues.use(queue.Ref) = *queue
	b.digest.Toggle(TableQueue, queue.Ref, queue.Gen, queue.Version)
	b.changed.Queues = append(b.changed.Queues, queue.Ref)
	return nil
}

func (b *Board) putAgent(t *Turn, agent *Agent) error {
	if agent.Ref > MaxRef || !agent.fits(t) {
		return fmt.Errorf("route: agent: ref %d or its lists out of range", agent.Ref)
	}
	row := b.agents.get(agent.Ref)
	if row != nil && row.Gen != agent.Gen {
		if err := b.agentGone(Gone{Ref: row.Ref, Gen: row.Gen}); err != nil {
			return err
		}
		row = nil
	}
	if row != nil {
		b.digest.Toggle(TableAgent, row.Ref, row.Gen, row.Version)
	}
	row = b.agents.use(agent.Ref)
	members := b.members.put(row.Members, Of(t.Members, agent.Members))
	skills := b.skills.put(row.Skills, Of(t.Skills, agent.Skills))
	*row = *agent
	row.Members, row.Skills = members, skills
	b.digest.Toggle(TableAgent, row.Ref, row.Gen, row.Version)
	b.changed.Agents = append(b.changed.Agents, agent.Ref)
	return nil
}

func (b *Board) putWork(t *Turn, work *Work) error {
	if work.Ref > MaxRef || !work.fits(t) {
		return fmt.Errorf("route: work: ref %d or its lists out of range", work.Ref)
	}
	row := b.work.get(work.Ref)
	if row != nil && row.Gen != work.Gen {
		if err := b.workGone(Gone{Ref: row.Ref, Gen: row.Gen}); err != nil {
			return err
		}
		row = nil
	}
	if row != nil {
		b.digest.Toggle(TableWork, row.Ref, row.Gen, row.Revision)
	}
	row = b.work.use(work.Ref)
	needs := b.needs.put(row.Needs, Of(t.Needs, work.Needs))
	declined := b.declined.put(row.Declined, Of(t.WordIDs, work.Declined))
	attributes, err := b.putAttributes(row.Attributes, t, work.Attributes)
	*row = *work
	row.Needs, row.Declined, row.Attributes = needs, declined, attributes
	b.digest.Toggle(TableWork, row.Ref, row.Gen, row.Revision)
	b.changed.Work = append(b.changed.Work, work.Ref)
	return err
}

func (b *Board) putAttributes(old Span, t *Turn, span Span) (Span, error) {
	if old.N == 0 && span.N == 0 {
		return Span{}, nil
	}
	for i := range b.attributes.of(old) {
		b.text.drop(b.attributes.of(old)[i].Value)
	}
	put := b.attributes.put(old, Of(t.Attributes, span))
	mine := b.attributes.of(put)
	for i := range mine {
		if !mine[i].fits(t) {
			clear(mine)
			return put, fmt.Errorf("route: attribute: value out of range")
		}
		mine[i].Value = b.text.put(Span{}, Of(t.Bytes, mine[i].Value))
	}
	return put, nil
}

func (b *Board) dropAttributes(span Span) {
	for _, attribute := range b.attributes.of(span) {
		b.text.drop(attribute.Value)
	}
	b.attributes.drop(span)
}

func (c *Changes) clear() {
	*c = Changes{
		WorkGone: c.WorkGone[:0], AgentsGone: c.AgentsGone[:0], QueuesGone: c.QueuesGone[:0],
		Work: c.Work[:0], Agents: c.Agents[:0], Queues: c.Queues[:0],
	}
}

// Changed returns what the last Apply touched. It is never nil.
func (b *Board) Changed() *Changes { return &b.changed }

// Ready reports whether the board is whole: a snapshot has ended and nothing
// was missed since.
func (b *Board) Ready() bool { return b.ready }

// Now returns the time of the last turn in Unix milliseconds.
func (b *Board) Now() int64 { return b.now }

// Seq returns the number of the last turn applied.
func (b *Board) Seq() uint64 { return b.seq }

// Digest returns the fingerprint of the rows on the board.
func (b *Board) Digest() uint32 { return b.digest.Sum() }

// Work returns the work at ref, or nil.
func (b *Board) Work(ref uint32) *Work { return b.work.get(ref) }

// Agent returns the agent at ref, or nil.
func (b *Board) Agent(ref uint32) *Agent { return b.agents.get(ref) }

// Queue returns the queue at ref, or nil.
func (b *Board) Queue(ref uint32) *Queue { return b.queues.get(ref) }

// Channels returns the channels, in the order in which they came first.
func (b *Board) Channels() []Channel { return b.channels }

// Word returns the string with the dictionary id, "" if there is none.
func (b *Board) Word(id uint32) string {
	if int64(id) >= int64(len(b.words)) {
		return ""
	}
	return b.words[id]
}

// WorkCount returns how much work is on the board.
func (b *Board) WorkCount() int { return b.work.n }

// AgentCount returns how many agents are on the board.
func (b *Board) AgentCount() int { return b.agents.n }

// QueueCount returns how many queues are on the board.
func (b *Board) QueueCount() int { return b.queues.n }

// AllWork yields all work in the order of refs.
func (b *Board) AllWork() iter.Seq[*Work] { return b.work.all() }

// AllAgents yields all agents in the order of refs.
func (b *Board) AllAgents() iter.Seq[*Agent] { return b.agents.all() }

// AllQueues yields all queues in the order of refs.
func (b *Board) AllQueues() iter.Seq[*Queue] { return b.queues.all() }

// Needs returns the skills that work requires.
func (b *Board) Needs(work *Work) []Need { return b.needs.of(work.Needs) }

// Declined returns the dictionary ids of the agents that work may not be
// offered to now.
func (b *Board) Declined(work *Work) []uint32 { return b.declined.of(work.Declined) }

// Attributes returns the attributes of work that the admin lets through. Value
// gives their text.
func (b *Board) Attributes(work *Work) []Attribute { return b.attributes.of(work.Attributes) }

// Value returns the text of an attribute that Attributes returned, as UTF-8.
func (b *Board) Value(attribute *Attribute) []byte { return b.text.of(attribute.Value) }

// Attribute returns the value of the work's attribute of that name, and
// whether there is one.
func (b *Board) Attribute(work *Work, name string) (value string, ok bool) {
	attributes := b.Attributes(work)
	for i := range attributes {
		if b.Word(attributes[i].Name) == name {
			return string(b.Value(&attributes[i])), true
		}
	}
	return "", false
}

// Members returns the queues an agent belongs to.
func (b *Board) Members(agent *Agent) []Member { return b.members.of(agent.Members) }

// Skills returns the skills an agent holds.
func (b *Board) Skills(agent *Agent) []Skill { return b.skills.of(agent.Skills) }
