// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// story is a file that tells what happens in a contact centre, line by line,
// and what must come of it:
//
//	# 7: who is offered work and does not answer is not asked again at once
//	config:
//	  routing_configs: {plain: {push_timeout: 20s}}
//	ann signs in as available
//	chat w1 arrives in support
//	=> w1 is offered to ann
//	20s later
//	=> w1 waits
//
// The first lines, after #, name the sentences of the semantics that it shows. A
// config block is laid over house.yaml, maps over maps; a later one changes the
// configuration while everything runs. Every other line is something that
// happens, or after => something that is so. Before each line the strategies
// have had their turns, but not before one that begins with "and": it happens
// together with the line before.
//
// What happens may be refused, and then the line says so:
//
//	chat w1 of size 9 arrives in support => refused size_too_large
//
// README.md in testdata/semantics lists all lines there are; a line that is none
// of them is an error.
type story struct {
	file  string
	title []string
	lines []line
}

// line is one line of a story.
type line struct {
	number int
	text   string
	// and says that no strategy has a turn before it.
	and bool
	// block holds the indented lines below it.
	block string
	// refused says that it must be refused, with which code and words.
	refused     bool
	code, words string
}

// mistake is what is wrong with a story: with how it is told, or with what it
// expects.
type mistake struct {
	file   string
	number int
	err    error
}

// Error names the place as editors do.
func (m *mistake) Error() string {
	return fmt.Sprintf("%s:%d: %v", filepath.Base(m.file), m.number, m.err)
}

// Unwrap returns what is wrong.
func (m *mistake) Unwrap() error { return m.err }

// storiesIn reads all stories of a folder, in order of names.
func storiesIn(folder string) ([]*story, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.txt"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files)
	var out []*story
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		s, err := readStory(file, string(data))
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// readStory takes a file apart into lines.
func readStory(file, text string) (*story, error) {
	s := &story{file: file}
	for i, raw := range strings.Split(text, "\n") {
		trimmed := strings.TrimSpace(raw)
		switch {
		case strings.HasPrefix(raw, "#"):
			if len(s.lines) == 0 {
				s.title = append(s.title, strings.TrimSpace(raw[1:]))
			}
		case trimmed == "":
		case raw[0] == ' ' || raw[0] == '\t':
			if len(s.lines) == 0 || !s.lines[len(s.lines)-1].opens() {
				return nil, &mistake{file, i + 1, fmt.Errorf("an indented line goes below one that ends with a colon")}
			}
			s.lines[len(s.lines)-1].block += raw + "\n"
		default:
			s.lines = append(s.lines, lineOf(i+1, trimmed))
		}
	}
	if len(s.title) == 0 || len(s.lines) == 0 {
		return nil, &mistake{file, 1, fmt.Errorf("a story begins with what it shows, after #, and then something happens")}
	}
	return s, nil
}

// lineOf takes one line apart.
func lineOf(number int, text string) line {
	l := line{number: number}
	refused := regexp.MustCompile(`^(.+?) => refused (\w+)(?: "(.*)")?(:?)$`)
	if m := refused.FindStringSubmatch(text); m != nil {
		l.refused, l.code, l.words, text = true, m[2], m[3], m[1]+m[4]
	}
	l.text, l.and = strings.CutPrefix(text, "and ")
	return l
}

// opens reports whether indented lines may follow.
func (l *line) opens() bool { return strings.HasSuffix(l.text, ":") }

// expects reports whether the line says what is so, rather than what happens.
func (l *line) expects() (what string, ok bool) { return strings.CutPrefix(l.text, "=> ") }
