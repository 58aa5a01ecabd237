// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// What a router's program that the kit starts finds in its environment: how to
// dial, in the same variables that package sdk/serve reads.
const (
	connectKey  = "PATCHBAY_CONNECT"
	urlKey      = "PATCHBAY_URL"
	strategyKey = "PATCHBAY_STRATEGY"
	tokenKey    = "PATCHBAY_TOKEN" //nolint:gosec // the variable's name
)

// killAfter is how long a program may take to end once its output is closed.
const killAfter = 5 * time.Second

// Program is a router's program, which the kit starts, starts again when it has
// ended, and ends. Make one with NewProgram.
type Program struct {
	args   []string
	env    []string
	output io.Writer

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended; nil if it was never started
}

// NewProgram returns a program by its command line, of which there must be a
// word at least, for a router that is to dial the stand. What it prints goes to
// output. Beside the environment of this process it finds PATCHBAY_CONNECT
// (address and port, for gRPC), PATCHBAY_URL (the WebSocket's), PATCHBAY_STRATEGY
// and PATCHBAY_TOKEN.
func NewProgram(args []string, stand *Stand, output io.Writer) *Program {
	return &Program{args: args, output: output, env: append(os.Environ(),
		connectKey+"="+stand.Address(), urlKey+"="+stand.SocketURL(),
		strategyKey+"="+stand.Strategy(), tokenKey+"="+stand.options.Token,
	)}
}

// again is the same program once more.
func (p *Program) again() *Program { return &Program{args: p.args, env: p.env, output: p.output} }

func (p *Program) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command(p.args[0], p.args[1:]...) //nolint:noctx // kill ends it
	cmd.Env, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = p.env, p.output, p.output, killAfter
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("certify: start the router: %w", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = cmd.Wait() // how it ended is seen at the stand
	}()
	p.cmd, p.done = cmd, done
	return nil
}

// current is the process, and what is closed when it has ended.
func (p *Program) current() (*os.Process, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process, p.done
}

func (p *Program) ended() bool {
	_, done := p.current()
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// interrupt tells it to end.
func (p *Program) interrupt() {
	process, _ := p.current()
	_ = process.Signal(syscall.SIGTERM) // it may have ended by itself
}

// wait waits until it has ended, and reports whether it did before ctx.
func (p *Program) wait(ctx context.Context) bool {
	_, done := p.current()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// kill ends it for certain.
func (p *Program) kill() {
	process, done := p.current()
	_ = process.Kill() // it may have ended by itself
	<-done
}
