// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/patchbay-cx/patchbay/core/drive"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// What a terminal understands.
const (
	home  = "\x1b[H" // to the top left
	below = "\x1b[J" // clear from here on
	right = "\x1b[K" // clear to the end of the line
	bold  = "\x1b[1m"
	alarm = "\x1b[1;31m"
	plain = "\x1b[0m"
)

// decision is an offer of the demo.
type decision struct {
	*patchbayv1.Event
	queue  string
	waited time.Duration
}

// line is a line of the picture, in a style of its own.
type line struct{ text, style string }

// size is the size of the terminal, or what is usual.
func size(out io.Writer) (width, height int) {
	if f, ok := out.(*os.File); ok {
		if width, height, err := term.GetSize(int(f.Fd())); err == nil && width > 0 && height > 0 {
			return width, height
		}
	}
	return 80, 24
}

// render draws lines over those that are there, which does not flicker as
// clearing all would. What is too wide or too high is cut off.
func render(lines []line, width, height int) string {
	var out strings.Builder
	out.WriteString(home)
	for i, x := range lines[:min(len(lines), height)] {
		if i > 0 {
			out.WriteString("\r\n")
		}
		text := x.text
		if utf8.RuneCountInString(text) >= width {
			text = string([]rune(text)[:width-1])
		}
		if x.style != "" {
			text = x.style + text + plain
		}
		out.WriteString(text + right)
	}
	out.WriteString(below)
	return out.String()
}

// picture is the demo as it stands.
func (s *screen) picture(status *patchbayv1.GetStatusResponse, agents []*patchbayv1.Agent, p drive.Progress, width int) []line {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := p.Elapsed.Round(time.Second).String()
	switch {
	case s.length > 0 && p.Elapsed >= p.Length:
		now += ", the last customers are served"
	case s.length > 0:
		now += " of " + s.length.String()
	}
	lines := []line{
		{"Patchbay demo · " + now + " · Ctrl-C ends", bold},
		{"look inside: patchbay status --host " + s.host.address(), ""},
		{"    over REST: " + s.host.url() + "/v1/status", ""},
		{},
	}
	lines = append(lines, s.queueLines(status)...)
	lines = append(lines, line{}, line{text: "AGENTS, and how much of their capacity is used", style: bold})
	lines = append(lines, agentLines(agents, width)...)
	lines = append(lines, line{},
		line{text: fmt.Sprintf("customers: %d came, %d served, %d hung up", p.Come, p.Served, p.Abandoned)},
		line{text: fmt.Sprintf("offers: builtin %d, process %d, wasm %d", s.runtimes["builtin"], s.runtimes["process"], s.runtimes["wasm"])})
	style := ""
	if p.Violations > 0 {
		style = alarm
	}
	lines = append(lines, line{text: fmt.Sprintf("violations: %d", p.Violations), style: style}, line{})
	return append(lines, s.decisionLines()...)
}

func (s *screen) queueLines(status *patchbayv1.GetStatusResponse) []line {
	rows := [][]string{{"QUEUE", "WAITING", "LONGEST", "WAITED P50", "P95", "OPEN", "AGENTS", "DECIDED BY", "RUNTIME"}}
	for _, q := range status.GetQueues() {
		deciding := q.GetDeciding()
		if deciding == "" {
			deciding = "nobody"
		}
		longest := "-"
		if q.GetWaiting() > 0 {
			longest = wait(q.GetLongestWait().AsDuration())
		}
		waited := drive.LatencyOf(slices.Clone(s.waits[q.GetQueue()]))
		rows = append(rows, []string{
			q.GetQueue(), fmt.Sprint(q.GetWaiting()), longest, wait(waited.P50), wait(waited.P95),
			fmt.Sprint(q.GetOpen()), fmt.Sprint(q.GetPresent()), deciding, q.GetRuntime(),
		})
	}
	return columns(rows, 1, 2, 3, 4, 5, 6)
}

func (s *screen) decisionLines() []line {
	rows := [][]string{{"WHEN", "WORK", "QUEUE", "WAITED", "WENT TO", "BY", "RUNTIME", "WHY"}}
	for _, d := range slices.Backward(s.decisions) {
		by := d.GetDecision()
		rows = append(rows, []string{
			d.GetAt().AsTime().Local().Format(time.TimeOnly), d.GetWork(), d.queue, wait(d.waited), d.GetAgent(), by.GetStrategy(), by.GetRuntime(), by.GetReason(),
		})
	}
	return columns(rows, 3)
}

// wait writes a wait to the millisecond, which is what the feed tells.
func wait(d time.Duration) string {
	if d < time.Second {
		return fmt.Sprintf("%dms", d.Milliseconds())
	}
	return span(d)
}

// agentLines shows each agent with a mark for each unit of capacity.
func agentLines(agents []*patchbayv1.Agent, width int) []line {
	var lines []line
	longest := 0
	for _, a := range agents {
		longest = max(longest, utf8.RuneCountInString(a.GetId()))
	}
	text := ""
	for _, a := range agents {
		used, capacity := int(a.GetUsed()), int(a.GetCapacity())
		cell := fmt.Sprintf("%-*s %s%s   ", longest, a.GetId(), strings.Repeat("■", used), strings.Repeat("·", max(capacity-used, 0)))
		if text != "" && utf8.RuneCountInString(text+cell) > width {
			lines, text = append(lines, line{text: text}), ""
		}
		text += cell
	}
	return append(lines, line{text: text})
}

// columns puts rows into columns, the numbered ones of which end on the right.
// The first row is the header.
func columns(rows [][]string, numbers ...int) []line {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	lines := make([]line, 0, len(rows))
	for n, row := range rows {
		var text strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if slices.Contains(numbers, i) {
				text.WriteString(pad + cell + "  ")
			} else {
				text.WriteString(cell + pad + "  ")
			}
		}
		x := line{text: strings.TrimRight(text.String(), " ")}
		if n == 0 {
			x.style = bold
		}
		lines = append(lines, x)
	}
	return lines
}
