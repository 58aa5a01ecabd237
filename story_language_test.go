// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// language is what may stand in a story: deeds, which happen, and facts, which
// are so. Neither changes once made; stories that are played at once share it.
type language struct {
	deeds, facts []phrase
}

// phrase is one form of line, and what it means. The matches are those of its
// places.
type phrase struct {
	form    string
	pattern *regexp.Regexp
	means   func(g *stage, places []string) error
}

// newLanguage makes the language of stories.
func newLanguage() *language {
	return &language{deeds: compiled(deeds()), facts: compiled(facts())}
}

// compiled makes patterns of forms. Words in capitals are places: SPAN of a span
// of time, COUNT and AMOUNT of numbers, TEXT of what stands in quotation marks,
// AGENTS and WORKS of lists of names, REST of the rest of the line, all others of
// one name. What stands in brackets may be left out.
func compiled(phrases []phrase) []phrase {
	name := `[a-z][\w.-]*`
	places := []string{
		"SPAN", `((?:\d+(?:ms|s|m|h))+)`, "COUNT", `(\d+)`, "AMOUNT", `(\d[\d.]*%?)`, "TEXT", `"([^"]*)"`, "REST", `(.+)`,
		"[", "(?:", "]", ")?",
	}
	for _, word := range []string{"AGENTS", "WORKS"} {
		places = append(places, word, "("+name+"(?:(?:, | and )"+name+")*|nobody)")
	}
	for _, word := range []string{"AGENT", "WORK", "QUEUE", "CHANNEL", "STATUS", "CAUSE", "CODE"} {
		places = append(places, word, "("+name+")")
	}
	replacer := strings.NewReplacer(places...)
	for i := range phrases {
		phrases[i].pattern = regexp.MustCompile("^" + replacer.Replace(phrases[i].form) + "$")
	}
	return phrases
}

// say finds what a line means and does it.
func (*language) say(phrases []phrase, g *stage, text string) error {
	for i := range phrases {
		if m := phrases[i].pattern.FindStringSubmatch(text); m != nil {
			return phrases[i].means(g, m[1:])
		}
	}
	return fmt.Errorf("nothing known reads like %q", text)
}

// names takes a list apart, which may be of nobody.
func names(list string) []string {
	if list == "nobody" || list == "" {
		return nil
	}
	return strings.Split(strings.ReplaceAll(list, " and ", ", "), ", ")
}

// listed writes names as a list.
func listed(names []string) string {
	if len(names) == 0 {
		return "nobody"
	}
	return strings.Join(names, ", ")
}

// milliseconds reads a span of time, which the pattern has found sound.
func milliseconds(text string) (engine.Time, error) {
	d, err := time.ParseDuration(text)
	return engine.Time(d.Milliseconds()), err
}

// thousandths reads a number with at most three decimals.
func thousandths(text string) (int, error) {
	f, err := strconv.ParseFloat(text, 64)
	return int(f*1000 + 0.5), err
}

// amount reads units or a percentage.
func amount(text string) (engine.Amount, error) {
	percent, ok := strings.CutSuffix(text, "%")
	n, err := thousandths(percent)
	if ok {
		return engine.Percent(uint32(n)), err
	}
	return engine.Units(engine.Milli(n)), err
}
