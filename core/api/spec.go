// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/patchbay-cx/patchbay/core/engine"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// described is what the requests that bring work in have in common.
type described interface {
	GetIdempotencyKey() string
	GetChannel() string
	GetQueue() string
	GetExternal() string
	GetAttributes() map[string]string
	GetCustomer() string
	GetConversation() string
	GetTranscript() string
	GetSkills() []*patchbayv1.RequiredSkill
}

// sized is how a request says what work takes; nil is not given.
type sized struct{ units, percent *float64 }

func specOf(r described, size sized) (engine.WorkSpec, error) {
	spec := engine.WorkSpec{
		Key: r.GetIdempotencyKey(), Channel: r.GetChannel(), Queue: r.GetQueue(), External: r.GetExternal(),
		Attributes: r.GetAttributes(), Customer: r.GetCustomer(), Conversation: r.GetConversation(), Transcript: r.GetTranscript(),
	}
	var err error
	if spec.Size, err = size.amount(); err != nil {
		return spec, err
	}
	spec.Needs, err = needsOf(r.GetSkills())
	return spec, err
}

// createdSpec is work as a source describes it.
func createdSpec(r *patchbayv1.CreateWorkRequest) (engine.WorkSpec, error) {
	spec, err := specOf(r, sized{r.Size, r.SizePercent})
	if err != nil {
		return spec, err
	}
	spec.Priority, spec.RequiredAgent, spec.PreferredAgent, spec.Backup = r.Priority, r.GetRequiredAgent(), r.GetPreferredAgent(), r.GetBackupQueue()
	if spec.RequestedAt, err = moment("requested_at", r.GetRequestedAt()); err != nil {
		return spec, err
	}
	if spec.TargetAcceptAt, err = moment("target_accept_at", r.GetTargetAcceptAt()); err != nil {
		return spec, err
	}
	if spec.ExpiresAt, err = moment("expires_at", r.GetExpiresAt()); err != nil {
		return spec, err
	}
	spec.PreferredFor, err = span("preferred_for", r.GetPreferredFor())
	return spec, err
}

// startedSpec is work as the agent describes it who started it.
func startedSpec(r *patchbayv1.StartWorkRequest) (engine.WorkSpec, error) {
	spec, err := specOf(r, sized{r.Size, r.SizePercent})
	spec.Priority = r.Priority
	return spec, err
}

// amount is a size of a request; none leaves it to the config.
func (s sized) amount() (engine.Amount, error) {
	switch {
	case s.units != nil && s.percent != nil:
		return engine.Amount{}, invalid("size_percent", "size is given as units and in per cent; give one of the two")
	case s.units != nil:
		size, err := milli("size", *s.units)
		if err == nil && size == 0 {
			return engine.Amount{}, invalid("size", "size should be above 0; left out, it is the routing config's or the channel's")
		}
		return engine.Units(size), err
	case s.percent != nil:
		percent, err := milli("size_percent", *s.percent)
		if err == nil && percent == 0 {
			return engine.Amount{}, invalid("size_percent", "size_percent should be above 0; left out, it is the routing config's or the channel's")
		}
		return engine.Percent(uint32(percent)), err
	}
	return engine.Amount{}, nil
}

// needsOf are required skills as the engine has them.
func needsOf(skills []*patchbayv1.RequiredSkill) ([]engine.Need, error) {
	var needs []engine.Need
	for _, r := range skills {
		level, err := milli("skills", r.GetLevel())
		if err != nil {
			return nil, err
		}
		need := engine.Need{
			Skill: r.GetSkill(), Level: engine.Level(level), Additional: r.GetAdditional(), Group: uint16(r.GetPriority()),
		}
		for _, step := range r.GetRelax() {
			after, err := span("skills", step.GetAfter())
			if err != nil {
				return nil, err
			}
			lower, err := milli("skills", step.GetLevel())
			if err != nil {
				return nil, err
			}
			need.Relax = append(need.Relax, engine.Relaxation{After: after, Level: engine.Level(lower)})
		}
		needs = append(needs, need)
	}
	return needs, nil
}

// replaced are the skills that replace those required so far, nil if they stay
// as they are.
func replaced(skills []*patchbayv1.RequiredSkill, none bool) (*[]engine.Need, error) {
	switch {
	case none && len(skills) > 0:
		return nil, invalid("clear_skills", "give skills, or clear_skills, but not both")
	case none:
		return &[]engine.Need{}, nil
	case len(skills) == 0:
		return nil, nil
	}
	needs, err := needsOf(skills)
	return &needs, err
}

// span is a duration of a request in the engine's milliseconds, 0 if there is
// none. Finer ones are refused rather than rounded.
func span(field string, d *durationpb.Duration) (engine.Time, error) {
	if d == nil {
		return 0, nil
	}
	if err := d.CheckValid(); err != nil {
		return 0, invalid(field, "%s is not a span of time that can be told", field)
	}
	ms := d.GetSeconds()*1000 + int64(d.GetNanos())/1_000_000
	switch {
	case d.GetSeconds() < 0 || d.GetNanos() < 0:
		return 0, invalid(field, "%s should not be negative", field)
	case int64(d.GetNanos())%1_000_000 != 0:
		return 0, invalid(field, "%s is finer than a millisecond", field)
	}
	return engine.Time(ms), nil
}
