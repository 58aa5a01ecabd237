// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// Log is the log of one workspace. It has one writer: Append is for one
// goroutine at a time (a second one waits). Replay, SaveSnapshot, Snapshot and
// Last may be called at any time, also while an Append is under way; only one
// SaveSnapshot runs at a time (a second one waits).
type Log struct {
	s         *Server
	workspace string
	stream    string // of the batches
	snapshots string // stream of the snapshots
	files     *blocks
	mark      *mark

	writing sync.Mutex // held by Append
	buf     []byte     // its message buffer

	saving sync.Mutex // held by SaveSnapshot

	mu       sync.Mutex
	closed   bool
	failed   error      // why nothing can be appended any more
	firstSeq uint64     // stream sequence of the first batch; lastSeq+1 if there is none
	lastSeq  uint64     // stream sequence of the last batch
	first    uint64     // number of the first record there is; last+1 if there is none
	last     uint64     // number of the last durable record
	whole    []manifest // snapshots not known to be damaged, newest first, at most two
	newest   uint64     // generation of the newest snapshot there has been
}

// Workspace is the name the log was opened by.
func (l *Log) Workspace() string { return l.workspace }

// Last is the number of the last durable record, 0 if there has never been
// one.
func (l *Log) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// First is the number of the oldest record that is kept; Last()+1 if there is
// none.
func (l *Log) First() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first
}

// Append stores records, the first of them under the number first, which must
// be Last()+1. When it returns nil they are durable: they survive the death of
// the process and the loss of power. It blocks for one sync of the disk, or
// until ctx ends. The slices are free for reuse once it has returned. No
// records is no work.
//
// A batch is one message. One of more than a few MiB is split over several,
// each made durable before the next is sent, so a crash may leave a first part
// of it. That is no half truth: records mean something each by itself, their
// order is kept, and nothing of the batch was acknowledged.
//
// # Errors
//
// ErrOutOfOrder, ErrRecordTooLarge, ErrClosed, or a ctx that had ended before
// the call: nothing was stored, and the log is as before.
//
// Anything else, ErrFenced and an ended ctx included, leaves it unknown how
// much of the batch is stored, and is final: every later Append returns the
// same error. To find out and go on, open the log again (see Server.Log) and
// look at Last.
func (l *Log) Append(ctx context.Context, first uint64, records [][]byte) error {
	done, err := l.begin()
	if err != nil {
		return err
	}
	defer done()
	l.writing.Lock()
	defer l.writing.Unlock()
	if err := l.failure(); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return fmt.Errorf("journal: append: %w", context.Cause(ctx))
	}
	if want := l.Last() + 1; first != want {
		return fmt.Errorf("journal: append: %w: first record is %d, want %d", ErrOutOfOrder, first, want)
	}
	if err := checkRecords(first, records); err != nil {
		return err
	}
	for len(records) > 0 {
		n, err := l.appendMessage(ctx, first, records)
		if err != nil {
			return l.fail(fmt.Errorf("journal: append to %q: record %d: %w", l.workspace, first, err))
		}
		first += uint64(n)
		records = records[n:]
	}
	return nil
}

// appendMessage makes one message of as many records as fit, and returns how
// many are now durable.
func (l *Log) appendMessage(ctx context.Context, first uint64, records [][]byte) (int, error) {
	msg, n := encodeBatch(l.buf, first, records, messageTarget)
	if cap(msg) <= messageTarget {
		l.buf = msg
	}
	l.mu.Lock()
	expect := l.lastSeq
	l.mu.Unlock()
	seq, err := l.s.appends.publishAfter(ctx, subjectOf(l.stream), expect, msg)
	if err != nil {
		return 0, err
	}
	if err := l.files.settleNew(); err != nil {
		return 0, err
	}
	last := first + uint64(n) - 1
	l.mu.Lock()
	l.lastSeq, l.last = seq, last
	l.mu.Unlock()
	return n, l.mark.set(last)
}

// failure is why nothing can be appended any more, nil if it can.
func (l *Log) failure() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failed
}

// fail makes err the answer to every later Append, and returns it.
func (l *Log) fail(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = err
	return err
}

// Close lets go of the log; the Server stays open. What is called on the Log
// afterwards returns ErrClosed. Closing again does nothing. There is no need
// to close a Log before its Server.
func (l *Log) Close() error {
	done, err := l.s.begin()
	if err != nil {
		return nil // the Server has let go of it
	}
	defer done()
	l.mu.Lock()
	closed := l.closed
	l.closed = true
	l.mu.Unlock()
	if closed {
		return nil
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	l.saving.Lock()
	defer l.saving.Unlock()
	l.s.mu.Lock()
	delete(l.s.logs, l)
	l.s.mu.Unlock()
	if err := l.mark.close(); err != nil {
		return fmt.Errorf("journal: close %q: %w", l.workspace, err)
	}
	return nil
}

// begin notes a call under way, see Server.begin.
func (l *Log) begin() (func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, ErrClosed
	}
	return l.s.begin()
}

// damage describes damage at a message of the log.
func (l *Log) damage(record, seq uint64, reason error) error {
	return &DamageError{
		Workspace: l.workspace, Record: record, Sequence: seq,
		File: l.files.where(seq), Offset: -1, Reason: reason.Error(),
	}
}

// batchAt reads and checks the batch at a sequence.
func (l *Log) batchAt(ctx context.Context, seq uint64) (batch, error) {
	msg, err := l.s.reads.get(ctx, l.stream, seq)
	if errors.Is(err, errMissing) {
		return batch{}, l.damage(0, seq, errMissing)
	}
	if err != nil {
		return batch{}, err
	}
	b, err := decodeBatch(msg)
	if err != nil {
		return batch{}, l.damage(0, seq, err)
	}
	return b, nil
}
