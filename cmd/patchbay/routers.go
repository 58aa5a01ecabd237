// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"time"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// printRouters tells who leads each remote strategy, and who stands by; nothing
// if there is none.
func printRouters(w io.Writer, strategies []*patchbayv1.StrategyStatus, now time.Time) error {
	rows := [][]string{{"STRATEGY", "ROUTER", "IS", "RANK", "VERSION", "DOOR", "FROM", "ANSWERS", "LATE", "FENCED", "RESUMED", "REPLAYED"}}
	for _, x := range strategies {
		if x.GetRuntime() == "remote" && len(x.GetRouters()) == 0 {
			rows = append(rows, []string{x.GetStrategy(), "none is connected"})
		}
		for _, r := range x.GetRouters() {
			rows = append(rows, []string{
				x.GetStrategy(), r.GetRouter(), routerIs(r, now), fmt.Sprint(r.GetRank()), r.GetVersion(), r.GetDoor(), r.GetAddress(),
				fmt.Sprint(r.GetAnswers()), fmt.Sprint(r.GetLate()), fmt.Sprint(r.GetFenced()), fmt.Sprint(r.GetResumes()), fmt.Sprint(r.GetReplays()),
			})
		}
	}
	if len(rows) == 1 {
		return nil
	}
	fmt.Fprintln(w)
	return table(w, rows)
}

// routerIs says what a router is to its strategy.
func routerIs(r *patchbayv1.RouterStatus, now time.Time) string {
	leads := "stands by"
	if r.GetLease() != 0 {
		leads = fmt.Sprintf("leads (%d)", r.GetLease())
	}
	if !r.GetConnected() {
		return leads + ", lost for " + span(now.Sub(r.GetLost().AsTime()))
	}
	return leads
}
