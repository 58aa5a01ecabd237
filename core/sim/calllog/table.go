// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package calllog

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Row is one customer of a table.
type Row struct {
	// Line is the row's line in the file, counted from 1, which is the header.
	Line int
	// ID is unique in the table; it is never empty, and neither is Class.
	ID, Class string
	// Arrived is since the midnight before the earliest arrival, or, where the
	// table has times without dates, since the beginning. It is never negative.
	Arrived time.Duration
	// Service is how long an agent took, and ServiceKnown whether the table says.
	Service      time.Duration
	ServiceKnown bool
	// Patience is after how long the customer left, or would have; Leaves is
	// false for one who waited as long as it took.
	Patience time.Duration
	Leaves   bool
	// Priority is 0 for the highest; nil where the table does not say.
	Priority *int32
	// Skills are what an agent must hold, each at a level from 0 to 10.
	Skills map[string]float64
}

// Table is a log in the neutral format.
type Table struct {
	// Start is the midnight before the earliest arrival, in the table's own
	// time; the zero time where it has times without dates.
	Start time.Time
	// Rows are in order of arrival, those of one moment in the file's.
	Rows []Row
}

// The columns of the neutral format. Those after the fourth may be left out, and
// all may be in any order.
const (
	tableID       = "id"
	tableClass    = "class"
	tableArrived  = "arrived"
	tableService  = "service_seconds"
	tablePatience = "patience_seconds"
	tablePriority = "priority"
	tableSkills   = "skills"
)

const (
	// maxFaults is how many faults are told at once.
	maxFaults = 20
	// maxRows and maxTime bound a table, so that no sum can overflow.
	maxRows = 10_000_000
	maxTime = 10 * 366 * day
	// maxSkills bounds the skills of one row.
	maxSkills = 100
)

// OpenTable reads a file in the neutral format. Errors about what is in it are
// Faults.
func OpenTable(path string) (*Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("calllog: %w", err)
	}
	defer f.Close()
	return ReadTable(path, f)
}

// ReadTable reads a log in the neutral format: CSV with a header, and a customer
// on each row.
//
//	id,class,arrived,service_seconds,patience_seconds,priority,skills
//	1,sales,2026-03-02 09:00:12,184,,,
//	2,sales,2026-03-02 09:01:40,,35,1,german:5 billing
//
// The columns id, class, arrived and service_seconds are needed. Arrivals are
// dates with times, or all of them times such as 09:00:12 or seconds since the
// beginning. What is empty is not known: a service is then drawn by whoever plays
// it, and a patience is for ever. Skills are names with spaces between, each with
// its level after a colon, or 0.
//
// It is strict: a table with a fault is refused whole, with Faults that say where
// and name the file as it was given.
func ReadTable(name string, r io.Reader) (*Table, error) {
	in := &tableReader{file: name, csv: csv.NewReader(skipMark(r)), ids: make(map[string]int)}
	in.csv.FieldsPerRecord, in.csv.ReuseRecord = -1, true
	in.read()
	if len(in.faults) > 0 {
		return nil, in.faults
	}
	return in.finish(), nil
}

// skipMark leaves out the byte order mark that some programs begin a file with.
func skipMark(r io.Reader) io.Reader {
	mark := make([]byte, 3)
	n, err := io.ReadFull(r, mark)
	if err == nil && bytes.Equal(mark, []byte("\ufeff")) {
		return r
	}
	rest := io.MultiReader(bytes.NewReader(mark[:n]), r)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return io.MultiReader(bytes.NewReader(mark[:n]), failing{err})
	}
	return rest
}

// failing is a reader that failed already.
type failing struct{ err error }

// Read implements io.Reader.
func (f failing) Read([]byte) (int, error) { return 0, f.err }

// tableReader reads one table.
type tableReader struct {
	file    string
	csv     *csv.Reader
	columns []string
	ids     map[string]int // line by id
	dated   bool           // whether arrivals have dates, as the first has
	rows    []Row
	times   []time.Time
	faults  Faults
}

func (t *tableReader) fail(line, column int, format string, args ...any) {
	t.faults = append(t.faults, Fault{t.file, line, column, fmt.Sprintf(format, args...)})
}

// failAt is fail for a field of the record read last.
func (t *tableReader) failAt(field int, format string, args ...any) {
	line, column := t.csv.FieldPos(field)
	t.fail(line, column, format, args...)
}

func (t *tableReader) read() {
	for first := true; len(t.faults) < maxFaults; first = false {
		record, err := t.csv.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.unreadable(err)
			return
		}
		switch {
		case first:
			if t.header(record); len(t.faults) > 0 {
				return
			}
		case len(record) != len(t.columns):
			t.failAt(0, "there are %d fields; the header has %d", len(record), len(t.columns))
		case len(t.rows) == maxRows:
			t.failAt(0, "there are more than %d rows", maxRows)
			return
		default:
			t.row(record)
		}
	}
	if t.columns == nil {
		t.fail(1, 1, "the file is empty; it should begin with the header %s", strings.Join(tableColumns()[:4], ","))
	} else if len(t.rows) == 0 && len(t.faults) == 0 {
		t.fail(2, 1, "there is no row after the header")
	}
}

func (t *tableReader) unreadable(err error) {
	if wrong, ok := errors.AsType[*csv.ParseError](err); ok {
		t.fail(wrong.Line, max(wrong.Column, 1), "%v", wrong.Err)
		return
	}
	t.fail(len(t.rows)+2, 1, "it cannot be read: %v", err)
}

func tableColumns() []string {
	return []string{tableID, tableClass, tableArrived, tableService, tablePatience, tablePriority, tableSkills}
}

func (t *tableReader) header(record []string) {
	known := tableColumns()
	t.columns = slices.Clone(record)
	for i, name := range record {
		switch {
		case !slices.Contains(known, name):
			t.failAt(i, "there is no column %q; there are %s", name, strings.Join(known, ", "))
		case slices.Contains(record[:i], name):
			t.failAt(i, "the column %q is there twice", name)
		}
	}
	for _, name := range known[:4] {
		if !slices.Contains(record, name) {
			t.failAt(0, "the column %q is missing", name)
		}
	}
}

func (t *tableReader) row(record []string) {
	line, _ := t.csv.FieldPos(0)
	row := Row{Line: line}
	before := len(t.faults)
	for i, name := range t.columns {
		text := record[i]
		if !utf8.ValidString(text) {
			t.failAt(i, "%s: this is not UTF-8", name)
			continue
		}
		switch name {
		case tableID:
			row.ID = text
			t.id(i, line, text)
		case tableClass:
			if row.Class = text; text == "" || strings.TrimSpace(text) != text {
				t.failAt(i, "class: %q should be the name of a class of customers", text)
			}
		case tableArrived:
			row.Arrived = t.arrived(i, text)
		case tableService:
			row.Service, row.ServiceKnown = t.seconds(i, text, 0)
		case tablePatience:
			row.Patience, row.Leaves = t.seconds(i, text, time.Millisecond)
		case tablePriority:
			row.Priority = t.priority(i, text)
		case tableSkills:
			row.Skills = t.skills(i, text)
		}
	}
	if len(t.faults) == before {
		t.rows = append(t.rows, row)
	}
}

func (t *tableReader) id(field, line int, text string) {
	before, there := t.ids[text]
	switch {
	case text == "":
		t.failAt(field, "id: every customer needs one")
	case there:
		t.failAt(field, "id: %q is that of line %d already", text, before)
	}
	t.ids[text] = line
}

// arrived reads when a customer came. Dates are put into times, whose order is
// that of rows, and are made spans at the end.
func (t *tableReader) arrived(field int, text string) time.Duration {
	at, dated := parseDate(text)
	if len(t.times) == 0 && len(t.rows) == 0 {
		t.dated = dated
	}
	span, ok := parseTime(text)
	switch {
	case dated && t.dated && len(t.times) > 0 && t.times[0].Sub(at).Abs() > maxTime:
		t.failAt(field, "arrived: %q is more than ten years from the first row", text)
		return 0
	case dated && t.dated:
		if len(t.times) == len(t.rows) {
			t.times = append(t.times, at)
		} else {
			t.times[len(t.rows)] = at // of a row that was refused
		}
		return 0
	case !dated && ok && !t.dated:
		return span
	case dated != t.dated && (dated || ok):
		t.failAt(field, "arrived: %q has %s date, unlike the rows before it", text, map[bool]string{true: "a", false: "no"}[dated])
	default:
		t.failAt(field, "arrived: %q should be a date and time such as 2026-03-02 09:00:12, a time such as 09:00:12, or seconds", text)
	}
	return 0
}

// parseDate reads a date with a time. Without a zone it is the wall clock's.
func parseDate(text string) (time.Time, bool) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}

// parseTime reads a time since the beginning.
func parseTime(text string) (time.Duration, bool) {
	if at, err := time.Parse("15:04:05", text); err == nil {
		return at.Sub(at.Truncate(day)), true
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0 && seconds <= maxTime.Seconds()) {
		return 0, false
	}
	return time.Duration(math.Round(seconds * float64(time.Second))), true
}

// seconds reads a length of time, which may be empty.
func (t *tableReader) seconds(field int, text string, least time.Duration) (time.Duration, bool) {
	if text == "" {
		return 0, false
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= least.Seconds() && seconds <= maxTime.Seconds()) {
		t.failAt(field, "%s: %q should be a number of seconds from %g on, or empty", t.columns[field], text, least.Seconds())
		return 0, false
	}
	return time.Duration(math.Round(seconds * float64(time.Second))), true
}

func (t *tableReader) priority(field int, text string) *int32 {
	if text == "" {
		return nil
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 0 {
		t.failAt(field, "priority: %q should be a whole number, 0 for the highest, or empty", text)
		return nil
	}
	priority := int32(n)
	return &priority
}

func (t *tableReader) skills(field int, text string) map[string]float64 {
	var skills map[string]float64
	for i, one := range strings.Fields(text) {
		name, level, leveled := strings.Cut(one, ":")
		value := 0.0
		var err error
		if leveled {
			value, err = strconv.ParseFloat(level, 64)
		}
		_, twice := skills[name]
		switch {
		case name == "" || err != nil || !(value >= 0 && value <= 10):
			t.failAt(field, "skills: %q should be a name, perhaps with a level from 0 to 10, such as german:5", one)
			return nil
		case twice:
			t.failAt(field, "skills: %q is there twice", name)
			return nil
		case i == maxSkills:
			t.failAt(field, "skills: there are more than %d", maxSkills)
			return nil
		case skills == nil:
			skills = make(map[string]float64)
		}
		skills[name] = value
	}
	return skills
}

// finish puts rows in order, and makes dates spans.
func (t *tableReader) finish() *Table {
	table := &Table{Rows: t.rows}
	if t.dated {
		first := slices.MinFunc(t.times[:len(t.rows)], func(a, b time.Time) int { return a.Compare(b) })
		table.Start = time.Date(first.Year(), first.Month(), first.Day(), 0, 0, 0, 0, first.Location())
		for i := range table.Rows {
			table.Rows[i].Arrived = t.times[i].Sub(table.Start)
		}
	}
	slices.SortStableFunc(table.Rows, func(a, b Row) int { return int(min(max(a.Arrived-b.Arrived, -1), 1)) })
	return table
}
