// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/webhook"
)

// Letter is an event that is to be posted, or could not be.
type Letter struct {
	// Number is the event's, Kind and Subject say what it is.
	Number  uint64 `json:"number"`
	Kind    string `json:"kind"`
	Subject string `json:"subject,omitempty"`
	// ID is the message's.
	ID string `json:"id"`
	// Key orders: letters of one key are posted one after the other.
	Key string `json:"key"`
	// Body is the message.
	Body json.RawMessage `json:"body"`
	// Attempts is how often it was posted in vain; First and Last say when, and
	// Error why it was not taken the last time.
	Attempts int       `json:"attempts"`
	First    time.Time `json:"first,omitzero"`
	Last     time.Time `json:"last,omitzero"`
	Error    string    `json:"error,omitempty"`
}

// letter is one that is still to be posted.
type letter struct {
	Letter

	due    time.Time // not before
	stored bool      // it is kept in its own file
	flying bool      // it is on its way
}

// seal writes an event as a letter.
func (o *Options) seal(ev *engine.Event) (*letter, error) {
	data, err := o.Encode(ev)
	if err != nil {
		return nil, err
	}
	l := &letter{Letter: Letter{Number: ev.Number, Kind: ev.Kind.String(), ID: messageID(o.Source, ev.Number), Key: keyOf(ev)}}
	switch {
	case ev.Work != 0:
		l.Subject = ev.Work.String()
	case ev.Agent != "":
		l.Subject = ev.Agent
	default:
		l.Subject = ev.Queue
	}
	l.Body, err = json.Marshal(&webhook.Event{
		ID: l.ID, Source: o.Source, Type: EventType + l.Kind, Subject: l.Subject, Time: time.UnixMilli(int64(ev.At)),
		Sequence: strconv.FormatUint(ev.Number, 10), Data: data,
	})
	return l, err
}

// messageID names the message of an event. Receivers that hear of several
// workspaces tell them apart by it.
func messageID(source string, number uint64) string {
	sum := sha256.Sum256([]byte(source))
	return fmt.Sprintf("evt_%s_%d", hex.EncodeToString(sum[:6]), number)
}

// keyOf says which events must arrive in their order: those about one piece of
// work, or else one agent, or else one queue.
func keyOf(ev *engine.Event) string {
	switch {
	case ev.Work != 0:
		return ev.Work.String()
	case ev.Agent != "":
		return "agent/" + ev.Agent
	default:
		return "queue/" + ev.Queue
	}
}
