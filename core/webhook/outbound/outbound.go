// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package outbound tells others what happens in a workspace: it reads the feed
// and posts each event that a hook asks for, signed, to the hook's address.
//
// Every hook keeps its own position in a folder, so that it goes on after a
// restart where it was. An event arrives at least once; those about one piece of
// work arrive in their order. What is not taken is posted again, with pauses
// that grow, and put on the list of dead letters when that has lasted too long.
//
// The package knows events and how messages are sent. It does not know how
// events are written, nor who asks about its hooks. It reads the feed beside the
// workspace's loop, which never waits for it.
package outbound

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/webhook"
	"github.com/patchbay-cx/patchbay/core/webhook/filter"
)

// EventType begins the CloudEvents type of every event; the kind follows.
const EventType = "dev.patchbay."

// ErrUnknown says that there is no hook of that name, or no such dead letter.
var ErrUnknown = errors.New("outbound: unknown")

// Hook says what is told to whom.
type Hook struct {
	// Name is the hook's, unlike every other one's.
	Name string
	// URL is where events are posted.
	URL string
	// Secrets sign them, as webhook.ParseSecret reads them.
	Secrets []string
	// When picks events, in CEL; empty for all.
	When string
	// Allow lists networks that may be posted to beside public addresses.
	Allow []netip.Prefix
	// Timeout is how long the receiver may take to answer. Default 10 s.
	Timeout time.Duration
	// RetryFor is how long an event is posted again before it is a dead letter.
	// 0 means that it is posted once.
	RetryFor time.Duration
	// Parallel is how many events are posted at once, of different work. Default
	// 8.
	Parallel int
	// FromStart begins a new hook with the oldest event that is kept, and not
	// with the next one.
	FromStart bool
}

// Feed reads events in their order. It is for one goroutine.
type Feed interface {
	// Next waits for the next events. After an error for which Options.Forgotten
	// holds, a feed of the oldest events is asked for; after others, and unless
	// ctx has ended, it is called again later.
	Next(ctx context.Context) ([]engine.Event, error)
}

// Options say what the hooks read and where they keep what they remember.
type Options struct {
	// Hooks are those there are.
	Hooks []Hook
	// Dir is a folder of their own; it is made if need be.
	Dir string
	// Last is the number of the last event there is.
	Last uint64
	// Feed returns a feed of the events after a number; 0 for all that are kept.
	Feed func(after uint64) Feed
	// Forgotten reports whether an error of a Feed says that its events are not
	// kept any more; Over whether it says that there will be no more.
	Forgotten, Over func(error) bool
	// Encode writes an event as JSON.
	Encode func(ev *engine.Event) (json.RawMessage, error)
	// Pause is how long to wait before the next try after so many failures of an
	// event; nil for a second that doubles up to ten minutes.
	Pause func(failures int) time.Duration
	// Source is the CloudEvents source, such as "/workspaces/centre", and Agent
	// the User-Agent header.
	Source, Agent string
	// Logger hears of hooks that fail; nil for silence.
	Logger *slog.Logger
}

// Courier runs the hooks. It is safe for concurrent use. Close it after use.
type Courier struct {
	hooks   []*hook // in the order of names
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// Open begins to tell. An error says which hook is wrong, or what of its folder
// cannot be read.
func Open(o Options) (*Courier, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Pause == nil {
		o.Pause = func(failures int) time.Duration { return webhook.Pause(failures, pauseFirst, pauseMost) }
	}
	c := &Courier{}
	for i := range o.Hooks {
		h, err := newHook(&o, o.Hooks[i])
		if err != nil {
			return nil, fmt.Errorf("outbound: hook %q: %w", o.Hooks[i].Name, err)
		}
		c.hooks = append(c.hooks, h)
	}
	slices.SortFunc(c.hooks, func(a, b *hook) int { return cmp.Compare(a.Name, b.Name) })
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel = cancel
	for _, h := range c.hooks {
		c.running.Go(func() { h.run(ctx) })
	}
	return c, nil
}

// Close ends the hooks, gives up what is under way, notes how far they have
// come, and waits for all of it.
func (c *Courier) Close() error {
	c.cancel()
	c.running.Wait()
	var errs []error
	for _, h := range c.hooks {
		errs = append(errs, h.ended)
	}
	return errors.Join(errs...)
}

// find returns a hook by its name.
func (c *Courier) find(name string) (*hook, error) {
	for _, h := range c.hooks {
		if h.Name == name {
			return h, nil
		}
	}
	return nil, fmt.Errorf("%w: there is no webhook %q", ErrUnknown, name)
}

// newHook reads what a hook remembers.
func newHook(o *Options, settings Hook) (*hook, error) {
	if settings.Timeout == 0 {
		settings.Timeout = 10 * time.Second
	}
	if settings.Parallel == 0 {
		settings.Parallel = 8
	}
	picks, err := filter.Compile(settings.When)
	if err != nil {
		return nil, err
	}
	secrets, err := webhook.ParseSecrets(settings.Secrets)
	if err != nil {
		return nil, err
	}
	kept, err := openStore(filepath.Join(o.Dir, folderOf(settings.Name)))
	if err != nil {
		return nil, err
	}
	h := &hook{
		Hook: settings, options: o, filter: picks, store: kept,
		client:  webhook.NewClient(webhook.Options{Allow: settings.Allow, Agent: o.Agent, Connections: settings.Parallel}),
		batches: make(chan batch), results: make(chan result, settings.Parallel), asked: make(chan func()), over: make(chan struct{}), lanes: make(map[string]*lane),
	}
	h.keys.configured, h.keys.sum = secrets, sumOf(settings.Secrets)
	return h, h.recall()
}
