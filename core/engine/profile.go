// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"slices"
	"strings"
)

// Profile is what agents of a kind may do. Their presence config and what
// supervisors see is the host's matter.
type Profile struct {
	Name string `cbor:"1,keyasint"`
	// Statuses lists the presence statuses that an agent may choose; none means
	// any. What an offer or a supervisor puts an agent into need not be listed.
	Statuses []string `cbor:"2,keyasint,omitempty"`
}

func profileName(p *Profile) string { return p.Name }

func (x *index) addProfiles(d *Definition) error {
	x.profiles = make(map[string]*Profile, len(d.Profiles))
	for i := range d.Profiles {
		p := &d.Profiles[i]
		if err := put(x.profiles, "profiles", p.Name, p); err != nil {
			return err
		}
		for _, name := range p.Statuses {
			if _, ok := x.statuses[name]; !ok {
				return missing("profiles."+p.Name+".statuses", "status", name)
			}
		}
	}
	return nil
}

// permitted refuses a status that the agent's profile does not let it choose.
func (s *step) permitted(a *Agent, status string) error {
	p := s.names.profiles[a.Definition.Profile]
	if p == nil || len(p.Statuses) == 0 || slices.Contains(p.Statuses, status) {
		return nil
	}
	return refuse(CodeStatusNotPermitted, "status", "profile %q does not permit agent %q status %q; it permits %s",
		p.Name, a.ID, status, strings.Join(p.Statuses, ", "))
}
