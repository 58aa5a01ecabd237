// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/patchbay-cx/patchbay/core/strategy/handshake"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// maxNameBytes is the longest name of a router.
const maxNameBytes = 200

// admit lets a router in, or says why not.
func (d *Doors) admit(c *connection, hello *strategyv1.Hello) error {
	if hello == nil {
		return errHello
	}
	r := d.rooms[hello.GetStrategy()]
	if r == nil || !r.admits(c.door, hello.GetToken()) || r.door != "" && r.door != c.door {
		// Which of these is wrong is not told to strangers.
		return &Refusal{"unauthenticated", fmt.Sprintf("there is no remote strategy %q with this token", clip(hello.GetStrategy()))}
	}
	if name := hello.GetRouter(); len(name) > maxNameBytes || !utf8.ValidString(name) {
		return &Refusal{"invalid", fmt.Sprintf("the router's name should be %d bytes of UTF-8 at most", maxNameBytes)}
	}
	if class := hello.GetClass(); class != "" && !slices.Contains(r.classes, class) {
		return &Refusal{"invalid", fmt.Sprintf("strategy %q has no class %q; %s", r.name, clip(class), r.classed())}
	}
	manifest, err := handshake.Manifest(hello.GetManifest())
	if err != nil {
		return &Refusal{"no_common_version", clip(err.Error())}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.over || d.stop.Err() != nil {
		return errSilent
	}
	s, resumed := r.resume(hello, &manifest, c.door)
	if !resumed {
		if s != nil {
			d.forget(s) // its router has forgotten what it led
		}
		if len(r.sessions) >= d.options.MaxRouters {
			return &Refusal{"too_many_routers", fmt.Sprintf("%d routers are connected for strategy %q; no more are let in", len(r.sessions), r.name)}
		}
		s = d.welcome(r, hello, manifest)
		s.door = c.door
	}
	s.attach(c)
	d.greet(c, s, resumed)
	return nil
}

// resume finds the session that a router wants to take up again, and reports
// whether it can. The doors are locked.
func (r *room) resume(hello *strategyv1.Hello, manifest *route.Manifest, door string) (s *session, ok bool) {
	in := hello.GetResume()
	for _, s := range r.sessions {
		if in.GetToken() != "" && subtle.ConstantTimeCompare([]byte(s.token), []byte(in.GetToken())) == 1 {
			// What it has acknowledged, it must still know.
			led := s.lease == in.GetLease() && s.answered <= in.GetApplied()
			return s, s.door == door && s.class == hello.GetClass() && alike(&s.manifest, manifest) && (s.lease == 0 || led)
		}
	}
	return nil, false
}

// welcome begins a session. The doors are locked.
func (d *Doors) welcome(r *room, hello *strategyv1.Hello, manifest route.Manifest) *session {
	d.count++
	var secret [32]byte
	_, _ = rand.Read(secret[:]) // it never fails
	s := &session{
		room: r, number: d.count, token: hex.EncodeToString(secret[:]),
		router: hello.GetRouter(), class: hello.GetClass(), rank: hello.GetRank(), manifest: manifest, since: time.Now(),
	}
	r.sessions = append(r.sessions, s)
	return s
}

// greet sends the welcome, and after it what a resumed session has missed. The
// doors are locked.
func (d *Doors) greet(c *connection, s *session, resumed bool) {
	c.say(&strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Welcome{Welcome: &strategyv1.Welcome{
		Host:        handshake.Request(handshake.Terms{HostVersion: d.options.HostVersion}),
		ResumeToken: s.token, RetentionMs: uint32(d.options.Retention.Milliseconds()),
		Resumed: resumed, Lease: s.lease, PingMs: uint32(d.options.Ping.Milliseconds()),
	}}})
	close(c.welcomed)
	d.options.Logger.Info("a router is connected", "strategy", s.room.name, "router", s.router, "address", c.address,
		"door", c.door, "class", s.class, "rank", s.rank, "resumed", resumed)
	if resumed {
		s.counts.Resumes++
	}
	if in := s.holder; in != nil {
		if in.ask != nil && !in.ask.done {
			s.counts.Replays++
			c.say(in.ask.message)
		}
	}
	s.room.stir()
}

// classed says which classes there are.
func (r *room) classed() string {
	if len(r.classes) == 0 {
		return "it is not split into classes"
	}
	return "its classes are " + strings.Join(r.classes, ", ")
}
