// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build unix && !linux

package process

import (
	"errors"
	"os"
	"syscall"

	"github.com/patchbay-cx/patchbay/core/strategy"
)

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func unhalted() *syscall.SysProcAttr { return attributes() }

func halts(*syscall.SysProcAttr) bool { return false }

func resume(int) error { return nil }

var errNotEnforced = errors.New("memory, processor time, open files and processes are not limited on this system, only on Linux")

func limit(int, strategy.Limits) error { return errNotEnforced }

func overran(int, strategy.Limits) bool { return false }

func descendants(int) []int { return nil }

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }
