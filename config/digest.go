// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
)

// files looks whether the files that the configuration names are there, can be
// read, and are the ones that are meant.
func (c *checker) files() {
	if !c.options.files {
		return
	}
	c.file("api", "tls", "cert")
	c.file("api", "tls", "key")
	for name, s := range c.section("strategies") {
		if s["runtime"] == runtimeProcess || s["runtime"] == runtimeWASM {
			if path, ok := c.file("strategies", name, "source"); ok {
				c.digest(path, "strategies", name, "sha256")
			}
		}
	}
}

// file looks for the file named at a path and returns where it is.
func (c *checker) file(path ...string) (absolute string, ok bool) {
	value, ok := c.lookup(path).(string)
	if !ok || value == "" {
		return "", false
	}
	absolute = c.doc.absolute(path, value)
	switch err := readable(absolute); {
	case errors.Is(err, errFolder):
		c.report(stageRules, c.doc.value(path), CodeFile, "%q is a folder; it must be a file", absolute)
	case err != nil:
		c.report(stageRules, c.doc.value(path), CodeFile, "the file %q cannot be read: %s", absolute, reason(err))
	default:
		return absolute, true
	}
	return "", false
}

// errFolder says that what should be a file is a folder.
var errFolder = errors.New("it is a folder")

// readable reports why a file cannot be read.
func readable(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return errFolder
	}
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	return f.Close()
}

// digest holds a file against the checksum at a path, if there is one.
func (c *checker) digest(file string, path ...string) {
	want, ok := c.lookup(path).(string)
	if !ok || len(want) != hex.EncodedLen(sha256.Size) {
		return
	}
	file = filepath.Clean(file)
	got, err := c.options.sums.of(file)
	if err == nil && !strings.EqualFold(got, want) && c.options.sums != nil {
		got, err = c.options.sums.again(file) // what is remembered may say yes, never no
	}
	switch {
	case err != nil:
		c.report(stageRules, c.doc.value(path), CodeFile, "the file %q cannot be read: %s", file, reason(err))
	case !strings.EqualFold(got, want):
		c.report(stageRules, c.doc.value(path), CodeDigest,
			"this is not the checksum of %q, which is %s; if the file is the one you mean, write that", file, got)
	}
}

// Sums remembers the checksums of files, for who checks configurations again and
// again, as a running host does: a program that has not been written since is
// not read again. The host itself reads it once more before it runs it. The zero
// Sums remembers nothing yet. It is safe for concurrent use.
type Sums struct {
	mu    sync.Mutex
	known map[string]sum
}

// sum is the checksum of a file, as it was at a stamp.
type sum struct{ stamp, hex string }

// restful is how long a file must have been left alone to be remembered: what is
// written twice within the grain of a file system's clock has one time.
const restful = 2 * time.Second

// of returns the SHA-256 of a file in lower-case hex. A nil Sums reads the file.
func (s *Sums) of(path string) (string, error) {
	if s == nil {
		return strategy.Checksum(path)
	}
	stamp := strategy.FileStamp(path)
	s.mu.Lock()
	known, ok := s.known[path]
	s.mu.Unlock()
	if ok && known.stamp == stamp {
		return known.hex, nil
	}
	return s.again(path)
}

// again is as of, whatever is remembered.
func (s *Sums) again(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	stamp := strategy.FileStamp(path)
	got, err := strategy.Checksum(path)
	if err != nil || time.Since(info.ModTime()) < restful || stamp != strategy.FileStamp(path) {
		return got, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil {
		s.known = make(map[string]sum)
	}
	s.known[path] = sum{stamp, got}
	return got, nil
}
