// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrFenced is the cause of an Append or SaveSnapshot that was refused
	// because somebody else has written to the same log since this Log was
	// opened: the caller no longer owns the workspace. Nothing of the refused
	// batch is stored.
	ErrFenced = errors.New("fenced: another writer has appended to this log")

	// ErrClosed is returned by everything that is called on a closed Server
	// or Log, or interrupted by its closing.
	ErrClosed = errors.New("journal: closed")

	// ErrTrimmed is returned when records are asked for that a snapshot has
	// long replaced. The reader starts again from Log.Snapshot.
	ErrTrimmed = errors.New("these records were dropped in favour of a snapshot")

	// ErrLocked is returned by Open when another process (or another Server
	// in this one) has the same directory open.
	ErrLocked = errors.New("the directory is in use by another process")

	// ErrRecordTooLarge is returned by Append for a record longer than
	// MaxRecord. Nothing of the batch is stored and the log stays usable.
	ErrRecordTooLarge = errors.New("record is longer than the journal takes")

	// ErrOutOfOrder is returned by Append when first is not Last()+1, and by
	// SaveSnapshot when at is not between the newest snapshot and Last().
	// Nothing is stored and the log stays usable.
	ErrOutOfOrder = errors.New("out of order")

	// ErrUnsafeSync is returned when a store is configured so that
	// acknowledged records may vanish when the power goes, and
	// Options.AcceptDataLoss is not set.
	ErrUnsafeSync = errors.New("the store does not sync every write")
)

// DamageError says that a log or a snapshot is not what was written: a flipped
// byte, a hole, a missing end. It names everything needed to look at the place
// and to fetch a good copy from elsewhere. Nothing may be routed on such a log.
type DamageError struct {
	// Workspace is the name given to Server.Log; empty when the damage was
	// found before any workspace was opened.
	Workspace string
	// Record is the number of the first record concerned, 0 if not known.
	Record uint64
	// Sequence is the stream sequence of the message that should hold it, 0
	// if not known.
	Sequence uint64
	// File is the file that holds, or should hold, the damaged part, or the
	// directory where no file can be told.
	File string
	// Offset is the byte offset of the damage in File, -1 if not known.
	Offset int64
	// Reason is what is wrong, in a few words.
	Reason string
}

// Error gives all known fields in one line.
func (e *DamageError) Error() string {
	var b strings.Builder
	b.WriteString("journal: damaged")
	if e.Workspace != "" {
		fmt.Fprintf(&b, ": workspace %q", e.Workspace)
	}
	if e.Record > 0 {
		fmt.Fprintf(&b, ": record %d", e.Record)
	}
	if e.Sequence > 0 {
		fmt.Fprintf(&b, ": stream sequence %d", e.Sequence)
	}
	if e.File != "" {
		fmt.Fprintf(&b, ": %s", e.File)
	}
	if e.Offset >= 0 && e.File != "" {
		fmt.Fprintf(&b, " at byte %d", e.Offset)
	}
	b.WriteString(": ")
	b.WriteString(e.Reason)
	return b.String()
}
