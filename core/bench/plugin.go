// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// PluginOptions say how a plugin is measured.
type PluginOptions struct {
	// Lanes are the plugin in one runtime or more, and what it is compared with.
	// The first is the reference.
	Lanes []Lane
	// Carriers are measured too if it has a Self; its Passes and Progress are
	// not looked at.
	Carriers CarrierOptions
	// Whole measures whole workspaces too, each for so long in each pass; 0
	// leaves them out.
	Whole time.Duration
	// Passes is how often everything is measured, by turns; at least 1.
	Passes int
	// Progress, if not nil, is told what is measured and how many steps of how
	// many are done of it.
	Progress func(what string, done, total int)
}

// PluginReport is what Plugin measured.
type PluginReport struct {
	Passes int `json:"passes"`
	// Sizes is how much work the turns of Turns bring.
	Sizes []int `json:"sizes"`
	// Turns has an entry for each lane.
	Turns []TurnLane `json:"turns"`
	// Carriers is nil if they were left out.
	Carriers *CarrierReport `json:"carriers,omitempty"`
	// Whole has an entry for each lane; nil if it was left out.
	Whole []WholeLane `json:"whole,omitempty"`
}

// Plugin measures a plugin: its turns beside other lanes, the carriers alone
// beside what is bare, and whole workspaces. It blocks until that is done and
// returns ctx's error if that ends.
func Plugin(ctx context.Context, o PluginOptions) (*PluginReport, error) {
	tell := func(what string) func(done, total int) {
		return func(done, total int) {
			if o.Progress != nil {
				o.Progress(what, done, total)
			}
		}
	}
	report := &PluginReport{Passes: o.Passes, Sizes: Sizes()}
	var err error
	if report.Turns, err = Turns(ctx, TurnOptions{Lanes: o.Lanes, Passes: o.Passes, Progress: tell("turns")}); err != nil {
		return nil, err
	}
	if len(o.Carriers.Self) > 0 {
		carriers := o.Carriers
		carriers.Passes, carriers.Progress = o.Passes, tell("carriers")
		if report.Carriers, err = Carriers(ctx, carriers); err != nil {
			return nil, err
		}
	}
	if o.Whole > 0 {
		report.Whole, err = Whole(ctx, WholeOptions{Lanes: o.Lanes, Passes: o.Passes, For: o.Whole, Progress: tell("workspaces")})
	}
	return report, err
}

// WriteText writes the report as tables for people.
func (r *PluginReport) WriteText(w io.Writer) error {
	fmt.Fprintf(w, "turns of %d idle agents, medians of %d passes\n\n", turnAgents, r.Passes)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "runtime\tnew work\tp50\tp99\tdecisions/s\ttimes the first\t")
	for _, lane := range r.Turns {
		for i, size := range r.Sizes {
			fmt.Fprintf(t, "%s\t%d\t%v\t%v\t%.0f\t%.2f\t\n", lane.Lane, size, short(lane.Latencies[i].P50), short(lane.Latencies[i].P99),
				lane.DecisionsPerSecond[i], float64(lane.Latencies[i].P50)/float64(max(r.Turns[0].Latencies[i].P50, 1)))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if slices.ContainsFunc(r.Turns, r.short) {
		fmt.Fprintln(w, "\nA strategy that proposes less than comes in one turn goes on in the next.")
	}
	if r.Carriers != nil {
		if err := r.Carriers.writeText(w); err != nil {
			return err
		}
	}
	return r.writeWhole(w)
}

// short reports whether the lane's strategy proposed less than came.
func (r *PluginReport) short(lane TurnLane) bool {
	for i, size := range r.Sizes {
		if lane.Proposals[i] < size {
			return true
		}
	}
	return false
}

func (r *PluginReport) writeWhole(w io.Writer) error {
	if r.Whole == nil {
		return nil
	}
	fmt.Fprintf(w, "\nT6, end to end: a whole workspace with its journal on disk, %d agents, as much work as goes through\n\n", wholeAgents)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "runtime\titems/s\ttimes the first\ttarget\t")
	for _, lane := range r.Whole {
		target := map[string]string{"wasm": "≥ 0.80", "process": "≥ 0.70", "remote": "≥ 0.70"}[lane.Lane]
		fmt.Fprintf(t, "%s\t%.0f\t%.2f\t%s\t\n", lane.Lane, lane.PerSecond, lane.Ratio, target)
	}
	return t.Flush()
}

func (r *CarrierReport) writeText(w io.Writer) error {
	fmt.Fprint(w, "\nT7, the carriers alone: a strategy that decides nothing, beside what is bare\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "carrier\tp50\tp99\t")
	for _, row := range []struct {
		name string
		Latency
	}{
		{"process, turn of 256", r.Process},
		{"bare gRPC stream, the same bytes", r.Echo},
		{"protobuf messages, the same turn", r.Plain},
		{"builtin, turn of 1", r.Builtin},
		{"wasm, turn of 1", r.Tiny},
		{"wasm in standard Go, turn of 1", r.Module},
		{"bare call into a module", r.Bare},
	} {
		if row.P50 > 0 {
			fmt.Fprintf(t, "%s\t%v\t%v\t\n", row.name, short(row.P50), short(row.P99))
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(w, "\nprocess by bare stream %.2f (target ≤ 1.30), protobuf by process %.1f (target ≥ 5)\n", r.ProcessToEcho, r.PlainToProcess)
	fmt.Fprintf(w, "wasm by bare call %.1f (target ≤ 3)", r.TinyToBare)
	if r.ModuleToBare > 0 {
		fmt.Fprintf(w, ", in standard Go %.1f (target ≤ 6)", r.ModuleToBare)
	}
	_, err := fmt.Fprintf(w, "\nthe host's allocations a turn: builtin %.0f, wasm %.0f (target 0)\n", r.BuiltinAllocs, r.WASMAllocs)
	return err
}
