// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/fxamacker/cbor/v2"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// An export is one file packed with gzip, which also tells whether it is whole:
//
//	magic     the line "patchbay journal"
//	head      CBOR, as exportHead
//	snapshot  if it does not begin at event 1, as in the journal
//	events    CBOR, one after the other, from head.First to head.Last
const (
	exportMagic  = "patchbay journal\n"
	exportFormat = 1
)

type exportHead struct {
	Format    uint   `cbor:"1,keyasint"`
	Workspace string `cbor:"2,keyasint"`
	First     uint64 `cbor:"3,keyasint"`
	Last      uint64 `cbor:"4,keyasint"`
}

// export is an export being written.
type export struct {
	head   exportHead
	packed *gzip.Writer
	out    *bufio.Writer
}

func newExport(out io.Writer, c codec, head exportHead) (*export, error) {
	w := &export{head: head, out: bufio.NewWriterSize(out, 1<<16)}
	w.packed, _ = gzip.NewWriterLevel(w.out, gzip.BestSpeed) // the level is a right one
	record, err := c.encode.Marshal(head)
	if err == nil {
		_, err = w.packed.Write(append([]byte(exportMagic), record...))
	}
	if err != nil {
		return nil, fmt.Errorf("host: export: %w", err)
	}
	return w, nil
}

func (w *export) close() error {
	if err := errors.Join(w.packed.Close(), w.out.Flush()); err != nil {
		return fmt.Errorf("host: export: %w", err)
	}
	return nil
}

// ExportCode says in which way an export cannot be read. The codes are stable.
type ExportCode string

// The codes of faults of an export.
const (
	// NotAnExport: it is something else.
	NotAnExport ExportCode = "not_a_journal"
	// ExportVersion: it is of a version that this program does not read.
	ExportVersion ExportCode = "journal_version"
	// ExportCut: it ends before its end.
	ExportCut ExportCode = "journal_cut_short"
	// ExportDamaged: it is not what was written.
	ExportDamaged ExportCode = "journal_damaged"
)

// ExportError says what is wrong with an export, and where.
type ExportError struct {
	Code ExportCode
	// File is its path.
	File string
	// Event is the number of the event that could not be read; 0 if it is
	// before all events.
	Event uint64
	// Message says what is wrong and what to do.
	Message string
}

// Error says it in a sentence.
func (e *ExportError) Error() string {
	if e.Event > 0 {
		return fmt.Sprintf("%s: event %d: %s", e.File, e.Event, e.Message)
	}
	return fmt.Sprintf("%s: %s", e.File, e.Message)
}

// OpenExport opens an export. It reads the head; the rest is read, and found to
// be whole or not, when it is asked for.
//
// # Errors
//
// A *ExportError if it is no export, or the file system's.
func OpenExport(path string) (*Past, error) {
	c, err := newCodec()
	if err != nil {
		return nil, err
	}
	r, err := openExport(path, c)
	if err != nil {
		return nil, err
	}
	if err := r.close(); err != nil {
		return nil, err
	}
	p := &Past{Workspace: r.head.Workspace, First: r.head.First, Last: r.head.Last}
	p.start = func(context.Context) (*engine.Engine, error) {
		r, err := openExport(path, c)
		if err != nil {
			return nil, err
		}
		e, err := r.start()
		return e, errors.Join(err, r.close())
	}
	p.events = func(ctx context.Context, each func(*engine.Event) error) error {
		r, err := openExport(path, c)
		if err != nil {
			return err
		}
		return errors.Join(r.events(ctx, each), r.close())
	}
	return p, nil
}

// imported is an export being read.
type imported struct {
	path string
	file *os.File
	dec  *cbor.Decoder
	head exportHead
}

func openExport(path string, c codec) (*imported, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("host: export: %w", err)
	}
	r := &imported{path: path, file: file}
	if err := r.open(c); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return r, nil
}

func (r *imported) close() error { return r.file.Close() }

func (r *imported) open(c codec) error {
	const other = "it is not an export of a journal, as `patchbay journal export` writes it"
	packed, err := gzip.NewReader(bufio.NewReaderSize(r.file, 1<<16))
	if err != nil {
		return r.fault(NotAnExport, 0, other)
	}
	magic := make([]byte, len(exportMagic))
	if _, err := io.ReadFull(packed, magic); err != nil || string(magic) != exportMagic {
		return r.fault(NotAnExport, 0, other)
	}
	r.dec = c.decode.NewDecoder(bufio.NewReaderSize(packed, 1<<16))
	if err := r.dec.Decode(&r.head); err != nil {
		return r.broken(0, err)
	}
	if r.head.Format != exportFormat {
		return r.fault(ExportVersion, 0, fmt.Sprintf("it is an export of format %d, and this version reads %d; read it with the version that wrote it", r.head.Format, exportFormat))
	}
	if r.head.First == 0 || r.head.Last < r.head.First-1 {
		return r.fault(ExportDamaged, 0, "its head does not say which events it has; export it again")
	}
	return nil
}

func (r *imported) fault(code ExportCode, event uint64, message string) error {
	return &ExportError{Code: code, File: r.path, Event: event, Message: message}
}

// broken says what an error of reading means.
func (r *imported) broken(event uint64, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.fault(ExportCut, event, "it is cut short here; export it again, or fetch it whole")
	}
	return r.fault(ExportDamaged, event, fmt.Sprintf("it is damaged here (%v); export it again, or fetch it whole", err))
}

// start reads the workspace as it was before the first event.
func (r *imported) start() (*engine.Engine, error) {
	if r.head.First == 1 {
		return engine.New(), nil
	}
	s, err := beginSnapshot(r.dec)
	if err != nil {
		return nil, r.broken(0, err)
	}
	e, err := s.restore()
	switch {
	case err != nil:
		return nil, r.broken(0, err)
	case e.Number() != r.head.First-1:
		return nil, r.fault(ExportDamaged, 0, fmt.Sprintf("its snapshot is of event %d, and its events begin at %d", e.Number(), r.head.First))
	}
	return e, nil
}

// skip passes over the snapshot.
func (r *imported) skip() error {
	if r.head.First == 1 {
		return nil
	}
	s, err := beginSnapshot(r.dec)
	for i := uint64(0); err == nil && i < s.work; i++ {
		err = r.dec.Skip()
	}
	if err != nil {
		return r.broken(0, err)
	}
	return nil
}

func (r *imported) events(ctx context.Context, each func(*engine.Event) error) error {
	if err := r.skip(); err != nil {
		return err
	}
	for number := r.head.First; number <= r.head.Last; number++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		ev := new(engine.Event)
		if err := r.dec.Decode(ev); err != nil {
			return r.broken(number, err)
		}
		if ev.Number != number {
			return r.fault(ExportDamaged, number, fmt.Sprintf("event %d stands here; export it again", ev.Number))
		}
		if err := each(ev); err != nil {
			return err
		}
	}
	// The checksum stands at the end.
	switch err := r.dec.Skip(); {
	case err == nil:
		return r.fault(ExportDamaged, r.head.Last+1, "there is more than its head says; export it again")
	case !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return r.broken(r.head.Last, err)
	default:
		return nil
	}
}
