// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package document writes the session protocol of patchbay.strategy.v1 as JSON,
// and reads it, for routers that want neither gRPC nor flat frames.
//
// A message is one JSON object with one member, named for the message. Frames
// become objects whose members have the names that frame.layout gives the
// fields. Where a frame has a dictionary id, the document has the string itself;
// where it has a span of rows, an array; where it has flags, the names of those
// that are set; where it has an enum, the name of its value. Numbers of 64 bits
// that are drawn at random (the seed) are strings of digits.
//
// The package knows messages and rows. It does not know how they are carried.
package document

import (
	"strings"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Turn is a turn's frame.
type Turn struct {
	Kind    string `json:"kind"` // delta, snapshot, snapshot_first, snapshot_more, snapshot_last or candidates
	Epoch   uint64 `json:"epoch"`
	Seq     uint64 `json:"seq"`
	BaseSeq uint64 `json:"base_seq,omitempty"`
	Now     int64  `json:"now"`
	Seed    uint64 `json:"seed,string"`
	Budget  uint32 `json:"budget"`
	Digest  uint32 `json:"digest,omitempty"`

	Gone     *Gone     `json:"gone,omitempty"` // take these off first
	Channels []Channel `json:"channels,omitempty"`
	Queues   []Queue   `json:"queues,omitempty"`
	Agents   []Agent   `json:"agents,omitempty"`
	Work     []Work    `json:"work,omitempty"`
	Settled  []Settled `json:"settled,omitempty"`
	Items    []Item    `json:"items,omitempty"`
}

// Gone holds what left the board.
type Gone struct {
	Work   []Slot `json:"work,omitempty"`
	Agents []Slot `json:"agents,omitempty"`
	Queues []Slot `json:"queues,omitempty"`
}

// Slot is a row of type gone.
type Slot struct {
	Ref uint32 `json:"ref"`
	Gen uint32 `json:"gen"`
}

// Channel is a row of type channel.
type Channel struct {
	Ordinal uint16 `json:"ordinal"`
	Name    string `json:"name"`
}

// Queue is a row of type queue.
type Queue struct {
	Ref       uint32   `json:"ref"`
	Gen       uint32   `json:"gen"`
	Version   uint32   `json:"version"`
	Name      string   `json:"name"`
	Model     string   `json:"model"`
	Flags     []string `json:"flags"`
	OfferTo   uint16   `json:"offer_to"`
	WithinMS  uint32   `json:"within_ms"`
	ChangedAt int64    `json:"changed_at"`
}

// Agent is a row of type agent. Channels are names.
type Agent struct {
	Ref               uint32   `json:"ref"`
	Gen               uint32   `json:"gen"`
	Version           uint32   `json:"version"`
	Name              string   `json:"name"`
	Channels          []string `json:"channels"`
	Status            string   `json:"status"`
	Flags             []string `json:"flags"`
	Open              uint16   `json:"open"`
	Capacity          int32    `json:"capacity"`
	Used              int32    `json:"used"`
	IdleSince         int64    `json:"idle_since"`
	SignedInAt        int64    `json:"signed_in_at"`
	AssignedAt        int64    `json:"assigned_at"`
	Members           []Member `json:"members"`
	Skills            []Skill  `json:"skills"`
	MaxOpen           uint32   `json:"max_open"`
	Offers            uint16   `json:"offers"`
	MaxOffers         uint16   `json:"max_offers"`
	StatusSince       int64    `json:"status_since"`
	Interruptible     int32    `json:"interruptible"`
	InterruptibleUsed int32    `json:"interruptible_used"`
}

// Member is a row of type member. Queue is a ref.
type Member struct {
	Queue  uint32 `json:"queue"`
	Tier   uint16 `json:"tier"`
	Weight uint16 `json:"weight"`
}

// Skill is a row of type skill.
type Skill struct {
	Name  string `json:"name"`
	Level uint32 `json:"level"`
}

// Work is a row of type work. Queue is a ref, Channel a name.
type Work struct {
	Ref            uint32            `json:"ref"`
	Gen            uint32            `json:"gen"`
	Revision       uint32            `json:"revision"`
	Queue          uint32            `json:"queue"`
	Sequence       uint64            `json:"sequence"`
	RequestedAt    int64             `json:"requested_at"`
	TargetAcceptAt int64             `json:"target_accept_at"`
	Priority       int32             `json:"priority"`
	Secondary      int32             `json:"secondary"`
	Size           int32             `json:"size"`
	Channel        string            `json:"channel"`
	State          string            `json:"state"`
	Flags          []string          `json:"flags"`
	Agent          string            `json:"agent"`
	Declines       uint32            `json:"declines"`
	PreferredUntil int64             `json:"preferred_until"`
	Needs          []Need            `json:"needs"`
	Declined       []string          `json:"declined"`
	Attributes     map[string]string `json:"attributes"`
	External       string            `json:"external"`
	Percent        uint32            `json:"percent"`
	Tier           uint16            `json:"tier"`
	Offers         uint16            `json:"offers"`
}

// Need is a row of type need.
type Need struct {
	Name  string   `json:"name"`
	Level uint32   `json:"level"`
	Flags []string `json:"flags"`
	Group uint16   `json:"group"`
}

// Settled is a row of type settled.
type Settled struct {
	Seq      uint64 `json:"seq"`
	Work     uint32 `json:"work"`
	Revision uint32 `json:"revision"`
	Agent    uint32 `json:"agent"`
	Verdict  string `json:"verdict"`
	At       int64  `json:"at"`
}

// Item is a row of type item: Work counts from 0 in the document's work.
type Item struct {
	Work       uint32      `json:"work"`
	Candidates []Candidate `json:"candidates"`
}

// Candidate is a row of type candidate: Agent counts from 0 in the document's
// agents.
type Candidate struct {
	Agent uint32 `json:"agent"`
	Takes int32  `json:"takes"`
}

// kindName is a kind's name in documents.
func kindName(kind route.Kind) string {
	names := [...]string{"", "delta", "snapshot", "snapshot_first", "snapshot_more", "snapshot_last", "candidates"}
	if int(kind) >= len(names) {
		return ""
	}
	return names[kind]
}

// flagNames are the names of the bits that are set.
func flagNames(text string) []string {
	if text == "" {
		return []string{}
	}
	return strings.Split(text, "|")
}
