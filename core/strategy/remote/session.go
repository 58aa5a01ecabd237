// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"fmt"
	"slices"
	"time"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// session is a router as the doors know it, across the connections that it
// loses and makes again. The doors' lock guards it.
type session struct {
	room     *room
	number   uint64 // in order of coming
	token    string // by which it is resumed
	router   string
	class    string // of the work that it decides for; empty for what is of none
	rank     uint32
	manifest route.Manifest
	since    time.Time
	counts   Counts

	door   string      // by which it came
	memory any         // of its link
	conn   *connection // nil while the connection is lost
	lost   time.Time
	expiry *time.Timer

	lease  uint64    // 0 while it stands by
	holder *instance // whom it carries; nil while it stands by
	struck bool      // its last turn came to nothing
	// Of this lease, the last turns that were asked, answered in time, and not
	// answered in time.
	asked, answered, missed uint64
}

// Counts is what became of a router's connection and of its answers.
type Counts struct {
	// Resumes counts connections that took a session up again, Replays the
	// turns that were sent again then.
	Resumes, Replays uint64
	// Answers counts those that came in time; Late, Duplicates, Fenced and
	// WrongTurns those that were refused: after the turn's time, twice, under
	// a lease that is over, or to a turn that there never was.
	Answers, Late, Duplicates, Fenced, WrongTurns uint64
}

// attach gives the session a connection. The doors are locked.
func (s *session) attach(c *connection) {
	if s.conn != nil {
		s.conn.notice(strategyv1.Notice_CODE_REPLACED, s.lease, 0, "the session goes on over another connection")
		s.conn.end(errReplaced)
	}
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	s.conn, c.session = c, s
	if keeper, ok := c.link.(Keeper); ok {
		s.memory = keeper.Recall(s.memory)
	}
}

// lose notes that a connection has ended, unless another one has taken its
// place. The session is kept for a while.
func (d *Doors) lose(c *connection) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c.over = true
	s := c.session
	if s == nil || s.conn != c {
		return
	}
	s.conn, s.lost = nil, time.Now()
	if c.fatal != nil {
		s.fail(c.fatal)
	}
	if c.fatal != nil || c.left || s.holder != nil && s.holder.leading != nil || d.stop.Err() != nil {
		d.forget(s) // what it would resume is not there, or it will not
		return
	}
	s.expiry = time.AfterFunc(d.options.Retention, func() { d.expire(s) })
	s.holder.wake()
}

// expire forgets a session whose router has not come back.
func (d *Doors) expire(s *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s.conn == nil {
		d.forget(s)
	}
}

// forget ends a session. The doors are locked.
func (d *Doors) forget(s *session) {
	s.room.sessions = slices.DeleteFunc(s.room.sessions, func(other *session) bool { return other == s })
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	if s.conn != nil {
		s.conn.end(nil)
		s.conn = nil
	}
	if s.lease != 0 {
		d.options.Logger.Info("a router's lease is over", "strategy", s.room.name, "router", s.router, "lease", s.lease)
	}
	s.yield()
}

// yield ends the session's leadership. The doors are locked.
func (s *session) yield() {
	if s.holder != nil {
		s.holder.session = nil
		s.holder.wake()
	}
	s.holder, s.lease, s.asked, s.answered, s.missed = nil, 0, 0, 0, 0
}

// release ends the leadership of a router that stays.
func (s *session) release() {
	lease := s.lease
	s.yield()
	if s.conn != nil {
		s.conn.say(&strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Drained{
			Drained: &strategyv1.Drained{Lease: lease},
		}})
		s.room.stir()
	}
}

// fail hands a fault to the turn under way, if there is one.
func (s *session) fail(fault error) {
	s.struck = true
	if s.holder != nil {
		s.holder.deliver(outcome{err: fault})
	}
}

// name is the router for people.
func (s *session) name() string {
	if s.router == "" {
		return fmt.Sprintf("router %d", s.number)
	}
	return fmt.Sprintf("router %q", s.router)
}
