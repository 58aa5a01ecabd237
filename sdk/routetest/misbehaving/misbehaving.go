// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package misbehaving has strategies that misbehave, each in one way and on
// demand, so that what a host promises of such strategies can be tried on real
// ones.
//
// Every way begins as the plain rule of package match and goes wrong where the
// settings say. The same source is a builtin (Plugin), a process, a WASM guest
// and a remote router: folder plugin packages it without sdk/serve, as a plugin
// in another language would, because some ways break what sdk/serve keeps
// whole.
//
// The package knows the contract. It does not know the host.
package misbehaving

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Row is a row of protocol.md, "When a strategy misbehaves".
type Row string

// The rows.
const (
	Dies      Row = "dies, closes the stream, traps, runs out of memory"
	Late      Row = "misses the deadline"
	Rubbish   Row = "replies to the wrong turn, with rubbish, or too much"
	Proposals Row = "proposes unknown, stale, ineligible, or twice"
	Stalls    Row = "proposes nothing while eligible pairs exist"
	Slow      Row = "is too slow but answers"
	Returns   Row = "returns after being replaced"
	Limits    Row = "takes more than its limits"
)

// The runtimes, as a host's configuration names them.
const (
	builtin = "builtin"
	process = "process"
	wasm    = "wasm"
	remote  = "remote"
)

// Way is one way of misbehaving.
type Way struct {
	// Name is what Settings call it.
	Name string
	// Row is the row of the protocol that it breaks.
	Row Row
	// Text is the rest of a sentence that begins with "It".
	Text string
	// In lists the runtimes in which a strategy can do it. What is missing there
	// cannot be done: a builtin has no frames to spoil, a WASM guest no files.
	In []string
}

// Possible reports whether a strategy can do it in the runtime.
func (w *Way) Possible(runtime string) bool { return slices.Contains(w.In, runtime) }

// Ways returns all there are, in the order of rows.
func Ways() []Way {
	return []Way{
		{"dies_at_start", Dies, "panics when it is configured", everywhere()},
		{"refuses_settings", Dies, "refuses whatever settings it is given", everywhere()},
		{"hangs_at_start", Dies, "does not return from being configured", everywhere()},
		{"rubbish_manifest", Dies, "has a manifest that says nothing", []string{process, wasm, remote}},
		{"endless_manifest", Dies, "has a manifest of 8 MiB", []string{process, wasm}},
		{"panics", Dies, "panics in a turn", everywhere()},
		{"traps", Dies, "follows a nil pointer in a turn", everywhere()},
		{"exits", Dies, "exits with status 3 in a turn", []string{process, wasm}},
		{"hoards", Dies, "takes memory until there is none", []string{process, wasm}},
		{"fails", Dies, "answers a turn with an error of its own", everywhere()},
		{"closes_stream", Dies, "closes the stream instead of answering", []string{process, remote}},
		{"loops", Late, "calculates for ever in a turn", everywhere()},
		{"sleeps", Late, "sleeps for ever in a turn", []string{builtin, process, remote}},
		{"late_once", Late, "takes half as long again as its budget", []string{builtin, process, remote}},
		{"wrong_turn", Rubbish, "answers to the turn before", []string{process, wasm, remote}},
		{"wrong_epoch", Rubbish, "answers in the name of another start", []string{process, wasm, remote}},
		{"answers_twice", Rubbish, "answers each turn twice", []string{process, remote}},
		{"stutters", Rubbish, "answers with three bytes", []string{process, wasm, remote}},
		{"says_nothing", Rubbish, "answers with no bytes", []string{process, wasm, remote}},
		{"bad_magic", Rubbish, "answers with a frame of another protocol", []string{process, wasm, remote}},
		{"lying_counts", Rubbish, "answers with a frame that says it has more rows than it has", []string{process, wasm, remote}},
		{"echoes", Rubbish, "answers with the turn it was sent", []string{process, wasm, remote}},
		{"too_many_proposals", Rubbish, "makes 20,000 proposals", everywhere()},
		{"too_many_bytes", Rubbish, "answers with 4 MiB", []string{process, wasm, remote}},
		{"wrong_digest", Rubbish, "has another board than the host's, and says so", everywhere()},
		{"asks_for_snapshots", Rubbish, "asks for a snapshot after each snapshot", everywhere()},
		{"unknown_work", Proposals, "proposes work that is not on its board", everywhere()},
		{"unknown_agent", Proposals, "proposes agents who are not on its board", everywhere()},
		{"stale", Proposals, "proposes by revisions of before", everywhere()},
		{"ineligible", Proposals, "proposes agents who may not have the work", everywhere()},
		{"twice", Proposals, "proposes everything twice", everywhere()},
		{"stalls", Stalls, "proposes nothing", everywhere()},
		{"slow", Slow, "takes three quarters of its budget, or more and more of it where it has no clock", everywhere()},
		{"returns", Returns, "answers a turn when it has long been replaced", []string{builtin, remote}},
		{"floods_log", Limits, "prints 10,000 lines in each turn", []string{process, wasm}},
		{"prints", Limits, "prints to its standard output", []string{process, wasm}},
		{"opens_files", Limits, "opens files until it may open no more", []string{process}},
		{"forks", Limits, "starts 40 processes", []string{process}},
		{"leaves_a_child", Limits, "starts a process that outlives it if it can", []string{process}},
		{"burns", Limits, "uses up processor time between turns", []string{process}},
		{"will_not_end", Limits, "ignores that it is told to end, and signals", []string{process, wasm}},
		{"never_sleeps", Limits, "asks to be woken at once after each turn", everywhere()},
	}
}

func everywhere() []string { return []string{builtin, process, wasm, remote} }

// Find returns the way of that name; false if there is none.
func Find(name string) (Way, bool) {
	ways := Ways()
	i := slices.IndexFunc(ways, func(w Way) bool { return w.Name == name })
	if i < 0 {
		return Way{}, false
	}
	return ways[i], true
}

// Settings say how a strategy of this package misbehaves, and when. The zero
// Settings are a strategy that is well.
type Settings struct {
	// Way is a Way's name; empty for none.
	Way string `json:"way,omitempty"`
	// From is the first turn of each start in which it misbehaves; 0 means the
	// first. Ways that concern the start ignore it.
	From uint64 `json:"from,omitempty"`
	// Turns is in how many turns of each start it misbehaves; 0 means all from
	// the first on.
	Turns uint64 `json:"turns,omitempty"`
	// Epochs is the last start in which it misbehaves; 0 means each. Ways that
	// concern the start ignore it.
	Epochs uint64 `json:"epochs,omitempty"`
}

// JSON returns the settings as a host's configuration has them.
func (s Settings) JSON() []byte {
	out, err := json.Marshal(s)
	if err != nil {
		panic(err) // they always marshal
	}
	return out
}

// read is the reverse of JSON. Unknown ways are refused.
func (s *Settings) read(text []byte) error {
	var read Settings
	if err := json.Unmarshal(text, &read); err != nil {
		return fmt.Errorf("misbehaving: settings: %w", err)
	}
	if _, ok := Find(read.Way); !ok && read.Way != "" {
		var names []string
		for _, w := range Ways() {
			names = append(names, w.Name)
		}
		return fmt.Errorf("misbehaving: way: there is no way %q; there are %s", read.Way, strings.Join(names, ", "))
	}
	*s = read
	return nil
}
