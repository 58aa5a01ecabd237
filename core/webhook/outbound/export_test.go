// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"encoding/json"
	"log/slog"
)

// KeepTwice keeps a letter of event 1 in a folder and then tries to keep it in a
// form that cannot be written. It reports whether the letter counts as stored,
// and how many letters there are.
func KeepTwice(dir string) (stored bool, count int, err error) {
	s, err := openStore(dir)
	if err != nil {
		return false, 0, err
	}
	h := &hook{store: s, options: &Options{Logger: slog.New(slog.DiscardHandler)}}
	l := &letter{Letter: Letter{Number: 1, Body: json.RawMessage(`{}`)}}
	h.keep(l)
	l.Body = json.RawMessage(`{`)
	h.keep(l)
	numbers, err := s.numbers(lettersPart)
	return l.stored, len(numbers), err
}
