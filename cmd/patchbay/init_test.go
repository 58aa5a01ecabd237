// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestInitInterrupted holds that an interruption between two answers ends the
// questions and leaves nothing.
func TestInitInterrupted(t *testing.T) {
	t.Parallel()
	answers, w := io.Pipe()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	out := &until{text: "First queue", reached: cancel}
	go func() { _, _ = io.WriteString(w, "desk\nchat\n") }()
	file := filepath.Join(t.TempDir(), "patchbay.yaml")
	err := initialize(ctx, stdio{in: answers, out: out, err: io.Discard}, file, false)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("it ended with %v", err)
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) > 0 {
		t.Errorf("it left %v, %v", entries, err)
	}
}

// until calls reached once a text was written.
type until struct {
	text    string
	written strings.Builder
	reached func()
}

func (u *until) Write(p []byte) (int, error) {
	u.written.Write(p)
	if strings.Contains(u.written.String(), u.text) {
		u.reached()
	}
	return len(p), nil
}

// TestQuestionsAgain holds that a bad answer at a terminal is asked for again,
// and that the end of its input leaves nothing.
func TestQuestionsAgain(t *testing.T) {
	t.Parallel()
	out := new(strings.Builder)
	q := newQuestions(t.Context(), stdio{in: strings.NewReader("x y\nfront\n"), out: out})
	q.interactive = true
	name := "main"
	check := func(answer string) error {
		if answer != "front" {
			return errors.New("it should be front")
		}
		return nil
	}
	if err := q.one("Name", &name, check); err != nil || name != "front" || !strings.Contains(out.String(), "  it should be front.\nName [main]: ") {
		t.Errorf("%q, %v, asked:\n%s", name, err, out)
	}
	if err := q.one("Name", &name, check); !errors.Is(err, errUnanswered) {
		t.Errorf("the end of the input gave %v", err)
	}
}
