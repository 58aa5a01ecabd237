// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/patchbay-cx/patchbay/core/journal"
)

// victimDir, when set, makes the test binary a process that appends to the
// store in that directory until it is killed.
const victimDir = "PATCHBAY_JOURNAL_VICTIM"

// victim appends numbered records in batches of changing size, saves a
// snapshot now and then, and prints Last after each acknowledgement.
func victim(dir string) int {
	if err := victimRun(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return 1
}

func victimRun(dir string) error {
	ctx := context.Background()
	s, err := journal.Open(ctx, journal.Options{Dir: dir})
	if err != nil {
		return err
	}
	l, err := s.Log(ctx, "w")
	if err != nil {
		return err
	}
	for round := uint64(0); ; round++ {
		var records [][]byte
		for i := range round%7 + 1 {
			records = append(records, numbered(l.Last()+1+i))
		}
		if err := l.Append(ctx, l.Last()+1, records); err != nil {
			return err
		}
		if round%20 == 19 {
			err := l.SaveSnapshot(ctx, l.Last(), func(w io.Writer) error {
				_, err := w.Write(numbered(l.Last()))
				return err
			})
			if err != nil {
				return err
			}
		}
		fmt.Println(l.Last())
	}
}

// TestKill kills a writing process at random points, and looks whether
// everything that it was told is stored is there.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	seed := rand.Uint64()
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 10 {
		acknowledged := killVictim(t, dir, 1+random.IntN(60))
		if acknowledged == 0 {
			t.Fatal("nothing was acknowledged")
		}
		s := openServer(t, dir)
		l := openLog(t, s, "w")
		if l.Last() < acknowledged {
			t.Fatalf("log ends at %d, acknowledged was %d", l.Last(), acknowledged)
		}
		at, content := readSnapshot(t, l)
		if at > 0 && !bytes.Equal(content, numbered(at)) {
			t.Fatalf("snapshot at %d holds %q", at, content)
		}
		checkNumbered(t, l, at, l.Last())
		closeServer(t, s)
	}
}

// killVictim runs a victim, kills it after n acknowledgements, and returns the
// highest number acknowledged.
func killVictim(t *testing.T, dir string, n int) uint64 {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var last uint64
	lines := bufio.NewScanner(out)
	for i := 0; lines.Scan(); i++ {
		if last, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
			t.Fatal(err)
		}
		if i == n {
			// The victim goes on writing until the signal has arrived; what
			// it says until then counts as well.
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	if stderr.Len() > 0 {
		t.Fatalf("the process failed by itself: %s", &stderr)
	}
	return last
}
