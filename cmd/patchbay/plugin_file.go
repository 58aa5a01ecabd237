// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/near"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// warning says what running an executable means.
const warning = `An executable is run for that as the process runtime runs it: with an empty
environment, in a process group of its own and with limited memory, but as you.
Name only executables that you would run.`

// settings is the --settings flag of the commands that start plugins.
type settings struct{ text string }

func (s *settings) flag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.text, "settings", "", "the plugin's settings: a file with a JSON object, or the object itself")
}

// json returns the settings as a JSON object; nil if there are none.
func (s *settings) json() (json.RawMessage, error) {
	if s.text == "" {
		return nil, nil
	}
	text := []byte(s.text)
	if !strings.HasPrefix(strings.TrimSpace(s.text), "{") {
		content, err := os.ReadFile(s.text)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usagef("--settings: there is no file %s, and it is no JSON object either, such as '{\"level\": 3}'", s.text)
		}
		if err != nil {
			return nil, fmt.Errorf("--settings: %w", err)
		}
		text = content
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal(text, &object); err != nil {
		return nil, usagef("--settings: a JSON object is wanted: %v", err)
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return nil, err
	}
	return compact.Bytes(), nil
}

// look finds what is meant by FILE: a plugin's file, or a built-in strategy.
func look(path string, given *settings) (*kit.File, error) {
	object, err := given.json()
	if err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && slices.Contains(builtins(), path):
		file := kit.Linked(path)
		file.Settings = object
		return file, nil
	case err == nil && info.IsDir():
		return nil, usagef("FILE: %s is a folder; \"patchbay plugin build %s\" makes a plugin of it, and --all-runtimes, where there is one, takes a folder", path, path)
	case errors.Is(err, fs.ErrNotExist):
		meant := near.Name(path, builtins())
		if meant != "" {
			return nil, usagef("FILE: there is no file %s, nor a built-in strategy of that name; did you mean %s?", path, meant)
		}
	}
	file, err := kit.Look(path)
	if err != nil {
		return nil, usagef("FILE: %v", err)
	}
	file.Settings = object
	return file, nil
}

// withPlugin looks at a plugin's file and opens the runtime it is for. It says
// so before an executable is run.
func withPlugin(std stdio, path string, given *settings, use func(strategy.Runtime, *kit.File) error) error {
	return withPluginLogging(std, path, given, slog.New(slog.DiscardHandler), use)
}

// withPluginLogging is withPlugin, with what the plugin prints for a logger.
func withPluginLogging(std stdio, path string, given *settings, logger *slog.Logger, use func(strategy.Runtime, *kit.File) error) error {
	file, err := look(path, given)
	if err != nil {
		return err
	}
	runtimes, closeAll, err := openRuntimes(logger)
	if err != nil {
		return err
	}
	if file.Runtime == "process" {
		fmt.Fprintf(std.err, "%s is no WASM module: it is run as an executable, with an empty environment and limited memory\n", path)
	}
	return errors.Join(use(runtimes[file.Runtime], file), closeAll())
}
