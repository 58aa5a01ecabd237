// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func TestParseSkill(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]*patchbayv1.RequiredSkill{
		"german":                         {Skill: "german"},
		"german=7.5":                     {Skill: "german", Level: 7.5},
		"german,additional":              {Skill: "german", Additional: true},
		"german=1,additional,priority=3": {Skill: "german", Level: 1, Additional: true, Priority: 3},
		"german=7,relax=30s:5,relax=1m:2": {Skill: "german", Level: 7, Relax: []*patchbayv1.Relaxation{
			{After: durationpb.New(30 * time.Second), Level: 5}, {After: durationpb.New(time.Minute), Level: 2},
		}},
	} {
		if got, err := parseSkill(text); err != nil || !proto.Equal(got, want) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
}

// Whatever is typed, it is read as a skill with a name, or refused.
func FuzzParseSkill(f *testing.F) {
	for _, seed := range []string{"german=7,additional,priority=2,relax=30s:5", "=", ",", "a=", "a,relax=", "a,relax=1s", "a,priority=70000", "a,,b"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if skill, err := parseSkill(text); err == nil && skill.GetSkill() == "" {
			t.Errorf("%q is a skill without a name", text)
		}
	})
}
