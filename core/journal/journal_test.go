// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/journal"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		os.Exit(victim(dir))
	}
	fewerChecks()
	goleak.VerifyTestMain(m)
}

// fewerChecks lowers the number of runs of a property unless it was asked for:
// here each run syncs a disk some hundred times.
func fewerChecks() {
	flag.Parse()
	asked := false
	flag.Visit(func(f *flag.Flag) { asked = asked || f.Name == "rapid.checks" })
	if !asked {
		_ = flag.Set("rapid.checks", "15")
	}
}

// openServer opens a store that is closed with the test.
func openServer(t testing.TB, dir string) *journal.Server {
	t.Helper()
	return openWith(t, journal.Options{Dir: dir})
}

func openWith(t testing.TB, opts journal.Options) *journal.Server {
	t.Helper()
	s, err := journal.Open(t.Context(), opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeServer(t, s) })
	return s
}

func closeServer(t testing.TB, s *journal.Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func openLog(t testing.TB, s *journal.Server, workspace string) *journal.Log {
	t.Helper()
	l, err := s.Log(t.Context(), workspace)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// appendTo appends one batch at the end.
func appendTo(t testing.TB, l *journal.Log, records ...[]byte) {
	t.Helper()
	if err := l.Append(context.Background(), l.Last()+1, records); err != nil {
		t.Fatal(err)
	}
}

// appendNumbered appends batches of two records that say their number, until
// Last is last.
func appendNumbered(t testing.TB, l *journal.Log, last uint64) {
	t.Helper()
	for l.Last() < last {
		records := [][]byte{numbered(l.Last() + 1)}
		if l.Last()+2 <= last {
			records = append(records, numbered(l.Last()+2))
		}
		appendTo(t, l, records...)
	}
}

func numbered(n uint64) []byte { return fmt.Appendf(nil, "record %d", n) }

// checkNumbered replays what appendNumbered wrote after record after.
func checkNumbered(t testing.TB, l *journal.Log, after, last uint64) {
	t.Helper()
	next := after + 1
	err := l.Replay(context.Background(), after, func(number uint64, record []byte) error {
		if number != next || !bytes.Equal(record, numbered(number)) {
			return fmt.Errorf("got record %d = %q, want %d", number, record, next)
		}
		next++
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if next != last+1 {
		t.Fatalf("replay after %d ended before record %d, want %d", after, next, last+1)
	}
}

func saveSnapshot(t testing.TB, l *journal.Log, at uint64, content []byte) {
	t.Helper()
	err := l.SaveSnapshot(context.Background(), at, func(w io.Writer) error {
		_, err := w.Write(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// readSnapshot returns the newest whole snapshot; nil content if there is none.
func readSnapshot(t testing.TB, l *journal.Log) (uint64, []byte) {
	t.Helper()
	at, r, err := l.Snapshot(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if r == nil {
		return at, nil
	}
	content, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return at, content
}

// wantDamage fails the test unless err is a *DamageError, and returns it.
func wantDamage(t testing.TB, err error) *journal.DamageError {
	t.Helper()
	var damage *journal.DamageError
	if !errors.As(err, &damage) {
		t.Fatalf("got error %v, want a DamageError", err)
	}
	return damage
}

// logBuffer collects log lines.
type logBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func (b *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// blockFiles are the files of a stream, oldest first.
func blockFiles(t testing.TB, dir, stream string) []string {
	t.Helper()
	msgs := filepath.Join(dir, "jetstream", "$G", "streams", stream, "msgs")
	var out []string
	for n := 1; ; n++ {
		path := filepath.Join(msgs, fmt.Sprintf("%d.blk", n))
		if _, err := os.Stat(path); err == nil {
			out = append(out, path)
		} else if len(out) > 0 || n > 10_000 {
			return out
		}
	}
}

// stored is numbered as it stands in a file, with its length before it: without
// that, "record 4" and a byte of the store's checksum can pass for "record 49".
func stored(n uint64) []byte {
	r := numbered(n)
	return append([]byte{byte(len(r))}, r...)
}

// flip changes the last byte of the first place in a file where mark stands.
func flip(t testing.TB, path string, mark []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(data, mark)
	if i < 0 {
		t.Fatalf("%s does not hold %q", path, mark)
	}
	data[i+len(mark)-1] ^= 0x20
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
