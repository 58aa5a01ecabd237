// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/config"
)

// serving is the flags of the serve command.
type serving struct {
	std       stdio
	sources   sources
	data      string
	listen    string
	logFormat string
	logLevel  string
	json      bool
	watch     bool
}

func newServe(std stdio) *cobra.Command {
	s := &serving{std: std}
	cmd := &cobra.Command{
		Use:   "serve [--config FILE]… [--set KEY=VALUE]… [--data DIR] [--listen ADDR]",
		Short: "Run a workspace: journal, strategies, and the API over gRPC and REST",
		Long: `Serve runs the workspace that the config describes until it is interrupted or told
to terminate. It prints its address when it is ready. What is recorded in the
data folder is taken up again.

Without --config it reads ` + defaultConfig + `, which "patchbay init" writes. Of several files
each goes over the one before; the folder conf.d beside the first is read after
it; then come variables such as PATCHBAY_LISTEN, and flags.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringArrayVar(&s.sources.files, "config", nil, "a config file, or a folder of them (default "+defaultConfig+"; repeatable)")
	s.sources.flags(f)
	f.StringVar(&s.data, "data", "", "the folder of the journal, over the config's")
	f.StringVar(&s.listen, "listen", "", "the address of the API, over the config's; port 0 takes a free one")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json, to the standard error")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	f.BoolVar(&s.json, "json", false, "print the address as JSON")
	f.BoolVar(&s.watch, "watch", false, "apply the config files when they change, if they are good")
	return cmd
}

func (s *serving) run(ctx context.Context) error {
	logger, err := newLogger(s.std.err, s.logFormat, s.logLevel)
	if err != nil {
		return err
	}
	if err := s.sources.named(nil); err != nil {
		return err
	}
	again, err := s.rereading()
	if err != nil {
		return err
	}
	c, err := config.Load(s.sources.files[0], again.options...)
	if err != nil {
		return printFaults(s.std, err)
	}
	printWarnings(s.std, c)
	h, err := openAgain(ctx, c, again, logger)
	if err != nil {
		return err
	}
	if err := s.ready(h); err != nil {
		return errors.Join(err, h.close())
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	if s.watch {
		watching.Go(func() { again.watch(ctx, h.workspace, logger) })
	}
	err = h.serve(ctx)
	logger.Info("stopping")
	cancel()
	watching.Wait()
	return errors.Join(err, h.close())
}

// rereading is how the config can be read again.
func (s *serving) rereading() (*rereading, error) {
	var flags []config.Option
	if s.listen != "" {
		flags = append(flags, config.Flag("listen", s.listen))
	}
	if s.data != "" {
		flags = append(flags, config.Flag("data", s.data))
	}
	options, err := s.sources.options(flags...)
	return &rereading{file: s.sources.files[0], options: options}, err
}

// ready tells where the host is.
func (s *serving) ready(h *hosted) error {
	if s.json {
		return json.NewEncoder(s.std.out).Encode(map[string]string{
			"address": h.address(), "url": h.url(), "workspace": h.name, "data": h.data,
		})
	}
	_, err := fmt.Fprintf(s.std.out, "patchbay: workspace %s is ready on %s\n", h.name, h.address())
	return err
}

// newLogger returns the log of a host.
func newLogger(w io.Writer, format, level string) (*slog.Logger, error) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, usagef("--log-level: %q should be debug, info, warn or error", level)
	}
	options := &slog.HandlerOptions{Level: least}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	default:
		return nil, usagef("--log-format: %q should be text or json", format)
	}
}
