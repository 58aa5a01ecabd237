// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
)

// A snapshot is a run of chunk messages and, once they have been read back, a
// manifest that says where they are: what has no manifest does not exist.
//
// The manifests of consecutive snapshots stand under two subjects in turn, so
// that each of the last two is found without the other.
const manifestSlots = 2

// manifest describes one whole snapshot.
type manifest struct {
	generation uint64 // counts up from 1; the newest snapshot has the highest
	at         uint64 // number of the last record the snapshot stands for
	id         uint64 // random; in every chunk of this snapshot
	firstSeq   uint64 // stream sequence of the first chunk; of the manifest if there is none
	chunks     uint64
	size       uint64 // bytes of content

	slot int    // which of the subjects it stands under
	seq  uint64 // its own stream sequence
}

// A manifest message is magic, CRC-32C of the rest, and the six numbers; a
// chunk message magic, CRC-32C of the rest, the snapshot's id, the chunk's
// index, and content.
const (
	manifestMagic = "PBW\x01"
	manifestSize  = 8 + 6*8
	chunkMagic    = "PBC\x01"
	chunkHeader   = 8 + 8 + 4
)

var (
	errManifest = errors.New("the description of a snapshot is damaged")
	errChunk    = errors.New("a part of a snapshot is damaged")
)

// encode returns the message for m.
func (m manifest) encode() []byte {
	b := append(make([]byte, 0, manifestSize), manifestMagic+"\x00\x00\x00\x00"...)
	for _, v := range [...]uint64{m.generation, m.at, m.id, m.firstSeq, m.chunks, m.size} {
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli))
	return b
}

// decodeManifest reads what encode wrote.
func decodeManifest(msg []byte) (manifest, error) {
	if len(msg) != manifestSize || string(msg[:4]) != manifestMagic ||
		binary.LittleEndian.Uint32(msg[4:]) != crc32.Checksum(msg[8:], castagnoli) {
		return manifest{}, errManifest
	}
	var m manifest
	for i, v := range [...]*uint64{&m.generation, &m.at, &m.id, &m.firstSeq, &m.chunks, &m.size} {
		*v = binary.LittleEndian.Uint64(msg[8+8*i:])
	}
	return m, nil
}

// newChunk begins a chunk message; content is appended to it.
func newChunk(buf []byte, id uint64, index uint32) []byte {
	b := append(buf[:0], chunkMagic+"\x00\x00\x00\x00"...)
	b = binary.LittleEndian.AppendUint64(b, id)
	return binary.LittleEndian.AppendUint32(b, index)
}

// sealChunk puts the checksum into a chunk message that is complete.
func sealChunk(msg []byte) {
	binary.LittleEndian.PutUint32(msg[4:], crc32.Checksum(msg[8:], castagnoli))
}

// decodeChunk checks that msg is chunk number index of snapshot id and returns
// its content.
func decodeChunk(msg []byte, id uint64, index uint32) ([]byte, error) {
	if len(msg) < chunkHeader || string(msg[:4]) != chunkMagic ||
		binary.LittleEndian.Uint32(msg[4:]) != crc32.Checksum(msg[8:], castagnoli) ||
		binary.LittleEndian.Uint64(msg[8:]) != id || binary.LittleEndian.Uint32(msg[16:]) != index {
		return nil, errChunk
	}
	return msg[chunkHeader:], nil
}

// chunkSubject and manifestSubject are where the parts of snapshots stand.
func chunkSubject(stream string) string { return subjectOf(stream) + ".chunk" }

func manifestSubject(stream string, slot int) string {
	return fmt.Sprintf("%s.whole.%d", subjectOf(stream), slot)
}

// manifests reads the manifests of the last two snapshots, newest first. One
// that cannot be read is logged and left out.
func (l *Log) manifests(ctx context.Context) ([]manifest, error) {
	var out []manifest
	for slot := range manifestSlots {
		msg, seq, err := l.s.reads.getLast(ctx, l.snapshots, manifestSubject(l.snapshots, slot))
		if errors.Is(err, errMissing) {
			continue
		}
		if err != nil {
			return nil, err
		}
		m, err := decodeManifest(msg)
		if err != nil {
			l.s.log.Error("journal: a snapshot is damaged and will not be used",
				"error", l.snapshotDamage(manifest{}, seq, err))
			continue
		}
		m.slot, m.seq = slot, seq
		if m.chunks == 0 {
			m.firstSeq = seq
		}
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b manifest) int { return cmp.Compare(b.generation, a.generation) })
	return out, nil
}

// snapshotDamage describes damage at a message of the snapshot stream.
func (l *Log) snapshotDamage(m manifest, seq uint64, reason error) error {
	return &DamageError{
		Workspace: l.workspace, Record: m.at, Sequence: seq,
		File: l.s.blocks(l.snapshots).where(seq), Offset: -1, Reason: reason.Error(),
	}
}
