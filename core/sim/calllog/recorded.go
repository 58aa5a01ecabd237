// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package calllog

import (
	"os"
	"path/filepath"
)

// RecordedName is the name of the file with a month of recorded calls. It is
// not part of the project.
const RecordedName = "bank-calls-1999-10.tsv.gz"

// Recorded looks for the file with the month of recorded calls and returns its
// path and whether it is there: in the folder that the environment variable
// PATCHBAY_RECORDED names or else in shared/data beside the module's root, which is
// the nearest folder above the working directory with a go.mod.
func Recorded() (string, bool) {
	folder := os.Getenv("PATCHBAY_RECORDED")
	if folder == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", false
		}
		folder = filepath.Join(root, "..", "shared", "data")
	}
	path := filepath.Join(folder, RecordedName)
	_, err := os.Stat(path)
	return path, err == nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", os.ErrNotExist
		}
		dir = parent
	}
}
