// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	_ "embed"
	"errors"
	"fmt"
	"html/template"
	"os"
	"time"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

//go:embed strategy_page.html
var shadowPage string

// shadowParts is what the page of a shadow's report is made of.
type shadowParts struct {
	Queue, Shadow, Deciding, Since string
	Lines                          []string
	Bars                           []shadowBar
	Tables                         []shadowTable
}

// shadowBar is one share of all decisions, in per cent of the width.
type shadowBar struct {
	Name, Class string
	Count       uint64
	From, Width float64
}

type shadowTable struct {
	Caption string
	Head    []string
	Rows    [][]string
}

// writeShadowPage writes a shadow's report as one page that needs nothing else.
func writeShadowPage(path string, r *patchbayv1.GetShadowReportResponse) (err error) {
	page, err := template.New("shadow").Parse(shadowPage)
	if err != nil {
		return err
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("--html: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	reasons, examples := shadowReasons(r), shadowExamples(r)
	return page.Execute(f, shadowParts{
		Queue: r.GetQueue(), Shadow: r.GetShadow(), Deciding: cmp.Or(r.GetDeciding(), "nobody"),
		Since: r.GetSince().AsTime().Local().Format(time.DateTime), Lines: shadowLines(r), Bars: shadowBars(r),
		Tables: []shadowTable{
			{Caption: "Differences by reasons, the most frequent first", Head: reasons[0], Rows: reasons[1:]},
			{Caption: "The latest differences, newest first", Head: examples[0], Rows: examples[1:]},
		},
	})
}

// shadowBars are the shares of what was decided.
func shadowBars(r *patchbayv1.GetShadowReportResponse) []shadowBar {
	bars := []shadowBar{
		{Name: "agreed", Class: "agreed", Count: r.GetAgreed()},
		{Name: "another agent", Class: "differed", Count: r.GetDiffered()},
		{Name: "held back", Class: "held", Count: r.GetHeld()},
	}
	total := max(1, r.GetAgreed()+r.GetDiffered()+r.GetHeld())
	from := 0.0
	for i := range bars {
		bars[i].From, bars[i].Width = from, 100*float64(bars[i].Count)/float64(total)
		from += bars[i].Width
	}
	return bars
}
