// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Workspaces returns the names of the workspaces that have a log in the store
// in a directory, in order. It opens nothing and may be called while another
// process uses the store. For a directory in which there is no store it fails
// with an error that wraps fs.ErrNotExist, and makes none.
func Workspaces(dir string) ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(dir, markDir))
	if err != nil {
		return nil, fmt.Errorf("journal: there is no store in %s: %w", dir, err)
	}
	var names []string
	for _, entry := range entries {
		escaped, ok := strings.CutSuffix(entry.Name(), ".mark")
		if name, whole := unescape(escaped); ok && whole {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// unescape undoes escape; false for what escape never makes.
func unescape(escaped string) (workspace string, ok bool) {
	var b strings.Builder
	for rest := escaped; rest != ""; {
		plain, code, found := strings.Cut(rest, "=")
		b.WriteString(plain)
		if !found {
			break
		}
		if len(code) < 2 {
			return "", false
		}
		c, err := hex.DecodeString(code[:2])
		if err != nil {
			return "", false
		}
		b.Write(c)
		rest = code[2:]
	}
	return b.String(), escape(b.String()) == escaped
}
