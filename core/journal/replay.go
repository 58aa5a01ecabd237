// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
)

// errNumber is the reason of damage when a whole batch is not the one that
// belongs there.
var errNumber = errors.New("a batch with other record numbers stands here")

// Replay calls fn for every record after number after that is durable when
// Replay is called, in order and without gaps; 0 means from the beginning. It
// checks every batch it reads. record is valid, and must not be changed, until
// fn returns. It blocks until all is done, fn returns an error, or ctx ends.
// Finding the beginning reads a few messages only. Any number of Replays may
// run beside each other and beside Append.
//
// # Errors
//
// What fn returns, unchanged. A *DamageError where the log is not what was
// written; fn has then been called for the records before that place. An error
// that wraps ErrTrimmed if a snapshot has replaced what is asked for, before or
// during the call.
func (l *Log) Replay(ctx context.Context, after uint64, fn func(number uint64, record []byte) error) error {
	done, err := l.begin()
	if err != nil {
		return err
	}
	defer done()
	l.mu.Lock()
	first, last, lastSeq := l.first, l.last, l.lastSeq
	l.mu.Unlock()
	if after >= last {
		return nil
	}
	if after+1 < first {
		return l.trimmed(after + 1)
	}
	seq, err := l.find(ctx, after+1)
	if err != nil {
		return l.replayError(after+1, err)
	}
	p, err := openPages(ctx, l.s.reads, l.stream, seq, lastSeq)
	if err != nil {
		return l.replayError(after+1, err)
	}
	defer p.close()
	r := replay{log: l, next: after + 1, last: last, fn: fn}
	for r.next <= last {
		seq, msg, err := p.Next()
		if errors.Is(err, errMissing) {
			err = l.damage(r.next, seq, errMissing)
		}
		if err == nil {
			err = r.message(seq, msg)
		}
		if r.fnErr != nil {
			return r.fnErr
		}
		if err != nil {
			return l.replayError(r.next, err)
		}
	}
	return nil
}

// replay is one run of Replay.
type replay struct {
	log   *Log
	next  uint64 // number of the next record for fn
	last  uint64 // number of the last record wanted
	fn    func(number uint64, record []byte) error
	fnErr error
}

// message checks one message and hands out its records.
func (r *replay) message(seq uint64, msg []byte) error {
	b, err := decodeBatch(msg)
	if err != nil {
		return r.log.damage(r.next, seq, err)
	}
	if b.first > r.next || b.last() < r.next || b.last() > r.last {
		return r.log.damage(r.next, seq, errNumber)
	}
	err = b.each(r.record)
	if err != nil && r.fnErr == nil {
		return r.log.damage(r.next, seq, err)
	}
	return err
}

// record hands out one record, unless it is before the first one wanted.
func (r *replay) record(number uint64, record []byte) error {
	if number < r.next {
		return nil
	}
	r.fnErr = r.fn(number, record)
	r.next++
	return r.fnErr
}

// find returns the sequence of the message that holds a record, which must be
// between first and last.
func (l *Log) find(ctx context.Context, record uint64) (uint64, error) {
	low, high := l.bounds()
	for low < high {
		// The upper middle: a batch that begins at or before the record is a
		// lower bound.
		mid := low + (high-low+1)/2
		b, err := l.batchAt(ctx, mid)
		if err != nil {
			// The front may have been dropped since low was looked up.
			if first, _ := l.bounds(); first > mid {
				low = first
				continue
			}
			return 0, err
		}
		switch {
		case b.first > record:
			high = mid - 1
		case b.last() >= record:
			return mid, nil
		default:
			low = mid
		}
	}
	return low, nil
}

// bounds returns the sequences of the first and of the last message.
func (l *Log) bounds() (first, last uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.firstSeq, l.lastSeq
}

// trimmed says that a record is gone for good.
func (l *Log) trimmed(record uint64) error {
	return fmt.Errorf("journal: replay %q: record %d: %w", l.workspace, record, ErrTrimmed)
}

// replayError completes an error met while record was looked for: what looks
// like a hole is none if the front of the log has been dropped meanwhile.
func (l *Log) replayError(record uint64, err error) error {
	l.mu.Lock()
	first := l.first
	l.mu.Unlock()
	var damage *DamageError
	switch {
	case record < first:
		return l.trimmed(record)
	case errors.As(err, &damage), errors.Is(err, ErrClosed):
		return err
	default:
		return fmt.Errorf("journal: replay %q: record %d: %w", l.workspace, record, err)
	}
}
