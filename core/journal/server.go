// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// markDir and streamDir are the folders under Options.Dir: ours, and the
	// store's with one folder for each stream.
	markDir   = "marks"
	streamDir = "jetstream/$G/streams"

	// startLimit bounds how long the store may take to start once its files
	// have been read, which is not counted.
	startLimit = time.Minute
)

// Server is one embedded store: one directory with the logs of any number of
// workspaces. It is safe for concurrent use.
type Server struct {
	dir    string
	log    *slog.Logger
	accept bool

	lock  *os.File
	store *server.Server
	// appends has a connection of its own: the store answers a connection's
	// reads in line, and a long read must not hold up an append.
	appends *conn
	reads   *conn
	// making is held while a stream is made: what the store makes while it is
	// shut down, it never lets go of.
	making sync.Mutex

	mu     sync.Mutex
	closed bool
	logs   map[*Log]struct{}
	busy   sync.WaitGroup // calls under way, of Server and of its Logs
}

// Open opens the store in opts.Dir, making it if it is missing. It blocks while
// the store reads its files, which takes about as long as reading the log; ctx
// is looked at before and after. The Server must be closed.
//
// # Errors
//
// ErrLocked if the directory is in use; a *DamageError if a log has a damaged
// place that the store would cut off with all that follows it, found before
// any file is changed; ErrUnsafeSync if the store does not sync every write.
func Open(ctx context.Context, opts Options) (*Server, error) {
	if opts.Dir == "" {
		return nil, errors.New("journal: open: no directory given")
	}
	dir, err := filepath.Abs(opts.Dir)
	if err != nil {
		return nil, fmt.Errorf("journal: open: %w", err)
	}
	s := &Server{dir: dir, log: opts.logger(), accept: opts.AcceptDataLoss, logs: make(map[*Log]struct{})}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.shut())
	}
	return s, nil
}

// open does what Open says; what it has opened is in s also when it fails.
func (s *Server) open(ctx context.Context) error {
	if err := os.Mkdir(s.dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("journal: open: %w", err)
	}
	lock, err := lockDir(s.dir)
	if err != nil {
		return err
	}
	s.lock = lock
	if err := os.Mkdir(filepath.Join(s.dir, markDir), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("journal: open %s: %w", s.dir, err)
	}
	if err := s.checkFiles(ctx); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return fmt.Errorf("journal: open %s: %w", s.dir, err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("journal: open %s: %w", s.dir, context.Cause(ctx))
	}
	return nil
}

// checkFiles looks at the files of all logs before the store may change them.
func (s *Server) checkFiles(ctx context.Context) error {
	entries, err := os.ReadDir(filepath.Join(s.dir, streamDir))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("journal: open %s: %w", s.dir, err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), logPrefix) {
			continue
		}
		if ctx.Err() != nil {
			return fmt.Errorf("journal: open %s: %w", s.dir, context.Cause(ctx))
		}
		err := s.blocks(e.Name()).check()
		var damage *DamageError
		if errors.As(err, &damage) && s.accept {
			s.log.Warn("journal: opening a damaged log as told: what follows the place is lost", "error", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// start runs the store and connects to it.
func (s *Server) start() error {
	logger := &storeLogger{to: s.log}
	store, err := server.NewServer(storeOptions(s.dir))
	if err != nil {
		return err
	}
	s.store = store
	store.SetLoggerV2(logger, false, false, false)
	store.Start()
	if err := logger.failure(); err != nil {
		return err
	}
	if !store.ReadyForConnections(startLimit) {
		return fmt.Errorf("the store was not ready after %v", startLimit)
	}
	if c := store.JetStreamConfig(); c == nil || !c.SyncAlways {
		if !s.accept {
			return ErrUnsafeSync
		}
		s.log.Warn("journal: the store does not sync every write; going on as told")
	}
	if s.appends, err = dial(store, "append"); err != nil {
		return err
	}
	s.reads, err = dial(store, "read")
	return err
}

// storeOptions configures the embedded store: no port, no signal handlers,
// every write synced, and no limit on disk space but the disk's own.
func storeOptions(dir string) *server.Options {
	return &server.Options{
		ServerName:             "patchbay",
		DontListen:             true,
		NoSigs:                 true,
		JetStream:              true,
		StoreDir:               dir,
		SyncAlways:             true,
		JetStreamMaxMemory:     1 << 30,
		JetStreamMaxStore:      math.MaxInt64 / 4,
		DisableJetStreamBanner: true,
		MaxPayload:             maxPayload,
		// Room for a page, and no hanging up on a process that was paused.
		MaxPending:    256 << 20,
		WriteDeadline: quiet,
		PingInterval:  quiet,
	}
}

// Close stops the store and waits for its end. Calls under way on the Server
// and its Logs are interrupted and return ErrClosed or an error that wraps it,
// but that a log's stream is made to the end. Close waits for them, so it must not be called from a Replay's function.
// Closing again does nothing.
func (s *Server) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	return s.shut()
}

// shut lets go of everything that is open.
func (s *Server) shut() error {
	s.making.Lock()
	for _, c := range []*conn{s.appends, s.reads} {
		if c != nil {
			c.close()
		}
	}
	s.making.Unlock()
	s.busy.Wait()
	var errs []error
	for l := range s.logs {
		errs = append(errs, l.mark.close())
	}
	s.logs = nil
	if s.store != nil {
		s.store.Shutdown()
		s.store.WaitForShutdown()
	}
	if s.lock != nil {
		errs = append(errs, closeLocked(s.lock))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("journal: close %s: %w", s.dir, err)
	}
	return nil
}

// begin notes a call under way; the returned function ends it. It fails when
// the Server is closed.
func (s *Server) begin() (func(), error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	s.busy.Add(1)
	return s.busy.Done, nil
}

// blocks is the folder of a stream's files.
func (s *Server) blocks(stream string) *blocks {
	return &blocks{stream: stream, dir: filepath.Join(s.dir, streamDir, stream, "msgs")}
}
