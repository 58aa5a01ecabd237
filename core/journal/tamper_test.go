// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// tampered opens a log of ten one-record batches, and a way round it.
func tampered(t *testing.T) (*Log, jetstream.Stream) {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	l, err := s.Log(t.Context(), "w")
	if err != nil {
		t.Fatal(err)
	}
	for n := range uint64(10) {
		if err := l.Append(t.Context(), n+1, [][]byte{fmt.Append(nil, n+1)}); err != nil {
			t.Fatal(err)
		}
	}
	js, err := jetstream.New(s.reads.nc)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), l.stream)
	if err != nil {
		t.Fatal(err)
	}
	return l, stream
}

// TestForeignBatch puts messages into the stream that are stored well and are
// not what belongs there, as a faulty replica would serve them.
func TestForeignBatch(t *testing.T) {
	t.Parallel()
	good := func(first uint64) []byte {
		msg, _ := encodeBatch(nil, first, [][]byte{[]byte("a"), []byte("b")}, 1000)
		return msg
	}
	flipped := good(11)
	flipped[len(flipped)-1] ^= 1
	for _, tt := range []struct {
		name   string
		msg    []byte
		reason string
	}{
		{"flipped byte", flipped, errBatchSum.Error()},
		{"repeated", good(9), errNumber.Error()},
		{"hole", good(12), errNumber.Error()},
		{"something else", []byte("hello"), errBatchShort.Error()},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l, _ := tampered(t)
			if _, err := l.s.reads.publish(t.Context(), subjectOf(l.stream), tt.msg); err != nil {
				t.Fatal(err)
			}
			last, _ := encodeBatch(nil, 13, [][]byte{[]byte("c")}, 1000)
			if _, err := l.s.reads.publish(t.Context(), subjectOf(l.stream), last); err != nil {
				t.Fatal(err)
			}
			l, err := l.s.Log(t.Context(), "w")
			if err != nil {
				t.Fatal(err) // its two ends are good
			}
			seen := uint64(0)
			err = l.Replay(t.Context(), 0, func(number uint64, _ []byte) error {
				seen = number
				return nil
			})
			var damage *DamageError
			if !errors.As(err, &damage) {
				t.Fatalf("got %v, want a DamageError", err)
			}
			want := DamageError{
				Workspace: "w", Record: 11, Sequence: 11, Offset: -1, Reason: tt.reason,
				File: filepath.Join(l.files.dir, "1.blk"),
			}
			if *damage != want || seen != 10 {
				t.Errorf("got %+v after record %d\nwant %+v", *damage, seen, want)
			}
		})
	}
}

// TestMissingMessage takes a message out of the middle: a Log that is open
// notices in Replay, and one to be opened is not.
func TestMissingMessage(t *testing.T) {
	t.Parallel()
	l, stream := tampered(t)
	info, err := stream.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(l.s.reads.nc)
	if err != nil {
		t.Fatal(err)
	}
	if info.Config.DenyDelete {
		// The log's own stream does not let anybody do this; make one that does.
		stream = remake(t, l, js, info.Config)
	}
	if err := stream.DeleteMsg(t.Context(), 5); err != nil {
		t.Fatal(err)
	}
	nothing := func(uint64, []byte) error { return nil }
	for _, err := range []error{
		l.Replay(t.Context(), 0, nothing),
		l.Replay(t.Context(), 4, nothing),
		func() error { _, err := l.s.Log(t.Context(), "w"); return err }(),
	} {
		var damage *DamageError
		if !errors.As(err, &damage) || damage.Sequence != 5 {
			t.Errorf("got %v, want one that names sequence 5", err)
		}
	}
}

// remake replaces the stream by one with the same messages that lets messages
// be deleted.
func remake(t *testing.T, l *Log, js jetstream.JetStream, config jetstream.StreamConfig) jetstream.Stream {
	t.Helper()
	var messages [][]byte
	for seq := l.firstSeq; seq <= l.lastSeq; seq++ {
		msg, err := l.s.reads.get(t.Context(), l.stream, seq)
		if err != nil {
			t.Fatal(err)
		}
		messages = append(messages, msg)
	}
	if err := js.DeleteStream(t.Context(), l.stream); err != nil {
		t.Fatal(err)
	}
	config.DenyDelete = false
	stream, err := js.CreateStream(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	for _, msg := range messages {
		if _, err := l.s.reads.publish(t.Context(), subjectOf(l.stream), msg); err != nil {
			t.Fatal(err)
		}
	}
	return stream
}

// TestPoisoned makes the store refuse a write: from then on the Log refuses
// all, with the same error, until it is opened again.
func TestPoisoned(t *testing.T) {
	t.Parallel()
	l, stream := tampered(t)
	js, err := jetstream.New(l.s.reads.nc)
	if err != nil {
		t.Fatal(err)
	}
	config := stream.CachedInfo().Config
	full := config
	full.MaxMsgs = 10
	if _, err := js.UpdateStream(t.Context(), full); err != nil {
		t.Fatal(err)
	}
	record := [][]byte{[]byte("x")}
	first := l.Append(t.Context(), 11, record)
	if first == nil || !strings.Contains(first.Error(), "maximum messages") {
		t.Fatalf("got %v", first)
	}
	if _, err := js.UpdateStream(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	if again := l.Append(t.Context(), 11, record); !errors.Is(again, first) {
		t.Errorf("got %v, want the same error again", again)
	}
	if save := l.SaveSnapshot(t.Context(), 10, func(io.Writer) error { return nil }); !errors.Is(save, first) {
		t.Errorf("got %v, want the same error from SaveSnapshot", save)
	}
	if l.Last() != 10 {
		t.Errorf("Last is %d, want 10", l.Last())
	}
	l, err = l.s.Log(t.Context(), "w")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(t.Context(), l.Last()+1, record); err != nil {
		t.Errorf("after opening again: %v", err)
	}
}

// TestPoisonedByContext ends the context while the answer is under way: whether
// the batch is stored is unknown, so the Log is of no more use.
func TestPoisonedByContext(t *testing.T) {
	t.Parallel()
	l, _ := tampered(t)
	// Somebody listens who never answers.
	l.stream = "elsewhere"
	ctx, cancel := context.WithCancel(t.Context())
	listener, err := l.s.reads.nc.SubscribeSync(subjectOf("elsewhere"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.s.reads.nc.Flush(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- l.Append(ctx, 11, [][]byte{[]byte("x")}) }()
	if _, err := listener.NextMsgWithContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	cancel()
	first := <-done
	if !errors.Is(first, context.Canceled) {
		t.Fatalf("got %v", first)
	}
	if again := l.Append(t.Context(), 11, [][]byte{[]byte("x")}); !errors.Is(again, first) {
		t.Errorf("got %v, want the same error again", again)
	}
}

// TestStreamConfig refuses streams that would lose what they are given.
func TestStreamConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*jetstream.StreamConfig)
		want   string
		accept bool
	}{
		{"no sync", func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode }, ErrUnsafeSync.Error(), true},
		{"memory", func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }, ErrUnsafeSync.Error(), true},
		{"limit", func(c *jetstream.StreamConfig) { c.MaxBytes = 1 << 20 }, "limits", false},
		{"expiry", func(c *jetstream.StreamConfig) { c.MaxAge = 1 << 40 }, "expiry", false},
		{"work queue", func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy }, "retention", false},
		{"subjects", func(c *jetstream.StreamConfig) { c.Subjects = []string{"other"} }, "subjects", false},
		{"no direct reads", func(c *jetstream.StreamConfig) { c.AllowDirect = false }, "direct", false},
	} {
		for _, accept := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/%v", tt.name, accept), func(t *testing.T) {
				t.Parallel()
				s, err := Open(t.Context(), Options{Dir: t.TempDir(), AcceptDataLoss: accept})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = s.Close() }()
				js, err := jetstream.New(s.reads.nc)
				if err != nil {
					t.Fatal(err)
				}
				config := streamConfig(logPrefix+"w", subjectOf(logPrefix+"w"))
				tt.change(&config)
				if _, err := js.CreateStream(t.Context(), config); err != nil {
					t.Fatal(err)
				}
				_, err = s.Log(t.Context(), "w")
				if accept && tt.accept {
					if tt.name == "no sync" && err != nil {
						t.Errorf("not accepted: %v", err)
					}
					return
				}
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
			})
		}
	}
}

// TestReadBack loses a part of a snapshot while it is being written: it must
// not count, and nothing may be dropped for it.
func TestReadBack(t *testing.T) {
	t.Parallel()
	l, _ := tampered(t)
	save := func(at uint64) error {
		return l.SaveSnapshot(t.Context(), at, func(w io.Writer) error {
			_, err := io.WriteString(w, "good")
			return err
		})
	}
	if err := errors.Join(save(3), save(4)); err != nil {
		t.Fatal(err)
	}
	before := l.first
	err := l.SaveSnapshot(t.Context(), 9, func(w io.Writer) error {
		if _, err := w.Write(make([]byte, 3*chunkSize)); err != nil {
			return err
		}
		_, seq, err := l.s.reads.getLast(t.Context(), l.snapshots, chunkSubject(l.snapshots))
		if err != nil {
			return err
		}
		return l.s.reads.trim(t.Context(), l.snapshots, seq)
	})
	var damage *DamageError
	if !errors.As(err, &damage) || !strings.Contains(err.Error(), "reading it back") {
		t.Fatalf("got %v, want a DamageError from reading back", err)
	}
	if l.first != before || l.whole[0].at != 4 {
		t.Errorf("log begins at %d, want %d; newest snapshot is at %d, want 4", l.first, before, l.whole[0].at)
	}
}

// TestNewFilesAreNoticed: every file the store begins is seen before the append
// that began it returns, which is when its entry is synced. That the entry then
// survives a loss of power is not for a unit test to show.
func TestNewFilesAreNoticed(t *testing.T) {
	t.Parallel()
	l, _ := tampered(t)
	for range 6 {
		if err := l.Append(t.Context(), l.Last()+1, [][]byte{make([]byte, 3<<20)}); err != nil {
			t.Fatal(err)
		}
		numbers, err := l.files.numbers()
		if err != nil {
			t.Fatal(err)
		}
		if newest := numbers[len(numbers)-1]; l.files.newest != newest {
			t.Errorf("file %d was begun, but only those to %d were noticed", newest, l.files.newest)
		}
	}
	if l.files.newest < 2 {
		t.Error("no second file was begun: this test tests nothing")
	}
}
