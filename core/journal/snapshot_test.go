// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/journal"
)

func TestSnapshot(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openServer(t, dir)
	l := openLog(t, s, "w")
	if at, content := readSnapshot(t, l); at != 0 || content != nil {
		t.Fatalf("a new log has a snapshot of record %d", at)
	}
	appendNumbered(t, l, 100)
	big := bytes.Repeat([]byte("0123456789"), 350_000) // more than three chunks
	for i, content := range [][]byte{{}, []byte("small"), big, {}, big} {
		at := uint64(20 * i)
		saveSnapshot(t, l, at, content)
		for range 2 {
			gotAt, got := readSnapshot(t, l)
			if gotAt != at || got == nil || !bytes.Equal(got, content) {
				t.Fatalf("got record %d with %d bytes, want %d with %d", gotAt, len(got), at, len(content))
			}
			checkNumbered(t, l, at, 100)
			closeServer(t, s)
			s = openServer(t, dir)
			l = openLog(t, s, "w")
		}
	}
}

// TestTrim checks that the log is dropped up to the older of two snapshots and
// no further.
func TestTrim(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openServer(t, dir)
	l := openLog(t, s, "w")
	appendNumbered(t, l, 100)
	saveSnapshot(t, l, 31, []byte("31"))
	checkNumbered(t, l, 0, 100) // one snapshot: nothing is dropped
	saveSnapshot(t, l, 60, []byte("60"))
	saveSnapshot(t, l, 90, []byte("90"))
	for range 2 {
		checkNumbered(t, l, 60, 100)
		// Batches are of two records: 59 is in one that only holds old ones.
		err := l.Replay(t.Context(), 58, func(uint64, []byte) error { return nil })
		if !errors.Is(err, journal.ErrTrimmed) {
			t.Fatalf("got %v, want ErrTrimmed", err)
		}
		closeServer(t, s)
		s = openServer(t, dir)
		l = openLog(t, s, "w")
	}
	// With both at the end, the last batch stays and numbers go on.
	saveSnapshot(t, l, 100, []byte("100"))
	saveSnapshot(t, l, 100, []byte("100 again"))
	closeServer(t, s)
	l = openLog(t, openServer(t, dir), "w")
	if l.Last() != 100 {
		t.Fatalf("Last is %d, want 100", l.Last())
	}
	if at, content := readSnapshot(t, l); at != 100 || string(content) != "100 again" {
		t.Fatalf("got %d %q", at, content)
	}
	appendNumbered(t, l, 102)
	checkNumbered(t, l, 100, 102)
}

func TestSaveSnapshotRefusals(t *testing.T) {
	t.Parallel()
	l := openLog(t, openServer(t, t.TempDir()), "w")
	appendNumbered(t, l, 10)
	saveSnapshot(t, l, 5, []byte("five"))
	nothing := func(io.Writer) error { return nil }
	for _, at := range []uint64{4, 11} {
		if err := l.SaveSnapshot(t.Context(), at, nothing); !errors.Is(err, journal.ErrOutOfOrder) {
			t.Errorf("at %d: got %v, want ErrOutOfOrder", at, err)
		}
	}
	// A writer that fails after some chunks leaves nothing that is seen, and
	// nothing that is in the way.
	broken := errors.New("broken")
	err := l.SaveSnapshot(t.Context(), 8, func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 3<<20)); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Fatalf("got %v, want the writer's own error", err)
	}
	if at, content := readSnapshot(t, l); at != 5 || string(content) != "five" {
		t.Fatalf("got %d %q", at, content)
	}
	saveSnapshot(t, l, 9, []byte("nine"))
	if at, content := readSnapshot(t, l); at != 9 || string(content) != "nine" {
		t.Fatalf("got %d %q", at, content)
	}
	checkNumbered(t, l, 5, 10)
}

// TestSnapshotFallback damages the newest snapshot in its file: the one before
// it is used, the log still reaches back to it, and saying so is not optional.
func TestSnapshotFallback(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openServer(t, dir)
	l := openLog(t, s, "w")
	appendNumbered(t, l, 50)
	saveSnapshot(t, l, 10, []byte("state of ten"))
	saveSnapshot(t, l, 20, []byte("state of twenty"))
	saveSnapshot(t, l, 30, []byte("state of thirty"))
	closeServer(t, s)
	files := blockFiles(t, dir, "snap_w")
	flip(t, files[len(files)-1], []byte("state of thirty"))

	var lines logBuffer
	s = openWith(t, journal.Options{Dir: dir, Logger: lines.logger()})
	l = openLog(t, s, "w")
	at, content := readSnapshot(t, l)
	if at != 20 || string(content) != "state of twenty" {
		t.Fatalf("got %d %q", at, content)
	}
	checkNumbered(t, l, 20, 50)
	if !strings.Contains(lines.String(), "a snapshot is damaged") {
		t.Errorf("nothing was said of the damage:\n%s", &lines)
	}
	// The next one is kept beside the whole one, not beside the damaged one.
	saveSnapshot(t, l, 40, []byte("state of forty"))
	checkNumbered(t, l, 20, 50)
	closeServer(t, s)
	files = blockFiles(t, dir, "snap_w")
	flip(t, files[len(files)-1], []byte("state of forty"))
	l = openLog(t, openServer(t, dir), "w")
	if at, content := readSnapshot(t, l); at != 20 || string(content) != "state of twenty" {
		t.Fatalf("got %d %q", at, content)
	}
	checkNumbered(t, l, 20, 50)
}

// TestAllSnapshotsDamaged: without a whole snapshot the log alone must do, and
// if it no longer begins at record 1 that is an error.
func TestAllSnapshotsDamaged(t *testing.T) {
	t.Parallel()
	for _, snapshots := range []int{1, 2} {
		dir := t.TempDir()
		s := openServer(t, dir)
		l := openLog(t, s, "w")
		appendNumbered(t, l, 20)
		for i := range snapshots {
			saveSnapshot(t, l, uint64(10+i), []byte("state"))
		}
		closeServer(t, s)
		for range snapshots {
			flip(t, blockFiles(t, dir, "snap_w")[0], []byte("state"))
		}
		s, err := journal.Open(t.Context(), journal.Options{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		l, err = s.Log(t.Context(), "w")
		var r io.ReadCloser
		if err == nil {
			_, r, err = l.Snapshot(t.Context())
		}
		if snapshots == 1 {
			if err != nil || r != nil {
				t.Fatalf("got %v, %v; want the log alone", r, err)
			}
			checkNumbered(t, l, 0, 20)
		} else if wantDamage(t, err).Workspace != "w" {
			t.Errorf("got %v", err)
		}
		closeServer(t, s)
	}
}

// TestSnapshotBefore asks for the older of the two snapshots that are kept.
func TestSnapshotBefore(t *testing.T) {
	t.Parallel()
	s := openServer(t, t.TempDir())
	l := openLog(t, s, "w")
	appendNumbered(t, l, 100)
	for _, at := range []uint64{31, 60, 90} {
		saveSnapshot(t, l, at, fmt.Append(nil, at))
	}
	for before, want := range map[uint64]uint64{1000: 90, 91: 90, 90: 60, 61: 60, 60: 0, 1: 0} {
		at, r, err := l.SnapshotBefore(t.Context(), before)
		if err != nil || at != want || (r == nil) != (want == 0) {
			t.Fatalf("before %d: record %d, reader %v, %v; want %d", before, at, r != nil, err, want)
		}
		if r == nil {
			continue
		}
		content, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || string(content) != fmt.Sprint(want) {
			t.Errorf("before %d: %q, %v", before, content, err)
		}
	}
}
