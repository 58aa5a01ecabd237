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
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/config"
)

// serving is the flags of the serve command.
type serving struct {
	std       stdio
	config    string
	data      string
	listen    string
	logFormat string
	logLevel  string
	json      bool
}

func newServe(std stdio) *cobra.Command {
	s := &serving{std: std}
	cmd := &cobra.Command{
		Use:   "serve --config FILE [--data DIR] [--listen ADDR]",
		Short: "Run a workspace: journal, strategies, and the API over gRPC and REST",
		Long: `Serve runs the workspace that the config file describes until it is interrupted
or told to terminate. It prints its address when it is ready. What is recorded
in the data folder is taken up again.`,
		Args: exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error { return s.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.StringVar(&s.config, "config", "", "the config file (required)")
	f.StringVar(&s.data, "data", "", "the folder of the journal, over the config's")
	f.StringVar(&s.listen, "listen", "", "the address of the API, over the config's; port 0 takes a free one")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json, to the standard error")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	f.BoolVar(&s.json, "json", false, "print the address as JSON")
	return cmd
}

func (s *serving) run(ctx context.Context) error {
	if s.config == "" {
		return usagef("--config: a config file is needed; see config/example.yaml")
	}
	logger, err := newLogger(s.std.err, s.logFormat, s.logLevel)
	if err != nil {
		return err
	}
	c, err := s.load()
	if err != nil {
		return printFaults(s.std, err)
	}
	printWarnings(s.std, c)
	h, err := open(ctx, c, logger)
	if err != nil {
		return err
	}
	if err := s.ready(h); err != nil {
		return errors.Join(err, h.close())
	}
	err = h.serve(ctx)
	logger.Info("stopping")
	return errors.Join(err, h.close())
}

func (s *serving) load() (*config.Config, error) {
	options := []config.Option{config.Builtins(builtins()...), config.Environment(environment())}
	if s.listen != "" {
		options = append(options, config.Flag("listen", s.listen))
	}
	if s.data != "" {
		// A flag's path starts from here, not from the config's folder.
		data, err := filepath.Abs(s.data)
		if err != nil {
			return nil, err
		}
		options = append(options, config.Flag("data", data))
	}
	return config.Load(s.config, options...)
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
