// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package feed is the door for routers that know the pattern "subscribe to what
// waits, create the assignment": they read a feed of turns, and post whom work
// is to be offered to.
//
// Each subscription is a router as the session door has them. The package plays
// it inside the host: on one side it is a remote.Link that is served by
// remote.Doors, on the other a Stream of events and Assign. So leases, fencing,
// standbys, deadlines and the fallback are those of every door.
//
// It knows the session protocol and its documents. It does not know the engine's
// state, HTTP, or who may subscribe.
package feed

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy/remote"
)

// DoorName is how Doors and status call this door.
const DoorName = "feed"

// Options say how a Door works. A zero field means its default.
type Options struct {
	// Events and Bytes bound what is kept of a feed for who comes back: so many
	// events, of so many bytes in all. Who has missed more gets a snapshot.
	// Default 1024 and 4 MiB.
	Events, Bytes int
	// Posts and PostBytes bound what is remembered of what was posted, so that the
	// same twice has one effect: so many assignments, of about so many bytes in
	// all. What is older and is posted again is settled by its revision. Default
	// 16,384 and 16 MiB.
	Posts, PostBytes int
	// Page is how many agents and pieces of work one event of a snapshot has, as
	// a rule; more if it has to have fewer pages than there were turns. Default
	// 4096, which is what the host's turns have.
	Page int
	// Retention is for how long a router is kept whose feed was lost while it
	// led; no longer than the Retention of the doors. Default 15 s.
	Retention time.Duration
	// Patience is how long a subscriber waits to lead before it is told that it
	// stands by. Default 1 s.
	Patience time.Duration
	// Version is told of these routers in place of a package's.
	Version string
}

// Strategy is one whose routers come by feeds.
type Strategy struct {
	// Name is its name in the workspace.
	Name string
	// Linger is how long a turn waits for what is posted in answer to it, less
	// than the turn's deadline; 0 for not at all.
	Linger time.Duration
	// Proposals is the most proposals in one answer. Default 10,000.
	Proposals int
}

// Door is where feeds are subscribed to, and assignments posted. It is safe for
// concurrent use. Close it before the Doors.
type Door struct {
	doors      *remote.Doors
	options    Options
	strategies map[string]Strategy
	past       *past
	stop       context.Context
	cancel     context.CancelFunc
	serving    sync.WaitGroup

	mu      sync.Mutex
	routers []*router
}

// NewDoor returns a door for these strategies of the doors, each of which must
// have DoorName as its Strategy.Door there.
func NewDoor(doors *remote.Doors, options Options, strategies ...Strategy) *Door {
	options.Events = cmp.Or(options.Events, 1024)
	options.Bytes = cmp.Or(options.Bytes, 4<<20)
	options.Posts = cmp.Or(options.Posts, 16_384)
	options.PostBytes = cmp.Or(options.PostBytes, 16<<20)
	options.Page = cmp.Or(options.Page, 4096)
	options.Retention = cmp.Or(options.Retention, 15*time.Second)
	options.Patience = cmp.Or(options.Patience, time.Second)
	d := &Door{doors: doors, options: options, strategies: make(map[string]Strategy), past: newPast(&options)}
	for _, s := range strategies {
		s.Proposals = cmp.Or(s.Proposals, 10_000)
		d.strategies[s.Name] = s
	}
	d.stop, d.cancel = context.WithCancel(context.Background())
	return d
}

// Has reports whether the strategy's routers come by this door.
func (d *Door) Has(strategy string) bool {
	_, ok := d.strategies[strategy]
	return ok
}

// Strategies returns those whose routers come by this door, in order.
func (d *Door) Strategies() []string {
	var names []string
	for name := range d.strategies {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Close ends every feed and waits until none is served.
func (d *Door) Close() error {
	d.cancel()
	d.mu.Lock()
	routers := slices.Clone(d.routers)
	d.mu.Unlock()
	for _, r := range routers {
		d.forget(r)
	}
	d.serving.Wait()
	return nil
}

// Subscription says who subscribes to what.
type Subscription struct {
	// Strategy is the one to decide for.
	Strategy string
	// Queue is the one whose work is shown; empty for all that the strategy
	// decides for.
	Queue string
	// Key is on whose authority. Only posts on the same one are taken.
	Key string
	// Router is the router's own name, for people, and Rank its place among
	// those who stand by: the lowest leads.
	Router string
	Rank   uint32
	// Class is the class of the strategy's work that the router decides for;
	// empty for none.
	Class string
	// Address is from where it comes, for people.
	Address string
	// After is the ID of the last event that was read of an earlier stream;
	// empty for none.
	After string
}

// Subscribe begins a feed, or goes on with one that was lost. It waits until the
// router is let in; the stream is to be closed.
//
// # Errors
//
// A *remote.Refusal if the router is not let in: "invalid" for an After that is
// no ID, "too_many_routers", "shutting_down", "unauthenticated" for a strategy
// that has no feed; or that of ctx.
func (d *Door) Subscribe(ctx context.Context, s Subscription) (*Stream, error) {
	if !d.Has(s.Strategy) {
		return nil, &remote.Refusal{Code: "unauthenticated", Text: fmt.Sprintf("there is no strategy %q with a feed", s.Strategy)}
	}
	id, after, err := parseID(s.After)
	if err != nil {
		return nil, err
	}
	stream, l, err := d.attach(id, after, s)
	if err != nil {
		return nil, err
	}
	select {
	case <-l.welcomed:
		return stream, nil
	case <-l.served:
		stream.Close()
		return nil, refusalOf(l.err)
	case <-ctx.Done():
		stream.Close()
		return nil, ctx.Err()
	}
}

// attach begins a stream of the subscription's router.
func (d *Door) attach(id string, after uint64, s Subscription) (*Stream, *link, error) {
	for {
		r, err := d.routerFor(id, s)
		if err != nil {
			return nil, nil, err
		}
		if stream, l, ok := r.attach(after, s.Address); ok {
			return stream, l, nil
		}
	}
}

// parseID reads the ID of an event: the router's, and the event's number.
func parseID(text string) (id string, number uint64, err error) {
	if text == "" {
		return "", 0, nil
	}
	id, tail, ok := strings.Cut(text, "-")
	number, bad := strconv.ParseUint(tail, 10, 64)
	if !ok || bad != nil {
		return "", 0, &remote.Refusal{Code: "invalid", Text: fmt.Sprintf("%.40q is not the id of an event of this feed", text)}
	}
	return id, number, nil
}

// routerFor returns the router with that id if it is the subscription's, else a
// new one.
func (d *Door) routerFor(id string, s Subscription) (*router, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stop.Err() != nil {
		return nil, errStopping
	}
	for _, r := range d.routers {
		if r.id == id && r.sub.Strategy == s.Strategy && r.sub.Queue == s.Queue && r.sub.Key == s.Key && r.sub.Class == s.Class {
			return r, nil
		}
	}
	var secret [8]byte
	_, _ = rand.Read(secret[:]) // it never fails
	r := newRouter(d, hex.EncodeToString(secret[:]), s)
	d.routers = append(d.routers, r)
	return r, nil
}

// forget ends a router for good.
func (d *Door) forget(r *router) {
	d.mu.Lock()
	d.routers = slices.DeleteFunc(d.routers, func(other *router) bool { return other == r })
	d.mu.Unlock()
	r.end()
}

// keeps reports whether the doors know a router that leads under the lease.
func (d *Door) keeps(lease uint64) bool {
	return slices.ContainsFunc(d.doors.Routers(), func(r remote.Router) bool { return r.Lease == lease })
}

// leading returns the router that leads under that lease, on that authority; nil
// if there is none.
func (d *Door) leading(key string, lease uint64) *router {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range d.routers {
		if r.sub.Key == key && r.leads(lease) {
			return r
		}
	}
	return nil
}
