// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// ownName is what the demo's config calls the user's strategy.
const ownName = "yours"

// own is the strategy that the user brings to the demo, and how it fared.
type own struct {
	path       string
	settings   settings
	everywhere bool
	file       *kit.File

	Runtime   string `json:"runtime"`
	Version   string `json:"version"`
	Turns     uint64 `json:"turns"`
	Proposals uint64 `json:"proposals"`
	Offers    uint64 `json:"offers"`
	Refusals  uint64 `json:"refusals"`
	Faults    uint64 `json:"faults"`
	LastFault string `json:"last_fault,omitempty"`
}

// check looks at the file before anything is started.
func (o *own) check(d *demo) error {
	switch {
	case o.path == "" && (o.everywhere || o.settings.text != ""):
		return usagef("--everywhere and --settings go with --strategy")
	case o.path == "":
		return nil
	case d.wasm != "":
		return usagef("--strategy takes the place of the strategy that --wasm names; give just one of them")
	}
	file, err := look(o.path, &o.settings)
	if err != nil {
		return err
	}
	if file.Runtime == "process" {
		fmt.Fprintf(d.std.err, "%s is no WASM module: it is run as an executable, with an empty environment and limited memory\n", o.path)
	}
	o.file = file
	return nil
}

// decides returns what the sample company's config is to say of who decides: the
// built-in strategy as a module, or the user's own.
func (d *demo) decides(ctx context.Context, folder string) ([]string, error) {
	if d.own.file != nil {
		return d.own.replaces()
	}
	module, err := d.module(ctx, folder)
	if err != nil {
		return nil, err
	}
	sum, err := strategy.Checksum(module)
	if err != nil {
		return nil, err
	}
	return []string{
		"$OWN_NAME", "sandboxed", "$OWN_RUNTIME", "wasm", "$OWN_SOURCE", strconv.Quote(filepath.ToSlash(module)),
		"$OWN_SHA256", sum, "$OWN_SETTINGS", "{}", "$CLAIMS", "in-house", "$BILLING", "next-door",
	}, nil
}

func (o *own) replaces() ([]string, error) {
	source := o.file.Path
	if o.file.Runtime != "builtin" {
		absolute, err := filepath.Abs(source)
		if err != nil {
			return nil, err
		}
		source = filepath.ToSlash(absolute)
	}
	claims, billing := "in-house", "next-door"
	if o.everywhere {
		claims, billing = ownName, ownName
	}
	sum := cmp.Or(o.file.SHA256, `""`)
	return []string{
		"$OWN_NAME", ownName, "$OWN_RUNTIME", o.file.Runtime, "$OWN_SOURCE", strconv.Quote(source), "$OWN_SHA256", sum,
		"$OWN_SETTINGS", cmp.Or(string(o.file.Settings), "{}"), "$CLAIMS", claims, "$BILLING", billing,
	}, nil
}

// fared notes how the strategy fared, if it is the one. It is an error if it
// never decided anything.
func (o *own) fared(x *patchbayv1.StrategyStatus) error {
	if o.path == "" || x.GetStrategy() != ownName {
		return nil
	}
	o.Runtime, o.Version, o.Turns, o.Proposals = x.GetRuntime(), x.GetVersion(), x.GetTurns(), x.GetProposals()
	o.Offers, o.Refusals, o.Faults, o.LastFault = x.GetOffers(), x.GetRefusals(), x.GetFaults(), x.GetLastFault()
	if o.Offers > 0 {
		return nil
	}
	if o.LastFault != "" {
		return fmt.Errorf("your strategy %s (%s) never decided: %s", o.path, o.Runtime, o.LastFault)
	}
	return fmt.Errorf("your strategy %s (%s) made no offer in %d turns; \"patchbay plugin run %s\" shows what it does", o.path, o.Runtime, o.Turns, o.path)
}

// tell says how the strategy fared.
func (o *own) tell(w io.Writer) error {
	if o.path == "" {
		return nil
	}
	_, err := fmt.Fprintf(w, "your strategy %s (%s %s): %d turns, %d proposals, %d offers, %d refused, %d faults\n",
		o.path, o.Runtime, o.Version, o.Turns, o.Proposals, o.Offers, o.Refusals, o.Faults)
	if err == nil && o.LastFault != "" {
		_, err = fmt.Fprintf(w, "its last fault: %s\n", o.LastFault)
	}
	return err
}
