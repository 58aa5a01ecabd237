// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// A workspace has two streams: its log, and its snapshots. They are apart
// because each is trimmed at its own front.
const (
	logPrefix      = "log_"
	snapshotPrefix = "snap_"
	subjectPrefix  = "patchbay."

	maxWorkspace = 64
)

// checkWorkspace refuses names that cannot be a folder.
func checkWorkspace(name string) error {
	if name == "" || len(name) > maxWorkspace {
		return fmt.Errorf("journal: workspace %q: name must have 1 to %d bytes", name, maxWorkspace)
	}
	return nil
}

// escape turns a workspace's name into one that is good for streams, subjects
// and files everywhere: other characters than letters, digits and "-" become
// "=" and two hexadecimal digits, and capitals too, because some file systems
// take them for the small letter.
func escape(workspace string) string {
	var b strings.Builder
	for _, c := range []byte(workspace) {
		if c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02x", c)
		}
	}
	return b.String()
}

// subjectOf is the subject of a log stream's messages, and the front of the
// subjects of a snapshot stream's.
func subjectOf(stream string) string { return subjectPrefix + stream }

// streamConfig is how both kinds of stream are made: in files, without any
// limit at which the store would drop or refuse messages of its own accord.
func streamConfig(stream, subject string) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        stream,
		Subjects:    []string{subject},
		Storage:     jetstream.FileStorage,
		Retention:   jetstream.LimitsPolicy,
		Discard:     jetstream.DiscardNew,
		MaxMsgs:     -1,
		MaxBytes:    -1,
		MaxMsgSize:  -1,
		Replicas:    1,
		AllowDirect: true,
		DenyDelete:  true,
	}
}

// checkConfig refuses a stream that is there but would not keep what it is
// given.
func checkConfig(got, want jetstream.StreamConfig) error {
	bad := func(what string, value any) error {
		return fmt.Errorf("stream %s is configured with %s %v", got.Name, what, value)
	}
	switch {
	case got.PersistMode != jetstream.DefaultPersistMode:
		return fmt.Errorf("stream %s: persist mode %v: %w", got.Name, got.PersistMode, ErrUnsafeSync)
	case got.Storage != want.Storage:
		return fmt.Errorf("stream %s: storage %v: %w", got.Name, got.Storage, ErrUnsafeSync)
	case got.Retention != want.Retention:
		return bad("retention", got.Retention)
	case got.MaxMsgs > 0 || got.MaxBytes > 0 || got.MaxMsgsPerSubject > 0:
		return bad("limits", []int64{got.MaxMsgs, got.MaxBytes, got.MaxMsgsPerSubject})
	case got.MaxAge != 0 || got.AllowMsgTTL:
		return bad("expiry", got.MaxAge)
	case !got.AllowDirect:
		return bad("direct reads", got.AllowDirect)
	case len(got.Subjects) != 1 || got.Subjects[0] != want.Subjects[0]:
		return bad("subjects", got.Subjects)
	}
	return nil
}

// create makes a stream. It is not interrupted: the store would go on with it,
// and leave something running if it is closed meanwhile.
func (s *Server) create(ctx context.Context, js jetstream.JetStream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	s.making.Lock()
	defer s.making.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), startLimit)
	defer cancel()
	return js.CreateStream(ctx, want)
}

// openStream finds or, if create is set, makes a stream, and returns its
// state. Without create a missing stream is jetstream.ErrStreamNotFound.
func (s *Server) openStream(ctx context.Context, want jetstream.StreamConfig, create bool) (*jetstream.StreamInfo, error) {
	js, err := jetstream.New(s.reads.nc)
	if err != nil {
		return nil, err
	}
	ctx, done := s.reads.bound(ctx)
	defer done()
	stream, err := js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) && create {
		stream, err = s.create(ctx, js, want)
	}
	if err != nil {
		return nil, cause(ctx, err)
	}
	info, err := stream.Info(ctx, jetstream.WithDeletedDetails(true))
	if err != nil {
		return nil, cause(ctx, err)
	}
	if err := checkConfig(info.Config, want); err != nil {
		if !s.accept || !errors.Is(err, ErrUnsafeSync) {
			return nil, err
		}
		s.log.Warn("journal: going on as told", "error", err)
	}
	return info, nil
}
