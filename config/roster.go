// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// Roster is a table of agents.
type Roster struct {
	agents []row
	// columns are those the table has.
	columns map[string]bool
}

// row is an agent of a table.
type row struct {
	id, name, presence string
	queues             []Membership
	skills             []held
}

type held struct {
	name  string
	level engine.Level
}

// Table says how a table of agents is written and what its names must be.
type Table struct {
	// Comma separates columns; 0 means a comma.
	Comma rune
	// Level is that of a skill without one, such as "5"; empty refuses it.
	Level string
	// Config is what the agents are for; nil if it is not known, and then names
	// of queues and presence configs are taken as they are.
	Config *Config
}

// Columns describes the columns of a table, one a line.
const Columns = `id               the agent's name in the API; required, once each
name             the agent's name for people
presence_config  if it is empty or not there, the only one that the config has
queues           queue, queue=tier or queue=tier/weight, with ; or | between them
skills           skill=level, from 0 to 10, with ; or | between them
`

// columns are the names of the columns.
func columns() []string { return []string{"id", "name", "presence_config", "queues", "skills"} }

// ReadAgents reads a table of agents in CSV, whose first line names the
// columns. Errors are *Errors with everything that is wrong, by line and
// column.
func ReadAgents(name string, data []byte, t Table) (*Roster, error) {
	r := &tableReader{Table: t, name: name, seen: map[string]int{}, roster: &Roster{columns: map[string]bool{}}}
	r.lines = bytes.Split(data, []byte("\n"))
	reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	reader.FieldsPerRecord, reader.TrimLeadingSpace = -1, true
	if t.Comma != 0 {
		reader.Comma = t.Comma
	}
	r.reader = reader
	r.read()
	if len(r.faults) > 0 {
		slices.SortStableFunc(r.faults, func(a, b Error) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
		})
		return nil, &Errors{List: r.faults}
	}
	return r.roster, nil
}

type tableReader struct {
	Table
	name    string
	lines   [][]byte
	reader  *csv.Reader
	columns []string
	seen    map[string]int // line by id
	roster  *Roster
	faults  []Error
}

func (r *tableReader) read() {
	header := true
	for {
		record, err := r.reader.Read()
		switch {
		case errors.Is(err, io.EOF):
			if header {
				r.faultAt(1, 1, "", CodeMissing, "the table is empty; its first line names the columns: %s", strings.Join(columns(), ", "))
			}
			return
		case err != nil:
			r.syntax(err)
			return
		case header:
			header = false
			if !r.head(record) {
				return
			}
		default:
			r.agent(record)
		}
	}
}

func (r *tableReader) syntax(err error) {
	line, column := 1, 1
	if p, ok := errors.AsType[*csv.ParseError](err); ok {
		line, column, err = p.Line, p.Column, p.Err
	}
	r.faultAt(line, column, "", CodeSyntax, "this is not CSV: %v", err)
}

// head reads the names of the columns.
func (r *tableReader) head(record []string) bool {
	for i, cell := range record {
		name := strings.ToLower(strings.TrimSpace(cell))
		switch {
		case !slices.Contains(columns(), name):
			r.fault(i, CodeUnknownKey, "there is no column %q%s", clip(cell), didYouMean(name, columns(), "columns"))
		case r.roster.columns[name]:
			r.fault(i, CodeDuplicate, "the column %q is there already; keep one of the two", name)
		}
		r.columns = append(r.columns, name)
		r.roster.columns[name] = true
	}
	if !r.roster.columns["id"] && len(r.faults) == 0 {
		r.faultAt(1, 1, "", CodeMissing, "the column \"id\" is missing; the columns are: %s", strings.Join(columns(), ", "))
	}
	return len(r.faults) == 0
}

func (r *tableReader) agent(record []string) {
	if len(record) > len(r.columns) {
		r.fault(len(r.columns), CodeConflict, "this line has %d cells, and the table %d columns; put a cell that holds the separator in quotes", len(record), len(r.columns))
		return
	}
	a, at := row{}, map[string]int{}
	for i, cell := range record {
		at[r.columns[i]] = i
		cell = strings.TrimSpace(cell)
		switch r.columns[i] {
		case "id":
			a.id = cell
			r.id(i, cell)
		case "name":
			a.name = cell
		case "presence_config":
			a.presence = cell
		case "queues":
			a.queues = r.queues(i, cell)
		case "skills":
			a.skills = r.skills(i, cell)
		}
	}
	if a.id == "" {
		r.fault(at["id"], CodeMissing, "the id is missing")
	}
	r.presence(at, &a)
	r.roster.agents = append(r.roster.agents, a)
}

func (r *tableReader) id(cell int, id string) {
	line, _ := r.reader.FieldPos(cell)
	if before, again := r.seen[id]; again && id != "" {
		r.fault(cell, CodeDuplicate, "the agent %q is there already, in line %d; keep one of the two", clip(id), before)
	}
	r.seen[id] = line
	if err := CheckName(id); id != "" && err != nil {
		r.fault(cell, CodeFormat, "%v", err)
	}
}

// presence checks an agent's presence config, or finds the only one there is.
func (r *tableReader) presence(at map[string]int, a *row) {
	var known []string
	if r.Config != nil {
		known = sortedKeys(r.Config.PresenceConfigs)
	}
	switch cell, given := at["presence_config"]; {
	case a.presence == "" && len(known) == 1:
		a.presence = known[0]
	case a.presence == "" && given:
		r.fault(cell, CodeMissing, "the presence config is missing%s", didYouMean("", known, "presence configs"))
	case a.presence == "":
		r.fault(at["id"], CodeMissing, "this agent's presence config is missing; add a column presence_config")
	case r.Config != nil && !slices.Contains(known, a.presence):
		r.fault(cell, CodeReference, "there is no presence config %q%s", clip(a.presence), didYouMean(a.presence, known, "presence configs"))
	case CheckName(a.presence) != nil:
		r.fault(cell, CodeFormat, "%v", CheckName(a.presence))
	}
}

// items returns the parts of a cell.
func items(cell string) []string {
	return strings.FieldsFunc(cell, func(c rune) bool { return strings.ContainsRune(";|,", c) })
}

func (r *tableReader) queues(cell int, text string) []Membership {
	var out []Membership
	for _, item := range items(text) {
		name, rank, ranked := strings.Cut(strings.TrimSpace(item), "=")
		tier, weight, weighted := strings.Cut(rank, "/")
		m := Membership{Queue: strings.TrimSpace(name), Tier: 1, Weight: 1}
		var err error
		if ranked {
			m.Tier, err = number16(tier, 101)
		}
		if weighted && err == nil {
			m.Weight, err = number16(weight, engine.MaxWeight)
		}
		again := func(other Membership) bool { return other.Queue == m.Queue }
		switch {
		case err != nil:
			r.fault(cell, CodeFormat, "%q should be queue, queue=tier or queue=tier/weight, with a tier from 1 to 101 and a weight from 1 to %d", clip(item), engine.MaxWeight)
		case CheckName(m.Queue) != nil:
			r.fault(cell, CodeFormat, "%v", CheckName(m.Queue))
		case slices.ContainsFunc(out, again):
			r.fault(cell, CodeDuplicate, "the queue %q is in this cell already; keep one of the two", clip(m.Queue))
		default:
			r.queue(cell, &m)
		}
		out = append(out, m)
	}
	return out
}

// queue holds a membership against the queues there are.
func (r *tableReader) queue(cell int, m *Membership) {
	if r.Config == nil {
		return
	}
	q, ok := r.Config.Queues[m.Queue]
	switch {
	case !ok:
		r.fault(cell, CodeReference, "there is no queue %q%s", clip(m.Queue), didYouMean(m.Queue, sortedKeys(r.Config.Queues), "queues"))
	case int(m.Tier) > len(q.Tiers)+1:
		r.fault(cell, CodeConflict, "tier %d of the queue %q is never asked; its tiers end with %d", m.Tier, m.Queue, len(q.Tiers)+1)
	}
}

func number16(text string, most uint16) (uint16, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 16)
	if err == nil && (n < 1 || n > uint64(most)) {
		err = strconv.ErrRange
	}
	return uint16(n), err
}

func (r *tableReader) skills(cell int, text string) []held {
	var out []held
	for _, item := range items(text) {
		name, written, ok := strings.Cut(strings.TrimSpace(item), "=")
		name = strings.TrimSpace(name)
		if !ok {
			written = r.Level
		}
		l, err := parseLevel(strings.TrimSpace(written))
		again := func(other held) bool { return other.name == name }
		switch {
		case CheckName(name) != nil:
			r.fault(cell, CodeFormat, "%v", CheckName(name))
		case err != nil:
			r.fault(cell, CodeFormat, "%q should be skill=level, with a level from 0 to 10 with at most three decimals, such as %s=5", clip(item), clip(name))
		case slices.ContainsFunc(out, again):
			r.fault(cell, CodeDuplicate, "the skill %q is in this cell already; keep one of the two", clip(name))
		}
		out = append(out, held{name, l})
	}
	return out
}

// parseLevel reads a level such as "7.5" exactly.
func parseLevel(text string) (engine.Level, error) {
	whole, decimals, point := strings.Cut(text, ".")
	if len(whole) > 2 || len(decimals) > 3 || point && decimals == "" {
		return 0, strconv.ErrSyntax
	}
	n, err := strconv.ParseUint(whole+decimals+"000"[len(decimals):], 10, 32)
	if err != nil || whole == "" {
		return 0, strconv.ErrSyntax
	}
	if n > uint64(engine.MaxLevel) {
		return 0, strconv.ErrRange
	}
	return engine.Level(n), nil
}

// fault complains of a cell of the line that was read last.
func (r *tableReader) fault(cell int, code Code, format string, args ...any) {
	line, column := r.reader.FieldPos(cell)
	r.faultAt(line, column, columnName(r.columns, cell), code, format, args...)
}

func columnName(names []string, cell int) string {
	if cell < len(names) {
		return names[cell]
	}
	return ""
}

// faultAt turns a column in bytes into one in characters.
func (r *tableReader) faultAt(line, column int, path string, code Code, format string, args ...any) {
	if line >= 1 && line <= len(r.lines) {
		text := r.lines[line-1]
		column = len([]rune(string(text[:min(max(column-1, 0), len(text))]))) + 1
	}
	r.faults = append(r.faults, Error{File: r.name, Line: line, Column: column, Path: path, Code: code, Message: fmt.Sprintf(format, args...)})
}
