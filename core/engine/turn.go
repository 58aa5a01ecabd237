// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

// Task says what a strategy was asked for.
type Task uint8

// The tasks. The numbers are durable.
const (
	// TaskTurn is a turn.
	TaskTurn Task = 1 + iota
	// TaskStart is to start.
	TaskStart
	// TaskStop is to end, because no queue needs the strategy any more.
	TaskStop
	// TaskJudge is none of the strategy's: the host found that it leaves undone
	// what it could do. Fault is set if that counts as one.
	TaskJudge
	// TaskRelease is none either: it was let out of quarantine.
	TaskRelease
	// TaskClose is to close instances that are of no more use.
	TaskClose
	// TaskLook is to look whether the package of a strategy in quarantine has
	// changed.
	TaskLook
)

// String returns the task's name, such as "turn".
func (t Task) String() string {
	names := [...]string{"unknown", "turn", "start", "stop", "judge", "release", "close", "look"}
	if int(t) >= len(names) {
		return names[0]
	}
	return names[t]
}

// Turn is the record of something that a strategy was asked: enough to ask it
// again at the same place, and to tell whether the answer is the same.
type Turn struct {
	Task Task `cbor:"1,keyasint"`
	// Behind is how many events happened after it was asked, before this one;
	// Took how much time passed.
	Behind uint64 `cbor:"2,keyasint,omitempty"`
	Took   Time   `cbor:"3,keyasint,omitempty"`
	// Board is a digest of the board after the turn, Reply one of the reply; 0
	// if there is none.
	Board uint32 `cbor:"4,keyasint,omitempty"`
	Reply uint64 `cbor:"5,keyasint,omitempty"`
	// Fault says in what way it failed, if it did, Gone that the instance was of
	// no use any more.
	Fault string `cbor:"6,keyasint,omitempty"`
	Gone  bool   `cbor:"7,keyasint,omitempty"`
	// SHA256 is the checksum of the file that was started, in lower-case hex;
	// empty if it was none.
	SHA256 string `cbor:"8,keyasint,omitempty"`
	// Place is how much was asked before at the same place.
	Place uint64 `cbor:"9,keyasint,omitempty"`
	// Post numbers whom the host asked, since it was started: one strategy may
	// have several, such as one that takes over from another.
	Post uint32 `cbor:"10,keyasint,omitempty"`
}

// Employed is what a workspace's strategies are, in a form of their own.
type Employed struct {
	// Seed is where the randomness of turns comes from.
	Seed uint64 `cbor:"1,keyasint,omitempty"`
	// Strategies describes them; the engine does not look into it.
	Strategies []byte `cbor:"2,keyasint,omitempty"`
	// Engaged says that they take over from those that there were; else all begin
	// anew.
	Engaged bool `cbor:"3,keyasint,omitempty"`
	// Anew says that their boards begin anew although the definition is as it was.
	Anew bool `cbor:"4,keyasint,omitempty"`
	// Defined says that their settings and arguments, which may hold secrets, are
	// left out: the definition has them, with references to the secrets.
	Defined bool `cbor:"5,keyasint,omitempty"`
}

// RecordTurn puts on record what a strategy was asked and what came of it. It
// changes nothing else.
type RecordTurn struct {
	By   Decision
	Turn Turn
	// Detail says more of a fault.
	Detail string
}

func (c RecordTurn) decide(s *step) error {
	by, turn := c.By, c.Turn
	s.emit(Event{Kind: KindTurnTaken, Reason: c.Detail, Decision: &by, Turn: &turn})
	return nil
}

// RecordEmployed puts on record which strategies there are from now on. It
// changes nothing else.
type RecordEmployed struct{ Employed Employed }

func (c RecordEmployed) decide(s *step) error {
	employed := c.Employed
	s.emit(Event{Kind: KindStrategiesEmployed, Employed: &employed})
	return nil
}

// The inward kinds have numbers of their own, so that those which readers are
// shown follow each other.
const (
	// KindStrategiesEmployed: Employed says which strategies there are from now
	// on.
	KindStrategiesEmployed Kind = 200 + iota
	// KindTurnTaken: Decision's strategy was asked as Turn says, which also says
	// what came of it; Reason says more of a fault.
	KindTurnTaken
)

// known reports whether this version knows the kind.
func (k Kind) known() bool { return k > 0 && k < kindEnd || k.Inward() }

// Inward reports whether events of the kind are of use only to who plays the
// past again. They say nothing of work or people, and readers are not shown
// them.
func (k Kind) Inward() bool { return k == KindTurnTaken || k == KindStrategiesEmployed }
