// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// badText finds the first place that is not UTF-8, or a byte that no text has.
func badText(data []byte) (mark, bool) {
	at := mark{1, 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		if r == utf8.RuneError && size == 1 || !allowed(r) {
			return at, true
		}
		if r == '\n' {
			at = mark{at.line + 1, 1}
		} else {
			at.column++
		}
		data = data[size:]
	}
	return mark{}, false
}

// allowed reports whether YAML allows a character.
func allowed(r rune) bool {
	switch {
	case r == '\t', r == '\n', r == '\r', r == 0x85:
		return true
	case r < 0x20, r >= 0x7f && r < 0xa0, r == 0xfffe, r == 0xffff:
		return false
	default:
		return true
	}
}

var (
	syntaxLine    = regexp.MustCompile(`^(?:yaml: )?(?:line (\d+): )?(.*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	// parserProblem is what the grammar misses, as opposed to the scanner. The
	// parser counts the lines of these from 0.
	parserProblem = regexp.MustCompile(`^(did not find expected (<|node content|'-'|key|',')|found (duplicate|incompatible|undefined) )`)
)

// syntax reports an error of the YAML parser, which names a line at best.
func (r *reader) syntax(data []byte, err error) {
	text := strings.ReplaceAll(err.Error(), "\n", " ")
	found := syntaxLine.FindStringSubmatch(text)
	line, _ := strconv.Atoi(found[1])
	problem := found[2]
	at := mark{line, 0}
	if line > 0 && parserProblem.MatchString(problem) {
		at.line++
	}
	if anchor := unknownAnchor.FindStringSubmatch(problem); anchor != nil {
		at = find(data, "*"+anchor[1])
		problem = fmt.Sprintf("there is no anchor %q above", clip(anchor[1]))
	}
	at = clamp(data, at)
	if before, ok := tabbed(data, at); ok {
		at.column, problem = before+1, "a tab indents this line; indent with spaces"
	}
	r.path = r.file.from
	r.fault(at, CodeSyntax, "this is not YAML: %s", problem)
}

// find returns the place of the first occurrence of text.
func find(data []byte, text string) mark {
	before0, _, ok := bytes.Cut(data, []byte(text))
	if !ok {
		return mark{1, 1}
	}
	before := before0
	line := bytes.Count(before, []byte("\n")) + 1
	return mark{line, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1}
}

// clamp brings a place into the file, and a place without a column to the
// first character of its line that is not blank.
func clamp(data []byte, at mark) mark {
	lines := bytes.Split(data, []byte("\n"))
	at.line = min(max(at.line, 1), len(lines))
	if at.column > 0 {
		return at
	}
	text := lines[at.line-1]
	at.column = len(text) - len(bytes.TrimLeft(text, " \t\r")) + 1
	if at.column > len(text) {
		at.column = 1
	}
	return at
}

// tabbed reports whether a tab stands in the indentation of the line at at, and
// how many characters before it.
func tabbed(data []byte, at mark) (int, bool) {
	line := bytes.Split(data, []byte("\n"))[at.line-1]
	before := len(line) - len(bytes.TrimLeft(line, " "))
	return before, before < len(line) && line[before] == '\t'
}
