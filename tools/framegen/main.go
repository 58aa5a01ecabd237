// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Command framegen generates the Go row types of the flat frame, with their
// readers and their size and offset checks, from frame.layout.
//
// It reads the layout strictly: what is wrong is named with its line, and
// nothing is written. It knows the layout's grammar and nothing of routing.
//
//	go run ./framegen -layout FILE -out FILE
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	layout := flag.String("layout", "../sdk/proto/patchbay/strategy/v1/frame.layout", "the layout to read")
	out := flag.String("out", "../sdk/route/rows.gen.go", "the Go file to write")
	flag.Parse()
	if err := run(*layout, *out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(layoutPath, outPath string) error {
	text, err := os.ReadFile(layoutPath)
	if err != nil {
		return fmt.Errorf("framegen: read layout: %w", err)
	}
	layout, err := parse(layoutPath, string(text))
	if err != nil {
		return err
	}
	code, err := emit(layout)
	if err != nil {
		return err
	}
	if err := os.WriteFile(outPath, code, 0o644); err != nil {
		return fmt.Errorf("framegen: write rows: %w", err)
	}
	return nil
}
