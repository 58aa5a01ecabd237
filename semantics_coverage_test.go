// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// coverage is where it stands which story shows which sentence.
const coverage = "docs/semantics-coverage.md"

// TestSemanticsAreCovered holds the table of sentences: every number from the
// first to the last of its section, each with the stories that name it, all
// stories, and tests that are there.
func TestSemanticsAreCovered(t *testing.T) {
	t.Parallel()
	stories, err := storiesIn(semanticsFolder)
	if err != nil {
		t.Fatal(err)
	}
	named := make(map[string][]string) // stories, by the numbers they name
	title := regexp.MustCompile(`^([2-7A]\.\d+): \S`)
	for _, s := range stories {
		name := strings.TrimSuffix(filepath.Base(s.file), ".txt")
		for _, text := range s.title {
			m := title.FindStringSubmatch(text)
			if m == nil {
				t.Errorf("%s: %q does not begin with the number of a sentence", s.file, text)
				continue
			}
			named[m[1]] = append(named[m[1]], name)
		}
	}
	listed := tableOf(t)
	for number := range named {
		if listed[number] == nil {
			t.Errorf("%s has no %s, which %v name", coverage, number, named[number])
		}
	}
	for number, row := range listed {
		if !slices.Equal(row.stories, named[number]) || len(row.stories) == 0 {
			t.Errorf("%s lists %v for %s, but %v name it", coverage, row.stories, number, named[number])
		}
	}
}

// sentence is a row of the table.
type sentence struct{ stories []string }

// tableOf reads the table, and checks all that is in the table itself.
func tableOf(t *testing.T) map[string]*sentence {
	t.Helper()
	rows := make(map[string]*sentence)
	row := regexp.MustCompile(`(?m)^\| ([2-7A])\.(\d+) \| ([^|]+) \| ([^|]*) \| ([^|]*) \|$`)
	word := regexp.MustCompile("`([^`]+)`")
	last := make(map[string]int)
	for _, m := range row.FindAllStringSubmatch(read(t, coverage), -1) {
		section := m[1]
		n, err := strconv.Atoi(m[2])
		if err != nil || n != last[section]+1 {
			t.Errorf("%s: %s.%s does not follow %s.%d", coverage, section, m[2], section, last[section])
		}
		last[section] = n
		s := &sentence{}
		for _, story := range word.FindAllStringSubmatch(m[4], -1) {
			s.stories = append(s.stories, story[1])
		}
		rows[section+"."+m[2]] = s
		for _, test := range word.FindAllStringSubmatch(m[5], -1) {
			file, name, _ := strings.Cut(test[1], ": ")
			if !strings.Contains(read(t, file), "\nfunc "+name+"(t *testing.T) {") {
				t.Errorf("%s: there is no %s in %s", coverage, name, file)
			}
		}
	}
	// How many statements each section makes is counted by hand, so that none is
	// dropped from the table unseen.
	for section, n := range map[string]int{"2": 12, "3": 8, "4": 23, "5": 17, "6": 16, "7": 19} {
		if last[section] != n {
			t.Errorf("%s has %d statements of section %s, not %d", coverage, last[section], section, n)
		}
	}
	return rows
}

// TestLanguageIsDescribed holds that the stories' README lists every form of
// line, and none that there is not.
func TestLanguageIsDescribed(t *testing.T) {
	t.Parallel()
	text := read(t, filepath.Join(semanticsFolder, "README.md"))
	var forms []string
	for _, p := range deeds() {
		forms = append(forms, p.form)
	}
	for _, p := range facts() {
		forms = append(forms, "=> "+p.form)
	}
	for _, form := range forms {
		if !strings.Contains(text, "\n"+form+"\n") {
			t.Errorf("the README does not list %q", form)
		}
	}
	for _, section := range []string{"## What happens", "## What is so"} {
		_, after, _ := strings.Cut(text, section)
		_, block, _ := strings.Cut(after, "```\n")
		block, _, _ = strings.Cut(block, "\n```")
		for form := range strings.SplitSeq(block, "\n") {
			if !slices.Contains(forms, form) {
				t.Errorf("the README lists %q, which there is not", form)
			}
		}
	}
}

// TestExampleOfAStory plays the story of the README.
func TestExampleOfAStory(t *testing.T) {
	t.Parallel()
	file := filepath.Join(semanticsFolder, "README.md")
	_, block, _ := strings.Cut(read(t, file), "```\n")
	block, _, _ = strings.Cut(block, "\n```")
	s, err := readStory(file, block)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newHouse(t, false).play(t.Context(), s, "builtin"); err != nil {
		t.Error(err)
	}
}
