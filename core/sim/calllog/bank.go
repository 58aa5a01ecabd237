// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package calllog

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
)

// The columns of the bank format, in the file's order.
const (
	colLine = iota
	colCall
	colCustomer
	colPriority
	colType
	colDate
	colMenuEntry
	colMenuExit
	colMenuTime
	colQueueStart
	colQueueExit
	colQueueTime
	colOutcome
	colServiceStart
	colServiceExit
	colServiceTime
	colServer
	columns
)

const (
	day      = 24 * time.Hour
	noServer = "NO_SERVER"
	// maxLine bounds a line, so that a file without line ends cannot take all
	// memory.
	maxLine = 1 << 20
)

//nolint:gochecknoglobals // a constant but for its type
var header = [columns]string{
	"vru+line", "call_id", "customer_id", "priority", "type", "date", "vru_entry", "vru_exit", "vru_time",
	"q_start", "q_exit", "q_time", "outcome", "ser_start", "ser_exit", "ser_time", "server",
}

// Open reads a file in the bank format, packed with gzip or not. Errors name
// the file.
func Open(path string) (*Log, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("calllog: %w", err)
	}
	defer f.Close()
	l, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("calllog: %s: %w", path, errors.Unwrap(err))
	}
	return l, nil
}

// Read reads a log in the bank format, packed with gzip or not. Rows that
// cannot be read are in the log's Malformed and no error; an error means that r
// failed or that it does not hold such a log at all.
func Read(r io.Reader) (*Log, error) {
	l, err := read(bufio.NewReaderSize(r, 64<<10))
	if err != nil {
		return nil, fmt.Errorf("calllog: %w", err)
	}
	return l, nil
}

func read(r *bufio.Reader) (*Log, error) {
	var in io.Reader = r
	if magic, _ := r.Peek(2); bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unpacked, err := gzip.NewReader(r)
		if err != nil {
			return nil, err
		}
		defer func() { _ = unpacked.Close() }()
		in = unpacked
	}
	lines := bufio.NewScanner(in)
	lines.Buffer(make([]byte, 0, 4<<10), maxLine)
	log := &Log{}
	for n := 1; lines.Scan(); n++ {
		text := strings.TrimSuffix(lines.Text(), "\r")
		if n == 1 {
			if text != strings.Join(header[:], "\t") {
				return nil, fmt.Errorf("line 1: this is not a log in the bank format: the header should be %q", strings.Join(header[:], " "))
			}
			continue
		}
		if strings.TrimSpace(text) != "" {
			log.add(n, text)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(log.Calls) == 0 {
		return nil, errors.New("no row can be read")
	}
	return log, nil
}

// add reads one row.
func (l *Log) add(line int, text string) {
	l.Rows++
	row := row{fields: strings.Split(text, "\t")}
	if len(row.fields) != columns {
		l.Malformed = append(l.Malformed, Remark{line, fmt.Sprintf("there are %d columns; there should be %d", len(row.fields), columns)})
		return
	}
	call := row.call()
	if row.wrong != "" {
		l.Malformed = append(l.Malformed, Remark{line, row.wrong})
		return
	}
	call.Line = line
	l.Calls = append(l.Calls, call)
	for _, odd := range row.odd {
		l.Odd = append(l.Odd, Remark{line, odd})
	}
}

// row is one row while it is read.
type row struct {
	fields []string
	wrong  string // the first fault
	odd    []string
}

func (r *row) call() Call {
	c := Call{
		ID:       r.fields[colLine] + "/" + r.fields[colCall],
		Customer: r.fields[colCustomer],
		Day:      r.fields[colDate],
		Class:    strings.TrimSpace(r.fields[colType]),
		Server:   r.fields[colServer],
		Priority: r.priority(),
		Outcome:  r.outcome(),
		Entered:  r.clock(colMenuEntry),
	}
	if _, err := time.Parse("060102", c.Day); err != nil {
		r.fail(colDate, "a date such as 991003")
	}
	if c.Class == "" {
		r.fail(colType, "a kind of call such as PS")
	}
	if c.Customer == "0" {
		c.Customer = ""
	}
	if c.Server == noServer {
		c.Server = ""
	}
	menu, wait, service := r.span(colMenuTime), r.span(colQueueTime), r.span(colServiceTime)
	menuExit := r.after(colMenuExit, c.Entered)
	queueStart := r.after(colQueueStart, c.Entered)
	serviceStart := r.after(colServiceStart, c.Entered)
	r.clock(colQueueExit)
	r.clock(colServiceExit)
	r.note(menu < 0, "the time in the menu is negative: %v", menu)
	r.note(wait < 0, "the wait is negative: %v; it is taken for 0", wait)
	r.note(service < 0, "the service is negative: %v; it is taken for 0", service)
	r.note(wait > 4*time.Hour, "the wait is %v", wait)

	c.Queued = wait > 0 || r.fields[colQueueStart] != "0:00:00"
	c.Wait, c.Service = max(wait, 0), max(service, 0)
	// The log writes 0:00:00 both for midnight and for "never".
	answered := c.Outcome == Answered && (r.fields[colServiceStart] != "0:00:00" || r.fields[colServiceExit] != "0:00:00")
	c.Arrived = menuExit
	switch {
	case c.Queued:
		c.Arrived = queueStart
	case answered:
		c.Arrived = serviceStart
	}
	if answered {
		c.ServiceStart = serviceStart
	}
	r.note(c.Outcome == Answered && !answered, "answered, but the log does not say when")
	return c
}

func (r *row) fail(column int, want string) {
	if r.wrong == "" {
		r.wrong = fmt.Sprintf("column %s: %q should be %s", header[column], r.fields[column], want)
	}
}

func (r *row) note(when bool, format string, args ...any) {
	if when {
		r.odd = append(r.odd, fmt.Sprintf(format, args...))
	}
}

func (r *row) priority() int {
	n, err := strconv.Atoi(r.fields[colPriority])
	if err != nil || n < 0 || n > 2 {
		r.fail(colPriority, "0, 1 or 2")
	}
	return n
}

func (r *row) outcome() Outcome {
	switch r.fields[colOutcome] {
	case "AGENT":
		return Answered
	case "HANG":
		return HungUp
	case "PHANTOM":
		return Phantom
	}
	r.fail(colOutcome, "AGENT, HANG or PHANTOM")
	return 0
}

// span reads a number of seconds, which may be negative.
func (r *row) span(column int) time.Duration {
	n, err := strconv.ParseInt(r.fields[column], 10, 32)
	if err != nil {
		r.fail(column, "a number of seconds")
	}
	return time.Duration(n) * time.Second
}

// clock reads a time of day such as "7:15:55".
func (r *row) clock(column int) time.Duration {
	parts := strings.Split(r.fields[column], ":")
	if len(parts) != 3 {
		r.fail(column, "a time such as 7:15:55")
		return 0
	}
	var total uint64
	for i, limit := range [...]uint64{24, 60, 60} {
		n, err := strconv.ParseUint(parts[i], 10, 8)
		if err != nil || n >= limit {
			r.fail(column, "a time such as 7:15:55")
			return 0
		}
		total = total*60 + n
	}
	return time.Duration(total) * time.Second
}

// after reads a time of day that belongs to a call which entered at the given
// time: one far before it is of the next day, one a little before it is a clock
// that was off.
func (r *row) after(column int, entered time.Duration) time.Duration {
	t := r.clock(column)
	if t < entered-day/2 {
		t += day
	}
	return t
}
