// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package client_test

import (
	"context"
	"fmt"
	"log"
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/test/bufconn"

	"github.com/patchbay-cx/patchbay/sdk/client"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// A source of work creates it. The call may be made again without harm, which the
// client does while the host cannot be reached.
func ExampleOpen() {
	c, done := example() // client.Open(client.Options{Address: "127.0.0.1:7460"})
	defer done()
	answer, err := c.Work.CreateWork(context.Background(), &patchbayv1.CreateWorkRequest{
		Channel: "case", Queue: "support", External: "ticket-4711", Attributes: map[string]string{"topic": "billing"},
	})
	if e := client.ErrorOf(err); e != nil && e.Code == "unknown_queue" {
		fmt.Println("the host has no such queue:", e.Message)
		return
	}
	fmt.Println(answer.GetWork().GetId())
	// Output: w1
}

// A desk takes what is offered to its agent.
func ExampleClient_Offers() {
	ctx := context.Background()
	c, done := example()
	defer done()
	if _, err := c.Agents.SignIn(ctx, &patchbayv1.SignInRequest{Agent: "ann", Status: "available"}); err != nil {
		fmt.Println(err)
		return
	}
	for message, err := range c.Offers(ctx, "ann") {
		if err != nil {
			fmt.Println(client.Code(err))
			return
		}
		offer := message.GetOffered()
		if offer == nil {
			continue
		}
		fmt.Println("it rings:", offer.GetWork().GetExternal())
		_, err = c.Agents.AcceptOffer(ctx, &patchbayv1.AcceptOfferRequest{Assignment: offer.GetAssignment().GetId(), Agent: "ann"})
		if err != nil {
			fmt.Println("somebody was faster:", err)
		}
		return
	}
	// Output: it rings: ticket-4711
}

// A report follows the feed from where it was the last time, and keeps how far it
// has come.
func ExampleClient_Events() {
	c, done := example()
	defer done()
	last := uint64(4)
	for event, err := range c.Events(context.Background(), &patchbayv1.StreamEventsRequest{After: last}) {
		if err != nil {
			fmt.Println(err)
			return
		}
		if last = event.GetNumber(); last == 7 {
			break
		}
	}
	fmt.Println("read up to", last)
	// Output: read up to 7
}

// A source of much work waits for each piece by itself, with one feed for all of
// them.
func ExampleClient_Watch() {
	ctx, cancel := context.WithCancel(context.Background())
	c, done := example()
	defer done()
	watch := c.Watch(patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED, patchbayv1.EventKind_EVENT_KIND_WORK_CANCELLED)
	var running sync.WaitGroup
	running.Go(func() { watch.Run(ctx, func(err error) { log.Println("the feed was lost:", err) }) })
	defer running.Wait()
	defer cancel()

	bell, leave := watch.On("w1")
	defer leave()
	for {
		answer, err := c.Work.GetWork(ctx, &patchbayv1.GetWorkRequest{Work: "w1"})
		if err != nil {
			fmt.Println(err)
			return
		}
		if list := answer.GetWork().GetAssignments(); len(list) > 0 {
			fmt.Println(answer.GetWork().GetExternal(), "goes to", list[0].GetAgent())
			return
		}
		<-bell
	}
	// Output: ticket-4711 goes to ann
}

// desk is the host of the examples, with an offer for its agent, which it makes
// once the work was looked at.
type desk struct {
	fake
	patchbayv1.UnimplementedHostServiceServer

	looked atomic.Bool
}

func (*desk) GetStatus(context.Context, *patchbayv1.GetStatusRequest) (*patchbayv1.GetStatusResponse, error) {
	return &patchbayv1.GetStatusResponse{LastEvent: 1}, nil
}

func (d *desk) GetWork(context.Context, *patchbayv1.GetWorkRequest) (*patchbayv1.GetWorkResponse, error) {
	work := &patchbayv1.Work{Id: "w1", External: "ticket-4711"}
	if d.looked.Swap(true) {
		work.Assignments = []*patchbayv1.Assignment{{Id: "a1", Work: "w1", Agent: "ann"}}
	}
	return &patchbayv1.GetWorkResponse{Work: work}, nil
}

func (*desk) SignIn(context.Context, *patchbayv1.SignInRequest) (*patchbayv1.SignInResponse, error) {
	return &patchbayv1.SignInResponse{}, nil
}

func (*desk) AcceptOffer(context.Context, *patchbayv1.AcceptOfferRequest) (*patchbayv1.AcceptOfferResponse, error) {
	return &patchbayv1.AcceptOfferResponse{}, nil
}

func (*desk) StreamOffers(_ *patchbayv1.StreamOffersRequest, out grpc.ServerStreamingServer[patchbayv1.StreamOffersResponse]) error {
	if err := out.Send(&patchbayv1.StreamOffersResponse{Message: &patchbayv1.StreamOffersResponse_Snapshot{Snapshot: &patchbayv1.Snapshot{}}}); err != nil {
		return err
	}
	return out.Send(&patchbayv1.StreamOffersResponse{Message: &patchbayv1.StreamOffersResponse_Offered{
		Offered: &patchbayv1.Offer{Assignment: &patchbayv1.Assignment{Id: "a1"}, Work: &patchbayv1.Work{External: "ticket-4711"}},
	}})
}

// example is a client of that host.
func example() (c *client.Client, done func()) {
	host := &desk{fake: fake{created: make(map[string]*patchbayv1.Work)}}
	listener := bufconn.Listen(1 << 16)
	server := grpc.NewServer()
	patchbayv1.RegisterWorkServiceServer(server, host)
	patchbayv1.RegisterAgentServiceServer(server, host)
	patchbayv1.RegisterFeedServiceServer(server, host)
	patchbayv1.RegisterHostServiceServer(server, host)
	served := make(chan struct{})
	go func() { defer close(served); _ = server.Serve(listener) }()
	c, err := client.Open(client.Options{Address: "127.0.0.1:7460", Dial: []grpc.DialOption{
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
	}})
	if err != nil {
		panic(err)
	}
	return c, func() { _ = c.Close(); server.Stop(); <-served }
}
