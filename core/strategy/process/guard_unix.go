// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix

package process

import (
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"syscall"
)

// guard is a small process that outlives a host which was killed for just as
// long as it takes to kill a group of processes. The kernel's signal goes to the
// leader of the group alone.
type guard struct {
	cmd   *exec.Cmd
	alive io.WriteCloser // its standard input, which ends with the host
}

// vigil waits for a line, and kills the group if its input ends without one.
const vigil = `read -r _ || kill -s KILL -- "-$1"`

// newGuard has a group guarded. It needs a shell.
func newGuard(group int) (*guard, error) {
	cmd := exec.Command("/bin/sh", "-c", vigil, "patchbay-guard", strconv.Itoa(group)) //nolint:noctx // dismiss ends it
	cmd.Env = []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // what is sent to the host's own group is not for it
	alive, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("guard: %w", err)
	}
	return &guard{cmd: cmd, alive: alive}, nil
}

// dismiss ends the guard, whose group is gone. It does nothing on nil.
func (g *guard) dismiss() {
	if g == nil {
		return
	}
	_, _ = io.WriteString(g.alive, "\n")
	_ = g.alive.Close()
	_ = g.cmd.Wait()
}
