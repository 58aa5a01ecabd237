// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/patchbay-cx/patchbay/config"
)

// errFaults ends a command whose faults have been printed.
type errFaults struct{ count int }

// Error implements error.
func (e *errFaults) Error() string {
	if e.count == 1 {
		return "the config has a fault"
	}
	return fmt.Sprintf("the config has %d faults", e.count)
}

// printFaults prints each fault of a config on a line, without anything before
// it, so that editors can jump there. Another error is handed on.
func printFaults(std stdio, err error) error {
	var faults *config.Errors
	if !errors.As(err, &faults) {
		return err
	}
	for _, fault := range faults.List {
		fmt.Fprintf(std.err, "%s (%s)\n", fault.Error(), fault.Code)
	}
	return &errFaults{len(faults.List)}
}

func printWarnings(std stdio, c *config.Config) {
	for _, warning := range c.Warnings {
		fmt.Fprintf(std.err, "%s: warning: %s: %s\n", place(warning), warning.Path, warning.Message)
	}
}

func place(e config.Error) string { return fmt.Sprintf("%s:%d:%d", e.File, e.Line, e.Column) }

// printGood says that a config is good, and how large it is.
func printGood(std stdio, name string, c *config.Config) error {
	printWarnings(std, c)
	_, err := fmt.Fprintf(std.out, "%s is good (queues: %d, agents: %d, strategies: %d)\n", name, len(c.Queues), len(c.Agents), len(c.Strategies))
	return err
}

// checked is the outcome of a check as JSON.
type checked struct {
	Good     bool        `json:"good"`
	Errors   []faultJSON `json:"errors"`
	Warnings []faultJSON `json:"warnings"`
}

type faultJSON struct {
	File    string `json:"file"`
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Path    string `json:"path,omitempty"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func printChecked(std stdio, c *config.Config, faults *config.Errors) error {
	out := checked{Good: faults == nil, Errors: []faultJSON{}, Warnings: []faultJSON{}}
	if c != nil {
		out.Warnings = faultsJSON(c.Warnings)
	}
	if faults != nil {
		out.Errors = faultsJSON(faults.List)
	}
	if err := json.NewEncoder(std.out).Encode(out); err != nil {
		return err
	}
	if faults != nil {
		return &errFaults{len(faults.List)}
	}
	return nil
}

func faultsJSON(list []config.Error) []faultJSON {
	out := make([]faultJSON, 0, len(list))
	for _, e := range list {
		out = append(out, faultJSON{e.File, e.Line, e.Column, e.Path, string(e.Code), e.Message})
	}
	return out
}

// printEffective prints a configuration in force.
func printEffective(std stdio, e *config.Effective, asJSON, origin bool) error {
	switch {
	case asJSON && origin:
		return printValue(std, e.List())
	case asJSON:
		return printValue(std, e.Values)
	default:
		return e.WriteYAML(std.out, origin)
	}
}

// printValue prints a value as one document.
func printValue(std stdio, value any) error {
	encoder := json.NewEncoder(std.out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
