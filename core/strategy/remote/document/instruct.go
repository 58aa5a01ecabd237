// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package document

import (
	"fmt"
	"strings"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// Instruct has something done with work besides offering it. Verb is "hold",
// "clear", "withdraw", "reprioritise" or "annotate"; of an annotation, Reason is
// the note.
type Instruct struct {
	Lease    uint64 `json:"lease"`
	Number   uint64 `json:"number,omitempty"`
	Work     string `json:"work"`
	Revision uint32 `json:"revision"`
	Verb     string `json:"verb"`
	Reason   string `json:"reason,omitempty"`
	Until    int64  `json:"until,omitempty"`
	Agent    string `json:"agent,omitempty"`
	Priority int32  `json:"priority,omitempty"`
}

// Instructed says what came of an instruct. Code and Text say why it was
// refused, if it was.
type Instructed struct {
	Lease     uint64 `json:"lease"`
	Number    uint64 `json:"number,omitempty"`
	Revision  uint32 `json:"revision,omitempty"`
	Event     uint64 `json:"event,omitempty"`
	Duplicate bool   `json:"duplicate,omitempty"`
	Code      string `json:"code,omitempty"`
	Text      string `json:"text,omitempty"`
}

func (in *Instruct) message() (*strategyv1.SessionRequest, error) {
	verb, ok := strategyv1.Instruct_Verb_value["VERB_"+strings.ToUpper(in.Verb)]
	if !ok || verb == 0 {
		return nil, fmt.Errorf(`document: instruct.verb: %q should be "hold", "clear", "withdraw", "reprioritise" or "annotate"`, in.Verb)
	}
	return &strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Instruct{Instruct: &strategyv1.Instruct{
		Lease: in.Lease, Number: in.Number, Work: in.Work, Revision: in.Revision, Verb: strategyv1.Instruct_Verb(verb),
		Reason: in.Reason, Until: in.Until, Agent: in.Agent, Priority: in.Priority,
	}}}, nil
}

func instructed(m *strategyv1.Instructed) *Instructed {
	return &Instructed{
		Lease: m.GetLease(), Number: m.GetNumber(), Revision: m.GetRevision(), Event: m.GetEvent(),
		Duplicate: m.GetDuplicate(), Code: m.GetCode(), Text: m.GetText(),
	}
}
