// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/patchbay-cx/patchbay/core/bench/stub"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// CarrierOptions say what the carriers are measured with.
type CarrierOptions struct {
	// Self is a command that calls Child with one more argument: a program and
	// its first arguments, as a rule this one.
	Self []string
	// SHA256 is the program's checksum in lower-case hex.
	SHA256 string
	// Module is the path of package stub as a WASM module in standard Go; empty
	// leaves it out.
	Module string
	// Process and WASM are the runtimes.
	Process, WASM strategy.Runtime
	// Passes is how often everything is measured, by turns; at least 1.
	Passes int
	// Progress, if not nil, is told how many steps of how many are done.
	Progress func(done, total int)
}

// The lanes of Carriers, in their order.
const (
	laneProcess = iota // a turn of 256 to a process
	laneEcho           // its bytes on a bare gRPC stream
	lanePlain          // the same turn as protobuf messages
	laneBuiltin        // a turn of one, linked in
	laneTiny           // a turn of one to a module that has its answer ready
	laneModule         // a turn of one to a module in standard Go
	laneBare           // a bare call into a module
	laneCount
)

const (
	carriedRows  = 256
	slowCalls    = 200 // that are timed one by one, in a pass
	fastBatches  = 64  // of fastCalls each, which are timed together
	fastCalls    = 256
	allocTurns   = 512
	tooManyAlloc = 0.5 // allocations a turn that count as some: the collector's own come now and then
)

// CarrierReport is what carriers take, with a strategy that decides nothing.
// Latencies are medians over the passes; ratios are medians of each pass's.
type CarrierReport struct {
	// Process is a turn of 256 to a process, Echo the same bytes there and back
	// on a bare gRPC stream to a process that looks at none, Plain the same turn
	// as protobuf messages on such a stream; all over mutual TLS on a unix
	// socket.
	Process Latency `json:"process_256"`
	Echo    Latency `json:"grpc_echo_256"`
	Plain   Latency `json:"grpc_protobuf_256"`
	// ProcessToEcho is Process by Echo, and PlainToProcess Plain by Process.
	ProcessToEcho  float64 `json:"process_to_echo"`
	PlainToProcess float64 `json:"protobuf_to_process"`
	// Builtin, Tiny and Module are a turn of one, deadline off: linked in, to a
	// module put together by hand that has its answer ready, and to one in
	// standard Go, which is zero if it was left out. Bare is a call of a
	// function that does nothing.
	Builtin Latency `json:"builtin_1"`
	Tiny    Latency `json:"wasm_1"`
	Module  Latency `json:"wasm_go_1"`
	Bare    Latency `json:"wasm_bare_call"`
	// TinyToBare and ModuleToBare are Tiny and Module by Bare.
	TinyToBare   float64 `json:"wasm_to_bare"`
	ModuleToBare float64 `json:"wasm_go_to_bare"`
	// BuiltinAllocs and WASMAllocs are the host's allocations per turn.
	BuiltinAllocs float64 `json:"builtin_allocs"`
	WASMAllocs    float64 `json:"wasm_allocs"`
}

// probe is one lane that is measured.
type probe struct {
	once  func() error
	fast  bool // too fast to be timed one by one
	times []Latency
}

// Carriers measures what the carriers of turns take, beside what is bare: the
// same bytes on a gRPC stream, protobuf messages, a call into a module. It
// blocks until that is done and returns ctx's error if that ends.
func Carriers(ctx context.Context, o CarrierOptions) (report *CarrierReport, err error) {
	c := &carriers{ctx: ctx, options: &o}
	defer func() { err = errors.Join(err, c.close()) }()
	if err := c.open(); err != nil {
		return nil, err
	}
	for pass := range o.Passes {
		for lane := range c.probes {
			if err := c.measure(&c.probes[lane]); err != nil {
				return nil, err
			}
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("bench: stopped: %w", err)
			}
			if o.Progress != nil {
				o.Progress(pass*laneCount+lane+1, o.Passes*laneCount)
			}
		}
	}
	report = c.report()
	if report.BuiltinAllocs, err = allocations(c.probes[laneBuiltin].once); err != nil {
		return nil, err
	}
	report.WASMAllocs, err = allocations(c.probes[laneTiny].once)
	return report, err
}

type carriers struct {
	ctx     context.Context
	options *CarrierOptions
	probes  [laneCount]probe
	closers []func() error
}

func (c *carriers) close() error {
	var errs []error
	for _, closer := range slices.Backward(c.closers) {
		errs = append(errs, closer())
	}
	return errors.Join(errs...)
}

// open makes every probe ready and calls it once.
func (c *carriers) open() error {
	for _, open := range []func() error{c.openProcess, c.openStreams, c.openModules} {
		if err := open(); err != nil {
			return err
		}
	}
	for lane := range c.probes {
		if once := c.probes[lane].once; once != nil {
			if err := once(); err != nil {
				return fmt.Errorf("bench: carriers: %w", err)
			}
		}
	}
	return nil
}

// instance starts the stub somewhere and returns how to give it a turn.
func (c *carriers) instance(runtime strategy.Runtime, spec strategy.Spec, turn *route.Turn) (func() error, error) {
	spec.Name = "stub"
	spec.Limits = strategy.Limits{TurnDeadline: strategy.NoDeadline}.WithDefaults()
	instance, _, err := runtime.Start(c.ctx, spec, turn.Epoch)
	if err != nil {
		return nil, err
	}
	c.closers = append(c.closers, instance.Close)
	reply := new(route.Reply)
	return func() error {
		reply.Reset()
		if err := instance.Turn(c.ctx, turn, reply); err != nil {
			return err
		}
		if len(reply.Proposals) != len(turn.Work) {
			return fmt.Errorf("bench: %d proposals for %d items", len(reply.Proposals), len(turn.Work))
		}
		return nil
	}, nil
}

func (c *carriers) openProcess() (err error) {
	self := c.options.Self
	spec := strategy.Spec{Runtime: "process", Source: self[0], Args: append(slices.Clone(self[1:]), childStub), SHA256: c.options.SHA256}
	c.probes[laneProcess].once, err = c.instance(c.options.Process, spec, carriedTurn(carriedRows))
	return err
}

// openStreams connects to the children that answer bytes and messages.
func (c *carriers) openStreams() error {
	turn := carriedTurn(carriedRows)
	for lane, open := range map[int]func(*child, *route.Turn) (func() error, error){laneEcho: c.echo, lanePlain: c.plain} {
		started, err := startChild(c.ctx, c.options.Self, map[int]string{laneEcho: childEcho, lanePlain: childPlain}[lane])
		if err != nil {
			return err
		}
		c.closers = append(c.closers, started.Close)
		if c.probes[lane].once, err = open(started, turn); err != nil {
			return fmt.Errorf("bench: carriers: %w", err)
		}
	}
	return nil
}

func (c *carriers) openModules() (err error) {
	one := carriedTurn(1)
	// A turn of one is the least there is.
	one.Members, one.Skills, one.Needs, one.Settled = nil, nil, nil, nil
	one.Agents[0].Members, one.Agents[0].Skills, one.Work[0].Needs = route.Span{}, route.Span{}, route.Span{}
	linked := builtin.New(map[string]route.Plugin{"stub": stub.Plugin()})
	if c.probes[laneBuiltin].once, err = c.instance(linked, strategy.Spec{Runtime: "builtin", Source: "stub"}, one); err != nil {
		return err
	}
	tiny, remove, err := writeTiny(one)
	if err != nil {
		return err
	}
	c.closers = append(c.closers, remove)
	if c.probes[laneTiny].once, err = c.instance(c.options.WASM, strategy.Spec{Runtime: "wasm", Source: tiny}, one); err != nil {
		return err
	}
	if c.options.Module != "" {
		if c.probes[laneModule].once, err = c.instance(c.options.WASM, strategy.Spec{Runtime: "wasm", Source: c.options.Module}, one); err != nil {
			return err
		}
	}
	bare, err := wasm.OpenBare(c.ctx)
	if err != nil {
		return err
	}
	c.closers = append(c.closers, bare.Close)
	c.probes[laneBare].once = func() error { return bare.Call(c.ctx) }
	for _, lane := range []int{laneBuiltin, laneTiny, laneModule, laneBare} {
		c.probes[lane].fast = true
	}
	return nil
}

// measure times one pass of one lane.
func (c *carriers) measure(p *probe) error {
	if p.once == nil {
		return nil
	}
	runtime.GC()
	samples, calls := slowCalls, 1
	if p.fast {
		samples, calls = fastBatches, fastCalls
	}
	times := make([]time.Duration, 0, samples)
	for range samples {
		began := time.Now()
		for range calls {
			if err := p.once(); err != nil {
				return fmt.Errorf("bench: carriers: %w", err)
			}
		}
		times = append(times, time.Since(began)/time.Duration(calls))
	}
	p.times = append(p.times, latencyOf(times))
	return nil
}

func (c *carriers) report() *CarrierReport {
	latency := func(lane int) Latency { return middle(c.probes[lane].times) }
	ratio := func(over, under int) float64 {
		var ratios []float64
		for i := range min(len(c.probes[over].times), len(c.probes[under].times)) {
			ratios = append(ratios, float64(c.probes[over].times[i].P50)/float64(max(c.probes[under].times[i].P50, 1)))
		}
		return middleOf(ratios)
	}
	return &CarrierReport{
		Process: latency(laneProcess), Echo: latency(laneEcho), Plain: latency(lanePlain),
		ProcessToEcho: ratio(laneProcess, laneEcho), PlainToProcess: ratio(lanePlain, laneProcess),
		Builtin: latency(laneBuiltin), Tiny: latency(laneTiny), Module: latency(laneModule), Bare: latency(laneBare),
		TinyToBare: ratio(laneTiny, laneBare), ModuleToBare: ratio(laneModule, laneBare),
	}
}

// middle returns the medians of each figure.
func middle(list []Latency) Latency {
	of := func(pick func(Latency) int64) int64 {
		var figures []int64
		for _, l := range list {
			figures = append(figures, pick(l))
		}
		return middleOf(figures)
	}
	return Latency{
		P50: of(func(l Latency) int64 { return l.P50 }), P99: of(func(l Latency) int64 { return l.P99 }),
		Max: of(func(l Latency) int64 { return l.Max }),
	}
}

// middleOf returns the middle figure, of two the lower; 0 of none.
func middleOf[T int64 | float64](list []T) T {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[(len(list)-1)/2]
}

// allocations counts what the whole process allocates per call.
func allocations(once func() error) (float64, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range allocTurns {
		if err := once(); err != nil {
			return 0, err
		}
	}
	runtime.ReadMemStats(&after)
	perTurn := float64(after.Mallocs-before.Mallocs) / allocTurns
	if perTurn < tooManyAlloc {
		perTurn = 0
	}
	return perTurn, nil
}

// carriedTurn is a turn of so many items and as many agents, as wide as those of
// a busy centre: each agent in two queues with two skills, each item needing one.
func carriedTurn(n int) *route.Turn {
	turn := &route.Turn{Epoch: 5, Seq: 1, Kind: route.KindSnapshot, Now: epochTime, Seed: 7}
	for i := range uint32(n) {
		turn.Agents = append(turn.Agents, route.Agent{
			Ref: i, Gen: 1, Version: 3, Name: 1000 + i, Channels: 1, Flags: route.AgentConnected, Capacity: 5000, Used: 1000,
			IdleSince: epochTime - int64(i), SignedInAt: epochTime - 3_600_000, AssignedAt: epochTime - 60_000, MaxOpen: 100,
			Members: route.Span{At: 2 * i, N: 2}, Skills: route.Span{At: 2 * i, N: 2},
		})
		turn.Members = append(turn.Members, route.Member{Queue: i % 7, Tier: 1}, route.Member{Queue: 7 + i%5, Tier: 2})
		turn.Skills = append(turn.Skills, route.Skill{Name: 1 + i%50, Level: 3000}, route.Skill{Name: 51 + i%50, Level: 5000})
		turn.Work = append(turn.Work, route.Work{
			Ref: i, Gen: 1, Revision: 2, Queue: i % 7, Sequence: uint64(i), RequestedAt: epochTime - 1000, Priority: int32(i % 4),
			Size: 1000, State: route.WorkWaiting, Needs: route.Span{At: i, N: 1},
		})
		turn.Needs = append(turn.Needs, route.Need{Name: 1 + i%50, Level: 2000})
		turn.Settled = append(turn.Settled, route.Settled{Seq: 1, Work: i, Revision: 1, Agent: i, Verdict: route.VerdictAcceptedByHost, At: epochTime})
	}
	return turn
}
