// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
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

// BenchmarkClients is target T9 as it is met in life: clients that each wait
// for their own command to be durable, and one writer that takes what has piled
// up. Run it with -count and compare medians.
func BenchmarkClients(b *testing.B) {
	for _, clients := range batchSizes {
		for _, way := range []string{"journal", "raw"} {
			b.Run(fmt.Sprintf("clients=%d/%s", clients, way), func(b *testing.B) {
				commit := rawCommit(b)
				if way == "journal" {
					l := openLog(b, openServer(b, b.TempDir()), "w")
					commit = func(records [][]byte) error {
						return l.Append(b.Context(), l.Last()+1, records)
					}
				}
				runClients(b, clients, commit)
			})
		}
	}
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

// runClients makes b.N commands durable.
func runClients(b *testing.B, clients int, commit func([][]byte) error) {
	type command struct {
		record []byte
		done   chan error
	}
	queue := make(chan command, clients)
	var left atomic.Int64
	left.Store(int64(b.N))
	var wait sync.WaitGroup
	b.ResetTimer()
	for range clients {
		wait.Go(func() {
			c := command{make([]byte, recordLen), make(chan error, 1)}
			for left.Add(-1) >= 0 {
				queue <- c
				if err := <-c.done; err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	go func() {
		wait.Wait()
		close(queue)
	}()
	for first := range queue {
		batch := []command{first}
		for n := len(queue); n > 0; n-- {
			batch = append(batch, <-queue)
		}
		records := make([][]byte, len(batch))
		for i, c := range batch {
			records[i] = c.record
		}
		err := commit(records)
		for _, c := range batch {
			c.done <- err
		}
	}
	reportRecords(b, 1)
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
