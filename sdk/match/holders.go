// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match

import "github.com/patchbay-cx/patchbay/sdk/route"

// holders are the agents on the board who hold a skill, at whatever level and
// whether they can take anything or not, in no order.
type holders struct{ refs []uint32 }

// held is that an agent holds a skill.
type held struct {
	name  uint32 // dictionary id
	level uint32
	at    uint32 // where in the skill's holders
}

// holdersOf returns how many agents hold the skill.
func (x *Index) holdersOf(skill uint32) int {
	if h := x.holders[skill]; h != nil {
		return len(h.refs)
	}
	return 0
}

// holds reports whether the agent holds every need at its level.
func (s *seat) holds(needs []route.Need) bool {
	for i := range needs {
		if level, ok := s.level(needs[i].Name); !ok || level < needs[i].Level {
			return false
		}
	}
	return true
}

func (s *seat) level(skill uint32) (level uint32, ok bool) {
	for i := range s.skills {
		if s.skills[i].name == skill {
			return s.skills[i].level, true
		}
	}
	return 0, false
}

// learn makes the agent a holder of exactly these skills. Mostly they are those
// that it held before.
func (x *Index) learn(ref uint32, skills []route.Skill) {
	s := &x.seats[ref]
	if s.knows(skills) {
		return
	}
	x.unlearn(ref)
	for i := range skills {
		if _, twice := s.level(skills[i].Name); twice {
			continue
		}
		h := x.holders[skills[i].Name]
		if h == nil {
			h = &holders{}
			x.holders[skills[i].Name] = h
		}
		s.skills = append(s.skills, held{skills[i].Name, skills[i].Level, uint32(len(h.refs))})
		s.levels += int64(skills[i].Level)
		h.refs = append(h.refs, ref)
	}
}

// knows reports whether the skills are just those the agent holds.
func (s *seat) knows(skills []route.Skill) bool {
	if len(skills) != len(s.skills) {
		return false
	}
	for i := range skills {
		if s.skills[i].name != skills[i].Name || s.skills[i].level != skills[i].Level {
			return false
		}
	}
	return true
}

func (x *Index) unlearn(ref uint32) {
	s := &x.seats[ref]
	for _, skill := range s.skills {
		h := x.holders[skill.name]
		last := len(h.refs) - 1
		moved := h.refs[last]
		h.refs[skill.at] = moved
		h.refs = h.refs[:last]
		if moved != ref {
			x.seats[moved].moved(skill.name, skill.at)
		}
		if last == 0 {
			delete(x.holders, skill.name)
		}
	}
	s.skills, s.levels = s.skills[:0], 0
}

// moved notes where the agent stands among the holders of the skill now.
func (s *seat) moved(skill, at uint32) {
	for i := range s.skills {
		if s.skills[i].name == skill {
			s.skills[i].at = at
			return
		}
	}
}
