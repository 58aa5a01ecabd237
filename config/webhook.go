// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/webhook"
	"github.com/patchbay-cx/patchbay/core/webhook/filter"
)

// Webhook is where events are posted.
type Webhook struct {
	// URL is the address.
	URL string `koanf:"url"`
	// Secrets sign what is posted, each of them.
	Secrets []string `koanf:"secrets"`
	// When picks events, in CEL; empty for all.
	When string `koanf:"when"`
	// Allow lists networks that may be posted to beside public addresses.
	Allow []netip.Prefix `koanf:"allow"`
	// Timeout is how long the receiver may take to answer.
	Timeout time.Duration `koanf:"timeout"`
	// RetryFor is how long an event is posted again before it is a dead letter.
	RetryFor time.Duration `koanf:"retry_for"`
	// Parallel is how many events are posted at once.
	Parallel int `koanf:"parallel"`
	// From says where a new webhook begins.
	From From `koanf:"from"`
}

// From says where a new webhook begins.
type From string

// Where it begins.
const (
	// FromNow: with the next event.
	FromNow From = "now"
	// FromStart: with the oldest event that is kept.
	FromStart From = "start"
)

// Decision is how a remote strategy is asked by webhook.
type Decision struct {
	// URL is the address, StandbyURL another one for when that fails or is slow;
	// empty for none.
	URL        string `koanf:"url"`
	StandbyURL string `koanf:"standby_url"`
	// HedgeAfter is how long URL may take before StandbyURL is asked as well; 0
	// stands for half of the turn's deadline.
	HedgeAfter time.Duration `koanf:"hedge_after"`
	// Secrets sign what is posted, each of them.
	Secrets []string `koanf:"secrets"`
	// Allow lists networks that may be posted to beside public addresses.
	Allow []netip.Prefix `koanf:"allow"`
	// Candidates is how many candidates each item comes with at most.
	Candidates int `koanf:"candidates"`
	// Reasons are those that answers may name, with what they mean.
	Reasons map[string]string `koanf:"reasons"`
}

// Callback is where offers are posted, for an answer.
type Callback struct {
	// URL is the address.
	URL string `koanf:"url"`
	// Secrets sign what is posted, each of them.
	Secrets []string `koanf:"secrets"`
	// Allow lists networks that may be posted to beside public addresses.
	Allow []netip.Prefix `koanf:"allow"`
	// Timeout is how long an answer is awaited.
	Timeout time.Duration `koanf:"timeout"`
}

// Reservation is a Callback with what it is for: the offers of a queue, or those
// that a strategy has decided.
type Reservation struct {
	Callback

	// One of the two is set.
	Queue, Strategy string
}

// Reservations returns where offers are posted, those of queues first, in the
// order of names.
func (c *Config) Reservations() []Reservation {
	var out []Reservation
	for _, name := range sortedKeys(c.Queues) {
		if r := c.Queues[name].Reservation; r != nil {
			out = append(out, Reservation{Callback: *r, Queue: name})
		}
	}
	for _, name := range sortedKeys(c.Strategies) {
		if r := c.Strategies[name].Reservation; r != nil {
			out = append(out, Reservation{Callback: *r, Strategy: name})
		}
	}
	return out
}

// decision returns how the strategy is asked, with what follows from its limits;
// nil if it is not asked by webhook.
func (s *Strategy) decision() *Decision {
	if s.Webhook == nil {
		return nil
	}
	d := *s.Webhook
	d.HedgeAfter = cmp.Or(d.HedgeAfter, s.Limits.TurnDeadline/2)
	return &d
}

// network reads a network such as "10.0.0.0/8", or one address.
func network(v any) (netip.Prefix, error) {
	text, ok := v.(string)
	if !ok {
		return netip.Prefix{}, nil
	}
	if addr, err := netip.ParseAddr(text); err == nil && addr.Zone() == "" {
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return p, err
	case p != p.Masked():
		return p, errors.New("it has bits beyond its length")
	}
	return p, nil
}

// endpoint reads a URL that messages go to.
func endpoint(text string) (string, error) { return text, webhook.CheckURL(text) }

// decision checks what goes with the door of webhooks.
func (c *checker) decision(name string, s map[string]any) {
	at := func(keys ...string) []string { return append([]string{"strategies", name}, keys...) }
	asked, given := s["webhook"].(map[string]any)
	door, _ := s["door"].(string)
	tokens, _ := s["tokens"].([]any)
	switch {
	case given && Door(door) != DoorWebhook:
		c.report(stageRules, c.doc.key(at("webhook")), CodeConflict,
			"only the door of webhooks asks an address; remove webhook, or set runtime to remote and door to webhook")
	case Door(door) != DoorWebhook || s["runtime"] != runtimeRemote:
	case s["webhook"] == nil && !c.misspelt[strings.Join(at("webhook"), separator)]:
		c.report(stageRules, c.doc.missing(at("webhook")), CodeMissing,
			"the key \"webhook\" is missing; it says which address is asked, such as \"webhook: {url: https://…, secrets: […]}\"")
	case len(tokens) > 0:
		c.report(stageRules, c.doc.key(at("tokens")), CodeConflict,
			"nobody dials a host that asks by webhook; remove tokens, and give webhook.secrets")
	}
	if asked["hedge_after"] != nil {
		c.together(at("webhook"), asked, "hedge_after", "standby_url")
	}
	hedge, _ := duration(asked["hedge_after"])
	deadline, _ := duration(c.lookup(at("limits", "turn_deadline")))
	if deadline > 0 && hedge >= deadline {
		c.report(stageRules, c.doc.value(at("webhook", "hedge_after")), CodeRange,
			"the turn is over by then; it must be less than limits.turn_deadline, which is %v", deadline)
	}
}

// webhooks compiles what picks events, and warns of what goes in the clear.
func (c *checker) webhooks() {
	c.each([]string{"webhooks", every, "when"}, func(path []string, value any) {
		when, _ := value.(string)
		_, err := filter.Compile(when)
		fault, ok := errors.AsType[*filter.Fault](err)
		if !ok {
			return
		}
		place := c.doc.value(path)
		if at, ok := c.doc.within(path, fault.Line, fault.Column); ok {
			place.Line, place.Column = at.line, at.column
		}
		c.report(stageRules, place, CodeExpression, "%s", fault.Message)
	})
	for _, at := range [][]string{
		{"webhooks", every, "url"},
		{"strategies", every, "webhook", "url"},
		{"strategies", every, "webhook", "standby_url"},
		{"strategies", every, "reservation", "url"},
		{"queues", every, "reservation", "url"},
	} {
		c.each(at, func(path []string, value any) {
			text, _ := value.(string)
			u, err := url.Parse(text)
			if err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
				c.warn(c.doc.value(path), CodeInsecure, "what is posted there can be read on its way; use https")
			}
		})
	}
}
