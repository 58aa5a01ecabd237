// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"bufio"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A host that is killed without a chance to clean up leaves no plugin behind.
func TestNoOrphan(t *testing.T) {
	t.Parallel()
	path, err := rogue()
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
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatalf("the host says %q", line)
	}
	// The descriptor becomes readable when that very process has ended.
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait()
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, 30_000)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n != 1 {
			t.Errorf("plugin %d outlives its host: %d, %v", pid, n, err)
		}
		return
	}
}

func TestMemoryIsLimited(t *testing.T) {
	t.Parallel()
	in := mustStart(t, New(Options{}), rogueSpec(t, "", 0))
	var limit unix.Rlimit
	if err := unix.Prlimit(in.child.cmd.Process.Pid, unix.RLIMIT_DATA, nil, &limit); err != nil {
		t.Fatal(err)
	}
	if want := uint64(256<<20 + dataSlack); limit.Cur != want || limit.Max != want {
		t.Errorf("limit %+v, want %d", limit, want)
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
