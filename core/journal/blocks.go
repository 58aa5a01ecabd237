// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/minio/highwayhash"
)

// blocks is the folder of a stream's files, "1.blk", "2.blk" and so on. The
// store owns them; they are looked at here to name the file in a report, to
// see damage before the store cuts it off, and to make a new file's directory
// entry durable, which the store leaves to chance.
//
// A file is a run of records: length (4 bytes, the top bit saying that there
// are headers), sequence (8), time (8), length of the subject (2), subject,
// length of the headers (4, if there are any), headers and payload, hash (8).
type blocks struct {
	stream string
	dir    string
	newest uint32 // number of the newest file whose entry is known to be durable
}

const (
	recordHead = 22
	recordHash = 8
	headersBit = 1 << 31
	// numberMask takes the bits off a sequence that say "erased" and
	// "deleted".
	numberMask = 1<<62 - 1
)

// file is the path of file number n.
func (b *blocks) file(n uint32) string {
	return filepath.Join(b.dir, fmt.Sprintf("%d.blk", n))
}

// numbers lists the files there are, ascending.
func (b *blocks) numbers() ([]uint32, error) {
	paths, err := filepath.Glob(filepath.Join(b.dir, "*.blk"))
	if err != nil {
		return nil, err
	}
	var out []uint32
	for _, p := range paths {
		var n uint32
		if _, err := fmt.Sscanf(filepath.Base(p), "%d.blk", &n); err == nil {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out, nil
}

// where names the file that holds, or should hold, the message at sequence
// seq; the folder if that cannot be told.
func (b *blocks) where(seq uint64) string {
	numbers, err := b.numbers()
	if err != nil {
		return b.dir
	}
	path := b.dir
	for _, n := range numbers {
		first, ok := firstSequence(b.file(n))
		if ok && first > seq {
			break
		}
		path = b.file(n)
	}
	return path
}

// firstSequence reads the sequence of the first record of a file.
func firstSequence(path string) (uint64, bool) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false
	}
	defer func() { _ = f.Close() }()
	var head [recordHead]byte
	if _, err := f.ReadAt(head[:], 0); err != nil {
		return 0, false
	}
	return binary.LittleEndian.Uint64(head[4:]) & numberMask, true
}

// settle makes the entries of all present files durable, and the folders
// above up to root.
func (b *blocks) settle(root string) error {
	numbers, err := b.numbers()
	if err != nil {
		return err
	}
	if len(numbers) > 0 {
		b.newest = numbers[len(numbers)-1]
	}
	for dir := b.dir; len(dir) >= len(root); dir = filepath.Dir(dir) {
		if err := syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// settleNew makes the entry of a newly begun file durable. It costs one
// look-up when there is none.
func (b *blocks) settleNew() error {
	_, err := os.Lstat(b.file(b.newest + 1))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for err == nil {
		b.newest++
		_, err = os.Lstat(b.file(b.newest + 1))
	}
	return syncDir(b.dir)
}

// syncDir makes the entries of a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// check reads every file and reports the first place that the store would cut
// off although something follows that was written later. A cut or torn end is
// not reported: that is what a crash in the middle of a write leaves, and
// nobody was told that it was stored.
func (b *blocks) check() error {
	numbers, err := b.numbers()
	if err != nil {
		return err
	}
	for i, n := range numbers {
		data, err := os.ReadFile(b.file(n))
		if err != nil {
			return err
		}
		bad, err := b.firstBad(n, data)
		if err != nil {
			return err
		}
		if bad == len(data) {
			continue
		}
		if i < len(numbers)-1 || b.continues(n, data, bad) {
			return &DamageError{File: b.file(n), Offset: int64(bad), Reason: "a stored message is damaged"}
		}
	}
	return nil
}

// firstBad is the offset of the first record of data that is not whole, or
// len(data).
func (b *blocks) firstBad(n uint32, data []byte) (int, error) {
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", b.stream, n))
	hash, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		return 0, err
	}
	at := 0
	for at < len(data) {
		size, ok := wholeRecord(hash, data[at:])
		if !ok {
			break
		}
		at += size
	}
	return at, nil
}

// continues reports whether any whole record follows the bad one at offset
// bad. Its length may be what is wrong with it, so a record is looked for
// wherever the stream's subject stands.
func (b *blocks) continues(n uint32, data []byte, bad int) bool {
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", b.stream, n))
	hash, err := highwayhash.NewDigest64(key[:])
	if err != nil {
		return false
	}
	subject := []byte(subjectOf(b.stream))
	for at := bad + 1 + recordHead; at < len(data); at++ {
		i := bytes.Index(data[at:], subject)
		if i < 0 {
			return false
		}
		at += i
		if _, ok := wholeRecord(hash, data[at-recordHead:]); ok {
			return true
		}
	}
	return false
}

// digest is what wholeRecord needs of a hash.
type digest interface {
	Reset()
	Write(p []byte) (int, error)
	Sum(b []byte) []byte
}

// wholeRecord returns the length of the record at the start of data, and
// whether it is there in full with the right hash.
func wholeRecord(hash digest, data []byte) (int, bool) {
	if len(data) < recordHead {
		return 0, false
	}
	size := int(binary.LittleEndian.Uint32(data) &^ headersBit)
	body := recordHead + int(binary.LittleEndian.Uint16(data[20:]))
	content := body
	if binary.LittleEndian.Uint32(data)&headersBit != 0 {
		content += 4
	}
	if size > len(data) || content+recordHash > size {
		return 0, false
	}
	hash.Reset()
	_, _ = hash.Write(data[4:20])
	_, _ = hash.Write(data[recordHead:body])
	_, _ = hash.Write(data[content : size-recordHash])
	var sum [recordHash]byte
	return size, bytes.Equal(hash.Sum(sum[:0]), data[size-recordHash:size])
}
