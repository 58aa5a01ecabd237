// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"math"
	"testing"
)

func TestPairVerdict(t *testing.T) {
	t.Parallel()
	good := Pair{
		Connected: true, Channels: 0b100, Channel: 2, Member: true, Skilled: true,
		Open: 1, MaxOpen: 2, Load: Load{Capacity: 3000, Used: 2000, Size: 1000},
	}
	for name, test := range map[string]struct {
		change func(*Pair)
		want   Verdict
	}{
		"fits":              {func(*Pair) {}, VerdictNone},
		"not connected":     {func(p *Pair) { p.Connected = false }, VerdictAgentUnavailable},
		"busy":              {func(p *Pair) { p.Channels = 0 }, VerdictAgentUnavailable},
		"other channel":     {func(p *Pair) { p.Channel = 3 }, VerdictChannelMismatch},
		"no such channel":   {func(p *Pair) { p.Channel = 64 }, VerdictChannelMismatch},
		"no member":         {func(p *Pair) { p.Member = false }, VerdictNotEligible},
		"other required":    {func(p *Pair) { p.OtherRequired = true }, VerdictNotEligible},
		"declined":          {func(p *Pair) { p.Declined = true }, VerdictNotEligible},
		"unskilled":         {func(p *Pair) { p.Skilled = false }, VerdictNotEligible},
		"held":              {func(p *Pair) { p.Held = true }, VerdictNotEligible},
		"tier asked":        {func(p *Pair) { p.Tier, p.Tiers = 2, 2 }, VerdictNone},
		"tier not asked":    {func(p *Pair) { p.Tier, p.Tiers = 2, 1 }, VerdictNotEligible},
		"all tiers asked":   {func(p *Pair) { p.Tier, p.Tiers = 9, 0 }, VerdictNone},
		"by skills":         {func(p *Pair) { p.Member, p.BySkills, p.Needy = false, true, true }, VerdictNone},
		"by skills, tier":   {func(p *Pair) { p.Tier, p.Tiers, p.BySkills, p.Needy = 2, 1, true, true }, VerdictNone},
		"by none":           {func(p *Pair) { p.Member, p.BySkills = false, true }, VerdictNotEligible},
		"offers":            {func(p *Pair) { p.Offers, p.MaxOffers = 2, 2 }, VerdictLimit},
		"one offer more":    {func(p *Pair) { p.Offers, p.MaxOffers = 1, 2 }, VerdictNone},
		"any offers":        {func(p *Pair) { p.Offers = 9 }, VerdictNone},
		"limit":             {func(p *Pair) { p.Open = 2 }, VerdictLimit},
		"limit of none":     {func(p *Pair) { p.Open, p.MaxOpen = 0, 0 }, VerdictLimit},
		"full":              {func(p *Pair) { p.Used = 2001 }, VerdictNoCapacity},
		"over capacity":     {func(p *Pair) { p.Used = 5000; p.Size = 0 }, VerdictNoCapacity},
		"no overflow":       {func(p *Pair) { p.Capacity = 1<<31 - 1; p.Used = -1 << 31; p.Size = 1<<31 - 1 }, VerdictNone},
		"presence first":    {func(p *Pair) { p.Connected, p.Channel, p.Member = false, 3, false }, VerdictAgentUnavailable},
		"channel second":    {func(p *Pair) { p.Channel, p.Member, p.Open = 3, false, 2 }, VerdictChannelMismatch},
		"eligibility third": {func(p *Pair) { p.Declined, p.Open, p.Used = true, 2, 3000 }, VerdictNotEligible},
		"limit fourth":      {func(p *Pair) { p.Open, p.Used = 2, 3000 }, VerdictLimit},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pair := good
			test.change(&pair)
			if got := pair.Verdict(); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		load  Load
		takes int32
		fits  bool
	}{
		"size":                  {Load{Capacity: 3000, Used: 2000, Size: 1000}, 1000, true},
		"size too large":        {Load{Capacity: 3000, Used: 2001, Size: 1000}, 1000, false},
		"share":                 {Load{Capacity: 3000, Used: 1500, Size: 9, Percent: 50_000}, 1500, true},
		"share too large":       {Load{Capacity: 3000, Used: 1501, Percent: 50_000}, 1500, false},
		"three thirds":          {Load{Capacity: 1000, Used: 667, Percent: 33_333}, 333, true},
		"never nothing":         {Load{Capacity: 1000, Used: 1000, Percent: 1}, 1, false},
		"more than there is":    {Load{Capacity: math.MaxInt32, Percent: math.MaxUint32}, math.MaxInt32, true},
		"primary ignores other": {Load{Capacity: 1000, InterruptibleUsed: 5000, Size: 1000}, 1000, true},
		"interruptible":         {Load{Capacity: 1000, InterruptibleCapacity: 2000, InterruptibleUsed: 1000, Interruptible: true, Size: 1000}, 1000, true},
		"interruptible full":    {Load{Capacity: 1000, InterruptibleCapacity: 2000, InterruptibleUsed: 1001, Interruptible: true, Size: 1000}, 1000, false},
		"primary full":          {Load{Capacity: 1000, Used: 1, InterruptibleCapacity: 2000, Interruptible: true, Size: 1000}, 1000, false},
		"share of its own pool": {Load{Capacity: 1000, InterruptibleCapacity: 4000, Interruptible: true, Percent: 25_000}, 1000, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if takes, fits := test.load.Takes(), test.load.Fits(); takes != test.takes || fits != test.fits {
				t.Errorf("takes %d, fits %v; want %d, %v", takes, fits, test.takes, test.fits)
			}
		})
	}
}

func TestSkilled(t *testing.T) {
	t.Parallel()
	skills := []Skill{{Name: 3, Level: 5000}, {Name: 1, Level: 1000}}
	for name, test := range map[string]struct {
		needs []Need
		want  bool
	}{
		"nothing":       {nil, true},
		"exactly":       {[]Need{{Name: 3, Level: 5000}}, true},
		"both":          {[]Need{{Name: 1, Level: 1}, {Name: 3, Level: 1}}, true},
		"level too low": {[]Need{{Name: 3, Level: 5001}}, false},
		"not held":      {[]Need{{Name: 2, Level: 0}}, false},
		"one of two":    {[]Need{{Name: 1}, {Name: 2}}, false},
		"additional":    {[]Need{{Name: 2, Flags: NeedAdditional}}, false},
		"dropped":       {[]Need{{Name: 2, Flags: NeedAdditional | NeedDropped}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := Skilled(test.needs, skills); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
