// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/patchbay-cx/patchbay/core/drive"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// shown is a screen that has seen twelve offers of the queue claims.
func shown(t *testing.T) *screen {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s := newScreen(io.Discard, &hosted{listener: listener}, true, time.Minute)
	begin := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for i := 1; i <= 12; i++ {
		work := fmt.Sprintf("w%d", i)
		s.observe(&patchbayv1.Event{
			Kind: patchbayv1.EventKind_EVENT_KIND_WORK_CREATED, Work: work, At: timestamppb.New(begin),
			Created: &patchbayv1.Work{Queue: "claims"},
		})
		s.observe(&patchbayv1.Event{
			Kind: patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED, Work: work, Agent: "ada",
			At:       timestamppb.New(begin.Add(time.Duration(i) * time.Millisecond)),
			Decision: &patchbayv1.Decision{Strategy: "in-house", Runtime: "builtin", Reason: "longest_idle"},
		})
	}
	return s
}

func TestPicture(t *testing.T) {
	t.Parallel()
	s := shown(t)
	status := &patchbayv1.GetStatusResponse{Queues: []*patchbayv1.QueueStatus{{Queue: "claims", Waiting: 3, Deciding: "in-house", Runtime: "builtin"}}}
	agents := []*patchbayv1.Agent{{Id: "ada", Used: 2, Capacity: 3}, {Id: "ben", Capacity: 3}}
	lines := s.picture(status, agents, drive.Progress{Come: 15, Elapsed: 7 * time.Second, Length: time.Minute, Violations: 1}, 12)
	var texts []string
	for _, x := range lines {
		texts = append(texts, x.text)
		if (x.style == alarm) != strings.HasPrefix(x.text, "violations") {
			t.Errorf("%q has the style %q", x.text, x.style)
		}
	}
	all := strings.Join(texts, "\n")
	for _, want := range []string{
		"7s of 1m0s", "claims        3", " 6ms ", " 12ms ", "ada ■■·   \nben ···   \n", "15 came", "builtin 12", "w12 ", "w3 ",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("there is no %q in\n%s", want, all)
		}
	}
	if strings.Contains(all, "w2 ") {
		t.Errorf("more than %d decisions are in\n%s", decisionsShown, all)
	}
}

// What does not fit is cut off: a line that wraps would push the rest down.
func TestRenderFits(t *testing.T) {
	t.Parallel()
	got := render([]line{{strings.Repeat("·", 50), bold}, {"short", ""}, {"third", ""}}, 10, 2)
	rows := strings.Split(got, "\r\n")
	if len(rows) != 2 || strings.Contains(got, "third") {
		t.Errorf("%q has not 2 rows", got)
	}
	text := strings.NewReplacer(home, "", bold, "", plain, "", right, "").Replace(rows[0])
	if n := utf8.RuneCountInString(text); n != 9 {
		t.Errorf("%q has %d characters", text, n)
	}
	if !strings.HasPrefix(got, home) || !strings.HasSuffix(got, below) {
		t.Errorf("%q leaves the last picture standing", got)
	}
}
