// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// dataSlack is what a process may map to write to beyond what it uses: room
// that runtimes prepare ahead.
const dataSlack = 64 << 20

func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// limitMemory limits the data segment. The address space would be the wrong
// thing to limit: runtimes reserve far more of it than they use.
func limitMemory(pid int, memory uint64) error {
	limit := unix.Rlimit{Cur: memory + dataSlack, Max: memory + dataSlack}
	return unix.Prlimit(pid, unix.RLIMIT_DATA, &limit, nil)
}

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
