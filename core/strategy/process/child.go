// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/hashicorp/go-plugin/runner"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/lines"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

// child is one plugin process. It starts it in the way go-plugin wants, but
// with a group of its own, limits on what it takes, and three strings to the
// host: a signal that the kernel sends when the host dies, where there is one, a
// standard input that ends with the host, and a guard that ends the rest of the
// group then.
type child struct {
	path   string
	args   []string
	limits strategy.Limits
	log    *lines.Log
	env    []string

	cmd    *exec.Cmd
	stdout io.ReadCloser
	stderr io.ReadCloser
	stdin  *os.File // the end the host holds until the process has ended

	guard   *guard
	reading sync.WaitGroup // of stderr, and the watch over what it takes
	mu      sync.Mutex     // orders killing before reaping
	running bool
	excess  string        // of what it took more than it may; empty if of nothing, or of processor time
	overran bool          // whether it has used up its processor time
	ending  chan struct{} // closed when it is about to be reaped
	reaped  chan struct{} // closed when the process has ended
}

var _ runner.Runner = (*child)(nil)

// watchEvery is how often it is looked at what a process has started.
const watchEvery = 250 * time.Millisecond

func newChild(path string, args []string, limits strategy.Limits, log *lines.Log) *child {
	return &child{
		path: path, args: args, limits: limits, log: log,
		ending: make(chan struct{}), reaped: make(chan struct{}),
	}
}

// prepare makes the command, with nothing in its environment but what
// go-plugin needs, and the limits.
func (c *child) prepare(env []string) error {
	c.env = env
	return c.command(attributes())
}

func (c *child) command(attributes *syscall.SysProcAttr) error {
	cmd := exec.Command(c.path, c.args...) //nolint:noctx // it outlives the call that starts it; Kill ends it
	cmd.Dir = filepath.Dir(c.path)
	cmd.Env = append(slices.Clone(c.env), serve.WatchKey+"="+serve.WatchStdin, fmt.Sprintf("GOMEMLIMIT=%d", c.limits.MemoryBytes))
	cmd.SysProcAttr = attributes
	var err error
	if c.stdout, err = cmd.StdoutPipe(); err != nil {
		return err
	}
	if c.stderr, err = cmd.StderrPipe(); err != nil {
		return err
	}
	c.cmd = cmd
	return nil
}

// Start implements runner.Runner.
func (c *child) Start(context.Context) error {
	started := make(chan error)
	go c.hold(started)
	return <-started
}

// hold starts the process and keeps the thread that did so until it has ended:
// the kernel takes the end of that thread for the death of the parent.
func (c *child) hold(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := c.launch()
	started <- err
	if err == nil {
		<-c.reaped
	}
}

func (c *child) launch() error {
	theirs, ours, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirs.Close()
	c.mu.Lock()
	err = c.run(theirs)
	c.running = err == nil
	c.mu.Unlock()
	if err != nil {
		return errors.Join(err, ours.Close())
	}
	c.stdin = ours
	if c.guard, err = newGuard(c.cmd.Process.Pid); err != nil {
		c.log.Line(slog.LevelDebug, "process: processes that it starts may outlive the host: "+err.Error())
	}
	c.reading.Go(func() { _, _ = io.Copy(c.log, c.stderr) })
	c.reading.Go(c.watch)
	return nil
}

// run starts the process with its limits in force before its first
// instruction, or, where that cannot be had, right after.
func (c *child) run(stdin *os.File) error {
	c.cmd.Stdin = stdin
	err := c.cmd.Start()
	if err != nil && halts(c.cmd.SysProcAttr) && errors.Is(err, os.ErrPermission) {
		if err := c.command(unhalted()); err != nil {
			return err
		}
		c.cmd.Stdin = stdin
		err = c.cmd.Start()
	}
	if err != nil {
		return err
	}
	if err := limit(c.cmd.Process.Pid, c.limits); err != nil {
		c.log.Line(slog.LevelWarn, "process: it is not limited: "+err.Error())
	}
	if halts(c.cmd.SysProcAttr) {
		return resume(c.cmd.Process.Pid)
	}
	return nil
}

// watch ends a process that starts more others than it may, and what it has
// started with it.
func (c *child) watch() {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		select {
		case <-c.ending:
			return
		case <-ticker.C:
		}
		n := len(descendants(c.cmd.Process.Pid))
		if most := max(c.limits.Processes, 0); n > most {
			c.exceeds(fmt.Sprintf("it has started %d processes, and may have %d", n, most))
			return
		}
	}
}

// exceeds ends the process because it takes more than it may.
func (c *child) exceeds(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.running {
		c.excess = what
		c.killGroup()
	}
}

// Wait implements runner.AttachedRunner. go-plugin calls it once, when the
// standard output has ended. A process that lets go of its outputs is taken to
// have ended, and what is left of its group is killed.
func (c *child) Wait(context.Context) error {
	close(c.ending)
	c.reading.Wait()
	c.log.Flush()
	c.mu.Lock()
	c.killGroup()
	c.running = false // from here on its number may become another's
	c.mu.Unlock()
	c.overran = overran(c.cmd.Process.Pid, c.limits)
	err := c.cmd.Wait()
	c.guard.dismiss()
	_ = c.stdin.Close()
	close(c.reaped)
	return err
}

// kill ends the process and its group. It does nothing if they have ended.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.killGroup()
}

// killGroup kills the process's group, and of what it has started what has left
// that.
func (c *child) killGroup() {
	if !c.running {
		return
	}
	strayed := descendants(c.cmd.Process.Pid)
	killGroup(c.cmd.Process)
	for _, pid := range strayed {
		if p, err := os.FindProcess(pid); err == nil {
			_ = p.Kill()
			_ = p.Release()
		}
	}
}

// exit says how the process ended, and of what it took too much, if that is
// why. It must have ended.
func (c *child) exit() (how, excess string) {
	how = c.cmd.ProcessState.String()
	if signalled := c.cmd.ProcessState.ExitCode() < 0; c.excess == "" && c.overran && signalled {
		return how, fmt.Sprintf("it has used up the %v of processor time that it may", c.limits.CPUTime)
	}
	return how, c.excess
}

// Kill implements runner.AttachedRunner.
func (c *child) Kill(context.Context) error {
	c.kill()
	return nil
}

// Stdout implements runner.Runner.
func (c *child) Stdout() io.ReadCloser { return c.stdout }

// Stderr implements runner.Runner. The child reads its own.
func (c *child) Stderr() io.ReadCloser { return io.NopCloser(strings.NewReader("")) }

// Name implements runner.Runner.
func (c *child) Name() string { return c.path }

// ID implements runner.AttachedRunner. It is never empty, or go-plugin would
// leave its socket behind.
func (c *child) ID() string { return c.path }

// Diagnose implements runner.Runner.
func (c *child) Diagnose(context.Context) string {
	return "it is no strategy plugin, or not one for this machine"
}

// PluginToHost implements runner.AddrTranslator.
func (c *child) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin implements runner.AddrTranslator.
func (c *child) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
