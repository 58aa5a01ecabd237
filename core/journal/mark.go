// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
)

// A mark is a small file beside the store that holds the number of the last
// acknowledged record of one log. The store, when it finds the end of its
// newest file damaged, cuts the file there and goes on: the log would be
// shorter, and whole. The mark is what tells the difference.
//
// It is written after each acknowledgement and not synced: it must not cost a
// second wait for the disk. After a kill it is exact; after a loss of power it
// may be older than the log, never newer, because what it counts was durable
// first. So a newest record that is lost together with the power, and damaged
// as well, may go unnoticed; everything else does not.
type mark struct {
	f *os.File
}

// The file holds magic, CRC-32C of the rest, number of the record; 16 bytes,
// which no disk tears.
const (
	markMagic = "PBM\x01"
	markSize  = 16
)

var errMark = errors.New("the file is not a mark or its checksum does not match; " +
	"it counts the acknowledged records, and removing it gives up that check once")

// readMark returns the number in the file at path, and false if there is no
// such file.
func readMark(path string) (uint64, bool, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	if len(b) != markSize || string(b[:4]) != markMagic ||
		binary.LittleEndian.Uint32(b[4:]) != crc32.Checksum(b[8:], castagnoli) {
		return 0, false, errMark
	}
	return binary.LittleEndian.Uint64(b[8:]), true, nil
}

// openMark opens or makes the file at path and durably stores number in it.
func openMark(path string, number uint64) (*mark, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	m := &mark{f: f}
	if err := errors.Join(m.set(number), f.Sync()); err != nil {
		_ = f.Close()
		return nil, err
	}
	return m, nil
}

// set stores number.
func (m *mark) set(number uint64) error {
	var b [markSize]byte
	copy(b[:], markMagic)
	binary.LittleEndian.PutUint64(b[8:], number)
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	if _, err := m.f.WriteAt(b[:], 0); err != nil {
		return fmt.Errorf("mark: %w", err)
	}
	return nil
}

// sync makes the last number set durable.
func (m *mark) sync() error { return m.f.Sync() }

// close syncs and closes.
func (m *mark) close() error { return errors.Join(m.f.Sync(), m.f.Close()) }
