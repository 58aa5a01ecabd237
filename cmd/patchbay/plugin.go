// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/near"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

func newPlugin(std stdio) *cobra.Command {
	return group("plugin", "Write, build, look at, try and pass on plugins",
		newPluginNew(std), newPluginBuild(std), newPluginInspect(std), newPluginRun(std), newPluginTest(std), newPluginBench(std),
		newPluginKeygen(std), newPluginSign(std), newPluginVerify(std), newPluginPush(std), newPluginPull(std), newPluginServe())
}

// noSuch says that there is nothing of that name, and what was probably meant.
func noSuch(what, name string, there []string) error {
	if meant := near.Name(name, there); meant != "" {
		return usagef("%s %q; did you mean %s?", what, name, meant)
	}
	return usagef("%s %q; there are %s", what, name, strings.Join(there, ", "))
}

func newPluginBuild(std stdio) *cobra.Command {
	var b build
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "build DIR",
		Short: "Build the plugin in DIR as a WASM module or an executable",
		Long: `Build builds the plugin in DIR, in whichever language it is written, with that
language's own tools, which have to be here. In Go, its main package is DIR itself
or DIR/plugin. It prints the file, its size and its SHA-256, and the lines to put
into a config.`,
		Args: exactly("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b.dir = args[0]
			made, err := b.run(cmd.Context(), std.err)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(std.out).Encode(made)
			}
			_, err = fmt.Fprintf(std.out, "%s  %d bytes  sha256 %s\n\n%s", made.File, made.Size, made.SHA256, made.Config)
			return err
		},
	}
	cmd.Flags().StringVar(&b.runtime, "runtime", "", "wasm or process; left out, what the language is for, and wasm in Go")
	cmd.Flags().StringVarP(&b.output, "output", "o", "", "the file to write; left out, NAME.wasm or NAME in this folder")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// snippet is what to put into a config for a plugin that was built.
func snippet(name, runtime, file, sum string) string {
	return fmt.Sprintf("strategies:\n  %s:\n    runtime: %s\n    source: %s\n    sha256: %s\n",
		strconv.Quote(name), runtime, strconv.Quote(filepath.ToSlash(file)), sum)
}

// newPluginServe makes the command by which this binary is a process plugin
// itself. A host starts it; people have no use for it.
func newPluginServe() *cobra.Command {
	return &cobra.Command{
		Use:    "serve NAME",
		Short:  "Serve a built-in strategy as a process plugin",
		Hidden: true,
		Args:   exactly("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			plugin, ok := plugins()[args[0]]
			if !ok {
				return noSuch("there is no built-in strategy", args[0], builtins())
			}
			serve.Process(plugin)
			return nil
		},
	}
}
