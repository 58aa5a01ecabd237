// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/patchbay-cx/patchbay/core/strategy"
)

// dataSlack is what a process may map to write to beyond what it uses: room
// that runtimes prepare ahead.
const dataSlack = 64 << 20

// attributes has the process halt before its first instruction, traced by the
// thread that starts it, so that limits are in force from the beginning.
func attributes() *syscall.SysProcAttr {
	a := unhalted()
	a.Ptrace = true
	return a
}

// unhalted is for systems that do not let a process be traced.
func unhalted() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func halts(a *syscall.SysProcAttr) bool { return a.Ptrace }

// resume lets a halted process run. It is called by the thread that started it.
func resume(pid int) error {
	var status unix.WaitStatus
	for {
		_, err := unix.Wait4(pid, &status, unix.WALL, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("wait for it to halt: %w", err)
		}
	}
	if !status.Stopped() {
		return fmt.Errorf("it ended before it began: status %#x", uint32(status))
	}
	if err := unix.PtraceDetach(pid); err != nil {
		return fmt.Errorf("let it run: %w", err)
	}
	return nil
}

// limit limits what the process may take. Of memory that is the data segment:
// the address space would be the wrong thing, for runtimes reserve far more of
// it than they use.
func limit(pid int, limits strategy.Limits) error {
	set := func(resource int, most uint64) error {
		value := unix.Rlimit{Cur: most, Max: most}
		return unix.Prlimit(pid, resource, &value, nil)
	}
	err := errors.Join(
		set(unix.RLIMIT_DATA, limits.MemoryBytes+dataSlack),
		set(unix.RLIMIT_NOFILE, uint64(limits.OpenFiles)),
		set(unix.RLIMIT_CORE, 0),
	)
	if limits.CPUTime > 0 {
		err = errors.Join(err, set(unix.RLIMIT_CPU, seconds(limits.CPUTime)))
	}
	return err
}

// seconds rounds up: the kernel limits processor time in whole seconds.
func seconds(d time.Duration) uint64 { return uint64((d + time.Second - 1) / time.Second) }

// overran says whether the process, which is ending and has not been waited for,
// has used up its processor time. It reads the clock that the kernel holds
// against the limit, which counts ticks: what a process is said to have used once
// it has been waited for is measured, and may be a tenth less or more.
func overran(pid int, limits strategy.Limits) bool {
	if limits.CPUTime <= 0 {
		return false
	}
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EINTR) {
			return false
		}
	}
	var used unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3), &used); err != nil { // CPUCLOCK_PROF of the process
		return false
	}
	return used.Nano() >= int64(seconds(limits.CPUTime))*int64(time.Second)
}

// descendants returns the processes that the process has started, those that
// they have started, and so on. What has lost its parent is not found.
func descendants(pid int) (found []int) {
	seen := []int{pid}
	for len(seen) > 0 {
		next := seen[0]
		seen = seen[1:]
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", next))
		if err != nil {
			continue // it has ended
		}
		for _, task := range tasks {
			list, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", next, task.Name()))
			if err != nil {
				continue
			}
			for text := range strings.FieldsSeq(string(list)) {
				if child, err := strconv.Atoi(text); err == nil {
					found = append(found, child)
					seen = append(seen, child)
				}
			}
		}
	}
	return found
}

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
