// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/webhook"
)

// sort puts an event into the batch if the hook asks for it. It is the reader's.
func (h *hook) sort(ev *engine.Event, b *batch) {
	picked, err := h.filter.Picks(ev)
	if err != nil {
		b.unfit++
		b.why = err
		return
	}
	if !picked {
		b.passed++
		return
	}
	l, err := h.options.seal(ev)
	if err != nil { // a fault of ours; the others are told all the same
		b.unfit++
		b.why = err
		return
	}
	b.letters = append(b.letters, l)
}

// dispatch begins to post what is due.
func (h *hook) dispatch(ctx context.Context, others *sync.WaitGroup) {
	if h.flying == h.Parallel || ctx.Err() != nil {
		return
	}
	now := time.Now()
	secrets := h.keys.signing(now)
	for _, l := range h.order {
		if l.flying || l.due.After(now) || h.lanes[l.Key].letters[0] != l {
			continue
		}
		l.flying = true
		h.flying++
		m := &webhook.Message{URL: h.URL, ID: l.ID, Body: l.Body, Secrets: secrets, MaxAnswer: maxAnswer}
		others.Go(func() {
			r := result{letter: l, err: h.post(ctx, m)}
			r.at = time.Now()
			h.results <- r // there is a place for each
		})
		if h.flying == h.Parallel {
			return
		}
	}
}

// post posts once. An answer that is too long is one all the same.
func (h *hook) post(ctx context.Context, m *webhook.Message) error {
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	_, err := h.client.Post(ctx, m)
	switch {
	case err == nil || errors.Is(err, webhook.ErrTooLarge):
		return nil
	case errors.Is(ctx.Err(), context.Canceled):
		return errClosed
	default:
		return err
	}
}

// settle takes what became of a post.
func (h *hook) settle(r result) {
	l := r.letter
	l.flying = false
	h.flying--
	switch {
	case errors.Is(r.err, errClosed):
		return
	case r.err != nil:
		h.refused(l, r.err, r.at)
		return
	}
	h.counts.delivered++
	h.counts.deliveredAt = r.at
	h.remove(l)
	if h.streak >= downAfter { // it is back: the rest need not wait
		for _, other := range h.order {
			other.due = time.Time{}
		}
	}
	h.streak = 0
}

// refused has a letter wait, or buries it.
func (h *hook) refused(l *letter, err error, at time.Time) {
	h.counts.failed++
	h.streak++
	h.failure(err, at)
	if l.Attempts == 0 {
		l.First = at
	}
	l.Attempts++
	l.Last, l.Error = at, err.Error()
	pause := h.options.Pause(l.Attempts)
	if status, ok := errors.AsType[*webhook.StatusError](err); ok {
		pause = max(pause, min(status.RetryAfter, pauseMost))
	}
	if l.due = at.Add(pause); l.due.After(l.First.Add(h.RetryFor)) {
		h.bury(l)
		return
	}
	for _, behind := range h.lanes[l.Key].letters {
		if !behind.stored || behind == l {
			h.keep(behind)
		}
	}
	h.changed()
}

// bury puts a letter on the list of the dead.
func (h *hook) bury(l *letter) {
	h.options.Logger.Warn("a webhook's event is not taken and becomes a dead letter",
		"webhook", h.Name, "event", l.Number, "attempts", l.Attempts, "error", l.Error)
	if err := h.store.put(deadPart, &l.Letter); err != nil {
		h.trouble(err) // it is tried again
		return
	}
	at, _ := slices.BinarySearch(h.dead, l.Number)
	h.dead = slices.Insert(h.dead, at, l.Number)
	h.remove(l)
	if len(h.dead) > maxDead {
		h.trouble(h.store.drop(deadPart, h.dead[0]))
		h.dead = slices.Delete(h.dead, 0, 1)
		h.state.Dropped++
	}
}
