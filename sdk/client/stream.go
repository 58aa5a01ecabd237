// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package client

import (
	"context"
	"errors"
	"io"
	"iter"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// Events returns everything that happens, as the request says, in order and
// without gaps, first what has happened and then what does. When the line breaks,
// it goes on behind the last event that was returned. It ends when the loop does,
// or ctx; or with an error that dialling again does not help against, such as
// "events_gone": what happened next is no longer kept.
//
// Keep the number of the last event that was dealt with, and begin after it the
// next time.
func (c *Client) Events(ctx context.Context, request *patchbayv1.StreamEventsRequest) iter.Seq2[*patchbayv1.Event, error] {
	return func(yield func(*patchbayv1.Event, error) bool) {
		at := proto.CloneOf(request)
		if at == nil {
			at = &patchbayv1.StreamEventsRequest{}
		}
		open := func(ctx context.Context) (grpc.ServerStreamingClient[patchbayv1.StreamEventsResponse], error) {
			return c.Feed.StreamEvents(ctx, at)
		}
		err := follow(ctx, c, open, func(m *patchbayv1.StreamEventsResponse) bool {
			at.After = m.GetEvent().GetNumber()
			return yield(m.GetEvent(), nil)
		}, reopens)
		if err != nil {
			yield(nil, err)
		}
	}
}

// Offers is an agent's connection: while it is read, the agent is offered work.
// The first message is a snapshot of what the agent holds; so is the first after
// the line broke and was made again, so that nothing is missed. It ends when the
// loop does, or ctx; or with an error that dialling again does not help against,
// such as "replaced": the agent is connected elsewhere.
func (c *Client) Offers(ctx context.Context, agent string) iter.Seq2[*patchbayv1.StreamOffersResponse, error] {
	return func(yield func(*patchbayv1.StreamOffersResponse, error) bool) {
		open := func(ctx context.Context) (grpc.ServerStreamingClient[patchbayv1.StreamOffersResponse], error) {
			return c.Agents.StreamOffers(ctx, &patchbayv1.StreamOffersRequest{Agent: agent})
		}
		err := follow(ctx, c, open, func(m *patchbayv1.StreamOffersResponse) bool { return yield(m, nil) }, reopens)
		if err != nil {
			yield(nil, err)
		}
	}
}

// follow reads streams, one after the other, until take has enough, ctx ends, or
// one ends with an error after which there should be no other. The error of a
// context that has ended is returned too.
func follow[M any](
	ctx context.Context, c *Client, open func(context.Context) (grpc.ServerStreamingClient[M], error),
	take func(*M) bool, another func(error) bool,
) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for failures := 0; ; {
		stream, err := open(ctx)
		for err == nil {
			var m *M
			if m, err = stream.Recv(); err != nil {
				break
			}
			failures = 0
			if !take(m) {
				return nil
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !another(err) {
			return err
		}
		if failures++; !sleep(ctx, c.pause(failures)) {
			return ctx.Err()
		}
	}
}

// reopens reports whether a stream that has ended so is to be opened again: the
// line broke, the host went, or the reader was too slow for a moment.
func reopens(err error) bool {
	if errors.Is(err, io.EOF) || Code(err) == "too_slow" {
		return true
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.Internal, codes.Unknown:
		return Code(err) != "internal"
	default:
		return false
	}
}

// AllWork returns all work that the request asks for, page by page. The request's
// page token says where to begin. It ends when the loop does, or with an error.
func (c *Client) AllWork(ctx context.Context, request *patchbayv1.ListWorkRequest) iter.Seq2[*patchbayv1.Work, error] {
	at := proto.CloneOf(request)
	return pages(func(token string) ([]*patchbayv1.Work, string, error) {
		if at == nil {
			at = &patchbayv1.ListWorkRequest{}
		}
		if token != "" {
			at.PageToken = token
		}
		page, err := c.Work.ListWork(ctx, at)
		return page.GetWork(), page.GetNextPageToken(), err
	})
}

// AllAgents returns all agents that the request asks for, page by page. The
// request's page token says where to begin. It ends when the loop does, or with
// an error.
func (c *Client) AllAgents(ctx context.Context, request *patchbayv1.ListAgentsRequest) iter.Seq2[*patchbayv1.Agent, error] {
	at := proto.CloneOf(request)
	return pages(func(token string) ([]*patchbayv1.Agent, string, error) {
		if at == nil {
			at = &patchbayv1.ListAgentsRequest{}
		}
		if token != "" {
			at.PageToken = token
		}
		page, err := c.Agents.ListAgents(ctx, at)
		return page.GetAgents(), page.GetNextPageToken(), err
	})
}

// pages returns what all pages hold.
func pages[M any](next func(token string) ([]*M, string, error)) iter.Seq2[*M, error] {
	return func(yield func(*M, error) bool) {
		for token := ""; ; {
			page, after, err := next(token)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, one := range page {
				if !yield(one, nil) {
					return
				}
			}
			if token = after; token == "" {
				return
			}
		}
	}
}
