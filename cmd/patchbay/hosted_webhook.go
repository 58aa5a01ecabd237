// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"

	"github.com/patchbay-cx/patchbay/config"
	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	asking "github.com/patchbay-cx/patchbay/core/strategy/remote/webhook"
	"github.com/patchbay-cx/patchbay/core/webhook"
	"github.com/patchbay-cx/patchbay/core/webhook/outbound"
	"github.com/patchbay-cx/patchbay/core/webhook/reservation"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// userAgent names the host to whom it posts.
func userAgent() string { return "patchbay/" + version() }

// source names a workspace to whom it posts.
func (h *hosted) source() string { return "/workspaces/" + h.name }

// openAskers has the routers played that are asked by webhook.
func (h *hosted) openAskers(c *config.Config, doors *remote.Doors, logger *slog.Logger) error {
	var askers []*asking.Door
	for _, s := range c.Remotes() {
		if s.Webhook == nil {
			continue
		}
		secrets, err := webhook.ParseSecrets(s.Webhook.Secrets)
		if err != nil {
			return err
		}
		askers = append(askers, asking.New(doors, asking.Options{
			Strategy: s.Name, URL: s.Webhook.URL, Standby: s.Webhook.StandbyURL, HedgeAfter: s.Webhook.HedgeAfter,
			Secrets: secrets, Allow: s.Webhook.Allow, Candidates: s.Webhook.Candidates, Reasons: reasonsOf(s.Webhook.Reasons),
			Source: h.source(), Agent: userAgent(), Logger: logger,
		}))
	}
	if len(askers) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, a := range askers {
		running.Go(func() { a.Run(ctx) })
	}
	h.closers = append(h.closers, func() error {
		cancel()
		running.Wait()
		return nil
	})
	for _, a := range askers {
		<-a.Ready() // it is within the process, and at once
	}
	return nil
}

// reasonsOf numbers reasons in the order of their names.
func reasonsOf(texts map[string]string) []route.Reason {
	var reasons []route.Reason
	for name, text := range texts {
		reasons = append(reasons, route.Reason{Name: name, Text: text})
	}
	slices.SortFunc(reasons, func(a, b route.Reason) int { return cmp.Compare(a.Name, b.Name) })
	for i := range reasons {
		reasons[i].Code = uint16(i + 1)
	}
	return reasons
}

// openTellers has those asked and told who want to hear of offers and events.
func (h *hosted) openTellers(ctx context.Context, c *config.Config, logger *slog.Logger) (*outbound.Courier, error) {
	if err := h.openReservations(ctx, c, logger); err != nil {
		return nil, err
	}
	return h.openWebhooks(ctx, c, logger)
}

// openReservations has offers posted that somebody wants to be asked about.
func (h *hosted) openReservations(ctx context.Context, c *config.Config, logger *slog.Logger) error {
	var callbacks []reservation.Callback
	for _, r := range c.Reservations() {
		secrets, err := webhook.ParseSecrets(r.Secrets)
		if err != nil {
			return err
		}
		callbacks = append(callbacks, reservation.Callback{
			Queue: r.Queue, Strategy: r.Strategy, URL: r.URL, Secrets: secrets, Allow: r.Allow, Timeout: r.Timeout,
		})
	}
	if len(callbacks) == 0 {
		return nil
	}
	desk, err := reservation.Open(ctx, reservation.Options{
		Workspace: h.workspace, Callbacks: callbacks, EncodeEvent: api.EncodeEvent, EncodeWork: api.EncodeWork,
		Source: h.source(), Agent: userAgent(), Logger: logger,
	})
	if err == nil {
		h.closers = append(h.closers, desk.Close)
	}
	return err
}

// openWebhooks has events posted to those who want them; nil if there is nobody.
func (h *hosted) openWebhooks(ctx context.Context, c *config.Config, logger *slog.Logger) (*outbound.Courier, error) {
	if len(c.Webhooks) == 0 {
		return nil, nil
	}
	o := outbound.Options{
		Dir: filepath.Join(h.data, "webhooks"), Source: h.source(), Agent: userAgent(), Logger: logger, Encode: api.EncodeEvent,
		Feed:      func(after uint64) outbound.Feed { return h.workspace.Feed(after) },
		Forgotten: func(err error) bool { return errors.Is(err, host.ErrForgotten) },
		Over:      func(err error) bool { return errors.Is(err, host.ErrClosed) },
	}
	for name, w := range c.Webhooks {
		o.Hooks = append(o.Hooks, outbound.Hook{
			Name: name, URL: w.URL, Secrets: w.Secrets, When: w.When, Allow: w.Allow, Timeout: w.Timeout, RetryFor: w.RetryFor,
			Parallel: w.Parallel, FromStart: w.From == config.FromStart,
		})
	}
	if err := h.workspace.View(ctx, func(e *engine.Engine) { o.Last = e.Number() }); err != nil {
		return nil, err
	}
	courier, err := outbound.Open(o)
	if err == nil {
		h.closers = append(h.closers, courier.Close)
	}
	return courier, err
}
