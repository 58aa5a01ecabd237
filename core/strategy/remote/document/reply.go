// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Reply is the frame of a reply. The epoch and the number of the turn are those
// of the message that carries it.
type Reply struct {
	// NeedSnapshot asks for a snapshot: the router's board is out of step.
	// Nothing else counts then.
	NeedSnapshot bool `json:"need_snapshot,omitempty"`
	// Error says that the router is broken, and how. Nothing else counts then.
	Error     string     `json:"error,omitempty"`
	Proposals []Proposal `json:"proposals,omitempty"`
	Notes     []Note     `json:"notes,omitempty"`
	// WakeAt is when a turn is wanted though nothing changes, in Unix
	// milliseconds; 0 for none.
	WakeAt int64 `json:"wake_at,omitempty"`
	// Digest is that of the router's board; 0 if it keeps none.
	Digest uint32 `json:"digest,omitempty"`
}

// Proposal is a row of type proposal.
type Proposal struct {
	Work     uint32 `json:"work"`
	Revision uint32 `json:"revision"`
	Agent    uint32 `json:"agent"`
	Score    int32  `json:"score,omitempty"`
	Reason   Reason `json:"reason,omitzero"`
	Rank     uint16 `json:"rank,omitempty"`
}

// Note is a row of type note.
type Note struct {
	Work   uint32 `json:"work"`
	Reason Reason `json:"reason"`
}

// Reason is a reason of the manifest's dictionary: its name, or its code. The
// zero Reason is none.
type Reason struct {
	Name string
	Code uint16
}

// UnmarshalJSON implements json.Unmarshaler.
func (r *Reason) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '"' {
		return json.Unmarshal(text, &r.Name)
	}
	code, err := strconv.ParseUint(string(text), 10, 16)
	if err != nil {
		return fmt.Errorf("document: the reason %s should be a name or a code of the manifest's reasons", text)
	}
	r.Code = uint16(code)
	return nil
}

// MarshalJSON implements json.Marshaler.
func (r Reason) MarshalJSON() ([]byte, error) {
	if r.Name != "" {
		return json.Marshal(r.Name)
	}
	return strconv.AppendUint(nil, uint64(r.Code), 10), nil
}

// frame writes the reply as the frame that answers a turn.
func (r *Reply) frame(epoch, turn uint64, reasons map[string]uint16) ([]byte, error) {
	switch {
	case r.NeedSnapshot:
		return route.EncodeStatus(nil, epoch, turn, route.StatusNeedSnapshot, ""), nil
	case r.Error != "":
		return route.EncodeStatus(nil, epoch, turn, route.StatusInternal, r.Error), nil
	}
	reply := route.Reply{Epoch: epoch, Seq: turn, WakeAt: r.WakeAt, Digest: r.Digest}
	for i := range r.Proposals {
		p := &r.Proposals[i]
		reason, err := p.Reason.code(reasons)
		if err != nil {
			return nil, err
		}
		reply.Proposals = append(reply.Proposals, route.Proposal{
			Work: p.Work, Revision: p.Revision, Agent: p.Agent, Score: p.Score, Reason: reason, Rank: p.Rank,
		})
	}
	for _, n := range r.Notes {
		reason, err := n.Reason.code(reasons)
		if err != nil {
			return nil, err
		}
		reply.Notes = append(reply.Notes, route.Note{Work: n.Work, Reason: reason})
	}
	return route.EncodeReply(nil, &reply)
}

func (r Reason) code(reasons map[string]uint16) (uint16, error) {
	if r.Name == "" {
		return r.Code, nil
	}
	code, ok := reasons[r.Name]
	if !ok {
		return 0, fmt.Errorf("document: the manifest has no reason %q", r.Name)
	}
	return code, nil
}

// ReplyOf writes what a strategy answered to a turn: its reply, or what an error
// of its Turn means.
func ReplyOf(reply *route.Reply, err error) *Reply {
	switch {
	case errors.Is(err, route.ErrNeedSnapshot):
		return &Reply{NeedSnapshot: true}
	case err != nil:
		return &Reply{Error: err.Error()}
	}
	out := &Reply{WakeAt: reply.WakeAt, Digest: reply.Digest}
	for _, p := range reply.Proposals {
		out.Proposals = append(out.Proposals, Proposal{
			Work: p.Work, Revision: p.Revision, Agent: p.Agent, Score: p.Score, Reason: Reason{Code: p.Reason}, Rank: p.Rank,
		})
	}
	for _, n := range reply.Notes {
		out.Notes = append(out.Notes, Note{Work: n.Work, Reason: Reason{Code: n.Reason}})
	}
	return out
}
