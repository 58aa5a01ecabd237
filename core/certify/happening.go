// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"context"
	"crypto/sha256"
	"slices"
	"time"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
)

// happening is one thing that happened at the stand.
type happening struct {
	at          time.Time
	what        string // the message's name, or "dial"
	line        *line
	door        string
	lease, turn uint64
	token, text string
	yes         bool
	resume      *strategyv1.Resume
	sum         [sha256.Size]byte
}

// note notes what happened, wakes who waits for it, and returns where it is in
// the log.
func (s *Stand) note(h happening) int {
	h.at = time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.what == "welcome" {
		s.known[h.token] = h.line.doors
	}
	s.log = append(s.log, h)
	close(s.changed)
	s.changed = make(chan struct{})
	return len(s.log) - 1
}

// sent notes that a message has been sent by now, or that it could not be.
func (s *Stand) sent(at int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log[at].at = time.Now()
	if err != nil {
		s.log[at].what = "unsent"
	}
}

// mark is the present in the log: how much has happened.
func (s *Stand) mark() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.log)
}

// since is what has happened since a mark.
func (s *Stand) since(mark int) []happening {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.log[mark:])
}

// after is the mark behind a happening that was found since a mark.
func (s *Stand) after(mark int, found happening) int {
	for i, h := range s.since(mark) {
		if h.what == found.what && h.line == found.line && h.turn == found.turn {
			return mark + i + 1
		}
	}
	return s.mark()
}

// await waits until something has happened since the mark, and reports whether
// it did before ctx ended.
func (s *Stand) await(ctx context.Context, mark int, is func(*happening) bool) (happening, bool) {
	for {
		s.mu.Lock()
		fresh, changed := slices.Clone(s.log[mark:]), s.changed
		s.mu.Unlock()
		for i := range fresh {
			if is(&fresh[i]) {
				return fresh[i], true
			}
		}
		mark += len(fresh)
		select {
		case <-changed:
		case <-ctx.Done():
			return happening{}, false
		}
	}
}

// tokenOf is the resume token that a line's router was given last.
func (s *Stand) tokenOf(l *line) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.log) - 1; i >= 0; i-- {
		if h := &s.log[i]; h.what == "welcome" && h.line == l {
			return h.token
		}
	}
	return ""
}
