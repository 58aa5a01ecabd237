// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/sdk/guest"
)

// modulePath is this module's.
const modulePath = "github.com/patchbay-cx/patchbay"

// languages are those in which plugins can be written.
func languages() []string { return append([]string{"go"}, guest.Languages()...) }

// runtimesOf returns the runtimes that plugins in a language are for; the first
// is the one that is taken if none is named.
func runtimesOf(language string) []string {
	if language == "go" {
		return []string{guest.RuntimeWASM, guest.RuntimeProcess}
	}
	return []string{guest.Runtime(language)}
}

// beginning is the flags of the plugin new command.
type beginning struct {
	std      stdio
	language string
	runtime  string
	project  kit.Project
}

func newPluginNew(std stdio) *cobra.Command {
	b := &beginning{std: std}
	cmd := &cobra.Command{
		Use:   "new NAME --lang LANGUAGE",
		Short: "Write the project of a new plugin",
		Long: `New writes a small project that builds: a strategy that works, its test, what
packages it, and a README. NAME is the strategy's name.

In Go, --rung says how much of the work is yours. On the first, score, you say how
good it would be for an agent to take some work; on the second, pick, you choose
among those who may take it; on the third, turn, you get the whole board and keep
indexes of your own. All three are the same to a host. A project in Go takes the
SDK from a checkout of Patchbay: the one this folder is in, or the one --checkout
names. Its go.mod says so.

Projects in other languages have their SDK inside.`,
		Example: `  patchbay plugin new mine --lang go
  patchbay plugin new mine --lang rust
  patchbay plugin new mine --lang python --runtime process`,
		Args: exactly("NAME"),
		RunE: func(cmd *cobra.Command, args []string) error {
			b.project.Name = args[0]
			b.project.Dir = cmp.Or(b.project.Dir, args[0])
			return b.run(cmd.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&b.language, "lang", "", "the language: "+strings.Join(languages(), ", ")+" (required)")
	f.StringVar(&b.runtime, "runtime", "", "wasm or process; left out, what the language is for, and wasm in Go")
	f.StringVar(&b.project.Rung, "rung", "", "in Go: "+strings.Join(kit.Rungs(), ", ")+"; left out, "+kit.Rungs()[0])
	f.StringVar(&b.project.Dir, "dir", "", "the folder to write to; left out, NAME in this folder")
	f.StringVar(&b.project.Checkout, "checkout", "", "the folder of Patchbay's source; left out, the one this folder is in")
	return cmd
}

func (b *beginning) run(ctx context.Context) error {
	if b.language == "" {
		return usagef("--lang: the language is missing; there are %s", strings.Join(languages(), ", "))
	}
	if !slices.Contains(languages(), b.language) {
		return noSuch("--lang: there is no language", b.language, languages())
	}
	if err := checkRuntime(b.language, b.runtime); err != nil {
		return err
	}
	if b.language != "go" {
		return b.other(ctx)
	}
	if b.project.Rung != "" && !slices.Contains(kit.Rungs(), b.project.Rung) {
		return noSuch("--rung: there is no rung", b.project.Rung, kit.Rungs())
	}
	if b.project.Checkout == "" {
		found, err := checkout(ctx)
		if err != nil {
			return err
		}
		b.project.Checkout = found
	}
	files, err := b.project.Write()
	if err != nil {
		return err
	}
	note := fmt.Sprintf("Patchbay is not released yet: go.mod takes it from %s.\n\n  cd %s && go test ./...\n", b.project.Checkout, b.project.Dir)
	return b.tell(files, note)
}

// checkRuntime refuses a runtime that plugins in a language are not for.
func checkRuntime(language, runtime string) error {
	all := []string{guest.RuntimeWASM, guest.RuntimeProcess}
	switch {
	case runtime == "":
		return nil
	case !slices.Contains(all, runtime):
		return noSuch("--runtime: there is no runtime", runtime, all)
	case !slices.Contains(runtimesOf(language), runtime):
		return usagef("--runtime: plugins in %s are for the runtime %s", language, strings.Join(runtimesOf(language), " or "))
	}
	return nil
}

// other writes the project of another language, and says what is missing here to
// build it.
func (b *beginning) other(ctx context.Context) error {
	if b.project.Rung != "" || b.project.Checkout != "" {
		return usagef("--rung and --checkout are for Go")
	}
	if err := guest.Write(b.language, b.project.Name, b.project.Dir); err != nil {
		return err
	}
	var files []string
	err := filepath.WalkDir(b.project.Dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			file, _ := filepath.Rel(b.project.Dir, path) // it is in there
			files = append(files, file)
		}
		return err
	})
	if err != nil {
		return err
	}
	note := ""
	if err := guest.Need(ctx, b.language); err != nil {
		note = strings.TrimPrefix(err.Error(), "guest: ") + "\n\n"
	}
	return b.tell(files, note)
}

// tell says what was written, and what to do with it.
func (b *beginning) tell(files []string, note string) error {
	for _, file := range files {
		fmt.Fprintln(b.std.out, filepath.Join(b.project.Dir, file))
	}
	runtime := cmp.Or(b.runtime, runtimesOf(b.language)[0])
	option := ""
	if b.language == "go" && runtime == guest.RuntimeProcess {
		option = " --runtime process"
	}
	built := build{runtime: runtime}.file(filepath.Base(b.project.Dir))
	_, err := fmt.Fprintf(b.std.out, "\n%s  patchbay plugin build %s%s\n  patchbay plugin run %[4]s\n  patchbay plugin test %[4]s\n  patchbay demo --strategy %[4]s\n",
		note, b.project.Dir, option, built)
	return err
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
