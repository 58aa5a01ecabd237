// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Script is one case: what happens at a host, and what a strategy must propose.
type Script struct {
	// Name is the file's name.
	Name string
	// Strategies names the strategies whose rule this is; empty if it holds for
	// every strategy.
	Strategies []string
	// Group names what of the contract it is about, such as "gaps"; see Groups.
	// Empty if the script does not say.
	Group string

	steps []step
}

// step is one line of a script.
type step struct {
	line int
	text string // as it stands in the script, repetitions spelt out
	// asks says that the step is about the last reply, whose proposals are not
	// settled yet.
	asks bool
	run  func(p *player)
}

// ParseError says why a text is no script.
type ParseError struct {
	// Script and Line say where.
	Script string
	Line   int
	// Text says what is wrong.
	Text string
}

// Error implements error.
func (e *ParseError) Error() string {
	return fmt.Sprintf("routetest: %s:%d: %s", e.Script, e.Line, e.Text)
}

// maxSteps bounds what "times" may multiply a script to.
const maxSteps = 100_000

// Parse reads a script. Errors are *ParseError.
//
// A script has one step to a line; # begins a comment. Names are words, or
// quoted as in Go. Units of capacity have up to three decimals, durations are
// written as in Go (20s, 1m30s), lists with commas, and "none" is an empty one.
//
//	for STRATEGY …              the script is a rule of these strategies
//	about WORDS …               the group of cases that it belongs to
//	times N STEP                N times; {n} stands for 1 to N
//	wait DURATION               time passes
//
// Who and what is there; a name that is there already is changed:
//
//	queue NAME [MODEL] [by-skills|by-membership] [held|opened] [offer-to N]
//	agent NAME [capacity U] [interruptible U] [holding U] [open N] [most N]
//	    [most-offers N] [in QUEUES] [tier N in QUEUE] [weight N in QUEUE]
//	    [on CHANNELS] [skills NAME:LEVEL,…] [idle AGO] [signed-in AGO]
//	    [assigned AGO] [connected|disconnected]
//	work NAME [in QUEUE] [on CHANNEL] [size U|percent P] [interruptible|primary]
//	    [tier N] [priority N] [secondary N] [age AGO] [target IN]
//	    [needs NAME:LEVEL[:dropped],…] [drops SKILL] [requires AGENT]
//	    [prefers AGENT for DURATION] [declined AGENTS] [attribute NAME VALUE]
//	    [sequence N]
//	channel NAME · close-queue NAME · sign-out AGENT · cancel WORK
//	resend agent|work NAME      sends the row again, unchanged
//
// Turns. A proposal is settled before the step after those that speak of it:
//
//	turn                        brings what changed and asks for proposals
//	until-quiet                 turns until nothing is proposed
//	snapshot · restart          the next turn is a snapshot; of a new epoch
//	page N                      pages of snapshots have at most N rows; 0: one page
//	corrupt WHAT                sends a turn that does not follow on (its base,
//	                            epoch, generation or digest is wrong, it is
//	                            repeated, a page is missing, or turns come in
//	                            another order, or pages do), which must be
//	                            answered by asking for a snapshot
//	expect WORK -> AGENT [reason NAME] [score N] [rank N]
//	expect WORK waits REASON    a note says why
//	expect nothing · expect N proposals · expect N offered
//	expect wake IN · expect wake never
//	refuse WORK VERDICT         answers the proposal with that verdict
//	hold WORK · settle WORK     leaves it unsettled until then
//	refuse all VERDICT · hold all · settle all
//	                            the same of whatever was proposed
//
// What becomes of offers:
//
//	accept WORK [by AGENT] · complete WORK
//	decline|timeout|lose|withdraw WORK [by AGENT]
//	accept all · complete all · decline all …
//	                            the same of whatever is offered, or open
func Parse(name, text string) (*Script, error) {
	script := &Script{Name: name}
	for i, line := range strings.Split(text, "\n") {
		words, err := split(line)
		if err == nil && len(words) > 0 {
			err = script.add(i+1, words)
		}
		if err != nil {
			return nil, &ParseError{Script: name, Line: i + 1, Text: err.Error()}
		}
	}
	return script, nil
}

func (s *Script) add(line int, words []string) error {
	switch words[0] {
	case "for":
		if len(words) < 2 || len(s.steps) > 0 || s.Strategies != nil {
			return fmt.Errorf("for: names strategies, once, before all steps")
		}
		s.Strategies = words[1:]
		return nil
	case "about":
		if len(words) < 2 || len(s.steps) > 0 || s.Group != "" {
			return fmt.Errorf("about: names a group, once, before all steps")
		}
		s.Group = strings.Join(words[1:], " ")
		return nil
	case "times":
		return s.times(line, words[1:])
	}
	if len(s.steps) == maxSteps {
		return fmt.Errorf("more than %d steps", maxSteps)
	}
	f := &fields{words: words[1:]}
	run, asks, err := f.step(words[0])
	if err == nil && f.err != nil {
		err = f.err
	}
	if err == nil && len(f.words) > 0 {
		err = fmt.Errorf("%q is one word too many", f.words[0])
	}
	if err != nil {
		return fmt.Errorf("%s: %w", words[0], err)
	}
	s.steps = append(s.steps, step{line: line, text: join(words), asks: asks, run: run})
	return nil
}

func (s *Script) times(line int, words []string) error {
	if len(words) < 2 || words[1] == "times" || words[1] == "for" || words[1] == "about" {
		return fmt.Errorf("times: a number and a step are wanted")
	}
	n, err := strconv.Atoi(words[0])
	if err != nil || n < 0 || n > maxSteps {
		return fmt.Errorf("times: %q is no number from 0 to %d", words[0], maxSteps)
	}
	one := make([]string, len(words)-1)
	for i := range n {
		for j, word := range words[1:] {
			one[j] = strings.ReplaceAll(word, "{n}", strconv.Itoa(i+1))
		}
		if err := s.add(line, one); err != nil {
			return err
		}
	}
	return nil
}

// join is the inverse of split.
func join(words []string) string {
	var b strings.Builder
	for i, word := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		if quoted := strconv.Quote(word); word == "" || strings.ContainsAny(word, " \t#") || quoted != `"`+word+`"` {
			word = quoted
		}
		b.WriteString(word)
	}
	return b.String()
}

// split returns the words of a line without its comment.
func split(line string) ([]string, error) {
	var words []string
	for {
		line = strings.TrimLeft(line, " \t\r")
		if line == "" || line[0] == '#' {
			return words, nil
		}
		end := strings.IndexAny(line, " \t\r")
		if end < 0 {
			end = len(line)
		}
		word := line[:end]
		if line[0] == '"' {
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil {
				return nil, fmt.Errorf("%s: a quote that does not end", line)
			}
			word, err = strconv.Unquote(quoted)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", quoted, err)
			}
			end = len(quoted)
		}
		words = append(words, word)
		line = line[end:]
	}
}

// fields takes words off a line. The first error stays; after it everything
// taken is zero.
type fields struct {
	words []string
	err   error
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf(format, args...)
	}
}

// more reports whether there is another word and nothing went wrong.
func (f *fields) more() bool { return f.err == nil && len(f.words) > 0 }

func (f *fields) word(what string) string {
	if len(f.words) == 0 {
		f.fail("%s is missing", what)
		return ""
	}
	word := f.words[0]
	f.words = f.words[1:]
	return word
}

// keyword takes the next word if it is this one.
func (f *fields) keyword(word string) bool {
	if len(f.words) == 0 || f.words[0] != word {
		return false
	}
	f.words = f.words[1:]
	return true
}

func (f *fields) list(what string) []string {
	word := f.word(what)
	if word == "none" || f.err != nil {
		return nil
	}
	return strings.Split(word, ",")
}

// integer takes a number of at most so many bits.
func (f *fields) integer(what string, bits int) int64 {
	word := f.word(what)
	n, err := strconv.ParseInt(word, 10, bits)
	if err != nil {
		f.fail("%s: %q is no number of %d bits", what, word, bits)
	}
	return n
}

func (f *fields) natural(what string, bits int) uint64 {
	word := f.word(what)
	n, err := strconv.ParseUint(word, 10, bits)
	if err != nil {
		f.fail("%s: %q is no number of %d bits without a sign", what, word, bits)
	}
	return n
}

// milli takes units with up to three decimals and returns thousandths.
func (f *fields) milli(what string) int32 {
	word := f.word(what)
	n, ok := parseMilli(word)
	if !ok {
		f.fail("%s: %q is no amount with up to three decimals from -2147483.648 to 2147483.647", what, word)
	}
	return n
}

func parseMilli(word string) (int32, bool) {
	whole, decimals, point := strings.Cut(word, ".")
	if point && (decimals == "" || len(decimals) > 3) || strings.Trim(decimals, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.ParseInt(whole+(decimals + "000")[:3], 10, 32)
	return int32(n), err == nil && strings.Trim(whole, "-") != ""
}

// duration takes a duration and returns milliseconds.
func (f *fields) duration(what string) int64 {
	word := f.word(what)
	d, err := time.ParseDuration(word)
	if err != nil || d%time.Millisecond != 0 {
		f.fail("%s: %q is no duration in whole milliseconds", what, word)
	}
	return d.Milliseconds()
}
