// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/journal"
)

// TestDamagedFiles changes the files of a log that was closed cleanly or not,
// and expects a DamageError that names the file from Open, Log or Replay: the
// sooner the better, but never a log that is silently shorter.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		damage func(t *testing.T, path string)
	}{
		{"flipped at the front", func(t *testing.T, path string) { flip(t, path, stored(1)) }},
		{"flipped in the middle", func(t *testing.T, path string) { flip(t, path, stored(50)) }},
		{"flipped at the end", func(t *testing.T, path string) { flip(t, path, stored(100)) }},
		{"flipped length", func(t *testing.T, path string) { flipBefore(t, path, stored(50)) }},
		{"cut in the middle", func(t *testing.T, path string) { cut(t, path, 2) }},
		{"cut at the end", func(t *testing.T, path string) { cut(t, path, 1) }},
		{"emptied", func(t *testing.T, path string) { cut(t, path, 0) }},
		{"gone", func(t *testing.T, path string) { remove(t, path) }},
		{"described by nothing", func(t *testing.T, path string) {
			remove(t, filepath.Join(path, "../../meta.inf"))
		}},
		{"all gone", func(t *testing.T, path string) { remove(t, filepath.Join(path, "../..")) }},
	} {
		for _, clean := range []bool{true, false} {
			name := tt.name + ", closed cleanly"
			if !clean {
				name = tt.name + ", killed"
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				s := openServer(t, dir)
				appendNumbered(t, openLog(t, s, "w"), 100)
				closeServer(t, s)
				path := blockFiles(t, dir, "log_w")[0]
				if !clean {
					remove(t, filepath.Join(path, "../index.db"))
				}
				tt.damage(t, path)
				// Looking twice must not make it any better.
				for range 2 {
					damage := wantDamage(t, openAndReplay(t, dir))
					if !strings.HasPrefix(damage.File, dir) {
						t.Errorf("names no file: %v", damage)
					}
				}
			})
		}
	}
}

// openAndReplay returns the first error.
func openAndReplay(t *testing.T, dir string) error {
	t.Helper()
	s, err := journal.Open(t.Context(), journal.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer closeServer(t, s)
	l, err := s.Log(t.Context(), "w")
	if err != nil {
		return err
	}
	return l.Replay(t.Context(), 0, func(uint64, []byte) error { return nil })
}

// flipBefore changes the length of the stored message that holds mark.
func flipBefore(t *testing.T, path string, mark []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, _, found := bytes.Cut(data, mark)
	if !found {
		t.Fatalf("%s does not hold %q", path, mark)
	}
	i := bytes.LastIndex(before, []byte("patchbay.log_w"))
	data[i-22] ^= 0x04
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// cut keeps nothing of a file (0), all but the last byte (1), or one half (2).
func cut(t *testing.T, path string, divisor int64) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	size := int64(0)
	switch divisor {
	case 1:
		size = info.Size() - 1
	case 2:
		size = info.Size() / 2
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.RemoveAll(path); err != nil {
		t.Fatal(err)
	}
}

// TestDamageIsLeftAlone: damage that is followed by good records is reported
// before the store cuts them off, so that they can still be rescued.
func TestDamageIsLeftAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openServer(t, dir)
	appendNumbered(t, openLog(t, s, "w"), 100)
	closeServer(t, s)
	path := blockFiles(t, dir, "log_w")[0]
	remove(t, filepath.Join(path, "../index.db"))
	flip(t, path, stored(50))
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	damage := wantDamage(t, openAndReplay(t, dir))
	if damage.File != path || damage.Offset <= 0 || damage.Offset >= int64(bytes.Index(before, stored(51))) {
		t.Errorf("got %v, want a place in %s", damage, path)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the damaged file was changed")
	}
}

// TestAcceptDataLoss opens what is left of a log that was cut short.
func TestAcceptDataLoss(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		damage []byte
		last   uint64
	}{
		{"middle", stored(49), 48},
		{"end", stored(99), 98},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			s := openServer(t, dir)
			appendNumbered(t, openLog(t, s, "w"), 100)
			closeServer(t, s)
			path := blockFiles(t, dir, "log_w")[0]
			remove(t, filepath.Join(path, "../index.db"))
			flip(t, path, tt.damage)
			var lines logBuffer
			s = openWith(t, journal.Options{Dir: dir, Logger: lines.logger(), AcceptDataLoss: true})
			t.Cleanup(func() {
				if t.Failed() {
					t.Logf("said meanwhile:\n%s", &lines)
				}
			})
			l := openLog(t, s, "w")
			checkNumbered(t, l, 0, tt.last)
			appendNumbered(t, l, 110)
			closeServer(t, s)
			if !strings.Contains(lines.String(), "as told") {
				t.Errorf("nothing was said of the loss:\n%s", &lines)
			}
			// Accepted once, it is no longer a damaged log.
			checkNumbered(t, openLog(t, openServer(t, dir), "w"), 0, 110)
		})
	}
}

// TestMark is about the file that counts acknowledged records.
func TestMark(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := openServer(t, dir)
	appendNumbered(t, openLog(t, s, "w"), 10)
	closeServer(t, s)
	path := filepath.Join(dir, "marks", "w.mark")
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range content {
		bad := bytes.Clone(content)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := wantDamage(t, openAndReplay(t, dir)); got.File != path {
			t.Fatalf("byte %d: got %v, want one that names %s", i, got, path)
		}
	}
	// Without it the log opens, with a warning, and has one again.
	remove(t, path)
	var lines logBuffer
	s = openWith(t, journal.Options{Dir: dir, Logger: lines.logger()})
	checkNumbered(t, openLog(t, s, "w"), 0, 10)
	closeServer(t, s)
	if !strings.Contains(lines.String(), "cannot be told") {
		t.Errorf("nothing was said of the missing file:\n%s", &lines)
	}
	if again, err := os.ReadFile(path); err != nil || !bytes.Equal(again, content) {
		t.Errorf("got %x, %v; want %x", again, err, content)
	}
}
