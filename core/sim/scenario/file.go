// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// readFiles reads the files that the scenario names into its lists.
func (s *Scenario) readFiles(read func(string) ([]byte, error)) []fault {
	var found []fault
	load := func(name string, path []string, into func([][]float64)) {
		if name == "" {
			return
		}
		data, err := read(name)
		var rows [][]float64
		if err == nil {
			rows, err = readCSV(data)
		}
		if err != nil {
			found = append(found, fault{path, fmt.Sprintf("%s: %v", name, err)})
			return
		}
		into(rows)
	}
	distribution := func(d *Distribution, path ...string) {
		if d == nil {
			return
		}
		load(d.File, append(path, "file"), func(rows [][]float64) { d.Values, d.Weights = columns(rows) })
	}
	distribution(s.AnswerTime.Distribution, "answer_time")
	for _, name := range sortedKeys(s.Classes) {
		c := s.Classes[name]
		load(c.Arrivals.File, []string{"classes", name, "arrivals", "file"}, func(rows [][]float64) { c.Arrivals.Times, _ = columns(rows) })
		distribution(&c.Service, "classes", name, "service")
		distribution(c.Patience, "classes", name, "patience")
		if c.Retrials != nil {
			distribution(&c.Retrials.Delay, "classes", name, "retrials", "delay")
		}
		s.Classes[name] = c
	}
	for _, name := range sortedKeys(s.Groups) {
		g := s.Groups[name]
		for _, class := range sortedKeys(g.Service) {
			d := g.Service[class]
			distribution(&d, "groups", name, "service", class)
			g.Service[class] = d
		}
	}
	return found
}

// columns returns the rows' spans and, if any row has one, their weights.
func columns(rows [][]float64) (spans []Span, weights []float64) {
	for _, row := range rows {
		spans = append(spans, Span(math.Round(row[0]*float64(time.Second))))
		if len(row) > 1 || weights != nil {
			for len(weights) < len(spans)-1 {
				weights = append(weights, 1)
			}
			weights = append(weights, append(row, 1)[1])
		}
	}
	return spans, weights
}

// readCSV reads lines of a length of time, in seconds, and perhaps a weight. The
// first line may be a heading.
func readCSV(data []byte) (rows [][]float64, err error) {
	reader := csv.NewReader(bytes.NewReader(data))
	reader.FieldsPerRecord, reader.TrimLeadingSpace, reader.Comment = -1, true, '#'
	for first := true; ; first = false {
		record, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		line, _ := reader.FieldPos(0)
		seconds, ok := readSeconds(record[0])
		switch {
		case !ok && first:
			continue
		case !ok:
			return nil, fmt.Errorf("line %d: %q is no time; write seconds, 1h30m or 09:30:00", line, record[0])
		}
		row := []float64{seconds}
		if len(record) > 1 {
			if weight, err := strconv.ParseFloat(strings.TrimSpace(record[1]), 64); err == nil {
				row = append(row, weight)
			}
		}
		rows = append(rows, row)
	}
	if len(rows) == 0 {
		return nil, errors.New("there is no time in it")
	}
	return rows, nil
}

// readSeconds reads a length of time as it stands in a file.
func readSeconds(text string) (float64, bool) {
	text = strings.TrimSpace(text)
	if x, err := strconv.ParseFloat(text, 64); err == nil {
		return x, math.Abs(x) <= time.Duration(maxSpan).Seconds()
	}
	if d, err := time.ParseDuration(text); err == nil {
		return d.Seconds(), true
	}
	if at, err := time.Parse("15:04:05", text); err == nil {
		return at.Sub(at.Truncate(24 * time.Hour)).Seconds(), true
	}
	return 0, false
}
