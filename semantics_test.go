// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestSemantics plays every story in every runtime: each is as it tells, and
// what happens is the same everywhere, event for event.
//
// With -short all stories are played in the runtime builtin alone. Under the race
// detector so are all but those of section 3: to make native code of a WASM module
// takes long then, and they need one only.
func TestSemantics(t *testing.T) {
	t.Parallel()
	stories, err := storiesIn(semanticsFolder)
	if err != nil {
		t.Fatal(err)
	}
	house, runtimes := newHouse(t, !testing.Short()), []string{"builtin", "process", "wasm"}
	if testing.Short() {
		runtimes = runtimes[:1]
	}
	for _, s := range stories {
		name := strings.TrimSuffix(filepath.Base(s.file), ".txt")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			runtimes := runtimes
			if raceEnabled && !strings.HasPrefix(name, "3-") {
				runtimes = runtimes[:1]
			}
			records := make([]string, len(runtimes))
			for n, runtime := range runtimes {
				t.Run(runtime, func(t *testing.T) {
					t.Parallel()
					var err error
					if records[n], err = house.play(t.Context(), s, runtime); err != nil {
						t.Error(err)
					}
				})
			}
			t.Cleanup(func() {
				for n, record := range records {
					if record != records[0] && record != "" {
						t.Errorf("in %s this happens otherwise than in %s: %s", runtimes[n], runtimes[0], firstDifference(record, records[0]))
					}
				}
			})
		})
	}
}

// TestStoriesFail plays stories that are wrong, each of which says in its first
// line how the error must begin.
func TestStoriesFail(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(semanticsFolder, "wrong", "*.txt"))
	if err != nil || len(files) < 10 {
		t.Fatalf("there are %d wrong stories: %v", len(files), err)
	}
	house := newHouse(t, false)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			t.Parallel()
			text := read(t, file)
			want := strings.TrimPrefix(text[:strings.IndexByte(text, '\n')], "# ")
			s, err := readStory(file, text)
			if err == nil {
				_, err = house.play(t.Context(), s, "builtin")
			}
			if err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("it fails with\n%v\nrather than\n%s", err, want)
			}
		})
	}
}
