// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// lockFile is the name of the file that marks a directory as taken.
const lockFile = "LOCK"

// lockDir takes dir for this process, until closeLocked or its end.
func lockDir(dir string) (*os.File, error) {
	path := filepath.Join(dir, lockFile)
	f, err := openLocked(path)
	if err != nil && isLocked(err) {
		return nil, fmt.Errorf("journal: open %s: %w%s", dir, ErrLocked, holder(path))
	}
	if err != nil {
		return nil, fmt.Errorf("journal: open %s: lock: %w", dir, err)
	}
	// The number is a help for people, not part of the lock.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f, nil
}

// holder says which process wrote the lock file, if that can be read.
func holder(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(string(bytes.TrimSpace(b)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (process %d)", pid)
}
