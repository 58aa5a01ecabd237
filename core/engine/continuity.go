// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

// Contact is who accepted a conversation's, or a customer's, work last.
type Contact struct {
	// Key is the source's, with its channel: "chat conversation 4711".
	Key   string `cbor:"1,keyasint"`
	Agent string `cbor:"2,keyasint"`
	At    Time   `cbor:"3,keyasint"`
}

const (
	day = Time(24 * 3600 * 1000)
	// maxContacts bounds how many contacts are remembered; the oldest go first.
	maxContacts = 1 << 20
)

func contactKeys(spec *WorkSpec) (keys []string) {
	if spec.Conversation != "" {
		keys = append(keys, spec.Channel+" conversation "+spec.Conversation)
	}
	if spec.Customer != "" {
		keys = append(keys, spec.Channel+" customer "+spec.Customer)
	}
	return keys
}

// within is for how long a conversation returns to its last agent.
func (c *Channel) within() Time {
	if c.LastAgentWithin == 0 {
		return day
	}
	return c.LastAgentWithin
}

// returning lets a conversation that comes back prefer its last agent, if that
// one is signed in and its source names nobody else.
func (e *Engine) returning(spec *WorkSpec) {
	channel := e.channelOf(spec.Channel)
	if channel.LastAgentFor == 0 || spec.RequiredAgent != "" || spec.PreferredAgent != "" {
		return
	}
	for _, key := range contactKeys(spec) {
		contact, ok := e.contacts[key]
		if !ok || contact.At+channel.within() < e.now {
			continue
		}
		if a := e.agents[contact.Agent]; a != nil && a.SignedIn() {
			spec.PreferredAgent, spec.PreferredFor = contact.Agent, channel.LastAgentFor
			return
		}
	}
}

// remember notes who has the work's conversation now.
func (e *Engine) remember(w *Work, agent string, at Time) {
	channel := e.channel(w)
	if channel.LastAgentFor == 0 {
		return
	}
	for _, key := range contactKeys(&w.Spec) {
		e.contacts[key] = Contact{Key: key, Agent: agent, At: at}
		e.lastContacts = append(e.lastContacts, Contact{Key: key, At: at})
	}
	for len(e.lastContacts) > 0 {
		first := e.lastContacts[0]
		current, ok := e.contacts[first.Key]
		superseded := !ok || current.At != first.At
		if !superseded && first.At+e.longest >= at && len(e.contacts) <= maxContacts {
			break
		}
		if !superseded {
			delete(e.contacts, first.Key)
		}
		e.lastContacts = e.lastContacts[1:]
	}
	if len(e.lastContacts) > 2*len(e.contacts)+64 {
		e.lastContacts = e.memory()
	}
}

// memory lists who is remembered, the oldest contact first.
func (e *Engine) memory() []Contact {
	var out []Contact
	listed := make(map[string]bool, len(e.contacts)) // for there may be several of one time
	for _, c := range e.lastContacts {
		if current, ok := e.contacts[c.Key]; ok && current.At == c.At && !listed[c.Key] {
			listed[c.Key] = true
			out = append(out, current)
		}
	}
	return out
}
