// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// store is the folder of one hook: how far it is, and the letters that its
// position has passed. Files are replaced whole, and are on the disk when put
// returns.
type store struct{ dir string }

// The places in it.
const (
	stateFile   = "state.json"
	lettersPart = "letters"
	deadPart    = "dead"
	fileEnd     = ".json"
)

// state is what a hook remembers beside letters.
type state struct {
	// Position is the number of the last event that is done with, or that has a
	// letter in a file.
	Position uint64 `json:"position"`
	// Lost counts events that were not kept long enough, Dropped dead letters
	// that there was no more room for.
	Lost    uint64 `json:"lost,omitempty"`
	Dropped uint64 `json:"dropped,omitempty"`
	// Rotation holds secrets that were drawn here; nil if none were.
	Rotation *rotation `json:"rotation,omitempty"`
}

// rotation is how secrets were replaced while the hook ran.
type rotation struct {
	// Sum is a checksum of the config's secrets when that happened: what was
	// drawn is forgotten when they change.
	Sum string `json:"sum"`
	// Until is how long the config's secrets sign beside those drawn.
	Until time.Time `json:"until"`
	// Drawn are the newest first.
	Drawn []drawn `json:"drawn"`
}

// drawn is a secret that was drawn here.
type drawn struct {
	Secret string `json:"secret"`
	// Until is how long it signs; zero for the newest one, which signs until
	// another one is drawn.
	Until time.Time `json:"until,omitzero"`
}

// openStore makes the folder if need be.
func openStore(dir string) (*store, error) {
	for _, part := range []string{lettersPart, deadPart} {
		if err := os.MkdirAll(filepath.Join(dir, part), 0o700); err != nil {
			return nil, err
		}
	}
	return &store{dir: dir}, nil
}

// folderOf turns a hook's name into that of a folder, good everywhere: small
// letters, digits, "-" and "_" stay, anything else is written in hexadecimal. Of
// a long name it is a checksum.
func folderOf(name string) string {
	const longest = 64
	if len(name) > longest {
		sum := sha256.Sum256([]byte(name))
		return "=" + hex.EncodeToString(sum[:])
	}
	var b strings.Builder
	for _, c := range []byte(name) {
		if c == '-' || c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' {
			b.WriteByte(c)
		} else {
			b.WriteString("=" + hex.EncodeToString([]byte{c}))
		}
	}
	return b.String()
}

// state reads what is remembered; known is false if that is nothing.
func (s *store) state() (st state, known bool, err error) {
	err = read(filepath.Join(s.dir, stateFile), &st)
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, false, nil
	}
	return st, err == nil, err
}

func (s *store) putState(st *state) error { return write(filepath.Join(s.dir, stateFile), st) }

func (s *store) path(part string, number uint64) string {
	return filepath.Join(s.dir, part, strconv.FormatUint(number, 10)+fileEnd)
}

func (s *store) put(part string, l *Letter) error { return write(s.path(part, l.Number), l) }

// drop removes a letter; one that is not there is no fault.
func (s *store) drop(part string, number uint64) error {
	if err := os.Remove(s.path(part, number)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (s *store) get(part string, number uint64) (Letter, error) {
	var l Letter
	err := read(s.path(part, number), &l)
	return l, err
}

// numbers are those of the letters, in order.
func (s *store) numbers(part string) ([]uint64, error) {
	entries, err := os.ReadDir(filepath.Join(s.dir, part))
	if err != nil {
		return nil, err
	}
	var out []uint64
	for _, entry := range entries {
		name, ok := strings.CutSuffix(entry.Name(), fileEnd)
		if number, err := strconv.ParseUint(name, 10, 64); ok && err == nil {
			out = append(out, number)
		}
	}
	slices.Sort(out)
	return out, nil
}

func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("the file %s is damaged: %w", path, err)
	}
	return nil
}

// write replaces a file, for this user's eyes alone.
func write(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes a new name durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
