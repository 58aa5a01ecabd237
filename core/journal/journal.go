// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package journal is the durable, ordered log of a workspace: append, replay,
// snapshot. A record is an opaque run of bytes with a number; numbers start at
// 1 and have no gaps. What Append has returned without an error survives the
// death of the process and the loss of power; what cannot be read back as it
// was written is reported as a DamageError that names the place, and is never
// skipped.
//
// A Server is one embedded store in one directory and holds the logs of many
// workspaces; it opens no network port. A Log has one writer: a second one on
// the same workspace makes the first one's next Append fail with ErrFenced.
//
// The package must not know what a record means: nothing of work, agents or
// the engine, no encoding, no clock. Who owns a workspace, when a snapshot is
// due, and what to do with damage are the caller's to decide.
package journal

import (
	"log/slog"
)

const (
	// MaxRecord is the length in bytes of the longest record Append takes.
	MaxRecord = 16 << 20

	// messageTarget is where a batch is split over several messages.
	messageTarget = 4 << 20

	// maxPayload is the store's limit on a message: a record of MaxRecord with
	// room for headers. It must stay below 32 MiB, which is the most the
	// store's files can hold in one message whatever its configuration says.
	maxPayload = MaxRecord + 64<<10
)

// Options says where a Server keeps its data and how strict it is.
type Options struct {
	// Dir is the directory of the store. It is made if it is missing; its
	// parent must exist. Only one Server at a time may use it.
	Dir string

	// Logger receives the store's own messages and this package's warnings.
	// Nil discards them.
	Logger *slog.Logger

	// AcceptDataLoss lets a store open whose acknowledged records may be
	// lost: one that does not sync every write, one whose newest records are
	// known to be missing, one whose log is cut short by a damaged file. A
	// hole in the middle of a log stays an error.
	AcceptDataLoss bool
}

// logger returns o.Logger, or one that discards.
func (o Options) logger() *slog.Logger {
	if o.Logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	return o.Logger
}
