// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package journal

import (
	"errors"
	"os"
	"syscall"
)

// openLocked opens the file at path and takes it for this process alone. The
// system lets go of it when the process dies, however it dies.
func openLocked(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// isLocked reports whether err from openLocked means that another has the file.
func isLocked(err error) bool { return errors.Is(err, syscall.EWOULDBLOCK) }

// closeLocked lets go of a file from openLocked. It unlocks first: a process
// just being started has a copy of every open file until it runs its own
// program, and as long as it has, closing alone lets go of nothing.
func closeLocked(f *os.File) error {
	return errors.Join(syscall.Flock(int(f.Fd()), syscall.LOCK_UN), f.Close())
}
