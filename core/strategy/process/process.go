// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package process runs strategies as plugin processes of their own.
//
// A process is started only if the file has the checksum that was pinned, gets
// an empty environment and a process group of its own, and dies with the host,
// however the host dies. Host and plugin find each other by go-plugin's
// handshake and talk over mutual TLS; turns are frames on one gRPC stream.
//
// # Notes
//
// Memory, processor time, open files and further processes are limited on Linux
// only; elsewhere the log says so. Memory is the process's data segment:
// everything it maps to write to, which is a little more than what it uses. Go
// plugins are told the limit and collect garbage harder as they come near it.
// Further processes are counted several times a second, because the kernel's own
// limit counts everything that runs under the host's user, and none of root's.
//
// What a plugin starts ends with it, and with the host, unless it has left the
// plugin's process group after its parent had ended.
//
// The package knows the contract and go-plugin, which nobody else imports but
// sdk/serve, its other end. It does not know any strategy.
package process

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/handshake"
	"github.com/patchbay-cx/patchbay/core/strategy/lines"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

// Options say how a Runtime works. The zero Options are good.
type Options struct {
	// Logger takes what strategies print, and what there is to say about their
	// processes. Nil means that it is dropped.
	Logger *slog.Logger
	// TempDir is where the folders with the plugins' sockets are made. Empty
	// means the system's. Sockets have short names only: keep it well under
	// 100 characters.
	TempDir string
	// HostVersion is told to plugins, for their logs.
	HostVersion string
}

// Runtime starts strategies as processes. It is safe for concurrent use.
type Runtime struct{ options Options }

var (
	_ strategy.Runtime = (*Runtime)(nil)
	_ strategy.Stamper = (*Runtime)(nil)
)

// New returns a Runtime.
func New(options Options) *Runtime {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	return &Runtime{options: options}
}

// Stamp implements strategy.Stamper.
func (r *Runtime) Stamp(spec strategy.Spec) string { return strategy.FileStamp(spec.Source) }

// Start implements strategy.Runtime.
func (r *Runtime) Start(ctx context.Context, spec strategy.Spec, epoch uint64) (strategy.Instance, route.Manifest, error) {
	in, manifest, err := r.start(ctx, spec, epoch)
	if err != nil {
		return nil, route.Manifest{}, &strategy.Fault{Kind: strategy.FaultStart, Err: fmt.Errorf("process: %s: %w", spec.Source, err)}
	}
	return in, manifest, nil
}

func (r *Runtime) start(ctx context.Context, spec strategy.Spec, epoch uint64) (*instance, route.Manifest, error) {
	limits := spec.Limits.WithDefaults()
	ctx, cancel := context.WithTimeout(ctx, limits.StartTimeout)
	defer cancel()
	path, err := filepath.Abs(spec.Source)
	if err != nil {
		return nil, route.Manifest{}, err
	}
	if err := verify(path, spec.SHA256); err != nil {
		return nil, route.Manifest{}, err
	}
	logger := r.options.Logger.With("strategy", spec.Name, "epoch", epoch)
	c := newChild(path, spec.Args, limits, lines.New(logger, limits.LogLines))
	in := newInstance(c, r.client(c, limits, logger), limits, epoch)
	defer context.AfterFunc(ctx, c.kill)()
	manifest, err := in.connect(ctx, spec, r.options.HostVersion)
	if err != nil {
		_ = in.Close()
		if ctx.Err() != nil {
			err = fmt.Errorf("it did not start in time: %w", ctx.Err())
		}
		return nil, route.Manifest{}, withTail(err, c.log)
	}
	return in, manifest, nil
}

// verify checks the file against its pinned checksum.
func verify(path, want string) error {
	if want == "" {
		return errors.New("its SHA-256 is not pinned; a process is not started without")
	}
	got, err := strategy.Checksum(path)
	if err != nil {
		return err
	}
	if !strings.EqualFold(got, want) {
		return fmt.Errorf("its SHA-256 is %s, but %s is pinned", got, want)
	}
	return nil
}

// client prepares go-plugin's client for a child.
func (r *Runtime) client(c *child, limits strategy.Limits, logger *slog.Logger) *plugin.Client {
	return plugin.NewClient(&plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{MagicCookieKey: serve.CookieKey, MagicCookieValue: serve.CookieValue},
		VersionedPlugins: map[int]plugin.PluginSet{
			route.ContractMajor: {serve.Name: plugin.NetRPCUnsupportedPlugin{}},
		},
		RunnerFunc: func(_ hclog.Logger, template *exec.Cmd, _ string) (runner.Runner, error) {
			return c, c.prepare(template.Env)
		},
		AllowedProtocols: []plugin.Protocol{plugin.ProtocolGRPC},
		AutoMTLS:         true,
		SkipHostEnv:      true,
		StartTimeout:     limits.StartTimeout,
		SyncStdout:       c.log,
		SyncStderr:       c.log,
		UnixSocketConfig: &plugin.UnixSocketConfig{TempDir: r.options.TempDir},
		Logger: hclog.New(&hclog.LoggerOptions{
			Level: hclog.Warn, Output: debug{logger}, DisableTime: true,
		}),
		GRPCDialOptions: []grpc.DialOption{
			grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(coldBytes)),
		},
	})
}

// coldBytes is the most that a plugin may answer off the hot path.
const coldBytes = 4 << 20

// debug takes go-plugin's own log.
type debug struct{ logger *slog.Logger }

func (d debug) Write(p []byte) (int, error) {
	d.logger.Debug(strings.TrimSpace(string(p)))
	return len(p), nil
}

// withTail adds the last the process printed to an error.
func withTail(err error, log *lines.Log) error {
	if tail := log.Tail(); tail != "" {
		return fmt.Errorf("%w; the last it printed:\n%s", err, tail)
	}
	return err
}

// handshake tells the plugin who asks, and checks what it answers.
func (in *instance) handshake(ctx context.Context, hostVersion string) (route.Manifest, error) {
	response, err := in.service.Handshake(ctx, handshake.Request(handshake.Terms{
		HostVersion: hostVersion, Epoch: in.epoch, ReplyBytes: in.limits.ReplyBytes, Budget: in.limits.TurnDeadline,
	}))
	if err != nil {
		return route.Manifest{}, fmt.Errorf("handshake: %w", err)
	}
	return handshake.Manifest(response)
}

// configure puts the settings in force.
func (in *instance) configure(ctx context.Context, settings []byte) error {
	response, err := in.service.Configure(ctx, &strategyv1.ConfigureRequest{Generation: 1, SettingsJson: handshake.Settings(settings)})
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	return handshake.Refused(response, func(text string) { in.child.log.Line(slog.LevelWarn, text) })
}

// connect starts the process and makes it ready for turns.
func (in *instance) connect(ctx context.Context, spec strategy.Spec, hostVersion string) (route.Manifest, error) {
	protocol, err := in.client.Client()
	if err != nil {
		return route.Manifest{}, err
	}
	carried, ok := protocol.(*plugin.GRPCClient)
	if !ok {
		return route.Manifest{}, fmt.Errorf("it speaks %T, not gRPC", protocol)
	}
	in.service = strategygrpc.NewStrategyServiceClient(carried.Conn)
	manifest, err := in.handshake(ctx, hostVersion)
	if err != nil {
		return manifest, err
	}
	settings, err := spec.SettingsFor(&manifest)
	if err != nil {
		return manifest, fmt.Errorf("it refuses its settings: %w", err)
	}
	return manifest, in.configure(ctx, settings)
}
