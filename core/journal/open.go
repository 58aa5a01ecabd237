// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// Log opens the log of a workspace, making it if it is new. The name may be
// any 1 to 64 bytes. It checks what can be checked without reading the log:
// that the store knows of no missing message, that the first and the last
// batch are whole, that the last acknowledged record is there, that a snapshot
// stands for whatever has been dropped; Replay checks the rest. It blocks for
// a few reads of the disk; once it has begun to make a stream, it does so to
// the end.
//
// The Log it returns is the owner from the first Append on: a Log opened
// earlier, here or elsewhere, then finds itself fenced.
//
// # Errors
//
// A *DamageError if the log is not whole; ErrUnsafeSync if its stream was made
// so that it does not sync.
func (s *Server) Log(ctx context.Context, workspace string) (*Log, error) {
	if err := checkWorkspace(workspace); err != nil {
		return nil, err
	}
	done, err := s.begin()
	if err != nil {
		return nil, err
	}
	defer done()
	name := escape(workspace)
	l := &Log{s: s, workspace: workspace, stream: logPrefix + name, snapshots: snapshotPrefix + name}
	l.files = s.blocks(l.stream)
	if err := l.open(ctx, filepath.Join(s.dir, markDir, name+".mark")); err != nil {
		if _, ok := errors.AsType[*DamageError](err); ok {
			return nil, err
		}
		return nil, fmt.Errorf("journal: open log %q: %w", workspace, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[l] = struct{}{}
	return l, nil
}

// open reads the state of the log; markPath is the file of its mark.
func (l *Log) open(ctx context.Context, markPath string) error {
	marked, known, err := readMark(markPath)
	if errors.Is(err, errMark) && l.s.accept {
		l.s.log.Warn("journal: going on as told", "error", err, "file", markPath)
		marked, known, err = 0, false, nil
	}
	if errors.Is(err, errMark) {
		return &DamageError{Workspace: l.workspace, File: markPath, Reason: err.Error()}
	}
	if err != nil {
		return err
	}
	if err := l.openBatches(ctx, marked); err != nil {
		return err
	}
	if !known && l.last > 0 {
		l.s.log.Warn("journal: the file that counts acknowledged records is not there; "+
			"whether the log is complete at its end cannot be told", "workspace", l.workspace, "file", markPath)
	}
	if err := l.checkEnd(marked); err != nil {
		return err
	}
	if err := l.openSnapshots(ctx); err != nil {
		return err
	}
	if err := l.files.settle(l.s.dir); err != nil {
		return err
	}
	if l.mark, err = openMark(markPath, l.last); err != nil {
		return err
	}
	return syncDir(filepath.Dir(markPath))
}

// openBatches opens the stream of the log, which may be made anew only if
// nothing was ever acknowledged, and looks at its two ends.
func (l *Log) openBatches(ctx context.Context, marked uint64) error {
	info, err := l.s.openStream(ctx, streamConfig(l.stream, subjectOf(l.stream)), marked == 0)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return &DamageError{
			Workspace: l.workspace, Record: marked, File: filepath.Dir(l.files.dir), Offset: -1,
			Reason: "the log is gone, or the store cannot read its description",
		}
	}
	if err != nil {
		return err
	}
	state := info.State
	if state.LastSeq == 0 {
		l.first, l.firstSeq = 1, 1
		return nil
	}
	l.firstSeq, l.lastSeq = state.FirstSeq, state.LastSeq
	if state.Msgs != state.LastSeq-state.FirstSeq+1 {
		return l.damage(0, firstGap(state), errMissing)
	}
	first, err := l.batchAt(ctx, l.firstSeq)
	if err != nil {
		return err
	}
	last, err := l.batchAt(ctx, l.lastSeq)
	if err != nil {
		return err
	}
	l.first, l.last = first.first, last.last()
	return nil
}

// firstGap is the sequence of the first message that should be there and is
// not.
func firstGap(state jetstream.StreamState) uint64 {
	if state.Msgs == 0 {
		return state.LastSeq
	}
	if len(state.Deleted) > 0 {
		return state.Deleted[0]
	}
	return state.FirstSeq + state.Msgs
}

// checkEnd compares the end of the log with the number that was acknowledged.
func (l *Log) checkEnd(marked uint64) error {
	if l.last >= marked {
		return nil
	}
	err := l.damage(l.last+1, l.lastSeq+1, fmt.Errorf(
		"the log ends at record %d, but %d was acknowledged", l.last, marked))
	if l.s.accept {
		l.s.log.Warn("journal: going on without the newest records, as told", "error", err)
		return nil
	}
	return err
}

// openSnapshots opens the stream of the snapshots, and checks that one of them
// reaches to where the log begins and none beyond its end.
func (l *Log) openSnapshots(ctx context.Context) error {
	_, err := l.s.openStream(ctx, streamConfig(l.snapshots, subjectOf(l.snapshots)+".>"), true)
	if err != nil {
		return err
	}
	if l.whole, err = l.manifests(ctx); err != nil {
		return err
	}
	dir := l.s.blocks(l.snapshots)
	if err := dir.settle(l.s.dir); err != nil {
		return err
	}
	return l.checkReach(dir.dir)
}

// checkReach compares what the snapshots stand for with what the log holds;
// dir is the folder to name if they do not meet.
func (l *Log) checkReach(dir string) error {
	reach := uint64(0)
	for _, m := range l.whole {
		l.newest = max(l.newest, m.generation)
		reach = max(reach, m.at)
	}
	if reach > l.last && l.s.accept {
		l.s.log.Warn("journal: leaving out a snapshot of records that are lost, as told",
			"workspace", l.workspace, "record", reach, "last", l.last)
		l.whole = slices.DeleteFunc(l.whole, func(m manifest) bool { return m.at > l.last })
		return l.checkReach(dir)
	}
	var reason string
	switch {
	case reach > l.last:
		reason = fmt.Sprintf("a snapshot is of record %d, but the log ends at %d", reach, l.last)
	case reach+1 < l.first:
		reason = fmt.Sprintf("the log begins at record %d and no snapshot stands for those before", l.first)
	default:
		return nil
	}
	return &DamageError{Workspace: l.workspace, File: dir, Offset: -1, Reason: reason}
}
