// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package lines takes what a strategy prints, line by line, to the host's log,
// and no more of it a second than the strategy may log.
//
// It knows nothing of strategies: it is an io.Writer before an slog.Logger.
package lines

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

// Longest is how much of a line is kept, in bytes; the rest is dropped.
const Longest = 4096

// kept is how many lines Tail returns.
const kept = 20

// A crash is told from its head on: the message comes first, and traces that
// may be long follow.
var crashes = [...]string{"panic: ", "fatal error: ", "runtime: ", "runtime/cgo: ", "SIGABRT: ", "SIGSEGV: ", "thread '", "Traceback "}

// Log writes lines to a logger. It is safe for concurrent use.
type Log struct {
	logger *slog.Logger
	limit  int
	now    func() time.Time

	mu      sync.Mutex
	partial []byte
	cut     bool // the partial line is as long as it may be
	second  int64
	count   int
	dropped int
	tail    [kept]string
	written int
	crash   []string // the first lines of a crash
}

// New returns a Log that writes at most limit lines a second; what exceeds it
// is counted and dropped. A nil logger keeps the lines for Tail only.
func New(logger *slog.Logger, limit int) *Log {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	return &Log{logger: logger, limit: limit, now: time.Now}
}

// Write implements io.Writer. It takes everything and never fails.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for rest := p; len(rest) > 0; {
		line, after, ended := bytes.Cut(rest, []byte("\n"))
		rest = after
		room := Longest - len(l.partial)
		l.cut = l.cut || len(line) > room
		l.partial = append(l.partial, line[:min(len(line), room)]...)
		if ended {
			l.endLine()
		}
	}
	return len(p), nil
}

// Line writes one line at a level.
func (l *Log) Line(level slog.Level, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.emit(level, text[:min(len(text), Longest)])
}

// Flush writes out a last line without an end, and how many were dropped.
func (l *Log) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.partial) > 0 {
		l.endLine()
	}
	l.tellDropped()
}

// Tail returns the last lines, joined by line ends, whether they were dropped
// or not; after a crash, the first lines of what tells of it.
func (l *Log) Tail() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.crash != nil {
		return strings.Join(l.crash, "\n")
	}
	var out []string
	for i := max(0, l.written-kept); i < l.written; i++ {
		out = append(out, l.tail[i%kept])
	}
	if len(l.partial) > 0 {
		out = append(out, strings.ToValidUTF8(string(l.partial), "\uFFFD"))
	}
	return strings.Join(out, "\n")
}

func (l *Log) endLine() {
	text := string(bytes.TrimRight(l.partial, "\r"))
	if l.cut {
		text += "…"
	}
	l.partial, l.cut = l.partial[:0], false
	if text != "" {
		l.emit(slog.LevelInfo, text)
	}
}

func (l *Log) emit(level slog.Level, text string) {
	text = strings.ToValidUTF8(text, "\uFFFD")
	l.note(text)
	l.tail[l.written%kept] = text
	l.written++
	if second := l.now().Unix(); second != l.second {
		l.tellDropped()
		l.second, l.count = second, 0
	}
	if l.count >= l.limit {
		l.dropped++
		return
	}
	l.count++
	l.logger.Log(context.Background(), level, text)
}

// note keeps the head of a crash.
func (l *Log) note(text string) {
	if l.crash != nil {
		if len(l.crash) < kept {
			l.crash = append(l.crash, text)
		}
		return
	}
	for _, head := range crashes {
		if strings.HasPrefix(text, head) {
			l.crash = []string{text}
		}
	}
}

func (l *Log) tellDropped() {
	if l.dropped > 0 {
		l.logger.Warn("the strategy logs too much; lines were dropped", "dropped", l.dropped, "limit_per_second", l.limit)
		l.dropped = 0
	}
}
