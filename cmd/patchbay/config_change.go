// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"

	"github.com/patchbay-cx/patchbay/config"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// packFrom is from how many bytes on a file is sent compressed.
const packFrom = 64 << 10

// configuring is a change of a running host's configuration.
type configuring struct {
	client
	note string
	plan bool
}

func (c *configuring) do(use func(patchbayv1.ConfigServiceClient) error) error {
	return c.call(func(conn *grpc.ClientConn) error { return use(patchbayv1.NewConfigServiceClient(conn)) })
}

const filesHelp = `
Files go over each other as in "patchbay config check", the folder conf.d beside
the first included. Paths and secrets in them are the host's. Without FILE the
host reads its own config files again.`

func newConfigPlan(std stdio) *cobra.Command {
	c := &configuring{client: client{std: std}}
	cmd := &cobra.Command{
		Use:   "plan [FILE…]",
		Short: "Say what a configuration would change on a running host, and what that does to waiting work",
		Long:  "Plan tries a configuration on a copy of the running workspace and says what happens." + filesHelp,
		Args:  anyFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := configFiles(args)
			if err != nil {
				return printFaults(std, err)
			}
			return c.do(func(client patchbayv1.ConfigServiceClient) error {
				plan, err := client.PlanConfig(cmd.Context(), &patchbayv1.PlanConfigRequest{Files: files})
				if err != nil {
					return err
				}
				return c.show(plan)
			})
		},
	}
	c.flags(cmd)
	return cmd
}

func newConfigApply(std stdio) *cobra.Command {
	c := &configuring{client: client{std: std}}
	cmd := &cobra.Command{
		Use:   "apply [FILE…]",
		Short: "Put a configuration in force on a running host, in one step or not at all",
		Long: `Apply says what "patchbay config plan" would say, and then puts the configuration
in force in one step between two turns. If anything is wrong with it, if a
strategy does not start, or if something that would go is in use, nothing changes.` + filesHelp,
		Args: anyFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := configFiles(args)
			if err != nil {
				return printFaults(std, err)
			}
			return c.do(func(client patchbayv1.ConfigServiceClient) error { return c.apply(cmd.Context(), client, files) })
		},
	}
	c.flags(cmd)
	cmd.Flags().StringVar(&c.note, "note", "", "why, for the record")
	return cmd
}

func (c *configuring) apply(ctx context.Context, client patchbayv1.ConfigServiceClient, files []*patchbayv1.ConfigFile) error {
	plan, err := client.PlanConfig(ctx, &patchbayv1.PlanConfigRequest{Files: files})
	if err != nil {
		return err
	}
	if !c.json || len(plan.GetFaults()) > 0 || plan.GetRefused() != "" {
		if err := c.show(plan); err != nil {
			return err
		}
	}
	done, err := client.ApplyConfig(ctx, &patchbayv1.ApplyConfigRequest{Files: files, IfVersion: plan.GetVersion(), Note: c.note})
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.std.out, done)
	}
	return c.applied(done.GetVersion(), done.GetChanged())
}

func (c *configuring) applied(version uint64, changed bool) error {
	if !changed {
		return nil
	}
	_, err := fmt.Fprintf(c.std.out, "version %d is in force\n", version)
	return err
}

// configFiles reads the files of a command line as they are sent.
func configFiles(paths []string) ([]*patchbayv1.ConfigFile, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	sources, err := config.Read(paths[0], config.Over(paths[1:]...))
	if err != nil {
		return nil, err
	}
	out := make([]*patchbayv1.ConfigFile, 0, len(sources))
	for _, s := range sources {
		m := &patchbayv1.ConfigFile{Name: s.Name, Content: s.Data}
		if len(s.Data) >= packFrom {
			var b bytes.Buffer
			w := gzip.NewWriter(&b)
			if _, err := w.Write(s.Data); err != nil {
				return nil, err
			}
			if err := w.Close(); err != nil {
				return nil, err
			}
			m.Content, m.Gzip = b.Bytes(), true
		}
		out = append(out, m)
	}
	return out, nil
}

// show prints a plan. What is wrong is an error.
func (c *configuring) show(plan *patchbayv1.PlanConfigResponse) error {
	if c.json {
		if err := printJSON(c.std.out, plan); err != nil {
			return err
		}
	} else if err := c.words(c.std.out, plan); err != nil {
		return err
	}
	switch {
	case len(plan.GetFaults()) > 0:
		return &errFaults{len(plan.GetFaults())}
	case plan.GetRefused() != "":
		return fmt.Errorf("it would be refused: %s", plan.GetRefused())
	default:
		return nil
	}
}

func (c *configuring) words(w io.Writer, plan *patchbayv1.PlanConfigResponse) error {
	for _, f := range plan.GetFaults() {
		fmt.Fprintf(c.std.err, "%s:%d:%d: %s: %s (%s)\n", f.GetFile(), f.GetLine(), f.GetColumn(), f.GetPath(), f.GetMessage(), f.GetCode())
	}
	for _, f := range plan.GetWarnings() {
		fmt.Fprintf(c.std.err, "%s:%d:%d: warning: %s: %s\n", f.GetFile(), f.GetLine(), f.GetColumn(), f.GetPath(), f.GetMessage())
	}
	for _, line := range plan.GetRestart() {
		fmt.Fprintf(c.std.err, "not applied: %s\n", line)
	}
	if len(plan.GetFaults()) > 0 {
		return nil
	}
	if len(plan.GetLines()) == 0 {
		_, err := fmt.Fprintf(w, "nothing changes: version %d is in force\n", plan.GetVersion())
		return err
	}
	for _, line := range plan.GetLines() {
		mark := map[string]string{"add": "+", "remove": "-"}[line.GetAction()]
		if mark == "" {
			mark = "~"
		}
		fmt.Fprintln(w, mark, line.GetText())
	}
	for _, e := range plan.GetEffects() {
		fmt.Fprintln(w, "→", e.GetText())
	}
	if len(plan.GetEffects()) == 0 && plan.GetRefused() == "" {
		fmt.Fprintln(w, "→ nothing changes for the work that waits")
	}
	return nil
}

func newConfigHistory(std stdio) *cobra.Command {
	c := &configuring{client: client{std: std}}
	var limit uint32
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List the configurations that were in force, and what each changed",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.do(func(client patchbayv1.ConfigServiceClient) error {
				history, err := client.GetConfigHistory(cmd.Context(), &patchbayv1.GetConfigHistoryRequest{Limit: limit})
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(std.out, history)
				}
				return printHistory(std.out, history.GetVersions())
			})
		},
	}
	c.flags(cmd)
	cmd.Flags().Uint32Var(&limit, "limit", 0, "only so many, the newest; 0 for all")
	return cmd
}

func printHistory(w io.Writer, versions []*patchbayv1.ConfigVersion) error {
	for _, v := range versions {
		by, mark := v.GetBy(), ""
		if by == "" {
			by = "the host"
		}
		if v.GetCurrent() {
			mark = ", in force"
		}
		fmt.Fprintf(w, "version %d, %s, by %s%s", v.GetVersion(), v.GetAt().AsTime().Local().Format("2006-01-02 15:04:05"), by, mark)
		if v.GetNote() != "" {
			fmt.Fprintf(w, ": %s", v.GetNote())
		}
		fmt.Fprintln(w)
		const most = 20
		for i, line := range v.GetLines() {
			if i == most {
				fmt.Fprintf(w, "    and %d changes more\n", len(v.GetLines())-most)
				break
			}
			fmt.Fprintf(w, "    %s\n", line.GetText())
		}
	}
	return nil
}

func newConfigRollback(std stdio) *cobra.Command {
	c := &configuring{client: client{std: std}}
	cmd := &cobra.Command{
		Use:   "rollback [VERSION]",
		Short: "Put an earlier version in force again, the one before unless another is named",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usagef("config rollback: %q is one argument too many", args[1])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			var version uint64
			if len(args) == 1 {
				var err error
				if version, err = strconv.ParseUint(args[0], 10, 64); err != nil || version == 0 {
					return usagef("VERSION: %q should be a number that \"patchbay config history\" lists", args[0])
				}
			}
			return c.do(func(client patchbayv1.ConfigServiceClient) error { return c.rollback(cmd.Context(), client, version) })
		},
	}
	c.flags(cmd)
	cmd.Flags().StringVar(&c.note, "note", "", "why, for the record")
	cmd.Flags().BoolVar(&c.plan, "plan", false, "only say what it would do")
	return cmd
}

func (c *configuring) rollback(ctx context.Context, client patchbayv1.ConfigServiceClient, version uint64) error {
	plan, err := client.RollbackConfig(ctx, &patchbayv1.RollbackConfigRequest{Version: version, Plan: true})
	if err != nil {
		return err
	}
	if c.plan || !c.json || plan.GetPlan().GetRefused() != "" {
		if err := c.show(plan.GetPlan()); err != nil || c.plan {
			return err
		}
	}
	done, err := client.RollbackConfig(ctx, &patchbayv1.RollbackConfigRequest{Version: version, Note: c.note})
	if err != nil {
		return err
	}
	if c.json {
		return printJSON(c.std.out, done)
	}
	return c.applied(done.GetVersion(), done.GetChanged())
}
