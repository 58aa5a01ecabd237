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
	"strings"
	"sync"

	"github.com/hashicorp/go-plugin/runner"

	"github.com/patchbay-cx/patchbay/core/strategy/lines"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

// child is one plugin process. It starts it in the way go-plugin wants, but
// with a group of its own, a limit on memory, and two strings to the host: a
// signal that the kernel sends when the host dies, where there is one, and a
// standard input that ends with the host.
type child struct {
	path   string
	args   []string
	memory uint64
	log    *lines.Log

	cmd    *exec.Cmd
	stdout io.ReadCloser
	stderr io.ReadCloser
	stdin  *os.File // the end the host holds until the process has ended

	reading sync.WaitGroup // of stderr
	mu      sync.Mutex     // orders killing before reaping
	running bool
	reaped  chan struct{} // closed when the process has ended
}

var _ runner.Runner = (*child)(nil)

func newChild(path string, args []string, memory uint64, log *lines.Log) *child {
	return &child{path: path, args: args, memory: memory, log: log, reaped: make(chan struct{})}
}

// prepare makes the command, with nothing in its environment but what
// go-plugin needs, and the limits.
func (c *child) prepare(env []string) error {
	cmd := exec.Command(c.path, c.args...) //nolint:noctx // it outlives the call that starts it; Kill ends it
	cmd.Dir = filepath.Dir(c.path)
	cmd.Env = append(env, serve.WatchKey+"="+serve.WatchStdin, fmt.Sprintf("GOMEMLIMIT=%d", c.memory))
	cmd.SysProcAttr = attributes()
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
	c.cmd.Stdin = theirs
	c.mu.Lock()
	err = c.cmd.Start()
	c.running = err == nil
	c.mu.Unlock()
	if err != nil {
		return errors.Join(err, ours.Close())
	}
	c.stdin = ours
	if err := limitMemory(c.cmd.Process.Pid, c.memory); err != nil {
		c.log.Line(slog.LevelWarn, "process: its memory is not limited: "+err.Error())
	}
	c.reading.Go(func() { _, _ = io.Copy(c.log, c.stderr) })
	return nil
}

// Wait implements runner.AttachedRunner. go-plugin calls it once, when the
// standard output has ended. A process that lets go of its outputs is taken to
// have ended, and what is left of its group is killed.
func (c *child) Wait(context.Context) error {
	c.reading.Wait()
	c.log.Flush()
	c.mu.Lock()
	c.killGroup()
	c.running = false // from here on its number may become another's
	c.mu.Unlock()
	err := c.cmd.Wait()
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

func (c *child) killGroup() {
	if c.running {
		killGroup(c.cmd.Process)
	}
}

// exit says how the process ended. It must have.
func (c *child) exit() string { return c.cmd.ProcessState.String() }

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
