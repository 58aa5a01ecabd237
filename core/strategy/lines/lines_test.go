// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package lines

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func newTest(limit int) (*Log, *bytes.Buffer) {
	var out bytes.Buffer
	handler := slog.NewTextHandler(&out, &slog.HandlerOptions{ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	return New(slog.New(handler), limit), &out
}

func TestLines(t *testing.T) {
	t.Parallel()
	l, out := newTest(100)
	for _, part := range []string{"one\ntw", "o\r\n\n", "", "thr", "ee"} {
		if n, err := l.Write([]byte(part)); n != len(part) || err != nil {
			t.Errorf("wrote %d, %v", n, err)
		}
	}
	if got := l.Tail(); got != "one\ntwo\nthree" {
		t.Errorf("tail %q", got)
	}
	l.Flush()
	l.Line(slog.LevelWarn, "four\xff")
	want := "level=INFO msg=one\nlevel=INFO msg=two\nlevel=INFO msg=three\nlevel=WARN msg=\"four\uFFFD\"\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out, want)
	}
}

func TestLongLines(t *testing.T) {
	t.Parallel()
	l, _ := newTest(100)
	for range 10 {
		_, _ = l.Write(bytes.Repeat([]byte("x"), Longest))
	}
	_, _ = l.Write([]byte("\nshort\n"))
	l.Line(slog.LevelInfo, strings.Repeat("y", 2*Longest))
	lines := strings.Split(l.Tail(), "\n")
	if len(lines) != 3 || lines[0] != strings.Repeat("x", Longest)+"…" || lines[1] != "short" || len(lines[2]) != Longest {
		t.Errorf("lines of %d, %q, %d", len(lines[0]), lines[1], len(lines[2]))
	}
}

func TestLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, out := newTest(3)
		spam := func() {
			for i := range 10 {
				_, _ = fmt.Fprintln(l, "spam", i)
			}
		}
		spam()
		time.Sleep(time.Second)
		spam()
		l.Flush()
		if n := strings.Count(out.String(), "spam"); n != 6 {
			t.Errorf("%d lines in two seconds, want 6", n)
		}
		if n := strings.Count(out.String(), "dropped=7"); n != 2 {
			t.Errorf("the log tells %d times that 7 lines were dropped, want 2:\n%s", n, out)
		}
	})
}

func TestTail(t *testing.T) {
	t.Parallel()
	l := New(nil, 0)
	for i := range 50 {
		_, _ = fmt.Fprintln(l, i)
	}
	if got := strings.Split(l.Tail(), "\n"); len(got) != kept || got[0] != "30" || got[kept-1] != "49" {
		t.Errorf("tail %v", got)
	}
	_, _ = fmt.Fprintln(l, "panic: oh")
	for i := range 50 {
		_, _ = fmt.Fprintln(l, "trace", i)
	}
	if got := strings.Split(l.Tail(), "\n"); len(got) != kept || got[0] != "panic: oh" || got[1] != "trace 0" {
		t.Errorf("tail of a crash %v", got)
	}
}
