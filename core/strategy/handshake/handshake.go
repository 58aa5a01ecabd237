// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package handshake is the host's half of the handshake of
// patchbay.strategy.v1: what it tells a strategy that is not linked in, and how
// it reads what the strategy says of itself.
//
// It knows the messages and the contract. It does not know how they are
// carried.
package handshake

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Minor is the highest minor version of patchbay.strategy.v1 that the host
// speaks.
const Minor = 0

// Terms are what a strategy is told beside what the host speaks. All may be
// zero for a strategy that is told them later.
type Terms struct {
	// HostVersion is the host's version, for logs.
	HostVersion string
	// Epoch is the number of this start.
	Epoch uint64
	// ReplyBytes is the length of the longest reply that is taken.
	ReplyBytes int
	// Budget is how long a turn may take; 0 or less means as long as it likes.
	Budget time.Duration
}

// Request returns what the host says.
func Request(terms Terms) *strategyv1.HandshakeRequest {
	request := &strategyv1.HandshakeRequest{
		Minor: Minor,
		Features: []strategyv1.Feature{
			strategyv1.Feature_FEATURE_WAKE_AT, strategyv1.Feature_FEATURE_DIGEST,
			strategyv1.Feature_FEATURE_SNAPSHOT_PAGES, strategyv1.Feature_FEATURE_CANDIDATES,
		},
		HostVersion: terms.HostVersion, Epoch: terms.Epoch, MaxReplyBytes: uint32(terms.ReplyBytes),
		TurnBudgetUs: BudgetUs(terms.Budget),
	}
	for table := route.TableAgent; table.Stride() > 0; table++ {
		request.Layouts = append(request.Layouts, &strategyv1.Layout{
			Table: uint32(table), Version: route.Layout, Stride: uint32(table.Stride()),
		})
	}
	return request
}

// BudgetUs is a budget in microseconds as messages carry it; 0 for none.
func BudgetUs(budget time.Duration) uint32 {
	return uint32(min(max(0, budget.Microseconds()), 1<<32-1))
}

// Manifest reads what the strategy says of itself. An error says what keeps the
// host from working with it.
func Manifest(in *strategyv1.HandshakeResponse) (route.Manifest, error) {
	m := route.Manifest{
		Name: in.GetName(), Version: in.GetVersion(), Majors: in.GetMajors(),
		SettingsSchema: in.GetSettingsSchema(), Deterministic: in.GetDeterministic(),
		View: route.ViewBoard, Candidates: int(min(in.GetCandidates(), 1<<20)),
	}
	if m.Majors == nil {
		m.Majors = []uint32{route.ContractMajor}
	}
	switch {
	case in.GetMinor() > Minor:
		return m, fmt.Errorf("handshake: it answers minor version %d, but the highest common one is %d", in.GetMinor(), Minor)
	case m.Name == "":
		return m, errors.New("handshake: its manifest has no name")
	case !slices.Contains(m.Majors, route.ContractMajor):
		return m, fmt.Errorf("handshake: it speaks the contract's versions %v; this host speaks %d", m.Majors, uint32(route.ContractMajor))
	}
	if err := view(in, &m); err != nil {
		return m, err
	}
	if err := tables(in, &m); err != nil {
		return m, err
	}
	return m, reasons(in, &m)
}

func view(in *strategyv1.HandshakeResponse, m *route.Manifest) error {
	switch in.GetView() {
	case strategyv1.View_VIEW_UNSPECIFIED, strategyv1.View_VIEW_BOARD:
	case strategyv1.View_VIEW_CANDIDATES:
		m.View = route.ViewCandidates
	default:
		return fmt.Errorf("handshake: it wants view %d; this host shows the board (1) or candidates (2)", in.GetView())
	}
	if m.Candidates > route.MaxCandidates {
		return fmt.Errorf("handshake: it wants %d candidates for each item; this host gives %d at most", in.GetCandidates(), route.MaxCandidates)
	}
	return nil
}

func tables(in *strategyv1.HandshakeResponse, m *route.Manifest) error {
	for _, layout := range in.GetLayouts() {
		table := route.Table(min(layout.GetTable(), 0xffff))
		if own := uint32(table.Stride()); own == 0 || layout.GetStride() > own {
			return fmt.Errorf("handshake: it wants %d bytes per row of table %d; this host sends %d", layout.GetStride(), layout.GetTable(), own)
		}
		m.Tables = append(m.Tables, table)
	}
	return nil
}

func reasons(in *strategyv1.HandshakeResponse, m *route.Manifest) error {
	for _, reason := range in.GetReasons() {
		if reason.GetCode() == 0 || reason.GetCode() > 0xffff {
			return fmt.Errorf("handshake: reason %q has the code %d, which is not within 1 to 65535", reason.GetName(), reason.GetCode())
		}
		m.Reasons = append(m.Reasons, route.Reason{Code: uint16(reason.GetCode()), Name: reason.GetName(), Text: reason.GetText()})
	}
	return nil
}

// Refused says why a strategy did not take its settings; nil if it took them.
// What is not an error is told to warn, which may be nil.
func Refused(response *strategyv1.ConfigureResponse, warn func(string)) error {
	for _, d := range response.GetDiagnostics() {
		text := strings.TrimPrefix(d.GetPath()+": "+d.GetMessage(), ": ")
		if d.GetSeverity() == strategyv1.Diagnostic_SEVERITY_ERROR {
			return fmt.Errorf("it refuses its settings: %s", text)
		}
		if warn != nil {
			warn(text)
		}
	}
	return nil
}

// Settings are settings as a strategy is given them: "{}" if there are none.
func Settings(settings []byte) []byte {
	if len(settings) == 0 {
		return []byte("{}")
	}
	return settings
}
