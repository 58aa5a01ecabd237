// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/patchbay-cx/patchbay/core/webhook"
)

// MaxRedeliver is how many dead letters one call of Redeliver takes.
const MaxRedeliver = 1000

// Status is how a hook fares.
type Status struct {
	// Name, When and URL are the hook's; the URL without its query.
	Name, When, URL string
	// Position is the number of the last event up to which everything is posted,
	// passed over, or in a file; Read that of the last one that was read.
	Position, Read uint64
	// Open counts events that wait to be posted, Retried those of them that were
	// not taken before, Dead the dead letters.
	Open, Retried, Dead int
	// Delivered, Failed, Passed and Unfit count, since the host was started,
	// posts that were taken and that were not, events that the filter did not
	// pick, and those on which it failed.
	Delivered, Failed, Passed, Unfit uint64
	// Lost counts events that were not kept long enough to be posted, Dropped
	// dead letters that there was no more room for.
	Lost, Dropped uint64
	// LastError says what went wrong last, and LastErrorAt when; DeliveredAt is
	// when a post was taken last. Zero if that never happened.
	LastError                string
	LastErrorAt, DeliveredAt time.Time
	// NextTry is when what was not taken is posted again; zero if there is
	// nothing of the kind.
	NextTry time.Time
	// Secrets is how many secrets sign.
	Secrets int
}

// List returns how the hooks fare, in the order of their names.
func (c *Courier) List() []Status {
	out := make([]Status, 0, len(c.hooks))
	for _, h := range c.hooks {
		var status Status
		if h.ask(func() { status = h.status() }) == nil {
			out = append(out, status)
		}
	}
	return out
}

// ask has run do something, and waits for it.
func (h *hook) ask(do func()) error {
	done := make(chan struct{})
	select {
	case h.asked <- func() { defer close(done); do() }:
		<-done
		return nil
	case <-h.over:
		return errClosed
	}
}

func (h *hook) status() Status {
	s := Status{
		Name: h.Name, When: h.When, URL: webhook.Place(h.URL), Position: max(h.position(), h.state.Position), Read: h.read,
		Open: len(h.order), Dead: len(h.dead), Delivered: h.counts.delivered, Failed: h.counts.failed,
		Passed: h.counts.passed, Unfit: h.counts.unfit, Lost: h.state.Lost, Dropped: h.state.Dropped,
		LastError: h.counts.lastError, LastErrorAt: h.counts.lastErrorAt, DeliveredAt: h.counts.deliveredAt,
		Secrets: len(h.keys.signing(time.Now())),
	}
	for _, l := range h.order {
		if l.Attempts == 0 {
			continue
		}
		s.Retried++
		if s.NextTry.IsZero() || l.due.Before(s.NextTry) {
			s.NextTry = l.due
		}
	}
	return s
}

// Dead returns dead letters of a hook whose numbers are above after, at most so
// many, in their order.
func (c *Courier) Dead(name string, after uint64, most int) ([]Letter, error) {
	h, err := c.find(name)
	if err != nil {
		return nil, err
	}
	var letters []Letter
	var bad error
	err = h.ask(func() {
		at, _ := slices.BinarySearch(h.dead, after+1)
		for _, number := range h.dead[at:min(len(h.dead), at+most)] {
			l, err := h.store.get(deadPart, number)
			if bad = err; err != nil {
				return
			}
			letters = append(letters, l)
		}
	})
	if err == nil {
		err = bad
	}
	return letters, err
}

// Redeliver posts dead letters again: those of the events numbered, or all,
// oldest first, but at most MaxRedeliver. Count is how many that are, left how
// many dead letters remain. If there is none of one of the numbers, nothing is
// posted.
func (c *Courier) Redeliver(name string, numbers []uint64) (count, left int, err error) {
	h, err := c.find(name)
	if err != nil {
		return 0, 0, err
	}
	var bad error
	err = h.ask(func() {
		count, bad = h.redeliver(numbers)
		left = len(h.dead)
	})
	if err == nil {
		err = bad
	}
	return count, left, err
}

func (h *hook) redeliver(numbers []uint64) (count int, err error) {
	if len(numbers) == 0 {
		numbers = h.dead
	}
	numbers = slices.Compact(slices.Sorted(slices.Values(numbers)))
	numbers = numbers[:min(len(numbers), MaxRedeliver)]
	for _, number := range numbers {
		if !h.isDead(number) {
			return 0, fmt.Errorf("%w: webhook %q has no dead letter of event %d", ErrUnknown, h.Name, number)
		}
	}
	for _, number := range numbers {
		kept, err := h.store.get(deadPart, number)
		if err != nil {
			return count, err
		}
		kept.Attempts, kept.First, kept.Last, kept.Error = 0, time.Time{}, time.Time{}, ""
		l := &letter{Letter: kept}
		if err := h.store.put(lettersPart, &l.Letter); err != nil {
			return count, err
		}
		l.stored = true
		if err := h.store.drop(deadPart, number); err != nil {
			return count, err
		}
		at, _ := slices.BinarySearch(h.dead, number)
		h.dead = slices.Delete(h.dead, at, at+1)
		h.insert(l)
		count++
	}
	return count, nil
}

// Rotate draws another secret, with which events are signed from now on. Those
// that sign so far go on beside it until keep is over, so that the receiver can
// be told meanwhile. The secret is told this once.
func (c *Courier) Rotate(name string, keep time.Duration) (secret string, until time.Time, err error) {
	h, err := c.find(name)
	if err != nil {
		return "", time.Time{}, err
	}
	var bad error
	err = h.ask(func() {
		now := time.Now()
		before := h.keys
		until = now.Add(keep)
		secret = h.keys.rotate(now, until).Reveal()
		h.state.Rotation = h.keys.rotation
		if bad = h.store.putState(&h.state); bad != nil {
			h.keys, h.state.Rotation = before, before.rotation
		}
	})
	if err == nil {
		err = bad
	}
	return secret, until, err
}

// Test posts an event of type dev.patchbay.test once, and returns how long the
// receiver took. An error says why it did not take it.
func (c *Courier) Test(ctx context.Context, name string) (time.Duration, error) {
	h, err := c.find(name)
	if err != nil {
		return 0, err
	}
	now := time.Now()
	var secrets []webhook.Secret
	if err := h.ask(func() { secrets = h.keys.signing(now) }); err != nil {
		return 0, err
	}
	id := fmt.Sprintf("test_%s_%d", messageID(h.options.Source, 0), now.UnixNano())
	body, err := json.Marshal(&webhook.Event{
		ID: id, Source: h.options.Source, Type: EventType + "test", Subject: h.Name, Time: now, Data: json.RawMessage(`{}`),
	})
	if err != nil {
		return 0, err
	}
	err = h.post(ctx, &webhook.Message{URL: h.URL, ID: id, Body: body, Secrets: secrets, MaxAnswer: maxAnswer})
	return time.Since(now), err
}
