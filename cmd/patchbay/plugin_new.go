// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/kit"
)

// modulePath is this module's.
const modulePath = "github.com/patchbay-cx/patchbay"

func newPluginNew(std stdio) *cobra.Command {
	var p kit.Project
	var language string
	cmd := &cobra.Command{
		Use:   "new NAME --lang go",
		Short: "Write the project of a new plugin",
		Long: `New writes a small project that builds: a strategy that works, its tests, the
program that packages it, and a README. NAME is the strategy's name.

The project takes the SDK from a checkout of Patchbay: the one this folder is in,
or the one --checkout names. Its go.mod says so.`,
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if p.Name = args[0]; language != "go" {
				return usagef("--lang: %q should be go", language)
			}
			if p.Dir == "" {
				p.Dir = p.Name
			}
			if p.Checkout == "" {
				found, err := checkout(cmd.Context())
				if err != nil {
					return err
				}
				p.Checkout = found
			}
			return writeProject(std, p)
		},
	}
	cmd.Flags().StringVar(&language, "lang", "", "the language: go (required)")
	cmd.Flags().StringVar(&p.Dir, "dir", "", "the folder to write to; left out, NAME in this folder")
	cmd.Flags().StringVar(&p.Checkout, "checkout", "", "the folder of Patchbay's source; left out, the one this folder is in")
	return cmd
}

// checkout finds the source of Patchbay from this folder: it is in it, or in a
// module that requires it.
func checkout(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", modulePath)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	dir := strings.TrimSpace(string(out))
	switch {
	case err != nil:
		return "", toolchain(ctx, err, "%s (%s)", noCheckout, strings.TrimSpace(complaint.String()))
	case dir == "":
		return "", usagef("%s", noCheckout)
	default:
		return dir, nil
	}
}

const noCheckout = "this folder is not in the source of Patchbay, from which a plugin takes its SDK; name its folder with --checkout"

func writeProject(std stdio, p kit.Project) error {
	files, err := p.Write()
	if err != nil {
		return err
	}
	for _, file := range files {
		fmt.Fprintln(std.out, filepath.Join(p.Dir, file))
	}
	_, err = fmt.Fprintf(std.out, `
Patchbay is not released yet: go.mod takes it from %s.

  cd %s && go test ./...
  patchbay plugin build %[2]s
  patchbay plugin test %[3]s.wasm
`, p.Checkout, p.Dir, filepath.Base(p.Dir))
	return err
}
