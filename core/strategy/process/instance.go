// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/patchbay-cx/patchbay/core/strategy"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

const (
	// drainPatience is how long a strategy may take to let go of what it holds
	// before it is killed.
	drainPatience = time.Second
	// exitPatience is how long is waited for the exit status of a process whose
	// stream broke.
	exitPatience = 5 * time.Second
	// wrapping is the most that the protobuf message around a frame adds.
	wrapping = 64
)

// instance is one plugin process. A goroutine of its own exchanges frames, so
// that an answer which comes late is received all the same and not taken for
// that to a later turn.
type instance struct {
	child   *child
	client  *plugin.Client
	service strategygrpc.StrategyServiceClient
	limits  strategy.Limits
	epoch   uint64

	life   context.Context // of streams; ends with Close
	cancel context.CancelFunc
	asks   chan struct{}
	done   chan error // of one place, so that the goroutine never waits
	worker sync.WaitGroup
	busy   atomic.Bool // exchanging
	once   sync.Once

	// Turn's.
	late    bool  // the answer to an earlier turn has not come
	broken  error // the fault that ended the instance
	restart bool  // the stream is out of step

	// The goroutine's while it exchanges, Turn's otherwise.
	request  strategyv1.TurnsRequest
	response strategyv1.TurnsResponse
	stream   grpc.BidiStreamingClient[strategyv1.TurnsRequest, strategyv1.TurnsResponse]
	hangUp   context.CancelFunc
}

var (
	_ strategy.Instance = (*instance)(nil)
	_ strategy.Mortal   = (*instance)(nil)
)

func newInstance(c *child, client *plugin.Client, limits strategy.Limits, epoch uint64) *instance {
	in := &instance{
		child: c, client: client, limits: limits, epoch: epoch,
		asks: make(chan struct{}), done: make(chan error, 1),
	}
	in.life, in.cancel = context.WithCancel(context.Background())
	in.worker.Go(in.work)
	return in
}

// Turn implements strategy.Instance. After strategy.FaultDeadline a later Turn
// first waits for the answer that is due, drops it, and goes on; the stream
// is opened anew after answers that cannot be used.
func (in *instance) Turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error {
	if in.broken != nil {
		return in.broken
	}
	if in.late {
		if err := in.wait(ctx, "it is still at an earlier turn"); in.late || err != nil {
			return in.failed(err)
		}
	}
	frame, err := route.EncodeTurn(in.request.Frame, turn)
	if err != nil {
		return err
	}
	in.request.Frame = frame
	select {
	case in.asks <- struct{}{}:
	case <-in.life.Done():
		return in.failed(closedFault())
	}
	if err := in.wait(ctx, "it did not answer in time"); err != nil {
		return in.failed(err)
	}
	return in.failed(in.read(turn, reply))
}

// Alive implements strategy.Mortal.
func (in *instance) Alive() bool {
	select {
	case <-in.child.ending:
		return false
	default:
		return true
	}
}

// wait waits for the goroutine; late says whether it is still under way.
func (in *instance) wait(ctx context.Context, why string) error {
	in.late = true
	select {
	case err := <-in.done:
		in.late = false
		return err
	case <-ctx.Done():
		return fault(strategy.FaultDeadline, "%s", why)
	case <-in.life.Done():
		return closedFault()
	}
}

// read takes the answer.
func (in *instance) read(turn *route.Turn, reply *route.Reply) error {
	err := route.DecodeReply(in.response.Frame, reply)
	if err == nil || errors.Is(err, route.ErrNeedSnapshot) {
		if reply.Epoch != turn.Epoch || reply.Seq != turn.Seq {
			return fault(strategy.FaultWrongTurn, "it answered turn %d of epoch %d, but turn %d of epoch %d was asked",
				reply.Seq, reply.Epoch, turn.Seq, turn.Epoch)
		}
	}
	return strategy.ReplyError(err)
}

// failed notes what a fault means for later turns.
func (in *instance) failed(err error) error {
	if err == nil {
		return nil
	}
	var f *strategy.Fault
	if !errors.As(err, &f) {
		return err
	}
	switch f.Kind {
	case strategy.FaultDied, strategy.FaultMemory, strategy.FaultLimit:
		in.broken = f
	case strategy.FaultWrongTurn:
		in.restart = true
	}
	return err
}

func fault(kind strategy.FaultKind, format string, args ...any) error {
	return &strategy.Fault{Kind: kind, Err: fmt.Errorf("process: "+format, args...)}
}

func closedFault() error { return fault(strategy.FaultDied, "the instance is closed") }

// work exchanges frames until the instance is closed.
func (in *instance) work() {
	for {
		select {
		case <-in.asks:
			in.busy.Store(true)
			err := in.exchange()
			in.busy.Store(false)
			in.done <- err
		case <-in.life.Done():
			return
		}
	}
}

// exchange sends the request and receives the response.
func (in *instance) exchange() error {
	if in.restart && in.stream != nil {
		in.drop()
	}
	in.restart = false
	if in.stream == nil {
		ctx, cancel := context.WithCancel(in.life)
		stream, err := in.service.Turns(ctx, grpc.MaxCallRecvMsgSize(in.limits.ReplyBytes+wrapping),
			grpc.MaxCallSendMsgSize(route.MaxFrameBytes+wrapping))
		if err != nil {
			cancel()
			return in.lost(err)
		}
		in.stream, in.hangUp = stream, cancel
	}
	// If sending fails, receiving says why.
	if err := in.stream.SendMsg(&in.request); err != nil && !errors.Is(err, io.EOF) {
		in.drop()
		return in.lost(err)
	}
	if err := in.stream.RecvMsg(&in.response); err != nil {
		in.drop()
		return in.lost(err)
	}
	return nil
}

func (in *instance) drop() {
	in.hangUp()
	in.stream, in.hangUp = nil, nil
}

// lost says what a broken stream means.
func (in *instance) lost(err error) error {
	switch status.Code(err) {
	case codes.ResourceExhausted:
		return fault(strategy.FaultTooLarge, "its reply is longer than %d bytes", in.limits.ReplyBytes)
	case codes.Internal:
		if !in.ended(0) {
			return fault(strategy.FaultRubbish, "its reply is no message of patchbay.strategy.v1: %w", err)
		}
	}
	patience := exitPatience
	if code := status.Code(err); code != codes.Unavailable && !errors.Is(err, io.EOF) {
		patience = 0 // it said something, so it lives
	}
	if !in.ended(patience) {
		return fault(strategy.FaultDied, "it closed the stream: %w", err)
	}
	return in.ends()
}

// ends says how the process ended.
func (in *instance) ends() error {
	how, excess := in.child.exit()
	kind := strategy.FaultDied
	switch tail := in.child.log.Tail(); {
	case excess != "":
		return fault(strategy.FaultLimit, "it ended with %s: %s", how, excess)
	case outOfMemory(tail):
		kind = strategy.FaultMemory
	}
	return &strategy.Fault{Kind: kind, Err: withTail(fmt.Errorf("process: it ended with %s", how), in.child.log)}
}

// ended waits for the process's end for at most patience.
func (in *instance) ended(patience time.Duration) bool {
	select {
	case <-in.child.reaped:
		return true
	default:
	}
	if patience == 0 {
		return false
	}
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-in.child.reaped:
		return true
	case <-timer.C:
		return false
	case <-in.life.Done():
		return false
	}
}

// outOfMemory reports whether a process's last words are those of one that got
// no more memory. Runtimes tell it in no other way.
func outOfMemory(tail string) bool {
	for _, words := range []string{
		"out of memory", "cannot allocate memory", "std::bad_alloc", "memory allocation of", "MemoryError", "OutOfMemoryError",
		"pthread_create failed", "failed to create new OS thread", // for want of room for its stack
	} {
		if strings.Contains(tail, words) {
			return true
		}
	}
	return false
}

// Close implements strategy.Instance. The strategy is asked to let go of what
// it holds, if it is not at work, and then killed with its group.
func (in *instance) Close() error {
	in.once.Do(func() {
		if in.service != nil && !in.busy.Load() && !in.ended(0) {
			ctx, cancel := context.WithTimeout(context.Background(), drainPatience)
			_, _ = in.service.Drain(ctx, &strategyv1.DrainRequest{Epoch: in.epoch})
			cancel()
		}
		in.cancel()
		in.worker.Wait()
		in.child.kill()
		in.client.Kill()
	})
	return nil
}
