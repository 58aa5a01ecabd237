// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// maxConfigBytes is the largest file of a configuration, unpacked.
const maxConfigBytes = 64 << 20

// ConfigFile is a file of a configuration that a caller sends.
type ConfigFile struct {
	Name string
	Data []byte
}

// Configuration is what a host makes of the files of one.
type Configuration struct {
	// Definition is what it says of the workspace.
	Definition engine.Definition
	// Faults is what is wrong; if there are any the rest is not set.
	Faults []ConfigFault
	// Warnings is what is allowed but hardly meant.
	Warnings []ConfigFault
	// Restart says in words what differs from what the host runs with and cannot
	// change while it does.
	Restart []string
	// Mask hides secrets in what is told to callers; nil hides nothing.
	Mask func(string) string
}

// ConfigFault is something that is wrong with a configuration, and where.
type ConfigFault struct {
	File         string
	Line, Column int
	Path         string
	Code         string
	Message      string
}

// configService implements patchbay.v1.ConfigService.
type configService struct {
	patchbayv1.UnimplementedConfigServiceServer
	workspace *host.Workspace
	read      func([]ConfigFile) (*Configuration, error)
}

// PlanConfig implements patchbayv1.ConfigServiceServer.
func (s *configService) PlanConfig(ctx context.Context, r *patchbayv1.PlanConfigRequest) (*patchbayv1.PlanConfigResponse, error) {
	c, err := s.files(r.GetFiles())
	if err != nil {
		return nil, err
	}
	if len(c.Faults) > 0 {
		return &patchbayv1.PlanConfigResponse{Faults: faultMessages(c.Faults)}, nil
	}
	out, err := s.plan(ctx, c.Definition, c.Mask)
	if err != nil {
		return nil, err
	}
	out.Warnings, out.Restart = faultMessages(c.Warnings), c.Restart
	return out, nil
}

func (s *configService) plan(ctx context.Context, d engine.Definition, mask func(string) string) (*patchbayv1.PlanConfigResponse, error) {
	p, err := s.workspace.Plan(ctx, host.Change{Definition: d})
	if err != nil {
		return nil, err
	}
	if mask == nil {
		mask = func(text string) string { return text }
	}
	out := &patchbayv1.PlanConfigResponse{Version: p.Config, Lines: lineMessages(p.Lines, mask)}
	if p.Refused != nil {
		out.Refused = mask(sentence(p.Refused))
	}
	for i := range p.Effects {
		e := &p.Effects[i]
		m := &patchbayv1.ConfigEffect{
			Kind: e.Kind, Queue: e.Queue, Count: uint32(e.Count), Reason: mask(e.Reason), Text: mask(e.Text), Agents: e.Agents,
		}
		for _, id := range e.Work {
			m.Work = append(m.Work, id.String())
		}
		out.Effects = append(out.Effects, m)
	}
	return out, nil
}

// sentence is why something is refused, for people.
func sentence(err error) string {
	if refusal, ok := errors.AsType[*engine.Refusal](err); ok {
		return refusal.Field + ": " + refusal.Message
	}
	return strings.ReplaceAll(err.Error(), "host: ", "")
}

// ApplyConfig implements patchbayv1.ConfigServiceServer.
func (s *configService) ApplyConfig(ctx context.Context, r *patchbayv1.ApplyConfigRequest) (*patchbayv1.ApplyConfigResponse, error) {
	c, err := s.files(r.GetFiles())
	if err != nil {
		return nil, err
	}
	if len(c.Faults) > 0 {
		lines := make([]string, 0, len(c.Faults))
		for _, f := range c.Faults[:min(len(c.Faults), 20)] {
			lines = append(lines, fmt.Sprintf("%s:%d:%d: %s: %s", f.File, f.Line, f.Column, f.Path, f.Message))
		}
		return nil, refuse(codes.InvalidArgument, codeBadConfig, "files", "the configuration has %d faults:\n%s", len(c.Faults), strings.Join(lines, "\n"))
	}
	version, changed, err := s.configure(ctx, host.Change{Definition: c.Definition, By: caller(ctx).name, Note: r.GetNote(), If: r.GetIfVersion(), Own: len(r.GetFiles()) == 0}, c.Mask)
	if err != nil {
		return nil, err
	}
	return &patchbayv1.ApplyConfigResponse{Version: version, Changed: changed}, nil
}

// configure puts a definition in force, and gives errors the shape that callers
// see.
func (s *configService) configure(ctx context.Context, change host.Change, mask func(string) string) (version uint64, changed bool, err error) {
	_, before, err := s.workspace.Definition(ctx, 0)
	if err != nil {
		return 0, false, err
	}
	version, err = s.workspace.Configure(ctx, change)
	switch {
	case err == nil:
		return version, version != before, nil
	case errors.Is(err, host.ErrOtherVersion):
		return 0, false, refuse(codes.Aborted, codeOtherVersion, "if_version", "%s; plan again", sentence(err))
	case errors.Is(err, host.ErrUnproven):
		text := sentence(err)
		if mask != nil {
			text = mask(text)
		}
		return 0, false, refuse(codes.FailedPrecondition, codeUnproven, "files", "%s; nothing was changed", text)
	default:
		return 0, false, err
	}
}

// GetConfigHistory implements patchbayv1.ConfigServiceServer.
func (s *configService) GetConfigHistory(ctx context.Context, r *patchbayv1.GetConfigHistoryRequest) (*patchbayv1.GetConfigHistoryResponse, error) {
	versions, current, err := s.workspace.Versions(ctx)
	if err != nil {
		return nil, err
	}
	d, _, err := s.workspace.Definition(ctx, 0)
	if err != nil {
		return nil, err
	}
	out := &patchbayv1.GetConfigHistoryResponse{}
	for _, v := range slices.Backward(versions) {
		if limit := int(r.GetLimit()); limit > 0 && len(out.GetVersions()) == limit {
			break
		}
		m := &patchbayv1.ConfigVersion{Version: v.Config, At: stamp(v.At), By: v.By, Note: v.Note, Current: v.Config == current}
		if v.Back != nil {
			before := d.Patched(v.Back)
			m.Lines = lineMessages(host.Compare(before, d), func(text string) string { return text })
			d = before
		}
		out.Versions = append(out.Versions, m)
	}
	return out, nil
}

// RollbackConfig implements patchbayv1.ConfigServiceServer.
func (s *configService) RollbackConfig(ctx context.Context, r *patchbayv1.RollbackConfigRequest) (*patchbayv1.RollbackConfigResponse, error) {
	to := r.GetVersion()
	if to == 0 {
		_, current, err := s.workspace.Definition(ctx, 0)
		if err != nil {
			return nil, err
		}
		if current < 2 {
			return nil, refuse(codes.FailedPrecondition, codeNoVersion, "version", "there is no version before %d", current)
		}
		to = current - 1
	}
	d, _, err := s.workspace.Definition(ctx, to)
	if errors.Is(err, host.ErrNoVersion) {
		return nil, refuse(codes.NotFound, codeNoVersion, "version", "%s", sentence(err))
	}
	if err != nil {
		return nil, err
	}
	if r.GetPlan() {
		plan, err := s.plan(ctx, *d, nil)
		return &patchbayv1.RollbackConfigResponse{Version: plan.GetVersion(), Plan: plan}, err
	}
	note := r.GetNote()
	if note == "" {
		note = fmt.Sprintf("rolled back to version %d", to)
	}
	version, changed, err := s.configure(ctx, host.Change{Definition: *d, By: caller(ctx).name, Note: note}, nil)
	if err != nil {
		return nil, err
	}
	return &patchbayv1.RollbackConfigResponse{Version: version, Changed: changed}, nil
}

// files reads what a caller sent, or the host's own.
func (s *configService) files(list []*patchbayv1.ConfigFile) (*Configuration, error) {
	if s.read == nil {
		return nil, refuse(codes.FailedPrecondition, codeNoConfig, "", "this host was not started from config files, so none can be applied")
	}
	files := make([]ConfigFile, 0, len(list))
	for i, m := range list {
		data, err := unpacked(m)
		if err != nil {
			return nil, invalid(fmt.Sprintf("files[%d].content", i), "%v", err)
		}
		files = append(files, ConfigFile{Name: m.GetName(), Data: data})
	}
	return s.read(files)
}

func unpacked(m *patchbayv1.ConfigFile) ([]byte, error) {
	if !m.GetGzip() {
		return m.GetContent(), nil
	}
	r, err := gzip.NewReader(bytes.NewReader(m.GetContent()))
	if err != nil {
		return nil, fmt.Errorf("this is not gzip: %w", err)
	}
	data, err := io.ReadAll(io.LimitReader(r, maxConfigBytes+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("this is not gzip: %w", err)
	case len(data) > maxConfigBytes:
		return nil, fmt.Errorf("it has more than %d bytes unpacked", maxConfigBytes)
	}
	return data, nil
}

func lineMessages(lines []host.Line, mask func(string) string) []*patchbayv1.ConfigLine {
	out := make([]*patchbayv1.ConfigLine, 0, len(lines))
	for _, l := range lines {
		out = append(out, &patchbayv1.ConfigLine{Section: l.Section, Name: l.Name, Action: l.Action, Text: mask(l.Text)})
	}
	return out
}

func faultMessages(faults []ConfigFault) []*patchbayv1.ConfigFault {
	out := make([]*patchbayv1.ConfigFault, 0, len(faults))
	for _, f := range faults {
		out = append(out, &patchbayv1.ConfigFault{
			File: f.File, Line: uint32(f.Line), Column: uint32(f.Column), Path: f.Path, Code: f.Code, Message: f.Message,
		})
	}
	return out
}
