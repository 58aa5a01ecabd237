// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// ends returns a function that waits until the process has ended. It knows that
// very process, even when its number has become another's.
func ends(t *testing.T, pid int) (wait func()) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		defer unix.Close(fd)
		poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		for {
			n, err := unix.Poll(poll, 30_000)
			if err == unix.EINTR {
				continue
			}
			if err != nil || n != 1 {
				t.Errorf("process %d is still there: %d, %v", pid, n, err)
			}
			return
		}
	}
}

// A host that is killed without a chance to clean up leaves no plugin behind,
// and nothing that a plugin has started.
func TestNoOrphan(t *testing.T) {
	t.Parallel()
	path, err := misfit()
	if err != nil {
		t.Fatal(err)
	}
	host := exec.Command(os.Args[0])
	host.Env = append(os.Environ(), hostKey+"="+path)
	stdout, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	numbers := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(line))
	if len(numbers) != 2 {
		t.Fatalf("the host says %q", line)
	}
	var waits []func()
	for _, text := range numbers {
		pid, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("the host says %q", line)
		}
		waits = append(waits, ends(t, pid))
	}
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait()
	for _, wait := range waits {
		wait()
	}
}

// What a plugin has started ends with it.
func TestChildrenEndWithThePlugin(t *testing.T) {
	t.Parallel()
	in := mustStart(t, New(Options{}), misfitSpec(t, "leaves_a_child"))
	if err := in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)); err != nil {
		t.Fatal(err)
	}
	children := descendants(in.child.cmd.Process.Pid)
	if len(children) != 1 {
		t.Fatalf("it has the children %v", children)
	}
	wait := ends(t, children[0])
	if err := in.Close(); err != nil {
		t.Error(err)
	}
	wait()
}

func TestLimits(t *testing.T) {
	t.Parallel()
	spec := rogueSpec(t, "", 0)
	spec.Limits.CPUTime, spec.Limits.OpenFiles = 1500*time.Millisecond, 99
	in := mustStart(t, New(Options{}), spec)
	for name, test := range map[string]struct {
		resource int
		want     uint64
	}{
		"data":           {unix.RLIMIT_DATA, 256<<20 + dataSlack},
		"processor time": {unix.RLIMIT_CPU, 2},
		"files":          {unix.RLIMIT_NOFILE, 99},
		"core":           {unix.RLIMIT_CORE, 0},
	} {
		var limit unix.Rlimit
		if err := unix.Prlimit(in.child.cmd.Process.Pid, test.resource, nil, &limit); err != nil {
			t.Fatal(err)
		}
		if limit.Cur != test.want || limit.Max != test.want {
			t.Errorf("%s: limit %+v, want %d", name, limit, test.want)
		}
	}
	environment, err := os.ReadFile("/proc/" + strconv.Itoa(in.child.cmd.Process.Pid) + "/environ")
	if err != nil {
		t.Fatal(err)
	}
	for entry := range strings.SplitSeq(strings.TrimRight(string(environment), "\x00"), "\x00") {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasPrefix(name, "PLUGIN_") && !strings.HasPrefix(name, "PATCHBAY_") && name != "GOMEMLIMIT" {
			t.Errorf("%s is in its environment", name)
		}
	}
}

// Who has used up its processor time is told from who was killed by somebody,
// whatever the kernel's two ways of counting make of the same time.
func TestProcessorTime(t *testing.T) {
	t.Parallel()
	for range 2 {
		t.Run("used up", func(t *testing.T) {
			t.Parallel()
			spec := misfitSpec(t, "burns")
			spec.Limits.CPUTime = time.Second
			in := mustStart(t, New(Options{}), spec)
			if err := in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)); err != nil {
				t.Fatal(err)
			}
			<-in.child.reaped
			wantFault(t, in.Turn(context.Background(), snapshot(2, 1), new(route.Reply)), strategy.FaultLimit,
				"signal: killed: it has used up the 1s of processor time that it may")
		})
	}
	t.Run("killed", func(t *testing.T) {
		t.Parallel()
		spec := rogueSpec(t, "", 0)
		spec.Limits.CPUTime = time.Minute
		in := mustStart(t, New(Options{}), spec)
		if err := unix.Kill(in.child.cmd.Process.Pid, unix.SIGKILL); err != nil {
			t.Fatal(err)
		}
		<-in.child.reaped
		wantFault(t, in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)), strategy.FaultDied, "it ended with signal: killed")
	})
}

// The limits are in force before the first instruction of the program: what it
// starts at once is counted, and dies with it.
func TestNoProcesses(t *testing.T) {
	t.Parallel()
	spec := misfitSpec(t, "leaves_a_child")
	spec.Limits.Processes = strategy.NoProcesses
	in := mustStart(t, New(Options{}), spec)
	const words = "signal: killed: it has started 1 processes, and may have 0"
	if err := in.Turn(context.Background(), snapshot(1, 1), new(route.Reply)); err != nil { // it was seen before it had answered
		wantFault(t, err, strategy.FaultLimit, words)
	}
	<-in.child.reaped
	wantFault(t, in.Turn(context.Background(), snapshot(2, 1), new(route.Reply)), strategy.FaultLimit, words)
}

// Where a process may not be traced it is started all the same.
func TestStartsWithoutHalting(t *testing.T) {
	t.Parallel()
	path, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	if !halts(attributes()) || halts(unhalted()) {
		t.Error("a process halts before its first instruction if it may")
	}
	cmd := exec.Command(path)
	cmd.SysProcAttr = unhalted()
	if err := cmd.Run(); err != nil {
		t.Error(err)
	}
}
