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
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/lines"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1/strategygrpc"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

// minor is the highest minor version of patchbay.strategy.v1 spoken here.
const minor = 0

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
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); !strings.EqualFold(got, want) {
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
	request := &strategyv1.HandshakeRequest{
		Minor: minor,
		Features: []strategyv1.Feature{
			strategyv1.Feature_FEATURE_WAKE_AT, strategyv1.Feature_FEATURE_DIGEST,
			strategyv1.Feature_FEATURE_SNAPSHOT_PAGES, strategyv1.Feature_FEATURE_CANDIDATES,
		},
		HostVersion: hostVersion, Epoch: in.epoch, MaxReplyBytes: uint32(in.limits.ReplyBytes),
		TurnBudgetUs: uint32(max(0, in.limits.TurnDeadline.Microseconds())),
	}
	for table := route.TableAgent; table.Stride() > 0; table++ {
		request.Layouts = append(request.Layouts, &strategyv1.Layout{
			Table: uint32(table), Version: route.Layout, Stride: uint32(table.Stride()),
		})
	}
	response, err := in.service.Handshake(ctx, request)
	if err != nil {
		return route.Manifest{}, fmt.Errorf("handshake: %w", err)
	}
	if response.GetMinor() > minor {
		return route.Manifest{}, fmt.Errorf("handshake: it answers minor version %d, but the highest common one is %d", response.GetMinor(), minor)
	}
	if response.GetName() == "" {
		return route.Manifest{}, errors.New("handshake: its manifest has no name")
	}
	return manifestOf(response)
}

// viewOf returns the view that a handshake names; one that this host does not
// know by a name that nothing knows.
func viewOf(view strategyv1.View) route.View {
	switch view {
	case strategyv1.View_VIEW_UNSPECIFIED:
		return ""
	case strategyv1.View_VIEW_BOARD:
		return route.ViewBoard
	case strategyv1.View_VIEW_CANDIDATES:
		return route.ViewCandidates
	default:
		return route.View(view.String())
	}
}

func manifestOf(in *strategyv1.HandshakeResponse) (route.Manifest, error) {
	m := route.Manifest{
		Name: in.GetName(), Version: in.GetVersion(), Majors: in.GetMajors(),
		SettingsSchema: in.GetSettingsSchema(), Deterministic: in.GetDeterministic(),
		View: viewOf(in.GetView()), Candidates: int(min(in.GetCandidates(), math.MaxInt32)),
	}
	if m.Majors == nil {
		m.Majors = []uint32{route.ContractMajor}
	}
	if !slices.Contains(m.Majors, route.ContractMajor) {
		return m, fmt.Errorf("handshake: it speaks the contract's versions %v; this host speaks %d", m.Majors, uint32(route.ContractMajor))
	}
	for _, layout := range in.GetLayouts() {
		table := route.Table(layout.GetTable())
		if own := uint32(table.Stride()); own == 0 || layout.GetStride() > own {
			return m, fmt.Errorf("handshake: it wants %d bytes per row of table %d; this host sends %d", layout.GetStride(), layout.GetTable(), own)
		}
		m.Tables = append(m.Tables, table)
	}
	for _, reason := range in.GetReasons() {
		if reason.GetCode() == 0 || reason.GetCode() > 0xffff {
			return m, fmt.Errorf("handshake: reason %q has the code %d, which is not within 1 to 65535", reason.GetName(), reason.GetCode())
		}
		m.Reasons = append(m.Reasons, route.Reason{Code: uint16(reason.GetCode()), Name: reason.GetName(), Text: reason.GetText()})
	}
	return m, nil
}

// configure puts the settings in force.
func (in *instance) configure(ctx context.Context, settings []byte) error {
	if len(settings) == 0 {
		settings = []byte("{}")
	}
	response, err := in.service.Configure(ctx, &strategyv1.ConfigureRequest{Generation: 1, SettingsJson: settings})
	if err != nil {
		return fmt.Errorf("configure: %w", err)
	}
	for _, d := range response.GetDiagnostics() {
		if d.GetSeverity() != strategyv1.Diagnostic_SEVERITY_ERROR {
			in.child.log.Line(slog.LevelWarn, strings.TrimPrefix(d.GetPath()+": "+d.GetMessage(), ": "))
			continue
		}
		return fmt.Errorf("it refuses its settings: %s", strings.TrimPrefix(d.GetPath()+": "+d.GetMessage(), ": "))
	}
	return nil
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
