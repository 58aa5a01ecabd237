// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package serve

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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
