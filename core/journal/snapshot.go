// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
)

// chunkSize is the length of a chunk message. Each is one sync of the disk, for
// which the appends that share it wait.
const chunkSize = 1 << 20

// SaveSnapshot stores what write writes as the state after record number at,
// which must not be below the newest snapshot's nor above Last. The bytes are
// checksummed, made durable, and read back through the store, which may answer
// from memory what it has just written; only if every checksum is right does
// the snapshot count. After that the last two snapshots are kept, and of
// the log what follows the older of them; a first snapshot drops nothing.
//
// It blocks until all that is done; write is called once, on the caller's
// goroutine. Appends and Replays go on meanwhile.
//
// # Errors
//
// ErrOutOfOrder for a wrong at; what write returns, wrapped; the Log's own
// failure, if an Append has met one. A snapshot that fails changes nothing that
// a reader sees, and may be tried again. If only the dropping of what is old
// fails, the snapshot counts all the same and the error says so.
func (l *Log) SaveSnapshot(ctx context.Context, at uint64, write func(io.Writer) error) error {
	done, err := l.begin()
	if err != nil {
		return err
	}
	defer done()
	l.saving.Lock()
	defer l.saving.Unlock()
	if err := l.failure(); err != nil {
		return err
	}
	m, older, err := l.nextManifest(at)
	if err != nil {
		return err
	}
	if err := l.store(ctx, &m, write); err != nil {
		return fmt.Errorf("journal: snapshot of %q at record %d: %w", l.workspace, at, err)
	}
	l.mu.Lock()
	l.whole, l.newest = append([]manifest{m}, older...), m.generation
	l.mu.Unlock()
	if len(older) == 0 {
		return nil
	}
	if err := l.drop(ctx, older[0]); err != nil {
		return fmt.Errorf("journal: snapshot of %q at record %d is stored, but what is old could not be dropped: %w",
			l.workspace, at, err)
	}
	return nil
}

// nextManifest begins the manifest of a new snapshot, and returns with it the
// snapshot that stays beside it, if there is one.
func (l *Log) nextManifest(at uint64) (manifest, []manifest, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := manifest{generation: l.newest + 1, at: at, id: rand.Uint64()}
	newest := uint64(0)
	older := slices.Clone(l.whole[:min(1, len(l.whole))])
	for _, o := range older {
		newest = o.at
		m.slot = (o.slot + 1) % manifestSlots
	}
	if at < newest || at > l.last {
		return m, nil, fmt.Errorf("journal: snapshot of %q at record %d: %w: must be from %d to %d",
			l.workspace, at, ErrOutOfOrder, newest, l.last)
	}
	return m, older, nil
}

// store writes the chunks, reads them back, and then writes m itself.
func (l *Log) store(ctx context.Context, m *manifest, write func(io.Writer) error) error {
	w := &chunkWriter{ctx: ctx, log: l, m: m}
	if err := write(w); err != nil {
		return err
	}
	if err := w.flush(); err != nil {
		return err
	}
	if err := l.s.blocks(l.snapshots).settle(l.s.dir); err != nil {
		return err
	}
	if err := l.verify(ctx, *m); err != nil {
		return fmt.Errorf("reading it back: %w", err)
	}
	subject, msg := manifestSubject(l.snapshots, m.slot), m.encode()
	seq, err := l.s.reads.publish(ctx, subject, msg)
	if err != nil {
		return err
	}
	m.seq = seq
	if m.chunks == 0 {
		m.firstSeq = seq
	}
	// The manifest may have begun a file.
	if err := l.s.blocks(l.snapshots).settle(l.s.dir); err != nil {
		return err
	}
	back, err := l.s.reads.get(ctx, l.snapshots, seq)
	if err == nil && string(back) != string(msg) {
		err = errManifest
	}
	return err
}

// drop removes the snapshots before older, and the log before it.
func (l *Log) drop(ctx context.Context, older manifest) error {
	if err := l.s.reads.trim(ctx, l.snapshots, older.firstSeq); err != nil {
		return err
	}
	l.mu.Lock()
	first, last := l.first, l.last
	l.mu.Unlock()
	if last == 0 || older.at < first {
		return nil
	}
	// The last batch stays whatever happens: it holds the number to go on from.
	seq, err := l.find(ctx, min(older.at+1, last))
	if err != nil {
		return err
	}
	b, err := l.batchAt(ctx, seq)
	if err != nil {
		return err
	}
	// A reader that finds the front gone must be able to see why.
	l.mu.Lock()
	l.first, l.firstSeq = b.first, seq
	l.mu.Unlock()
	if err := l.s.reads.trim(ctx, l.stream, seq); err != nil {
		return err
	}
	return l.mark.sync()
}

// verify reads all of a snapshot and checks it.
func (l *Log) verify(ctx context.Context, m manifest) error {
	r, err := l.openSnapshot(ctx, m)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, struct{ io.Reader }{r})
	return errors.Join(err, r.Close())
}

// Snapshot returns the newest whole snapshot: the number of the last record it
// stands for and its bytes. Without any it returns 0 and a nil reader; the log
// is then there from record 1. A snapshot is read and checked before it is
// returned, so it costs two readings. If the newest is damaged that is logged,
// and the one before it is returned; the log still has what follows that one.
//
// The reader must be closed, is for one goroutine, and ends with ctx. It checks again what it
// reads and returns a *DamageError rather than a wrong byte; it fails with one
// also if two more snapshots are saved before it is done.
//
// # Errors
//
// A *DamageError if all snapshots are damaged and the log does not begin at
// record 1.
func (l *Log) Snapshot(ctx context.Context) (at uint64, r io.ReadCloser, err error) {
	return l.newestSnapshot(ctx, func(manifest) bool { return true })
}

// SnapshotBefore is Snapshot for the past: it returns the newest whole snapshot
// that stands for records below the given number only. Without any it returns 0
// and a nil reader, and then what the log holds from First on is all there is
// of the time before that record.
func (l *Log) SnapshotBefore(ctx context.Context, record uint64) (at uint64, r io.ReadCloser, err error) {
	at, r, err = l.newestSnapshot(ctx, func(m manifest) bool { return m.at < record })
	if _, ok := errors.AsType[*DamageError](err); ok {
		return 0, nil, nil // a damaged one is none, and what is newer still holds
	}
	return at, r, err
}

// newestSnapshot returns the newest whole snapshot that passes.
func (l *Log) newestSnapshot(ctx context.Context, pass func(manifest) bool) (at uint64, r io.ReadCloser, err error) {
	done, err := l.begin()
	if err != nil {
		return 0, nil, err
	}
	defer done()
	l.mu.Lock()
	whole, first := slices.Clone(l.whole), l.first
	l.mu.Unlock()
	whole = slices.DeleteFunc(whole, func(m manifest) bool { return !pass(m) })
	var lost error
	for _, m := range whole {
		err := l.verify(ctx, m)
		if _, ok := errors.AsType[*DamageError](err); ok {
			l.s.log.Error("journal: a snapshot is damaged and will not be used", "error", err)
			l.forget(m)
			lost = err
			continue
		}
		if err != nil {
			return 0, nil, fmt.Errorf("journal: snapshot of %q: %w", l.workspace, err)
		}
		r, err := l.openSnapshot(ctx, m)
		if err != nil {
			return 0, nil, fmt.Errorf("journal: snapshot of %q: %w", l.workspace, err)
		}
		return m.at, r, nil
	}
	if first > 1 {
		return 0, nil, lost
	}
	return 0, nil, nil
}

// forget takes a damaged snapshot off the list, so that the next one saved is
// kept beside a whole one.
func (l *Log) forget(m manifest) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.whole = slices.DeleteFunc(slices.Clone(l.whole), func(o manifest) bool { return o.seq == m.seq })
}

// chunkWriter cuts what is written to it into chunk messages.
type chunkWriter struct {
	ctx context.Context
	log *Log
	m   *manifest
	buf []byte // the message being filled, nil before the first byte
	err error
}

// Write takes all of p, or returns the error that ended the snapshot.
func (w *chunkWriter) Write(p []byte) (int, error) {
	written := 0
	for len(p) > 0 && w.err == nil {
		if len(w.buf) == 0 {
			w.buf = newChunk(w.buf, w.m.id, uint32(w.m.chunks))
		}
		n := min(len(p), chunkSize-len(w.buf))
		w.buf = append(w.buf, p[:n]...)
		written += n
		p = p[n:]
		if len(w.buf) == chunkSize {
			w.err = w.flush()
		}
	}
	return written, w.err
}

// flush stores the message begun, if there is one.
func (w *chunkWriter) flush() error {
	if w.err != nil || len(w.buf) == 0 {
		return w.err
	}
	sealChunk(w.buf)
	seq, err := w.log.s.reads.publish(w.ctx, chunkSubject(w.log.snapshots), w.buf)
	if err != nil {
		return err
	}
	if w.m.chunks == 0 {
		w.m.firstSeq = seq
	}
	if seq != w.m.firstSeq+w.m.chunks {
		return fmt.Errorf("another writer is saving a snapshot of the same log: %w", ErrFenced)
	}
	w.m.chunks++
	w.m.size += uint64(len(w.buf) - chunkHeader)
	w.buf = w.buf[:0]
	return nil
}

// snapshotReader reads the content of one snapshot.
type snapshotReader struct {
	log   *Log
	m     manifest
	pages *pages // nil if there is no content
	index uint64 // of the next chunk
	size  uint64 // bytes of content seen
	rest  []byte // content of the current chunk not yet read
	err   error
}

// openSnapshot begins to read m.
func (l *Log) openSnapshot(ctx context.Context, m manifest) (io.ReadCloser, error) {
	r := &snapshotReader{log: l, m: m}
	if m.chunks == 0 {
		return r, nil
	}
	var err error
	r.pages, err = openPages(ctx, l.s.reads, l.snapshots, m.firstSeq, m.firstSeq+m.chunks-1)
	return r, err
}

// Read implements io.Reader.
func (r *snapshotReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		r.err = r.chunk()
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// chunk fetches the next chunk; io.EOF after the last.
func (r *snapshotReader) chunk() error {
	if r.index == r.m.chunks {
		if r.size != r.m.size {
			return r.log.snapshotDamage(r.m, r.m.seq, errManifest)
		}
		return io.EOF
	}
	seq, msg, err := r.pages.Next()
	if errors.Is(err, errMissing) {
		return r.log.snapshotDamage(r.m, seq, errMissing)
	}
	if err != nil {
		return err
	}
	if r.rest, err = decodeChunk(msg, r.m.id, uint32(r.index)); err != nil {
		return r.log.snapshotDamage(r.m, seq, err)
	}
	r.index++
	r.size += uint64(len(r.rest))
	return nil
}

// Close ends the reading; later Reads return ErrClosed.
func (r *snapshotReader) Close() error {
	r.rest, r.err = nil, ErrClosed
	if r.pages != nil {
		r.pages.close()
		r.pages = nil
	}
	return nil
}
