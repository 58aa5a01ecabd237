// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// The exit codes.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// stdio is what a command reads from and writes to.
type stdio struct {
	in       io.Reader
	out, err io.Writer
}

// terminal reports whether w is one.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// execute runs one command line and returns the exit code.
func execute(ctx context.Context, std stdio, args []string) int {
	root := newRoot(std)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitOK
	}
	asJSON, _ := cmd.Flags().GetBool("json")
	printError(std.err, err, asJSON)
	if _, ok := errors.AsType[*usageError](err); ok {
		fmt.Fprintf(std.err, "Run %q for help.\n", cmd.CommandPath()+" --help")
		return exitUsage
	}
	return exitFailed
}

func newRoot(std stdio) *cobra.Command {
	root := group("patchbay", "A work-and-presence host that lets anybody's logic decide who gets which work")
	root.SetIn(std.in)
	root.SetOut(std.out)
	root.SetErr(std.err)
	root.SilenceErrors = true
	root.SilenceUsage = true
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err.Error()} })
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetHelpCommand(newHelp())
	root.AddCommand(
		newInit(std), newServe(std), newImport(std), newDemo(std), newDrive(std), newCertify(std), newEmulate(std), newSim(std), newJournal(std), newBench(std), newPlugin(std), newConfig(std),
		newWork(std), newExplain(std), newAgent(std), newFeed(std), newWebhook(std), newStrategy(std), newStatus(std), newVersion(std),
	)
	return root
}

// group returns a command that only holds others.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return usagef("%s: there is no command %q", called(cmd), args[0])
		},
	}
	cmd.AddCommand(commands...)
	return cmd
}

// newHelp returns the help command. Cobra's own takes a command that does not
// exist for none, and succeeds.
func newHelp() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND]",
		Short: "Help about any command",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("help: there is no command %q", strings.Join(args, " "))
			}
			return found.Help()
		},
	}
}

// usageError is a command line that cannot be understood.
type usageError struct{ text string }

// Error implements error.
func (e *usageError) Error() string { return e.text }

func usagef(format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...)}
}

// exactly wants so many arguments and names them when they are not there.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return usagef("%s: %s is missing", called(cmd), names[len(args)])
		}
		if len(args) > len(names) {
			return usagef("%s: %q is one argument too many", called(cmd), args[len(names)])
		}
		return nil
	}
}

// called is a command as the user calls it. Every error begins with the
// program's name anyway.
func called(cmd *cobra.Command) string {
	return strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
}

func newVersion(std stdio) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactly(),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return json.NewEncoder(std.out).Encode(map[string]string{"version": version(), "go": runtime.Version()})
			}
			_, err := fmt.Fprintln(std.out, "patchbay", version())
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// version is what the Go toolchain recorded when it built the binary.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}
