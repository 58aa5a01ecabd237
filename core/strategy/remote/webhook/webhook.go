// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package webhook is the door for routers that are asked over HTTP: the decision
// webhook. A Door plays a router towards the host: what the host asks it, it
// posts to the vendor's address, and answers with what comes back.
//
// So all that holds for routers holds here: leases, deadlines, fallback and the
// record of turns. The vendor keeps nothing between two messages: each brings
// the work to be decided on with its candidates.
//
// The package knows the session protocol, its documents, and how messages are
// sent. It knows neither the engine's state nor any vendor.
package webhook

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/document"
	"github.com/patchbay-cx/patchbay/core/webhook"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// EventType is the CloudEvents type of what is asked.
const EventType = "dev.patchbay.decision"

// Name is the door's, as remote.Doors know it.
const Name = "webhook"

const (
	// longestTurn bounds what is asked when the host sets no time.
	longestTurn = time.Minute
	// pauseFirst and pauseMost are how long is waited between two tries.
	pauseFirst, pauseMost = 10 * time.Millisecond, time.Second
	// redial is how long is waited before another session is begun in place of
	// one that has failed.
	redial = time.Second
	// maxNotices is how many notices are kept for the next message.
	maxNotices = 16
)

// Options say who is asked, and how.
type Options struct {
	// Strategy is the remote strategy's name.
	Strategy string
	// URL is where to post; Standby, unless empty, where the same is posted when
	// URL fails or does not answer within HedgeAfter. The first answer counts.
	URL, Standby string
	HedgeAfter   time.Duration
	// Secrets sign what is posted.
	Secrets []webhook.Secret
	// Allow lists networks that may be posted to beside public addresses.
	Allow []netip.Prefix
	// Candidates is how many candidates each item comes with at most; 0 means
	// the default.
	Candidates int
	// Reasons are those that answers may name.
	Reasons []route.Reason
	// Source is the CloudEvents source, such as "/workspaces/centre", and Agent
	// the User-Agent header.
	Source, Agent string
	// MaxAnswer is how many bytes an answer may have, at most. Default 8 MiB.
	MaxAnswer int
	// Logger hears of sessions that fail; nil for silence.
	Logger *slog.Logger
}

// Door plays routers of one strategy: always one more than lead, so that a
// strategy that is started anew finds one.
type Door struct {
	options Options
	doors   *remote.Doors
	client  *webhook.Client
	wanted  chan struct{}
	ready   chan struct{}
	once    sync.Once // of ready

	mu      sync.Mutex
	idle    int // sessions that stand by, or will
	notices []document.Notice
}

// New returns a Door to the doors.
func New(doors *remote.Doors, o Options) *Door {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.MaxAnswer == 0 {
		o.MaxAnswer = 8 << 20
	}
	return &Door{
		options: o, doors: doors, wanted: make(chan struct{}, 64), ready: make(chan struct{}),
		client: webhook.NewClient(webhook.Options{Allow: o.Allow, Agent: o.Agent}),
	}
}

// Ready is closed once a router that the Door plays has been let in, so that a
// strategy that is started finds it, or has been turned away.
func (d *Door) Ready() <-chan struct{} { return d.ready }

// Run plays routers until ctx ends, and waits for all that it began. It is
// called once.
func (d *Door) Run(ctx context.Context) {
	defer d.client.Close()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	d.want()
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wanted:
			sessions.Go(func() { d.session(ctx) })
		}
	}
}

// want has one more session begun.
func (d *Door) want() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.idle++
	select {
	case d.wanted <- struct{}{}:
	default: // more than the doors would let in
		d.idle--
	}
}

// takes notes that a session that stood by leads, and has another one stand by.
func (d *Door) takes() {
	d.mu.Lock()
	d.idle--
	none := d.idle <= 0
	d.mu.Unlock()
	if none {
		d.want()
	}
}

// frees notes that a session leads no more, and reports whether it is one too
// many.
func (d *Door) frees() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.idle > 0 {
		return true
	}
	d.idle++
	return false
}

// session plays one router until ctx ends, it leaves, or the doors hang up.
func (d *Door) session(ctx context.Context) {
	inner, cancel := context.WithCancel(ctx)
	s := newSession(inner, d)
	err := d.doors.Serve(inner, s, Name, webhook.Place(d.options.URL))
	cancel()
	d.once.Do(func() { close(d.ready) })
	s.asking.Wait()
	if !s.led.Load() {
		d.mu.Lock()
		d.idle--
		d.mu.Unlock()
	}
	if ctx.Err() != nil || s.left.Load() {
		return
	}
	d.options.Logger.Warn("a session of a decision webhook has ended, and another one is begun",
		"strategy", d.options.Strategy, "why", fmt.Sprint(err))
	pause := time.NewTimer(redial)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
		return
	}
	d.mu.Lock()
	none := d.idle <= 0
	d.mu.Unlock()
	if none {
		d.want()
	}
}

// note keeps a notice of the host for the next message.
func (d *Door) note(n document.Notice) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.notices) < maxNotices {
		d.notices = append(d.notices, n)
	}
}

// noted returns the notices that are kept.
func (d *Door) noted() []document.Notice {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clip(d.notices)
}

// told forgets the first notices, which have been told.
func (d *Door) told(count int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notices = d.notices[min(count, len(d.notices)):]
}

// manifest is what the doors are told of the vendor's router.
func (o *Options) manifest() document.Manifest {
	return document.Manifest{
		Name: o.Strategy, View: route.ViewCandidates, Candidates: uint32(o.Candidates), Reasons: o.Reasons,
	}
}
