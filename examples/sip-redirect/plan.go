// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// plan says what becomes of calls.
type plan struct {
	channel string
	// queue is for numbers that are not in numbers; empty for none.
	queue   string
	numbers map[string]string
	// patience is how long a call waits for an agent.
	patience time.Duration
	// voicemail is where it goes then; empty answers 480.
	voicemail string
	// unanswered is why an offer is declined whose call came back.
	unanswered string
}

// queueOf returns the queue of calls to a number.
func (p *plan) queueOf(number string) (string, bool) {
	if queue, ok := p.numbers[number]; ok {
		return queue, true
	}
	return p.queue, p.queue != ""
}

// contacts are the addresses of agents' phones.
type contacts struct {
	// pattern is for agents who are not in of; {agent} stands for their name.
	pattern string
	of      map[string]string
}

// placeholder is what a pattern has for the name of the agent.
const placeholder = "{agent}"

func (c *contacts) check() error {
	if c.pattern == "" && len(c.of) == 0 {
		return fmt.Errorf("-contact or -contact-of is needed: where are agents' phones?")
	}
	if c.pattern != "" {
		if !strings.Contains(c.pattern, placeholder) {
			return fmt.Errorf("-contact: %q should have %s for the agent's name", c.pattern, placeholder)
		}
		if _, err := address(strings.ReplaceAll(c.pattern, placeholder, "agent")); err != nil {
			return fmt.Errorf("-contact: %w", err)
		}
	}
	for agent, at := range c.of {
		if _, err := address(at); err != nil {
			return fmt.Errorf("-contact-of %s: %w", agent, err)
		}
	}
	return nil
}

// phone returns the address of an agent's phone, false if there is none.
func (c *contacts) phone(agent string) (sip.Uri, bool) {
	at, ok := c.of[agent]
	if !ok {
		if c.pattern == "" {
			return sip.Uri{}, false
		}
		at = strings.ReplaceAll(c.pattern, placeholder, escape(agent))
	}
	uri, err := address(at)
	return uri, err == nil
}

// escape writes an agent's name as the user of an address may be written (RFC
// 3261 §25.1).
func escape(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		if strings.IndexByte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.!~*'()", c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// address reads a SIP address.
func address(text string) (sip.Uri, error) {
	var uri sip.Uri
	if err := sip.ParseUri(text, &uri); err != nil {
		return uri, fmt.Errorf("%q is not an address such as sip:anna@192.0.2.1: %w", text, err)
	}
	if uri.Host == "" || uri.Scheme != "sip" && uri.Scheme != "sips" {
		return uri, fmt.Errorf("%q is not an address such as sip:anna@192.0.2.1", text)
	}
	return uri, nil
}
