// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package wasm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/lines"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm/interrupt"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve/abi"
)

const (
	// coldBytes is the most that a guest may answer off the hot path.
	coldBytes = 4 << 20
	// drainPatience is how long a guest may take to let go of what it holds.
	drainPatience = time.Second
)

// instance is one guest.
type instance struct {
	limits strategy.Limits
	log    *lines.Log
	world  *world

	of                       *compiled
	release                  func(*compiled) error
	module                   api.Module
	memory                   api.Memory
	abi, buffer, cold, turns api.Function
	interrupt                api.MutableGlobal // nil if the guest is trusted

	stack     [3]uint64 // parameters and result of a call
	ptr, size uint32    // the guest's buffer

	turning sync.Mutex // held during a turn, so that Close waits
	mu      sync.Mutex // guards what follows
	closed  bool
	cut     context.CancelFunc // ends the turn under way; nil if there is none

	broken *strategy.Fault // the fault that ended the instance
}

var _ strategy.Instance = (*instance)(nil)

func (in *instance) trusted() bool { return in.limits.TurnDeadline < 0 }

func (in *instance) limitPages() uint32 {
	return uint32(min(max(in.limits.MemoryBytes/pageBytes, 1), maxPages))
}

// bind looks the exports up.
func (in *instance) bind() {
	in.interrupt, _ = in.module.ExportedGlobal(interrupt.Export).(api.MutableGlobal)
	in.memory = in.module.ExportedMemory(abi.ExportMemory)
	in.abi = in.module.ExportedFunction(abi.ExportABI)
	in.buffer = in.module.ExportedFunction(abi.ExportBuffer)
	in.cold = in.module.ExportedFunction(abi.ExportCold)
	in.turns = in.module.ExportedFunction(abi.ExportTurn)
}

// errInterrupted says that the time of a call was over before the guest
// returned.
var errInterrupted = errors.New("wasm: it was interrupted")

// call calls an export with the parameters on the stack, where it leaves the
// result. Unless the guest is trusted, it is interrupted when ctx ends.
func (in *instance) call(ctx context.Context, f api.Function) error {
	if in.trusted() {
		return f.CallWithStack(ctx, in.stack[:])
	}
	if ctx.Err() != nil {
		return errInterrupted
	}
	told := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		in.interrupt.Set(1)
		close(told)
	})
	err := f.CallWithStack(ctx, in.stack[:])
	if cancel() {
		return err
	}
	<-told
	if err != nil {
		return errInterrupted
	}
	in.interrupt.Set(0) // it returned first
	return nil
}

// room makes the guest's buffer hold n bytes.
func (in *instance) room(ctx context.Context, n int) error {
	if in.ptr != 0 && n <= int(in.size) {
		return nil
	}
	in.ptr, in.size = 0, 0
	in.stack[0] = uint64(n)
	if err := in.call(ctx, in.buffer); err != nil {
		return err
	}
	in.ptr, in.size = uint32(in.stack[0]), uint32(n)
	if in.ptr == 0 {
		return &strategy.Fault{Kind: strategy.FaultMemory, Err: fmt.Errorf("wasm: it has no room for %d bytes", n)}
	}
	return nil
}

// view returns n bytes of the guest's memory.
func (in *instance) view(ptr, n uint32) ([]byte, error) {
	b, ok := in.memory.Read(ptr, n)
	if !ok {
		return nil, &strategy.Fault{
			Kind: strategy.FaultRubbish,
			Err:  fmt.Errorf("wasm: %d bytes at %#x do not lie within its memory", n, ptr),
		}
	}
	return b, nil
}

// callCold carries out one operation on JSON.
func (in *instance) callCold(ctx context.Context, op uint32, request []byte, answer any) error {
	if err := in.room(ctx, max(len(request), 1)); err != nil {
		return err
	}
	if _, err := in.view(in.ptr, in.size); err != nil {
		return err
	}
	in.memory.Write(in.ptr, request)
	in.stack[0], in.stack[1], in.stack[2] = uint64(op), uint64(in.ptr), uint64(len(request))
	if err := in.call(ctx, in.cold); err != nil {
		return err
	}
	ptr, n := abi.Unpack(in.stack[0])
	if n > coldBytes {
		return fmt.Errorf("its answer of %d bytes is longer than %d", n, coldBytes)
	}
	text, err := in.view(ptr, n)
	if err != nil {
		return err
	}
	if _, plain := answer.(*abi.Answer); !plain {
		var refusal abi.Answer
		if json.Unmarshal(text, &refusal) == nil && refusal.Error != "" {
			return errors.New(refusal.Error)
		}
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("its answer is not the JSON it should be: %w", err)
	}
	return nil
}

// Turn implements strategy.Instance. With strategy.NoDeadline it does not
// allocate unless something goes wrong; else it does, for the deadline.
// A guest that was cut off, trapped or exited is gone.
func (in *instance) Turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error {
	in.turning.Lock()
	defer in.turning.Unlock()
	if in.broken != nil {
		return in.broken
	}
	if !in.trusted() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		defer cancel()
		if !in.begin(cancel) {
			return in.gone(strategy.FaultDied, errors.New("wasm: the instance is closed"))
		}
		defer in.end()
	}
	in.world.set(turn.Now, turn.Seed)
	if err := in.carry(ctx, turn, reply); err != nil {
		return in.failed(ctx, err)
	}
	return nil
}

// failed notes what an error means for later turns.
func (in *instance) failed(ctx context.Context, err error) error {
	var fault *strategy.Fault
	switch {
	case errors.Is(err, route.ErrNeedSnapshot):
		return err
	case errors.As(err, &fault):
		if fault.Fatal() && fault.Kind != strategy.FaultBroken {
			in.broken = fault
		}
		return fault
	default:
		return in.trapped(ctx, err)
	}
}

// begin makes the turn one that Close cuts off.
func (in *instance) begin(cut context.CancelFunc) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.cut = cut
	return !in.closed
}

func (in *instance) end() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.cut = nil
}

// carry writes the turn into the guest's memory, calls it, and reads the reply
// where it lies.
func (in *instance) carry(ctx context.Context, turn *route.Turn, reply *route.Reply) error {
	n := route.TurnLen(turn)
	if err := in.room(ctx, n); err != nil {
		return err
	}
	into, err := in.view(in.ptr, uint32(n))
	if err != nil {
		return err
	}
	if _, err := route.EncodeTurn(into, turn); err != nil {
		return err
	}
	in.stack[0], in.stack[1] = uint64(in.ptr), uint64(n)
	if err := in.call(ctx, in.turns); err != nil {
		return err
	}
	ptr, n32 := abi.Unpack(in.stack[0])
	if int64(n32) > int64(in.limits.ReplyBytes) {
		return &strategy.Fault{Kind: strategy.FaultTooLarge, Err: fmt.Errorf(
			"wasm: its reply of %d bytes is longer than %d", n32, in.limits.ReplyBytes)}
	}
	frame, err := in.view(ptr, n32)
	if err != nil {
		return err
	}
	return readReply(frame, turn, reply)
}

func readReply(frame []byte, turn *route.Turn, reply *route.Reply) error {
	err := route.DecodeReply(frame, reply)
	if err == nil || errors.Is(err, route.ErrNeedSnapshot) {
		if reply.Epoch != turn.Epoch || reply.Seq != turn.Seq {
			return &strategy.Fault{Kind: strategy.FaultWrongTurn, Err: fmt.Errorf(
				"wasm: it answered turn %d of epoch %d, but turn %d of epoch %d was asked",
				reply.Seq, reply.Epoch, turn.Seq, turn.Epoch)}
		}
	}
	return strategy.ReplyError(err)
}

// gone ends the instance with a fault.
func (in *instance) gone(kind strategy.FaultKind, err error) error {
	in.broken = &strategy.Fault{Kind: kind, Err: err, Gone: true}
	return in.broken
}

// trapped says what it means that a call failed.
func (in *instance) trapped(ctx context.Context, err error) error {
	in.log.Flush()
	if errors.Is(err, errInterrupted) {
		if in.isClosed() {
			return in.gone(strategy.FaultDied, errors.New("wasm: the instance is closed"))
		}
		return in.gone(strategy.FaultDeadline, fmt.Errorf("wasm: it did not answer in time: %w", ctx.Err()))
	}
	kind := strategy.FaultTrap
	if strings.Contains(in.log.Tail(), "out of memory") || in.atLimit() {
		kind = strategy.FaultMemory
	}
	return in.gone(kind, withTail(fmt.Errorf("wasm: %w", err), in.log))
}

// atLimit reports whether the guest's memory is as large as it may be.
func (in *instance) atLimit() bool {
	return uint64(in.memory.Size()) >= uint64(in.limitPages())*pageBytes
}

func (in *instance) isClosed() bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.closed
}

// Close implements strategy.Instance. It cuts a turn off that is under way,
// unless the guest is trusted to return.
func (in *instance) Close() error {
	in.mu.Lock()
	already := in.closed
	in.closed = true
	if in.cut != nil {
		in.cut()
	}
	in.mu.Unlock()
	if already {
		return nil
	}
	in.turning.Lock()
	defer in.turning.Unlock()
	in.drain()
	if in.broken == nil {
		in.broken = &strategy.Fault{Kind: strategy.FaultDied, Err: errors.New("wasm: the instance is closed"), Gone: true}
	}
	in.log.Flush()
	return in.leave()
}

// leave ends the guest, and gives back what it shares with others.
func (in *instance) leave() error {
	var err error
	if in.module != nil {
		in.of.logs.Delete(in.module)
		err = in.module.Close(context.Background())
	}
	return errors.Join(err, in.release(in.of))
}

// drain asks a guest that is well to let go of what it holds.
func (in *instance) drain() {
	if in.broken != nil || in.turns == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), drainPatience)
	defer cancel()
	var answer abi.Answer
	err := in.callCold(ctx, abi.OpDrain, nil, &answer)
	if err == nil && answer.Error != "" {
		err = errors.New(answer.Error)
	}
	if err != nil {
		in.log.Line(slog.LevelWarn, "wasm: drain: "+err.Error())
	}
}
