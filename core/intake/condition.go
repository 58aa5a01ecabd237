// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// condition is a compiled expression. Nil is always true.
type condition struct {
	program cel.Program
}

// holds evaluates the condition.
func (c *condition) holds(in *scope) (bool, error) {
	if c == nil {
		return true, nil
	}
	if why := in.oversized(); why != "" {
		return false, errors.New(why)
	}
	value, _, err := c.program.Eval(in)
	if err != nil {
		return false, worded(err)
	}
	return value == types.True, nil
}

// worded puts into our words why an evaluation failed.
func worded(err error) error {
	message := err.Error()
	if key, ok := strings.CutPrefix(message, "no such key: "); ok {
		message = fmt.Sprintf("there is no attribute %q; ask has() first", key)
	} else if name, ok := strings.CutPrefix(message, unmatching); ok {
		message = fmt.Sprintf("%s does not go with these values; is one of them null?", operator(name))
	}
	return errors.New(brief(message))
}

// brief cuts a message, which may repeat what an attribute says, to what is
// kept for good.
func brief(message string) string {
	const most = 200
	message = strings.ToValidUTF8(message, "\uFFFD")
	if len(message) <= most {
		return message
	}
	end := most
	for !utf8.RuneStart(message[end]) {
		end--
	}
	return message[:end] + "…"
}

// scope is what conditions see during one arrival. It shows work as it is, and
// as it becomes.
type scope struct {
	now     ref.Val
	work    handle
	facts   handle // without a kind where there are none
	subject subject
	known   known
	sized   bool
	size    string // what is oversized, once sized
}

var _ interpreter.Activation = (*scope)(nil)

func newScope(spec *engine.WorkSpec, now engine.Time) *scope {
	s := &scope{subject: subject{spec: spec, now: now}}
	s.work = handle{kind: theWork, is: &s.subject}
	return s
}

// know lets conditions ask for facts.
func (s *scope) know(facts Facts, queues map[string]bool) {
	s.known = known{facts: facts, queues: queues}
	s.facts = handle{kind: theFacts, is: &s.known}
}

// oversized says what of the work is too large, empty if nothing is.
func (s *scope) oversized() string {
	if !s.sized {
		s.sized, s.size = true, oversized(s.subject.spec)
	}
	return s.size
}

// ResolveName implements interpreter.Activation.
func (s *scope) ResolveName(name string) (any, bool) {
	switch name {
	case "work":
		return &s.work, true
	case "now":
		if s.now == nil {
			s.now = instant(s.subject.now)
		}
		return s.now, true
	case carrier:
		return &s.facts, s.facts.kind != nil
	}
	return nil, false
}

// Parent implements interpreter.Activation.
func (*scope) Parent() interpreter.Activation { return nil }
