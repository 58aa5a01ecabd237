// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/journal"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openServer(t, dir)
	l := openLog(t, s, "w")
	if l.Last() != 0 {
		t.Fatalf("new log has Last %d", l.Last())
	}
	checkNumbered(t, l, 0, 0)
	appendNumbered(t, l, 101)
	for range 2 {
		for after := range uint64(102) {
			checkNumbered(t, l, after, 101)
		}
		checkNumbered(t, l, 500, 500) // beyond the end there is nothing
		closeServer(t, s)
		s = openServer(t, dir)
		l = openLog(t, s, "w")
	}
	appendNumbered(t, l, 120)
	checkNumbered(t, l, 0, 120)
}

// TestLogInterrupted ends the context, or closes the server, at any moment while
// a log is made: nothing of it is left running, which TestMain sees, and the log
// can be made afterwards.
func TestLogInterrupted(t *testing.T) {
	t.Parallel()
	for i := range 60 {
		dir := t.TempDir()
		s := openServer(t, dir)
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i/2)*200*time.Microsecond)
		if i%2 == 0 {
			if _, err := s.Log(ctx, "w"); err != nil && !errors.Is(err, context.DeadlineExceeded) {
				t.Error(err)
			}
		} else {
			made := make(chan error, 1)
			go func() {
				_, err := s.Log(t.Context(), "w")
				made <- err
			}()
			<-ctx.Done()
			closeServer(t, s)
			if err := <-made; err != nil && !errors.Is(err, journal.ErrClosed) {
				t.Error(err)
			}
			s = openServer(t, dir)
		}
		cancel()
		appendNumbered(t, openLog(t, s, "w"), 1)
		closeServer(t, s)
	}
}

func TestWorkspacesAreApart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	names := []string{"a", "A", "a.b", "a b", "a/../b", "*", ">", "Zürich", "_a", strings.Repeat("x", 64)}
	s := openServer(t, dir)
	for i, name := range names {
		appendNumbered(t, openLog(t, s, name), uint64(i+1))
	}
	closeServer(t, s)
	s = openServer(t, dir)
	for i, name := range names {
		l := openLog(t, s, name)
		if l.Workspace() != name {
			t.Errorf("workspace %q calls itself %q", name, l.Workspace())
		}
		checkNumbered(t, l, 0, uint64(i+1))
	}
	for _, name := range []string{"", strings.Repeat("x", 65)} {
		if _, err := s.Log(t.Context(), name); err == nil {
			t.Errorf("workspace %q was opened", name)
		}
	}
}

// TestRefusals are the refusals that change nothing.
func TestRefusals(t *testing.T) {
	t.Parallel()
	l := openLog(t, openServer(t, t.TempDir()), "w")
	appendNumbered(t, l, 4)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	small := [][]byte{[]byte("x")}
	for _, tt := range []struct {
		name    string
		ctx     context.Context
		first   uint64
		records [][]byte
		want    error
	}{
		{"hole", t.Context(), 6, small, journal.ErrOutOfOrder},
		{"repeat", t.Context(), 4, small, journal.ErrOutOfOrder},
		{"too large", t.Context(), 5, [][]byte{small[0], make([]byte, journal.MaxRecord+1)}, journal.ErrRecordTooLarge},
		{"ended", ended, 5, small, context.Canceled},
	} {
		if err := l.Append(tt.ctx, tt.first, tt.records); !errors.Is(err, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, err, tt.want)
		}
	}
	if err := l.Append(t.Context(), 5, nil); err != nil {
		t.Errorf("an empty batch: %v", err)
	}
	appendNumbered(t, l, 6)
	checkNumbered(t, l, 0, 6)
}

// TestLargeBatches stores the largest record and a batch that needs several
// messages, kills nothing, but makes the store rebuild its index.
func TestLargeBatches(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openServer(t, dir)
	l := openLog(t, s, "w")
	var want [][]byte
	for i, size := range []int{1, journal.MaxRecord, 0, 3 << 20, 3 << 20, 3 << 20, 7} {
		want = append(want, bytes.Repeat([]byte{byte('a' + i)}, size))
	}
	appendTo(t, l, want...)
	closeServer(t, s)
	index := filepath.Join(filepath.Dir(blockFiles(t, dir, "log_w")[0]), "index.db")
	if err := os.Remove(index); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, openServer(t, dir), "w")
	if l.Last() != uint64(len(want)) {
		t.Fatalf("Last is %d, want %d", l.Last(), len(want))
	}
	for after := range want {
		next := after
		err := l.Replay(t.Context(), uint64(after), func(number uint64, record []byte) error {
			if number != uint64(next+1) || !bytes.Equal(record, want[next]) {
				return fmt.Errorf("record %d is wrong", number)
			}
			next++
			return nil
		})
		if err != nil || next != len(want) {
			t.Fatalf("replay after %d: ended before %d: %v", after, next+1, err)
		}
	}
}

func TestFencing(t *testing.T) {
	t.Parallel()
	s := openServer(t, t.TempDir())
	old := openLog(t, s, "w")
	appendNumbered(t, old, 3)
	owner := openLog(t, s, "w")
	appendNumbered(t, owner, 5)
	for range 2 {
		err := old.Append(t.Context(), 4, [][]byte{[]byte("stale")})
		if !errors.Is(err, journal.ErrFenced) {
			t.Fatalf("got %v, want ErrFenced", err)
		}
	}
	err := old.SaveSnapshot(t.Context(), 3, func(io.Writer) error { return nil })
	if !errors.Is(err, journal.ErrFenced) {
		t.Fatalf("snapshot: got %v, want ErrFenced", err)
	}
	appendNumbered(t, owner, 7)
	checkNumbered(t, owner, 0, 7)
}

func TestReplayStopsAtError(t *testing.T) {
	t.Parallel()
	l := openLog(t, openServer(t, t.TempDir()), "w")
	appendNumbered(t, l, 20)
	stop := errors.New("enough")
	var got []uint64
	err := l.Replay(t.Context(), 4, func(number uint64, _ []byte) error {
		got = append(got, number)
		if number == 7 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || fmt.Sprint(got) != "[5 6 7]" {
		t.Fatalf("got %v, records %v", err, got)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := l.Replay(ended, 0, func(uint64, []byte) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Fatalf("ended context: got %v", err)
	}
}

// TestReplayBesideAppend replays again and again while appends and snapshots
// go on: what is read is always whole, or said to be trimmed.
func TestReplayBesideAppend(t *testing.T) {
	t.Parallel()
	l := openLog(t, openServer(t, t.TempDir()), "w")
	appendNumbered(t, l, 10)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() { replayUntil(t, l, done) })
	}
	for round := range uint64(40) {
		appendNumbered(t, l, 10+10*round)
		if round%4 == 3 {
			saveSnapshot(t, l, l.Last()-5, []byte("state"))
		}
	}
	close(done)
	readers.Wait()
	checkNumbered(t, l, l.Last()-5, l.Last())
}

// replayUntil replays from the beginning, or from the newest snapshot once that
// is trimmed, until done is closed.
func replayUntil(t *testing.T, l *journal.Log, done <-chan struct{}) {
	after := uint64(0)
	for {
		next := after + 1
		err := l.Replay(context.Background(), after, func(number uint64, record []byte) error {
			if number != next || !bytes.Equal(record, numbered(number)) {
				return fmt.Errorf("got record %d = %q, want %d", number, record, next)
			}
			next++
			return nil
		})
		switch {
		case errors.Is(err, journal.ErrTrimmed):
			at, r, err := l.Snapshot(context.Background())
			if err != nil || r == nil {
				t.Errorf("trimmed, but there is no snapshot: %v", err)
				return
			}
			_ = r.Close()
			after = at
		case err != nil:
			t.Error(err)
			return
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openServer(t, dir)
	_, err := journal.Open(t.Context(), journal.Options{Dir: dir})
	if !errors.Is(err, journal.ErrLocked) || !strings.Contains(err.Error(), dir) ||
		!strings.Contains(err.Error(), fmt.Sprint("process ", os.Getpid())) {
		t.Fatalf("got %v", err)
	}
	appendNumbered(t, openLog(t, s, "w"), 2) // the first is none the worse
	closeServer(t, s)
	checkNumbered(t, openLog(t, openServer(t, dir), "w"), 0, 2)
}

func TestClosed(t *testing.T) {
	t.Parallel()
	s := openServer(t, t.TempDir())
	l, closedLog := openLog(t, s, "w"), openLog(t, s, "v")
	appendNumbered(t, l, 2)
	for range 2 {
		if err := closedLog.Close(); err != nil {
			t.Fatal(err)
		}
	}
	closeServer(t, s)
	closeServer(t, s)
	for _, l := range []*journal.Log{l, closedLog} {
		nothing := func(uint64, []byte) error { return nil }
		_, _, snapshotErr := l.Snapshot(t.Context())
		for name, err := range map[string]error{
			"append":   l.Append(t.Context(), l.Last()+1, [][]byte{[]byte("x")}),
			"replay":   l.Replay(t.Context(), 0, nothing),
			"save":     l.SaveSnapshot(t.Context(), 0, func(io.Writer) error { return nil }),
			"snapshot": snapshotErr,
		} {
			if !errors.Is(err, journal.ErrClosed) {
				t.Errorf("%s: got %v, want ErrClosed", name, err)
			}
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.Log(t.Context(), "w"); !errors.Is(err, journal.ErrClosed) {
		t.Errorf("open log: got %v, want ErrClosed", err)
	}
}

// TestCloseInterrupts closes the Server while a Replay waits in its function.
func TestCloseInterrupts(t *testing.T) {
	t.Parallel()
	s := openServer(t, t.TempDir())
	l := openLog(t, s, "w")
	for range 3 {
		appendTo(t, l, make([]byte, 3<<20), make([]byte, 3<<20))
	}
	var result error
	var wait sync.WaitGroup
	inside, goOn := make(chan struct{}), make(chan struct{})
	wait.Go(func() {
		result = l.Replay(context.Background(), 0, func(number uint64, _ []byte) error {
			if number == 1 {
				close(inside)
				<-goOn
			}
			return nil
		})
	})
	<-inside
	wait.Go(func() { closeServer(t, s) })
	// The closing cannot end before the function returns; that it has begun is
	// seen from new calls being refused.
	for !errors.Is(l.Append(context.Background(), 1, nil), journal.ErrClosed) {
	}
	close(goOn)
	wait.Wait()
	if result != nil && !errors.Is(result, journal.ErrClosed) {
		t.Fatalf("got %v, want nil or ErrClosed", result)
	}
}

func TestOpenErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	blocked := filepath.Join(dir, "blocked")
	if err := os.MkdirAll(blocked, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(blocked, "jetstream"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name, dir string
		ctx       context.Context
	}{
		{"no directory", "", t.Context()},
		{"a file", file, t.Context()},
		{"no parent", filepath.Join(dir, "a", "b"), t.Context()},
		{"a file where the store goes", blocked, t.Context()},
		{"ended", filepath.Join(dir, "ended"), ended},
	} {
		s, err := journal.Open(tt.ctx, journal.Options{Dir: tt.dir})
		if err == nil {
			closeServer(t, s)
			t.Errorf("%s: no error", tt.name)
		} else if !strings.HasPrefix(err.Error(), "journal: open") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// TestLockDuringFork closes and opens a store while other processes are being
// started, which hold copies of the lock's file for a moment.
func TestLockDuringFork(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	var starter sync.WaitGroup
	starter.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if err := exec.Command(self, "-test.run=^$").Run(); err != nil {
					t.Error(err)
					return
				}
			}
		}
	})
	defer starter.Wait()
	defer close(stop)
	dir := t.TempDir()
	for range 40 {
		closeServer(t, openServer(t, dir))
	}
}
