// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/patchbay-cx/patchbay/config"
)

// defaultConfig is the config file of whoever names none.
const defaultConfig = "patchbay.yaml"

func newConfig(std stdio) *cobra.Command {
	return group("config", "Check, show and change a configuration",
		newConfigCheck(std), newConfigShow(std), newConfigSchema(std), newConfigDocs(std),
		newConfigPlan(std), newConfigApply(std), newConfigHistory(std), newConfigRollback(std))
}

// sources is a configuration as a command line names it.
type sources struct {
	files        []string
	set          []string
	withoutFiles bool
}

func (s *sources) flags(f *pflag.FlagSet) {
	f.StringArrayVar(&s.set, "set", nil, "set a key over the files, KEY=VALUE (repeatable)")
}

// named takes over the files of the command line.
func (s *sources) named(args []string) error {
	if len(args) > 0 {
		s.files = args
	}
	if len(s.files) > 0 {
		return nil
	}
	if _, err := os.Stat(defaultConfig); err != nil {
		return usagef("a config file is needed, and there is no %s here; \"patchbay init\" writes one", defaultConfig)
	}
	s.files = []string{defaultConfig}
	return nil
}

// options are what is known besides the files: the built-in strategies, the
// environment, and flags over it.
func (s *sources) options(flags ...config.Option) ([]config.Option, error) {
	options := []config.Option{config.Builtins(builtins()...), config.Schemas(schemas()), config.Environment(environment())}
	options = append(options, flags...)
	for _, assignment := range s.set {
		option, err := config.Set(assignment)
		if err != nil {
			return nil, usagef("%s", strings.TrimPrefix(err.Error(), "config: "))
		}
		options = append(options, option)
	}
	if s.withoutFiles {
		options = append(options, config.WithoutFiles())
	}
	return append(options, config.Over(s.files[1:]...)), nil
}

func (s *sources) load(flags ...config.Option) (*config.Config, error) {
	options, err := s.options(flags...)
	if err != nil {
		return nil, err
	}
	return config.Load(s.files[0], options...)
}

func (s *sources) explain() (*config.Effective, error) {
	options, err := s.options()
	if err != nil {
		return nil, err
	}
	files, err := config.Read(s.files[0], options...)
	if err != nil {
		return nil, err
	}
	return config.Explain(files, options...)
}

// anyFiles allows any number of FILE arguments.
func anyFiles(*cobra.Command, []string) error { return nil }

func newConfigCheck(std stdio) *cobra.Command {
	var asJSON bool
	s := &sources{}
	cmd := &cobra.Command{
		Use:   "check [FILE…]",
		Short: "Check config files; every fault is printed as file:line:column",
		Long: `Check reads the files as serve does: each over the one before, with the folder
conf.d beside the first, the environment and --set over them. Without FILE it is
` + defaultConfig + `.`,
		Args: anyFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := s.named(args); err != nil {
				return err
			}
			c, err := s.load()
			var faults *config.Errors
			switch {
			case asJSON && (err == nil || errors.As(err, &faults)):
				return printChecked(std, c, faults)
			case err != nil:
				return printFaults(std, err)
			}
			return printGood(std, strings.Join(s.files, ", "), c)
		},
	}
	s.flags(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&s.withoutFiles, "without-files", false, "accept files and secrets that are named and not there")
	return cmd
}

func newConfigShow(std stdio) *cobra.Command {
	var asJSON, origin bool
	s := &sources{}
	cmd := &cobra.Command{
		Use:   "show [FILE…]",
		Short: "Show the configuration in force, defaults included, and where each value comes from",
		Args:  anyFiles,
		RunE: func(_ *cobra.Command, args []string) error {
			if err := s.named(args); err != nil {
				return err
			}
			e, err := s.explain()
			if err != nil {
				return printFaults(std, err)
			}
			return printEffective(std, e, asJSON, origin)
		},
	}
	s.flags(cmd.Flags())
	cmd.Flags().BoolVar(&origin, "origin", false, "say where each value comes from")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&s.withoutFiles, "without-files", false, "accept files and secrets that are named and not there")
	return cmd
}

func newConfigSchema(std stdio) *cobra.Command {
	var fragment bool
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of config files, for editors",
		Args:  exactly(),
		RunE: func(*cobra.Command, []string) error {
			schema := config.Schema()
			if fragment {
				schema = config.FragmentSchema()
			}
			_, err := std.out.Write(schema)
			return err
		},
	}
	cmd.Flags().BoolVar(&fragment, "fragment", false, "for one of several files, such as those in conf.d: no section is required")
	return cmd
}

func newConfigDocs(std stdio) *cobra.Command {
	var asJSON, markdown bool
	cmd := &cobra.Command{
		Use:   "docs [KEY]",
		Short: "Print the reference of all keys, or of those below one",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("config docs: %q is one argument too many", args[1])
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			keys := config.Reference()
			if len(args) == 1 {
				keys = under(keys, args[0])
				if len(keys) == 0 {
					return usagef("config docs: there is no key %q; \"patchbay config docs\" lists all", args[0])
				}
			}
			switch {
			case asJSON:
				return printValue(std, keys)
			case markdown:
				return config.WriteMarkdown(std.out, keys)
			default:
				return config.WriteReference(std.out, keys)
			}
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&markdown, "markdown", false, "print Markdown")
	return cmd
}

// under returns the keys at a path and below it. A step such as NAME stands for
// any.
func under(keys []config.Entry, path string) []config.Entry {
	want := strings.Split(path, ".")
	return slices.DeleteFunc(slices.Clone(keys), func(k config.Entry) bool {
		steps := strings.Split(k.Path, ".")
		if len(steps) < len(want) {
			return true
		}
		for i := range want {
			step := strings.TrimSuffix(steps[i], "[]")
			if step != strings.TrimSuffix(want[i], "[]") && step != strings.ToUpper(step) {
				return true
			}
		}
		return false
	})
}

// environment is what config may read from the environment: not what is meant
// for the client commands and the tests.
func environment() []string {
	own := []string{envHost, envKey, envCA, "PATCHBAY_RECORDED", "PATCHBAY_STRATEGY_PLUGIN", "PATCHBAY_WATCH"}
	return slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(own, name)
	})
}

// schemas are those of the settings of the strategies that are linked in.
func schemas() map[string]string {
	out := make(map[string]string)
	for name, plugin := range plugins() {
		out[name] = plugin.Manifest.SettingsSchema
	}
	return out
}
