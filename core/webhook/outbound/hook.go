// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/webhook"
	"github.com/patchbay-cx/patchbay/core/webhook/filter"
)

const (
	// maxOpen is how many letters may wait before no more are read.
	maxOpen = 1000
	// maxDead is how many dead letters are kept.
	maxDead = 10_000
	// pauseFirst and pauseMost bound the pauses between two tries.
	pauseFirst, pauseMost = time.Second, 10 * time.Minute
	// saveEvery is how often the position is noted at most: what was posted
	// since is posted again after a crash.
	saveEvery = time.Second
	// downAfter is after how many failures in a row a receiver counts as down:
	// once it takes one letter, the others do not wait out their pauses.
	downAfter = 3
	// maxAnswer is how much of an answer is read; it says nothing.
	maxAnswer = 64 << 10
)

// errClosed says that the hook has ended.
var errClosed = errors.New("outbound: closed")

// hook posts what one hook asks for. Its own goroutine, run, owns all that has
// no comment to the contrary.
type hook struct {
	Hook // not changed

	options *Options       // not changed
	filter  *filter.Filter // the reader's
	store   *store
	client  *webhook.Client // safe for concurrent use

	batches chan batch  // what the reader has read
	results chan result // what became of posts
	asked   chan func() // what others want of run
	over    chan struct{}
	ended   error // of run, once over is closed

	keys   keyring
	state  state
	read   uint64           // the last event that was read
	lanes  map[string]*lane // by key
	order  []*letter        // all that are open, by number
	dead   []uint64         // in order
	flying int              // posts under way
	streak int              // failures in a row
	saveAt time.Time        // when to note the position; zero if it is noted
	counts counts
}

// lane is the letters of one key, by number. Only the first is posted.
type lane struct{ letters []*letter }

// counts is what a hook has done since it began, for people.
type counts struct {
	delivered, failed, passed, unfit uint64
	lastError                        string
	lastErrorAt, deliveredAt         time.Time
}

// batch is what was read of the feed.
type batch struct {
	last    uint64
	letters []*letter
	lost    uint64 // events that are not kept any more
	passed  uint64 // events that the filter does not pick
	unfit   uint64 // events on which the filter failed
	why     error  // the last such failure
}

// result is what became of a post.
type result struct {
	letter *letter
	err    error
	at     time.Time
}

// recall reads what is remembered.
func (h *hook) recall() error {
	st, known, err := h.store.state()
	if err != nil {
		return err
	}
	h.state = st
	switch {
	case !known && !h.FromStart, st.Position > h.options.Last: // or the journal is another one
		h.state.Position = h.options.Last
	}
	h.read = h.state.Position
	if err := h.keys.recall(h.state.Rotation); err != nil {
		return err
	}
	h.state.Rotation = h.keys.rotation // what has been forgotten does not come back
	if err := h.forgetOthers(); err != nil {
		return err
	}
	if h.dead, err = h.store.numbers(deadPart); err != nil {
		return err
	}
	numbers, err := h.store.numbers(lettersPart)
	if err != nil {
		return err
	}
	for _, number := range numbers {
		if h.isDead(number) { // it was being buried
			err = errors.Join(err, h.store.drop(lettersPart, number))
			continue
		}
		kept, bad := h.store.get(lettersPart, number)
		if err = errors.Join(err, bad); bad == nil {
			h.insert(&letter{Letter: kept, stored: true})
		}
	}
	return errors.Join(err, h.store.putState(&h.state))
}

// forgetOthers drops letters of events that there are not: they are of another
// journal, and the events that will have their numbers must not be taken for
// them.
func (h *hook) forgetOthers() error {
	for _, part := range []string{lettersPart, deadPart} {
		numbers, err := h.store.numbers(part)
		if err != nil {
			return err
		}
		for _, number := range slices.Backward(numbers) {
			if number <= h.options.Last {
				break
			}
			if err := h.store.drop(part, number); err != nil {
				return err
			}
			h.state.Dropped++
		}
	}
	return nil
}

func (h *hook) isDead(number uint64) bool {
	_, found := slices.BinarySearch(h.dead, number)
	return found
}

// run reads and posts until ctx ends.
func (h *hook) run(ctx context.Context) {
	defer close(h.over)
	defer h.client.Close()
	var others sync.WaitGroup
	others.Go(func() { h.readAll(ctx, h.read) })
	wake := time.NewTimer(0)
	defer wake.Stop()
	for {
		h.dispatch(ctx, &others)
		wake.Reset(h.idle())
		batches := h.batches
		if len(h.order) >= maxOpen {
			batches = nil
		}
		select {
		case b := <-batches:
			h.take(&b)
		case r := <-h.results:
			h.settle(r)
		case f := <-h.asked:
			f()
		case now := <-wake.C:
			h.note(now)
		case <-ctx.Done():
			others.Wait()
			for h.flying > 0 {
				h.settle(<-h.results)
			}
			h.ended = h.save()
			return
		}
	}
}

// readAll hands over what the feed brings.
func (h *hook) readAll(ctx context.Context, after uint64) {
	o, lost := h.options, false
	for feed := o.Feed(after); ; {
		events, err := feed.Next(ctx)
		switch {
		case ctx.Err() != nil || err != nil && o.Over(err):
			return
		case err != nil:
			o.Logger.Error("a webhook cannot read the feed", "webhook", h.Name, "after", after, "error", err)
			if o.Forgotten(err) {
				feed, lost = o.Feed(0), true
			}
			if !sleep(ctx, time.Second) {
				return
			}
			continue
		}
		b := batch{last: events[len(events)-1].Number}
		if lost {
			b.lost, lost = max(events[0].Number, after+1)-after-1, false
		}
		for i := range events {
			if events[i].Number > after {
				h.sort(&events[i], &b)
			}
		}
		after = b.last
		select {
		case h.batches <- b:
		case <-ctx.Done():
			return
		}
	}
}

func sleep(ctx context.Context, pause time.Duration) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// take takes what was read.
func (h *hook) take(b *batch) {
	h.read = b.last
	h.counts.passed += b.passed
	h.counts.unfit += b.unfit
	if b.why != nil {
		h.failure(b.why, time.Now())
	}
	if b.lost > 0 {
		h.state.Lost += b.lost
		h.failure(fmt.Errorf("outbound: %d events are not kept any more and were never posted", b.lost), time.Now())
	}
	for _, l := range b.letters {
		if h.isDead(l.Number) || h.has(l.Number) {
			continue // it has come before, and the position had not been noted
		}
		h.insert(l)
		if h.lanes[l.Key].letters[0].Attempts > 0 {
			h.keep(l)
		}
	}
	h.changed()
}

func (h *hook) has(number uint64) bool {
	_, found := slices.BinarySearchFunc(h.order, number, byNumber)
	return found
}

func byNumber(l *letter, number uint64) int { return cmp.Compare(l.Number, number) }

// insert puts a letter where it belongs, but not before one of its key that is
// on its way.
func (h *hook) insert(l *letter) {
	of := h.lanes[l.Key]
	if of == nil {
		of = &lane{}
		h.lanes[l.Key] = of
	}
	at, _ := slices.BinarySearchFunc(of.letters, l.Number, byNumber)
	if at == 0 && len(of.letters) > 0 && of.letters[0].flying {
		at = 1
	}
	of.letters = slices.Insert(of.letters, at, l)
	at, _ = slices.BinarySearchFunc(h.order, l.Number, byNumber)
	h.order = slices.Insert(h.order, at, l)
}

// remove takes a letter out that is done with.
func (h *hook) remove(l *letter) {
	of := h.lanes[l.Key]
	of.letters = slices.DeleteFunc(of.letters, func(other *letter) bool { return other == l })
	if len(of.letters) == 0 {
		delete(h.lanes, l.Key)
	}
	if at, found := slices.BinarySearchFunc(h.order, l.Number, byNumber); found {
		h.order = slices.Delete(h.order, at, at+1)
	}
	if l.stored {
		h.trouble(h.store.drop(lettersPart, l.Number))
	}
	h.changed()
}

// keep puts a letter into a file, so that the position can pass it.
func (h *hook) keep(l *letter) {
	err := h.store.put(lettersPart, &l.Letter)
	h.trouble(err)
	l.stored = l.stored || err == nil // what was there before is there still
}

// trouble notes what is wrong with the folder.
func (h *hook) trouble(err error) {
	if err != nil {
		h.options.Logger.Error("a webhook cannot keep what it should remember", "webhook", h.Name, "error", err)
		h.failure(err, time.Now())
	}
}

func (h *hook) failure(err error, at time.Time) {
	h.counts.lastError, h.counts.lastErrorAt = err.Error(), at
}

// position is the number up to which everything is done with, or in a file.
func (h *hook) position() uint64 {
	for _, l := range h.order {
		if !l.stored {
			return l.Number - 1
		}
	}
	return h.read
}

// changed has the position noted soon.
func (h *hook) changed() {
	if h.saveAt.IsZero() {
		h.saveAt = time.Now().Add(saveEvery)
	}
}

// note notes the position if it is time.
func (h *hook) note(now time.Time) {
	if !h.saveAt.IsZero() && !now.Before(h.saveAt) {
		h.trouble(h.save())
	}
}

func (h *hook) save() error {
	h.saveAt = time.Time{}
	// A letter that is redelivered may be older than what was noted.
	h.state.Position = max(h.position(), h.state.Position)
	return h.store.putState(&h.state)
}

// idle is how long there is nothing to do unless something happens.
func (h *hook) idle() time.Duration {
	next := time.Now().Add(time.Hour)
	if !h.saveAt.IsZero() {
		next = h.saveAt
	}
	if h.flying < h.Parallel {
		for _, of := range h.lanes {
			if first := of.letters[0]; !first.flying && first.due.Before(next) {
				next = first.due
			}
		}
	}
	return max(0, time.Until(next))
}
