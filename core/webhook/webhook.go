// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package webhook sends messages to addresses that an admin names, so that who
// receives them can tell that they are genuine, and so that nobody can make the
// host reach what only the host can.
//
// A message is a CloudEvents 1.0 document in JSON (Event), signed as Standard
// Webhooks 1.0 has it (Secret, Sign, Verify). A Client carries it: it looks at
// every address after names are resolved, and follows no redirect.
//
// The package knows HTTP. It does not know what is sent, why, or what becomes of
// the answer.
package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// ContentType is that of every message: CloudEvents' structured mode.
const ContentType = "application/cloudevents+json"

// specVersion is the version of CloudEvents.
const specVersion = "1.0"

// Event is a CloudEvents 1.0 document.
type Event struct {
	// ID is the message's: the same each time it is sent, and never used for
	// another one of the same Source.
	ID string
	// Source is where it comes from, such as "/workspaces/centre".
	Source string
	// Type says what it is, such as "dev.patchbay.work_offered".
	Type string
	// Subject is what it is about, such as "w42"; empty for nothing in
	// particular.
	Subject string
	// Time is when what it tells of happened.
	Time time.Time
	// Sequence orders the messages of a source; empty if they have no order.
	Sequence string
	// Data is what it tells, as JSON.
	Data json.RawMessage
}

// document is an Event as it is written.
type document struct {
	SpecVersion     string          `json:"specversion"`
	ID              string          `json:"id"`
	Source          string          `json:"source"`
	Type            string          `json:"type"`
	Subject         string          `json:"subject,omitempty"`
	Time            time.Time       `json:"time"`
	DataContentType string          `json:"datacontenttype,omitempty"`
	Sequence        string          `json:"sequence,omitempty"`
	Data            json.RawMessage `json:"data,omitempty"`
}

// MarshalJSON implements json.Marshaler.
func (e *Event) MarshalJSON() ([]byte, error) {
	out := document{
		SpecVersion: specVersion, ID: e.ID, Source: e.Source, Type: e.Type, Subject: e.Subject, Time: e.Time.UTC(),
		Sequence: e.Sequence, Data: e.Data,
	}
	if len(e.Data) > 0 {
		out.DataContentType = "application/json"
	}
	return json.Marshal(&out)
}

// UnmarshalJSON implements json.Unmarshaler. An event of another version,
// or one that lacks what every event has, is refused; extensions are ignored.
func (e *Event) UnmarshalJSON(text []byte) error {
	var in document
	if err := json.Unmarshal(text, &in); err != nil {
		return fmt.Errorf("webhook: event: %w", err)
	}
	if in.SpecVersion != specVersion {
		return fmt.Errorf("webhook: event: specversion is %q; it should be %q", in.SpecVersion, specVersion)
	}
	if in.ID == "" || in.Source == "" || in.Type == "" {
		return errors.New("webhook: event: id, source and type are needed")
	}
	*e = Event{
		ID: in.ID, Source: in.Source, Type: in.Type, Subject: in.Subject, Time: in.Time, Sequence: in.Sequence, Data: in.Data,
	}
	return nil
}
