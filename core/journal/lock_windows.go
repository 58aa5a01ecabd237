// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"os"
	"syscall"
)

// errSharing is ERROR_SHARING_VIOLATION.
const errSharing = syscall.Errno(32)

// openLocked opens the file at path and takes it for this process alone: a
// share mode of zero lets nobody else open it. The system lets go of it when
// the process dies, however it dies.
func openLocked(path string) (*os.File, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
		syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(h), path), nil
}

// isLocked reports whether err from openLocked means that another has the file.
func isLocked(err error) bool { return err == errSharing }

// closeLocked lets go of a file from openLocked.
func closeLocked(f *os.File) error { return f.Close() }
