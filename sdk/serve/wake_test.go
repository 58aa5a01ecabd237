// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"io"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// impatient is a strategy that asks for turns.
type impatient struct {
	greedy
	wake func()
}

// OnWake implements Waker.
func (i *impatient) OnWake(wake func()) { i.wake = wake }

var _ Waker = (*impatient)(nil)

// A strategy that asks for a turn has the host told, once more if the connection
// was lost meanwhile, and not when it does not lead any more.
func TestRemoteWake(t *testing.T) {
	t.Parallel()
	s := &impatient{}
	done := make(chan struct{})
	stop, ended := hostedAs(t, route.Plugin{Manifest: route.Manifest{Name: "impatient"}, New: func() route.Strategy { return s }},
		func(stream session) error {
			_, _ = stream.Recv()
			_ = stream.Send(welcome("t1", false, 0))
			_, _ = exchange(stream, leadOf(6, "{}"))
			go s.wake()
			if m, err := stream.Recv(); m.GetWake().GetLease() != 6 {
				t.Errorf("%v, %v", m, err)
			}
			return status.Error(codes.Unavailable, "the line breaks")
		}, func(stream session) error {
			_, _ = stream.Recv()
			_ = stream.Send(welcome("t1", true, 6))
			if m, err := stream.Recv(); m.GetWake().GetLease() != 6 {
				t.Errorf("after the resume %v, %v", m, err)
			}
			m, _ := exchange(stream, askOf(t, 6, route.KindSnapshot)) // the turn that was wanted
			if m.GetAnswer() == nil {
				t.Errorf("%v", m)
			}
			late := s.wake
			_, _ = exchange(stream, leadOf(8, "{}"))
			late() // of a lease that is over
			close(done)
			if m, _ := stream.Recv(); m.GetLeave() == nil {
				t.Errorf("it says %v", m)
			}
			return nil
		})
	<-done
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// firstWord is a connection that notes what is said first, and then breaks.
type firstWord struct {
	grpc.BidiStreamingClient[strategyv1.SessionRequest, strategyv1.SessionResponse]
	said *strategyv1.SessionRequest
}

func (f *firstWord) Send(m *strategyv1.SessionRequest) error {
	if f.said == nil {
		f.said = m
	}
	return nil
}

func (*firstWord) Recv() (*strategyv1.SessionResponse, error) { return nil, io.EOF }

// Whatever else is said meanwhile, a connection begins with the hello.
func TestHelloFirst(t *testing.T) {
	t.Parallel()
	plugin := route.Plugin{Manifest: route.Manifest{Name: "impatient"}, New: func() route.Strategy { return &impatient{} }}
	for range 1000 {
		r := &router{plugin: plugin, options: RouterOptions{Strategy: "vendor"}, token: "t1", lease: 6}
		c := &call{router: r, cancel: func() {}, patience: time.Minute}
		r.call.Store(c)
		r.led.Store(6)
		stop, talks := make(chan struct{}), make(chan struct{})
		var talk sync.WaitGroup
		talk.Go(func() {
			for r.wake(6); ; r.wake(6) {
				select {
				case <-stop:
					return
				case talks <- struct{}{}:
				default:
				}
			}
		})
		<-talks
		line := &firstWord{}
		_ = c.run(line)
		close(stop)
		talk.Wait()
		if line.said.GetHello() == nil {
			t.Fatalf("it began with %v", line.said)
		}
	}
}
