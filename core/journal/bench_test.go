// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// batchSizes are those of target T9: one client alone, and what piles up under
// load.
var batchSizes = []int{1, 64, 1024}

// BenchmarkAppend is to be read beside BenchmarkRawFile of the same run.
func BenchmarkAppend(b *testing.B) {
	for _, size := range batchSizes {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			l := openLog(b, openServer(b, b.TempDir()), "w")
			records := makeRecords(size)
			b.SetBytes(int64(size * recordLen))
			b.ResetTimer()
			for b.Loop() {
				if err := l.Append(b.Context(), l.Last()+1, records); err != nil {
					b.Fatal(err)
				}
			}
			reportRecords(b, size)
		})
	}
}

// BenchmarkRawFile is the least a durable log can cost: the same bytes
// appended to one file, with one sync for each batch.
func BenchmarkRawFile(b *testing.B) {
	for _, size := range batchSizes {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
			if err != nil {
				b.Fatal(err)
			}
			defer func() { _ = f.Close() }()
			records := makeRecords(size)
			var buf []byte
			b.SetBytes(int64(size * recordLen))
			b.ResetTimer()
			for b.Loop() {
				buf = buf[:0]
				for _, r := range records {
					buf = append(buf, r...)
				}
				if _, err := f.Write(buf); err != nil {
					b.Fatal(err)
				}
				if err := f.Sync(); err != nil {
					b.Fatal(err)
				}
			}
			reportRecords(b, size)
		})
	}
}

// BenchmarkBesideRaw is target T9: the same batches to the journal and to a raw
// file with one sync each, in turn, so that a disk whose pace changes changes it
// for both. ratio is durable records per second, journal over raw, by medians.
func BenchmarkBesideRaw(b *testing.B) {
	for _, size := range batchSizes {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			records := makeRecords(size)
			besideRaw(b, func(commit func([][]byte) error) error { return commit(records) })
		})
	}
}

// BenchmarkClientsBesideRaw is T9 as it is met in life: clients that each wait
// for their own command to be durable, and one writer that takes what has piled
// up. One turn is twenty commands of each client.
func BenchmarkClientsBesideRaw(b *testing.B) {
	for _, clients := range batchSizes {
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			besideRaw(b, func(commit func([][]byte) error) error { return runClients(clients, 20, commit) })
		})
	}
}

// besideRaw does work with the journal and with a raw file in turn.
func besideRaw(b *testing.B, work func(commit func([][]byte) error) error) {
	l := openLog(b, openServer(b, b.TempDir()), "w")
	ways := [2]func([][]byte) error{
		func(records [][]byte) error { return l.Append(b.Context(), l.Last()+1, records) },
		rawCommit(b),
	}
	var took [2][]time.Duration
	for round := 0; b.Loop(); round++ {
		// Who goes first changes too.
		for i := range ways {
			way := (round + i) % 2
			start := time.Now()
			if err := work(ways[way]); err != nil {
				b.Fatal(err)
			}
			took[way] = append(took[way], time.Since(start))
		}
	}
	var median [2]time.Duration
	for way := range took {
		slices.Sort(took[way])
		median[way] = took[way][len(took[way])/2]
	}
	b.ReportMetric(float64(median[0].Microseconds()), "journal-µs")
	b.ReportMetric(float64(median[1].Microseconds()), "raw-µs")
	b.ReportMetric(float64(median[1])/float64(median[0]), "ratio")
}

// rawCommit appends to one file and syncs it.
func rawCommit(b *testing.B) func([][]byte) error {
	f, err := os.Create(filepath.Join(b.TempDir(), "raw"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = f.Close() })
	var buf []byte
	return func(records [][]byte) error {
		buf = buf[:0]
		for _, r := range records {
			buf = append(buf, r...)
		}
		if _, err := f.Write(buf); err != nil {
			return err
		}
		return f.Sync()
	}
}

// runClients lets each client make each commands durable, one after the other.
func runClients(clients, each int, commit func([][]byte) error) error {
	type command struct {
		record []byte
		done   chan error
	}
	queue := make(chan command, clients)
	var wait sync.WaitGroup
	for range clients {
		wait.Go(func() {
			c := command{make([]byte, recordLen), make(chan error, 1)}
			for range each {
				queue <- c
				<-c.done
			}
		})
	}
	go func() {
		wait.Wait()
		close(queue)
	}()
	var failed error
	for first := range queue {
		batch := []command{first}
		records := [][]byte{first.record}
		for n := len(queue); n > 0; n-- {
			c := <-queue
			batch, records = append(batch, c), append(records, c.record)
		}
		err := commit(records)
		failed = errors.Join(failed, err)
		for _, c := range batch {
			c.done <- err
		}
	}
	return failed
}

// BenchmarkReplay reads a log from the beginning; T5 needs a million records
// in well under ten seconds, decoding and applying included.
func BenchmarkReplay(b *testing.B) {
	for _, size := range batchSizes {
		b.Run(fmt.Sprintf("batch=%d", size), func(b *testing.B) {
			total := size * 2000
			l := openLog(b, openServer(b, b.TempDir()), "w")
			for range total / size {
				appendTo(b, l, makeRecords(size)...)
			}
			b.SetBytes(int64(total * recordLen))
			b.ResetTimer()
			for b.Loop() {
				n := 0
				err := l.Replay(b.Context(), 0, func(uint64, []byte) error {
					n++
					return nil
				})
				if err != nil || n != total {
					b.Fatal(n, err)
				}
			}
			reportRecords(b, total)
		})
	}
}

// BenchmarkReplayResume is what a feed costs that takes up near the end of a
// long log.
func BenchmarkReplayResume(b *testing.B) {
	l := openLog(b, openServer(b, b.TempDir()), "w")
	for range 2000 {
		appendTo(b, l, makeRecords(64)...)
	}
	for b.Loop() {
		if err := l.Replay(b.Context(), l.Last()-1, func(uint64, []byte) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSaveSnapshot includes the reading back.
func BenchmarkSaveSnapshot(b *testing.B) {
	l := openLog(b, openServer(b, b.TempDir()), "w")
	appendTo(b, l, makeRecords(1)...)
	block := make([]byte, 64<<10)
	const blocks = 1024
	b.SetBytes(blocks * int64(len(block)))
	for b.Loop() {
		err := l.SaveSnapshot(context.Background(), 1, func(w io.Writer) error {
			for range blocks {
				if _, err := w.Write(block); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSnapshot checks and reads 64 MiB.
func BenchmarkSnapshot(b *testing.B) {
	l := openLog(b, openServer(b, b.TempDir()), "w")
	appendTo(b, l, makeRecords(1)...)
	content := make([]byte, 64<<20)
	saveSnapshot(b, l, 1, content)
	b.SetBytes(int64(len(content)))
	for b.Loop() {
		_, r, err := l.Snapshot(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{r}); err != nil {
			b.Fatal(err)
		}
		if err := r.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// recordLen is about the length of an encoded event.
const recordLen = 100

func makeRecords(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		out[i] = make([]byte, recordLen)
	}
	return out
}

// reportRecords adds records per second to a benchmark's figures.
func reportRecords(b *testing.B, perOp int) {
	b.ReportMetric(float64(perOp)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}
