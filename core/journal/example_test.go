// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/patchbay-cx/patchbay/core/journal"
)

// The life of a log: append, save a snapshot, and after a restart go on from
// the snapshot and what follows it.
func Example() {
	dir, err := os.MkdirTemp("", "journal")
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	ctx := context.Background()

	err = run(ctx, dir, func(l *journal.Log) error {
		if err := l.Append(ctx, 1, [][]byte{[]byte("one"), []byte("two")}); err != nil {
			return err
		}
		if err := l.SaveSnapshot(ctx, l.Last(), func(w io.Writer) error {
			_, err := io.WriteString(w, "one and two")
			return err
		}); err != nil {
			return err
		}
		return l.Append(ctx, l.Last()+1, [][]byte{[]byte("three")})
	})
	if err != nil {
		log.Fatal(err)
	}

	err = run(ctx, dir, func(l *journal.Log) error {
		at, r, err := l.Snapshot(ctx)
		if err != nil {
			return err
		}
		state, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		fmt.Printf("state at %d: %s\n", at, state)
		if err := r.Close(); err != nil {
			return err
		}
		return l.Replay(ctx, at, func(number uint64, record []byte) error {
			fmt.Printf("record %d: %s\n", number, record)
			return nil
		})
	})
	if err != nil {
		log.Fatal(err)
	}

	// Output:
	// state at 2: one and two
	// record 3: three
}

// run opens the log of one workspace for the time of do.
func run(ctx context.Context, dir string, do func(*journal.Log) error) error {
	s, err := journal.Open(ctx, journal.Options{Dir: dir})
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	l, err := s.Log(ctx, "demo")
	if err != nil {
		return err
	}
	return do(l)
}
