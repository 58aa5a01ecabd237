// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// feedService implements patchbay.v1.FeedService.
type feedService struct {
	patchbayv1.UnimplementedFeedServiceServer
	workspace *host.Workspace
}

// StreamEvents implements patchbayv1.FeedServiceServer.
func (s *feedService) StreamEvents(r *patchbayv1.StreamEventsRequest, out grpc.ServerStreamingServer[patchbayv1.StreamEventsResponse]) error {
	ctx := out.Context()
	f, err := s.filter(ctx, r)
	if err != nil {
		return err
	}
	feed := s.workspace.Feed(r.GetAfter())
	if err := out.SendHeader(metadata.Pairs(opened, "events")); err != nil {
		return err
	}
	for {
		events, err := feed.Next(ctx)
		if errors.Is(err, host.ErrForgotten) {
			gone := refuse(codes.OutOfRange, codeEventsGone, "after", "the events after %d are no longer kept; begin later, such as at the last_event of the status", r.GetAfter())
			gone.http = http.StatusGone
			return gone
		}
		if err != nil {
			return streamEnded(err)
		}
		for i := range events {
			if err := f.send(ctx, &events[i], out); err != nil {
				return err
			}
		}
	}
}

// filter keeps to the events that a caller asked for and may see.
type filter struct {
	workspace *host.Workspace
	caller    *principal
	kinds     map[patchbayv1.EventKind]bool
	queue     string
	// agents holds the agents of the caller's scope; nil if it has no limit.
	agents map[string]bool
}

func (s *feedService) filter(ctx context.Context, r *patchbayv1.StreamEventsRequest) (*filter, error) {
	f := &filter{workspace: s.workspace, caller: caller(ctx), queue: r.GetQueue()}
	if f.queue != "" && !f.caller.seesQueue(f.queue) {
		return nil, outOfScope(ctx, "queue", "queue", f.queue)
	}
	for _, kind := range r.GetKinds() {
		if f.kinds == nil {
			f.kinds = make(map[patchbayv1.EventKind]bool)
		}
		f.kinds[kind] = true
	}
	var bad error
	err := s.workspace.View(ctx, func(e *engine.Engine) {
		if _, ok := e.Backlog(f.queue); !ok && f.queue != "" {
			bad = unknownQueue(f.queue)
		}
		if r.GetAfter() > e.Number() {
			bad = invalid("after", "after is %d, but the last event is %d", r.GetAfter(), e.Number())
		}
		f.learn(e)
	})
	return f, firstOf(err, bad)
}

// learn notes who is in the caller's scope.
func (f *filter) learn(e *engine.Engine) {
	if f.caller.queues == nil {
		return
	}
	f.agents = make(map[string]bool)
	e.EachAgent("", func(a *engine.Agent) bool {
		f.agents[a.ID] = f.caller.seesAgent(a)
		return true
	})
}

func (f *filter) send(ctx context.Context, ev *engine.Event, out grpc.ServerStreamingServer[patchbayv1.StreamEventsResponse]) error {
	if ev.Kind == engine.KindConfigured && f.agents != nil {
		if err := f.workspace.View(ctx, f.learn); err != nil {
			return err
		}
	}
	if !f.passes(ev) {
		return nil
	}
	return out.Send(&patchbayv1.StreamEventsResponse{Event: eventMessage(ev)})
}

// passes reports whether the event is sent. Of work that moves, both queues are
// told.
func (f *filter) passes(ev *engine.Event) bool {
	to, _ := ev.GoesTo()
	switch {
	case f.kinds != nil && !f.kinds[patchbayv1.EventKind(ev.Kind)]:
		return false
	case f.queue != "" && ev.Queue != f.queue && to != f.queue:
		return false
	case f.agents == nil:
		return true
	case ev.Queue != "":
		return f.caller.seesQueue(ev.Queue) || f.caller.seesQueue(to)
	default:
		return ev.Agent == "" || f.agents[ev.Agent]
	}
}
