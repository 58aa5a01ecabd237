// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/patchbay-cx/patchbay/sdk/client"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// told is a host whose feed tells what the test says.
type told struct {
	patchbayv1.UnimplementedHostServiceServer
	patchbayv1.UnimplementedFeedServiceServer

	status chan any                             // a last event, or why it is not told
	opened chan *patchbayv1.StreamEventsRequest // each time
	tell   chan any                             // the work of an event, or why the line breaks
}

func (f *told) GetStatus(ctx context.Context, _ *patchbayv1.GetStatusRequest) (*patchbayv1.GetStatusResponse, error) {
	select {
	case answer := <-f.status:
		if err, no := answer.(error); no {
			return nil, err
		}
		return &patchbayv1.GetStatusResponse{LastEvent: answer.(uint64)}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (f *told) StreamEvents(r *patchbayv1.StreamEventsRequest, out grpc.ServerStreamingServer[patchbayv1.StreamEventsResponse]) error {
	select {
	case f.opened <- r:
	case <-out.Context().Done():
	}
	for {
		select {
		case next := <-f.tell:
			if err, breaks := next.(error); breaks {
				return err
			}
			if err := out.Send(&patchbayv1.StreamEventsResponse{Event: &patchbayv1.Event{Work: next.(string)}}); err != nil {
				return err
			}
		case <-out.Context().Done():
			return out.Context().Err()
		}
	}
}

// watched is a watch that runs until the test ends.
func watched(t *testing.T, kinds ...patchbayv1.EventKind) (w *client.Watch, f *told, lost <-chan error) {
	t.Helper()
	f = &told{status: make(chan any), opened: make(chan *patchbayv1.StreamEventsRequest), tell: make(chan any)}
	c := serve(t, client.Options{Attempts: 1}, func(server *grpc.Server) {
		patchbayv1.RegisterHostServiceServer(server, f)
		patchbayv1.RegisterFeedServiceServer(server, f)
	})
	w = c.Watch(kinds...)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	var running sync.WaitGroup
	running.Go(func() {
		w.Run(ctx, func(err error) {
			select {
			case errs <- err:
			case <-ctx.Done():
			}
		})
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return w, f, errs
}

// silent fails if a bell rings that should not.
func silent(t *testing.T, what string, bell <-chan struct{}) {
	t.Helper()
	select {
	case <-bell:
		t.Error(what)
	default:
	}
}

func TestWatch(t *testing.T) {
	t.Parallel()
	w, f, _ := watched(t)
	one, leave := w.On("w1")
	same, leaveSame := w.On("w1")
	other, leaveOther := w.On("w2")
	defer leaveOther()
	f.status <- uint64(7)
	if r := <-f.opened; r.GetAfter() != 7 || len(r.GetKinds()) != 0 {
		t.Error(r)
	}
	for _, bell := range []<-chan struct{}{one, same, other} {
		<-bell // each may have to know what happened before
	}

	for _, work := range []string{"w1", "w1", "", "w3", "w2"} {
		f.tell <- work
	}
	<-other
	<-one
	<-same
	silent(t, "two rings that nobody heard are not one", one)
	silent(t, "a bell rings for what is not its work", other)

	leaveSame()
	leaveSame()
	f.tell <- "w1"
	f.tell <- "w2"
	<-other
	<-one
	silent(t, "a bell rings after its owner left", same)
	leave()
	f.tell <- "w1"
	f.tell <- "w2"
	<-other
	silent(t, "a bell rings after the last owner left", one)
}

// However the feed was lost, everybody looks again, and the watch goes on.
func TestWatchLosesTheFeed(t *testing.T) {
	t.Parallel()
	kinds := []patchbayv1.EventKind{patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED, patchbayv1.EventKind_EVENT_KIND_WORK_EXPIRED}
	w, f, lost := watched(t, kinds...)
	one, leave := w.On("w1")
	defer leave()
	other, leaveOther := w.On("w2")
	defer leaveOther()
	want := &patchbayv1.StreamEventsRequest{After: 40, Kinds: kinds}
	for _, why := range []error{
		errAway, status.Error(codes.PermissionDenied, "no such key"), status.Error(codes.OutOfRange, "it is no longer kept"),
	} {
		f.status <- why
		if err := <-lost; status.Code(err) != status.Code(why) {
			t.Error(err)
		}
		silent(t, "a bell rings though nobody knows more", one)
		f.status <- want.GetAfter()
		if r := <-f.opened; !proto.Equal(r, want) {
			t.Error(r)
		}
		<-one
		<-other
		f.tell <- "w2"
		<-other
		f.tell <- why
		if err := <-lost; status.Code(err) != status.Code(why) {
			t.Error(err)
		}
		want.After += 2
	}
	kinds[0] = 0 // the watch has its own
	f.status <- want.GetAfter()
	if r := <-f.opened; slices.Equal(r.GetKinds(), kinds) {
		t.Error(r)
	}
}

func TestWatchEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the program ends"))
	c := serve(t, client.Options{}, func(*grpc.Server) {})
	c.Watch().Run(ctx, func(err error) { t.Error("it was not lost:", err) })
}
