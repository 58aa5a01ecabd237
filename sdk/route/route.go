// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package route is the contract between Patchbay's host and a strategy, the
// logic that decides which agent is offered which work.
//
// A strategy sees a board: the waiting and offered work of the queues it
// serves, and the agents who may take any of it. The host keeps the board in
// step by turns; each turn says what has changed since the last one, and the
// strategy answers with proposals. The host settles them: a proposal that does
// not hold is refused without harm, and the strategy is told in the next turn.
//
// The package imports the standard library only. It knows nothing of how a
// strategy is carried (linked in, as a process, as a WASM module, by a remote
// router) nor of the host's own state.
package route

import "errors"

// ErrNeedSnapshot is returned by a strategy's Turn when its board is out of
// step. The host answers with a snapshot in the next turn; it is not a fault.
var ErrNeedSnapshot = errors.New("route: board out of step: a snapshot is needed")

// Strategy decides, turn by turn, which agent is offered which work.
//
// Its life:
//
//  1. A Plugin's New makes it. It must not start goroutines, read clocks or
//     draw random numbers of its own: time and seed come with each turn, so
//     that a recorded turn replays to the same answer.
//  2. Configure is called once before the first turn, and again when an admin
//     changes the settings.
//  3. Turn is called with a snapshot (one or more pages), then with deltas.
//  4. It is dropped. A strategy that holds resources implements io.Closer.
//
// Calls never overlap; a strategy needs no locks.
type Strategy interface {
	// Configure takes the admin's settings as one JSON object, which may be
	// empty ("{}"). An error refuses them: it should say what is wrong, what
	// would be right, and where. The settings in force stay in force.
	Configure(settings []byte) error

	// Turn brings the strategy up to date and asks for proposals. Neither the
	// turn nor the reply may be kept after it returns; rows are copied by
	// value. It should return well before turn.Budget has passed.
	//
	// ErrNeedSnapshot asks for a snapshot. Any other error says that the
	// strategy is broken: the host replaces it by the fallback and restarts
	// it. "Nobody fits" is no error but a reply without proposals.
	Turn(turn *Turn, reply *Reply) error
}

// Plugin is a strategy's package: what it is, and how one is made.
type Plugin struct {
	// Manifest says what the strategy is and wants.
	Manifest Manifest
	// New makes one strategy with an empty board and default settings.
	New func() Strategy
}

// ContractMajor is the major version of the contract this package speaks. It
// is the protobuf package's version and the WASM export's.
const ContractMajor = 1

// Manifest is what a strategy says of itself at load.
type Manifest struct {
	// Name is the strategy's own name, such as "queue".
	Name string `json:"name"`
	// Version is the version of the package, by semver.
	Version string `json:"version"`
	// Majors lists the contract's major versions it speaks; the host takes the
	// highest that both speak. Nil means {ContractMajor}.
	Majors []uint32 `json:"majors,omitempty"`
	// Tables lists what it wants sent; nil means everything. Agents, work,
	// queues, words and their text are always sent: a board is made of them.
	Tables []Table `json:"tables,omitempty"`
	// SettingsSchema is a JSON Schema of the settings, as one JSON text; empty
	// means that there are no settings.
	SettingsSchema string `json:"settings_schema,omitempty"`
	// Reasons is the dictionary of the codes in proposals and notes.
	Reasons []Reason `json:"reasons,omitempty"`
	// Deterministic promises the same reply to the same turns.
	Deterministic bool `json:"deterministic,omitempty"`
	// View says what its turns are to show; empty means ViewBoard.
	View View `json:"view,omitempty"`
	// Candidates is how many candidates each item comes with at most under
	// ViewCandidates, 1 to MaxCandidates; 0 means DefaultCandidates.
	Candidates int `json:"candidates,omitempty"`
}

// View says what a strategy's turns show.
type View string

// The views.
const (
	// ViewBoard: the board, kept in step by snapshots and deltas.
	ViewBoard View = "board"
	// ViewCandidates: each item to decide on with its best candidates. The host
	// keeps the board, and the strategy nothing between turns. See
	// KindCandidates.
	ViewCandidates View = "candidates"
)

// How many candidates an item comes with at most under ViewCandidates.
const (
	DefaultCandidates = 16
	MaxCandidates     = 64
)

// Reason explains one reason code to people.
type Reason struct {
	// Code is what proposals and notes carry; 0 means no reason.
	Code uint16 `json:"code"`
	// Name is a stable lower-case identifier, such as "longest_idle".
	Name string `json:"name"`
	// Text is one sentence for people.
	Text string `json:"text"`
}

// Kind says what a turn holds.
type Kind uint8

// The kinds of turns. A snapshot comes in one or more pages: First starts from
// an empty board, Last (which may be the same page) asks for proposals.
const (
	// KindDelta brings changes since the last turn and asks for proposals.
	KindDelta Kind = 1 + iota
	// KindSnapshot is a whole snapshot in one page: First and Last at once.
	KindSnapshot
	// KindSnapshotFirst empties the board and begins a snapshot.
	KindSnapshotFirst
	// KindSnapshotMore continues a snapshot.
	KindSnapshotMore
	// KindSnapshotLast ends a snapshot and asks for proposals.
	KindSnapshotLast
	// KindCandidates stands alone: it brings items to decide on, each with its
	// best candidates, and asks for proposals. Only a strategy whose manifest
	// says ViewCandidates gets it, and then it gets no others. A Board does not
	// take it.
	KindCandidates
)

// Resets reports whether the turn begins with an empty board.
func (k Kind) Resets() bool { return k == KindSnapshot || k == KindSnapshotFirst }

// Asks reports whether proposals are wanted.
func (k Kind) Asks() bool {
	return k == KindDelta || k == KindSnapshot || k == KindSnapshotLast || k == KindCandidates
}

// Turn is one exchange's question: what has changed.
//
// A row that is sent again replaces the former row of the same ref. Gone rows
// are applied first, then words, channels, queues, agents, work. Rows refer to
// lists (an agent's skills, work's declined agents) by spans into this turn's
// Members, Skills, Needs, Attributes, Words and Bytes.
type Turn struct {
	// Epoch changes with each start of the instance; Seq counts its turns from
	// 1. BaseSeq names the turn whose state a delta builds on, 0 in snapshots.
	Epoch, Seq, BaseSeq uint64
	// Kind says whether this is a delta or a page of a snapshot.
	Kind Kind
	// Now is the host's time in Unix milliseconds, Seed the randomness of this
	// turn. A strategy uses no other clock and no other randomness.
	Now  int64
	Seed uint64
	// Budget is how many microseconds the strategy may take; 0 means no limit.
	Budget uint32
	// Digest is the fold over all rows the board holds once this turn is
	// applied; 0 means not given. See Board.Digest.
	Digest uint32

	WorkGone, AgentsGone, QueuesGone []Gone

	Words    []Word
	Channels []Channel
	Queues   []Queue
	Agents   []Agent
	Work     []Work
	Settled  []Settled

	// Items are the work to decide on, in pending order, and Candidates those
	// whom their spans name. Only KindCandidates has any.
	Items      []Item
	Candidates []Candidate

	Members    []Member
	Skills     []Skill
	Needs      []Need
	Attributes []Attribute
	WordIDs    []uint32
	Bytes      []byte
}

// Reset empties the turn and keeps its memory for the next.
func (t *Turn) Reset() {
	*t = Turn{
		WorkGone: t.WorkGone[:0], AgentsGone: t.AgentsGone[:0], QueuesGone: t.QueuesGone[:0],
		Words: t.Words[:0], Channels: t.Channels[:0], Queues: t.Queues[:0],
		Agents: t.Agents[:0], Work: t.Work[:0], Settled: t.Settled[:0],
		Items: t.Items[:0], Candidates: t.Candidates[:0],
		Members: t.Members[:0], Skills: t.Skills[:0], Needs: t.Needs[:0],
		Attributes: t.Attributes[:0], WordIDs: t.WordIDs[:0], Bytes: t.Bytes[:0],
	}
}

// Reply is one exchange's answer: what the strategy wishes.
type Reply struct {
	// Epoch and Seq repeat the turn's; the host drops a reply to another turn.
	// The SDK fills them in.
	Epoch, Seq uint64
	// Proposals are settled in their order. Several for one work, ranked 0, 1,
	// 2 …, are tried until one holds.
	Proposals []Proposal
	// Notes explain why work waits; optional.
	Notes []Note
	// WakeAt asks for a turn at that time (Unix milliseconds) even if nothing
	// changes; 0 asks for none.
	WakeAt int64
	// Digest is the strategy's own Board.Digest after the turn; 0 if it keeps
	// none. The host compares it with its own.
	Digest uint32
}

// Reset empties the reply and keeps its memory for the next.
func (r *Reply) Reset() {
	r.Epoch, r.Seq, r.WakeAt, r.Digest = 0, 0, 0, 0
	r.Proposals, r.Notes = r.Proposals[:0], r.Notes[:0]
}

// Propose adds a first-choice proposal: offer this work to this agent.
func (r *Reply) Propose(work *Work, agent *Agent, score int32, reason uint16) {
	r.Proposals = append(r.Proposals, Proposal{
		Work: work.Ref, Revision: work.Revision, Agent: agent.Ref, Score: score, Reason: reason,
	})
}
