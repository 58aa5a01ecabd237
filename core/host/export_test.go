// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fxamacker/cbor/v2"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
)

// exported is a workspace's journal as a file.
func (p *place) exported() []byte {
	p.t.Helper()
	var out bytes.Buffer
	if err := p.Export(p.t.Context(), &out); err != nil {
		p.t.Fatal(err)
	}
	return out.Bytes()
}

func written(t testing.TB, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "export")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// all reads a past to its end, and returns the events and what ended it.
func all(past *host.Past) (events []engine.Event, err error) {
	for ev, err := range past.Events(context.Background()) {
		if err != nil {
			return events, err
		}
		events = append(events, *ev)
	}
	return events, nil
}

// What is exported is what the journal holds, whether it begins with an event or
// with a snapshot, and whether the host runs or not.
func TestExport(t *testing.T) {
	t.Parallel()
	p := open(t, definition(2))
	for round := range 4 { // each leaves a snapshot; two are kept, and the log after the older
		p.create()
		p.create()
		status, err := p.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		past, err := host.OpenExport(written(t, p.exported()))
		if err != nil {
			t.Fatal(err)
		}
		if past.Workspace != "test" || past.First != p.log.First() || past.Last < status.Number || (past.First > 1) != (round > 1) {
			t.Errorf("round %d: %+v, of a log from %d on", round, past, p.log.First())
		}
		direct, err := host.PastOf(t.Context(), p.log)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range []*host.Past{past, direct} {
			e, err := one.Start(t.Context())
			if err != nil || e.Number() != past.First-1 {
				t.Fatalf("it begins after event %d: %v", e.Number(), err)
			}
			events, err := all(one)
			if err != nil {
				t.Fatal(err)
			}
			for _, ev := range events {
				if err := e.Replay(ev); err != nil {
					t.Fatal(err)
				}
			}
			if e.Number() < status.Number {
				t.Errorf("it ends at event %d, want %d at least", e.Number(), status.Number)
			}
		}
		p.close()
		p.open(host.Options{})
	}
}

// packed packs text that stands for a file.
func packed(t testing.TB, magic string, items ...any) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = io.WriteString(w, magic)
	for _, item := range items {
		data, err := cbor.Marshal(item)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(data)
	}
	_ = w.Close()
	return out.Bytes()
}

func TestExportsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	const magic = "patchbay journal\n"
	p := open(t, definition(2))
	for range 30 {
		p.create()
	}
	good := p.exported()
	head := func(format, first, last uint64) map[int]any {
		return map[int]any{1: format, 2: "test", 3: first, 4: last}
	}
	flipped := bytes.Clone(good)
	flipped[len(flipped)-6] ^= 1 // of the checksum
	ev := map[int]any{1: 1, 2: 5, 3: 39}
	for name, tt := range map[string]struct {
		data  []byte
		code  host.ExportCode
		event uint64
		words string
	}{
		"text":            {[]byte("hello"), host.NotAnExport, 0, "it is not an export of a journal"},
		"empty":           {nil, host.NotAnExport, 0, "it is not an export of a journal"},
		"packed":          {packed(t, "hello"), host.NotAnExport, 0, "it is not an export of a journal"},
		"later":           {packed(t, magic, head(9, 1, 1)), host.ExportVersion, 0, "it is an export of format 9, and this version reads 1"},
		"without a head":  {packed(t, magic), host.ExportCut, 0, "it is cut short here"},
		"another head":    {packed(t, magic, "head"), host.ExportDamaged, 0, "it is damaged here"},
		"backwards":       {packed(t, magic, head(1, 9, 2)), host.ExportDamaged, 0, "its head does not say which events it has"},
		"cut":             {good[:len(good)-20], host.ExportCut, 0, "it is cut short here"},
		"flipped":         {flipped, host.ExportDamaged, 0, "gzip: invalid checksum"},
		"without events":  {packed(t, magic, head(1, 1, 2)), host.ExportCut, 1, "it is cut short here"},
		"another event":   {packed(t, magic, head(1, 1, 1), map[int]any{1: 7}), host.ExportDamaged, 1, "event 7 stands here"},
		"more":            {packed(t, magic, head(1, 1, 1), ev, ev), host.ExportDamaged, 2, "there is more than its head says"},
		"no snapshot":     {packed(t, magic, head(1, 5, 6), "snapshot"), host.ExportDamaged, 0, "it is damaged here"},
		"cut in snapshot": {packed(t, magic, head(1, 5, 6)), host.ExportCut, 0, "it is cut short here"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := written(t, tt.data)
			past, err := host.OpenExport(path)
			if err == nil {
				if _, err = past.Start(t.Context()); err == nil {
					_, err = all(past)
				}
			}
			wrong, ok := errors.AsType[*host.ExportError](err)
			if !ok || wrong.Code != tt.code || tt.event > 0 && wrong.Event != tt.event || wrong.File != path || !strings.Contains(wrong.Error(), tt.words) {
				t.Errorf("%v, want %s at event %d: %s", err, tt.code, tt.event, tt.words)
			}
		})
	}
	if _, err := host.OpenExport(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// Whatever a file holds, it is read or refused.
func FuzzExport(f *testing.F) {
	const magic = "patchbay journal\n"
	f.Add([]byte("hello"))
	f.Add([]byte{})
	f.Add([]byte(magic + "\xa4\x01\x01\x02\x64test\x03\x01\x04\x01\xa3\x01\x01\x02\x05\x03\x18\x27"))
	f.Add([]byte(magic + "\xa4\x01\x01\x02\x64test\x03\x05\x04\x06\xa2\x01\x01\x02\x00\xa0"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		w := gzip.NewWriter(&out)
		_, _ = w.Write(data)
		_ = w.Close()
		past, err := host.OpenExport(written(t, out.Bytes()))
		if err == nil {
			if e, err := past.Start(t.Context()); err == nil && e == nil {
				t.Fatal("neither a workspace nor an error")
			}
			_, err = all(past)
		}
		if _, ok := errors.AsType[*host.ExportError](err); err != nil && !ok {
			t.Fatalf("an error of another kind: %v", err)
		}
	})
}

// The record of turns can be left out.
func TestNoRecord(t *testing.T) {
	t.Parallel()
	p := &place{t: t, dir: t.TempDir(), def: definition(2), options: func(o *host.Options) { o.NoRecord = true }}
	p.open(host.Options{})
	t.Cleanup(p.close)
	p.attach("a1")
	p.create()
	past, err := host.OpenExport(written(t, p.exported()))
	if err != nil {
		t.Fatal(err)
	}
	events, err := all(past)
	if err != nil || len(events) == 0 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	for _, ev := range events {
		if ev.Kind.Inward() {
			t.Errorf("event %d is %v", ev.Number, ev.Kind)
		}
	}
}
