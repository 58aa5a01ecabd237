// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package handshake_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy/handshake"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	got := handshake.Request(handshake.Terms{HostVersion: "v9", Epoch: 3, ReplyBytes: 1000, Budget: 2 * time.Millisecond})
	if got.GetEpoch() != 3 || got.GetMaxReplyBytes() != 1000 || got.GetTurnBudgetUs() != 2000 || got.GetHostVersion() != "v9" {
		t.Errorf("%v", got)
	}
	if first := got.GetLayouts()[0]; first.GetTable() != 1 || first.GetStride() != uint32(route.TableAgent.Stride()) {
		t.Errorf("the first layout is %v", first)
	}
	if handshake.BudgetUs(-1) != 0 || handshake.BudgetUs(2*time.Hour) != 1<<32-1 {
		t.Error("a budget is not cut to what fits")
	}
}

func TestManifest(t *testing.T) {
	t.Parallel()
	got, err := handshake.Manifest(&strategyv1.HandshakeResponse{
		Name: "x", Version: "1.2.3", View: strategyv1.View_VIEW_CANDIDATES, Candidates: 4,
		Layouts: []*strategyv1.Layout{{Table: 2, Stride: 112}},
		Reasons: []*strategyv1.Reason{{Code: 7, Name: "best", Text: "Best."}},
	})
	want := route.Manifest{
		Name: "x", Version: "1.2.3", Majors: []uint32{1}, View: route.ViewCandidates, Candidates: 4,
		Tables: []route.Table{route.TableWork}, Reasons: []route.Reason{{Code: 7, Name: "best", Text: "Best."}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for words, bad := range map[string]*strategyv1.HandshakeResponse{
		"minor version 1":        {Name: "x", Minor: 1},
		"no name":                {},
		"versions [7]":           {Name: "x", Majors: []uint32{7}},
		"view 9":                 {Name: "x", View: 9},
		"65 candidates":          {Name: "x", Candidates: 65},
		"1000 bytes per row":     {Name: "x", Layouts: []*strategyv1.Layout{{Table: 2, Stride: 1000}}},
		"of table 70000":         {Name: "x", Layouts: []*strategyv1.Layout{{Table: 70000, Stride: 8}}},
		"reason \"a\" has the c": {Name: "x", Reasons: []*strategyv1.Reason{{Name: "a"}}},
	} {
		if _, err := handshake.Manifest(bad); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%v, want %q", err, words)
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	var warned string
	err := handshake.Refused(&strategyv1.ConfigureResponse{Diagnostics: []*strategyv1.Diagnostic{
		{Severity: strategyv1.Diagnostic_SEVERITY_WARNING, Path: "a", Message: "odd"},
		{Severity: strategyv1.Diagnostic_SEVERITY_ERROR, Message: "bad"},
	}}, func(text string) { warned = text })
	if err == nil || err.Error() != "it refuses its settings: bad" || warned != "a: odd" {
		t.Errorf("%v, warned %q", err, warned)
	}
	if handshake.Refused(nil, nil) != nil || string(handshake.Settings(nil)) != "{}" {
		t.Error("nothing is refused")
	}
}
