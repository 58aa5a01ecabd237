// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/config"
	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// rereading reads the config of a running host again, or another one with the
// same environment and flags over it. It is not changed once the host serves.
type rereading struct {
	file    string
	options []config.Option
	running *config.Config // what the host was started with
}

// specs makes strategies of a definition, with the secrets of now.
func (r *rereading) specs() func(*engine.Definition) ([]strategy.Spec, error) {
	if r == nil {
		return nil
	}
	return func(d *engine.Definition) ([]strategy.Spec, error) {
		return config.Specs(d, config.Environment(os.Environ()))
	}
}

// read implements api.Options.ReadConfig.
func (r *rereading) read(files []api.ConfigFile) (*api.Configuration, error) {
	c, err := r.load(files)
	if faults, ok := errors.AsType[*config.Errors](err); ok {
		return &api.Configuration{Faults: apiFaults(faults.List)}, nil
	}
	if err != nil {
		return nil, err
	}
	definition, err := c.Definition()
	if err != nil {
		return nil, err
	}
	return &api.Configuration{Definition: definition, Warnings: apiFaults(c.Warnings), Restart: r.restart(c), Mask: c.Mask}, nil
}

func (r *rereading) load(files []api.ConfigFile) (*config.Config, error) {
	if len(files) == 0 {
		return config.Load(r.file, r.options...)
	}
	folder, err := filepath.Abs(filepath.Dir(r.file))
	if err != nil {
		return nil, err
	}
	sources := make([]config.Source, 0, len(files))
	for _, f := range files {
		sources = append(sources, config.Source{Name: f.Name, Data: f.Data, Folder: folder})
	}
	return config.Check(sources, r.options...)
}

// restart says what differs from what the host runs with and takes a restart.
func (r *rereading) restart(c *config.Config) []string {
	var out []string
	for _, one := range []struct {
		key     string
		now, is any
	}{
		{"workspace", r.running.Workspace, c.Workspace},
		{"listen", r.running.Listen, c.Listen},
		{"data", r.running.Data, c.Data},
		{"api.tls", r.running.API.TLS, c.API.TLS},
		{"api.keys", r.running.API.Keys, c.API.Keys},
		{"the doors and tokens of remote strategies", r.running.Remotes(), c.Remotes()},
		{"webhooks", r.running.Webhooks, c.Webhooks},
		{"reservation", r.running.Reservations(), c.Reservations()},
	} {
		if !reflect.DeepEqual(one.now, one.is) {
			out = append(out, one.key+" takes effect when the host is started with it")
		}
	}
	return out
}

func apiFaults(list []config.Error) []api.ConfigFault {
	out := make([]api.ConfigFault, 0, len(list))
	for _, e := range list {
		out = append(out, api.ConfigFault{File: e.File, Line: e.Line, Column: e.Column, Path: e.Path, Code: string(e.Code), Message: e.Message})
	}
	return out
}

// watchEvery is how often config files are looked at.
const watchEvery = 500 * time.Millisecond

// watch applies the config files whenever they have changed and are at rest,
// until ctx ends. What is wrong is logged, and the host goes on as it is.
func (r *rereading) watch(ctx context.Context, w *host.Workspace, logger *slog.Logger) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	applied, last := r.stamp(), r.stamp()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := r.stamp()
		if now == last && now != applied {
			applied = now
			r.apply(ctx, w, logger)
		}
		last = now
	}
}

// stamp tells whether files have come, gone or changed.
func (r *rereading) stamp() string {
	sources, err := config.Find(r.file, r.options...)
	var stamp strings.Builder
	fmt.Fprintln(&stamp, err)
	for _, path := range sources {
		if info, err := os.Stat(path); err == nil {
			fmt.Fprintln(&stamp, path, info.Size(), info.ModTime().UnixNano())
		}
	}
	return stamp.String()
}

func (r *rereading) apply(ctx context.Context, w *host.Workspace, logger *slog.Logger) {
	c, err := r.read(nil)
	if err == nil && len(c.Faults) > 0 {
		for _, f := range c.Faults {
			logger.Error("the changed config is not applied", "at", fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column), "path", f.Path, "fault", f.Message)
		}
		return
	}
	var version uint64
	if err == nil {
		version, err = w.Configure(ctx, host.Change{Definition: c.Definition, Note: "the config files changed", Own: true})
	}
	if err != nil {
		text := err.Error()
		if c != nil && c.Mask != nil {
			text = c.Mask(text)
		}
		logger.Error("the changed config is not applied", "error", text)
		return
	}
	logger.Info("the changed config is applied", "version", version)
	for _, line := range c.Restart {
		logger.Warn("the changed config is not applied in full", "why", line)
	}
}
