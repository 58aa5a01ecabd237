// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Options say how Doors work. A zero field means its default.
type Options struct {
	// Retention is how long a session is kept after its connection was lost.
	// Default 15 s.
	Retention time.Duration
	// Ping is how often a router is asked whether it is there; one of which
	// nothing is heard for three times as long is hung up on. Default 10 s.
	Ping time.Duration
	// Hello is how long a new connection may take to say who it is. Default
	// 10 s.
	Hello time.Duration
	// MaxRouters is how many routers of one strategy may be connected or kept.
	// Default 32.
	MaxRouters int
	// MaxReplyBytes is the longest answer that the doors let through, whatever
	// a strategy's limits; 0 means that the limits alone count.
	MaxReplyBytes int
	// HostVersion is told to routers, for their logs.
	HostVersion string
	// Logger hears who comes, leads and goes; nil for silence.
	Logger *slog.Logger
}

// Strategy is one for which routers are let in.
type Strategy struct {
	// Name is its name in the workspace.
	Name string
	// Tokens are the SHA-256 checksums, in hex, of the secrets by which its
	// routers are known: several, so that one can be replaced while both are
	// in use. Without any, everybody who can connect is let in.
	Tokens []string
	// Classes are those for which routers may come, beside those of no class;
	// see strategy.Split.
	Classes []string
	// Door names the one door, as Serve knows it, by which its routers come;
	// empty for all by which routers dial. What comes by a door that is named
	// here is the host's own, speaks for a vendor, and needs no token.
	Door string
}

// Doors is where routers come in. It is safe for concurrent use. Close it when
// nothing serves it any more.
type Doors struct {
	options Options
	readers sync.WaitGroup
	stop    context.Context
	cancel  context.CancelFunc

	// mu guards what follows, and every session and instance: what is done
	// under it is brief.
	mu    sync.Mutex
	open  bool
	rooms map[string]*room
	lease uint64
	count uint64 // of sessions
	// instructor has instructs done; nil if nobody does.
	instructor Instructor
}

// room is what the doors keep of one strategy.
type room struct {
	name     string
	door     string // by which its routers come; empty if they dial
	classes  []string
	tokens   [][sha256.Size]byte
	sessions []*session
	changed  chan struct{} // closed, and made anew, when a router comes free
}

// NewDoors returns doors for these strategies. They are shut: nobody waits for a
// router until Open. An error says what is wrong with a token.
func NewDoors(options Options, strategies ...Strategy) (*Doors, error) {
	options.Retention = cmp.Or(options.Retention, 15*time.Second)
	options.Ping = cmp.Or(options.Ping, 10*time.Second)
	options.Hello = cmp.Or(options.Hello, 10*time.Second)
	options.MaxRouters = cmp.Or(options.MaxRouters, 32)
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	d := &Doors{
		options: options, rooms: make(map[string]*room),
		// Higher than what this strategy's leases were before the host was
		// restarted, and small enough for a JSON number.
		lease: uint64(time.Now().UnixMicro()),
	}
	d.stop, d.cancel = context.WithCancel(context.Background())
	for _, s := range strategies {
		r := &room{name: s.Name, door: s.Door, classes: s.Classes, changed: make(chan struct{})}
		for _, text := range s.Tokens {
			sum, err := hex.DecodeString(text)
			if err != nil || len(sum) != sha256.Size {
				return nil, fmt.Errorf("remote: strategy %q: the checksum of a token should be %d hex digits", s.Name, 2*sha256.Size)
			}
			r.tokens = append(r.tokens, [sha256.Size]byte(sum))
		}
		d.rooms[s.Name] = r
	}
	return d, nil
}

// Open says that routers can come in from now on, so that it is worth waiting
// for one.
func (d *Doors) Open() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open = true
}

// Unguarded returns a strategy whose routers dial and need no token; empty if
// there is none.
func (d *Doors) Unguarded() string {
	for _, name := range d.names() {
		if r := d.rooms[name]; r.door == "" && len(r.tokens) == 0 {
			return name
		}
	}
	return ""
}

// Door returns the door by which the strategy's routers come, as in Strategy;
// false if there is no such strategy.
func (d *Doors) Door(strategy string) (door string, ok bool) {
	r := d.rooms[strategy]
	if r == nil {
		return "", false
	}
	return r.door, true
}

// names are the strategies in order. They do not change.
func (d *Doors) names() []string {
	names := make([]string, 0, len(d.rooms))
	for name := range d.rooms {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Close hangs up on every router and waits until none is served.
func (d *Doors) Close() error {
	d.cancel()
	d.mu.Lock()
	d.open = false
	for _, r := range d.rooms {
		for _, s := range slices.Clone(r.sessions) {
			d.forget(s)
		}
	}
	d.mu.Unlock()
	d.readers.Wait()
	return nil
}

// admits reports whether who comes by the door has a token of the room's, or
// needs none. It takes as long for a wrong one as for a right one.
func (r *room) admits(door, token string) bool {
	if r.door != "" && r.door == door {
		return true
	}
	sum := sha256.Sum256([]byte(token))
	found := 0
	for i := range r.tokens {
		found |= subtle.ConstantTimeCompare(r.tokens[i][:], sum[:])
	}
	return found == 1 || len(r.tokens) == 0
}

// stir wakes those who wait for a router, or for another one. The doors are
// locked.
func (r *room) stir() {
	close(r.changed)
	r.changed = make(chan struct{})
	for _, s := range r.sessions {
		s.holder.wake()
	}
}

// free returns who is to lead next: of those of the class who stand by and can go
// on where a router like that was, the one whose last turn came to something, of the lowest
// rank, who was there first. Nil if there is nobody. The doors are locked.
func (r *room) free(class string, like *route.Manifest) *session {
	var best *session
	for _, s := range r.sessions {
		if s.conn == nil || s.lease != 0 || s.class != class || like != nil && !alike(&s.manifest, like) {
			continue
		}
		if best == nil || s.before(best) {
			best = s
		}
	}
	return best
}

func (s *session) before(other *session) bool {
	switch {
	case s.struck != other.struck:
		return !s.struck
	case s.rank != other.rank:
		return s.rank < other.rank
	default:
		return s.number < other.number
	}
}
