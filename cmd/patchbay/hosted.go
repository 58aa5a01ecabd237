// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"github.com/patchbay-cx/patchbay/config"
	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/feed"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist"
	"github.com/patchbay-cx/patchbay/core/strategy/smoke"
)

// hosted is a workspace that runs in this process, with everything under it.
type hosted struct {
	name, data string
	secure     bool
	listener   net.Listener
	server     *api.Server
	workspace  *host.Workspace
	// closers are undone last to first.
	closers []func() error
}

// open opens everything a config asks for. The caller serves and closes it.
func open(ctx context.Context, c *config.Config, logger *slog.Logger) (*hosted, error) {
	return openAgain(ctx, c, nil, logger)
}

// openAgain is open for a config that can be read again.
func openAgain(ctx context.Context, c *config.Config, again *rereading, logger *slog.Logger) (*hosted, error) {
	h := &hosted{name: c.Workspace, data: c.Data, secure: c.API.TLS != nil}
	if err := h.open(ctx, c, again, logger); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *hosted) open(ctx context.Context, c *config.Config, again *rereading, logger *slog.Logger) error {
	listener, err := listen(ctx, c.Listen)
	if err != nil {
		return err
	}
	h.listener = listener
	h.closers = append(h.closers, ignoreClosed(listener.Close))
	log, err := h.openJournal(ctx, logger)
	if err != nil {
		return err
	}
	runtimes, closeRuntimes, err := openRuntimes(logger)
	if err != nil {
		return err
	}
	h.closers = append(h.closers, closeRuntimes)
	for _, name := range []string{"process", "wasm"} {
		runtimes[name] = smoke.New(runtimes[name])
	}
	doors, feeds, err := h.openRouters(c, runtimes, logger)
	if err != nil {
		return err
	}
	definition, err := c.Definition()
	if err != nil {
		return err
	}
	specs, err := c.Specs()
	if err != nil {
		return err
	}
	h.workspace, err = host.Open(ctx, host.Options{
		Name: c.Workspace, Log: log, Definition: definition, Strategies: specs, Runtimes: runtimes, Specs: again.specs(),
		Seed: rand.Uint64(), Logger: logger, KeepFrames: filepath.Join(h.data, "post-mortem"),
	})
	if err != nil {
		return err
	}
	h.closers = append(h.closers, h.workspace.Close)
	options, err := apiOptions(c, logger)
	if err != nil {
		return err
	}
	options.Doors, options.Feeds = doors, feeds
	if options.Webhooks, err = h.openTellers(ctx, c, logger); err != nil {
		return err
	}
	if again != nil {
		again.running = c
		again.options = append(again.options, config.Remember(new(config.Sums)), config.Patiently())
		options.ReadConfig = again.read
	}
	if h.server, err = api.New(h.workspace, options); err != nil {
		return err
	}
	if doors != nil {
		doors.Open()
	}
	return nil
}

// openRouters returns the doors by which routers come, nil if no strategy has
// routers, and the one for feeds.
func (h *hosted) openRouters(
	c *config.Config, runtimes map[string]strategy.Runtime, logger *slog.Logger,
) (doors *remote.Doors, feeds *feed.Door, err error) {
	doors, err = openDoors(c, logger)
	if err != nil || doors == nil {
		return nil, nil, err
	}
	h.closers = append(h.closers, doors.Close)
	runtimes["remote"] = shortlist.New(remote.New(doors))
	if feeds = openFeeds(c, doors); feeds != nil {
		h.closers = append(h.closers, feeds.Close)
	}
	return doors, feeds, h.openAskers(c, doors, logger)
}

// openDoors returns the doors for the routers of the config's remote
// strategies; nil if there are none.
func openDoors(c *config.Config, logger *slog.Logger) (*remote.Doors, error) {
	var strategies []remote.Strategy
	for _, s := range c.Remotes() {
		strategies = append(strategies, remote.Strategy{Name: s.Name, Tokens: s.Tokens, Classes: s.Classes, Door: doorOf(s.Door)})
	}
	if strategies == nil {
		return nil, nil
	}
	return remote.NewDoors(remote.Options{
		MaxReplyBytes: api.MaxAnswerBytes, HostVersion: version(), Logger: logger,
	}, strategies...)
}

// openFeeds returns the door for routers that subscribe to feeds; nil if no
// strategy has one.
func openFeeds(c *config.Config, doors *remote.Doors) *feed.Door {
	var strategies []feed.Strategy
	for _, s := range c.Remotes() {
		if s.Door == config.DoorFeed {
			strategies = append(strategies, feed.Strategy{
				Name: s.Name, Linger: s.Linger, Proposals: c.Strategies[s.Name].Limits.ReplyProposals,
			})
		}
	}
	if strategies == nil {
		return nil
	}
	return feed.NewDoor(doors, feed.Options{Version: version()}, strategies...)
}

// doorOf is a door of the config as the doors know it: empty for those by which
// routers dial.
func doorOf(door config.Door) string {
	if door == config.DoorSession {
		return ""
	}
	return string(door)
}

// openJournal opens the store in the data folder and the workspace's log.
func (h *hosted) openJournal(ctx context.Context, logger *slog.Logger) (*journal.Log, error) {
	if err := os.MkdirAll(h.data, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	store, err := journal.Open(ctx, journal.Options{Dir: h.data, Logger: logger})
	if errors.Is(err, journal.ErrLocked) {
		return nil, fmt.Errorf("the data folder %s is in use by another patchbay; stop that one, or name another folder with --data", h.data)
	}
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, store.Close)
	log, err := store.Log(ctx, h.name)
	if err != nil {
		return nil, err
	}
	h.closers = append(h.closers, log.Close)
	return log, nil
}

// listen opens the API's port.
func listen(ctx context.Context, address string) (net.Listener, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("the address %s is in use; stop what listens there, or choose another with --listen", address)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot listen on %s: %w", address, err)
	}
	return listener, nil
}

// apiOptions are the config's keys and certificate as the API wants them.
func apiOptions(c *config.Config, logger *slog.Logger) (api.Options, error) {
	options := api.Options{Version: version(), Logger: logger}
	for name, key := range c.API.Keys {
		options.Keys = append(options.Keys, api.Key{
			Name: name, SHA256: key.SHA256, Role: api.Role(key.Role), Agent: key.Scope.Agent, Queues: key.Scope.Queues,
		})
	}
	if c.API.TLS != nil {
		certificate, err := tls.LoadX509KeyPair(c.API.TLS.Cert, c.API.TLS.Key)
		if err != nil {
			return options, fmt.Errorf("the certificate %s with the key %s cannot be used: %w", c.API.TLS.Cert, c.API.TLS.Key, err)
		}
		options.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	}
	return options, nil
}

// address is where the API listens.
func (h *hosted) address() string { return h.listener.Addr().String() }

// url is where REST calls go.
func (h *hosted) url() string {
	scheme := "http"
	if h.secure {
		scheme = "https"
	}
	return scheme + "://" + h.address()
}

// serve serves the API until ctx ends or the workspace does by itself.
func (h *hosted) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := make(chan struct{})
	var beside sync.WaitGroup
	beside.Go(func() {
		select {
		case <-h.workspace.Done():
			cancel()
		case <-stop:
		}
	})
	beside.Go(func() { keepHeadroom(ctx) })
	err := h.server.Serve(ctx, h.listener)
	close(stop)
	cancel()
	beside.Wait()
	return err
}

// during serves the API while use runs, and then closes everything. The host
// outlives an interruption, so that what ctx ends in use can still be summed up.
func (h *hosted) during(ctx context.Context, use func() error) error {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	served := make(chan error, 1)
	go func() { served <- h.serve(serving) }()
	err := use()
	stop()
	return errors.Join(err, <-served, h.close())
}

// close ends everything, last to first, and waits for it. What has ended a
// workspace by itself is in the error.
func (h *hosted) close() error {
	var errs []error
	for _, closer := range slices.Backward(h.closers) {
		errs = append(errs, closer())
	}
	h.closers = nil
	return errors.Join(errs...)
}

// ignoreClosed makes a close of what is closed already no error.
func ignoreClosed(closer func() error) func() error {
	return func() error {
		if err := closer(); !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}
