// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package process

import (
	"os"
	"syscall"
)

func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }

func limitMemory(int, uint64) error { return nil }

func killGroup(p *os.Process) { _ = p.Kill() }
