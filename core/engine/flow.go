// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import "slices"

// Flow is what is done with incoming work before it waits: a chain of steps.
// The host evaluates it, once, when work arrives; an engine only keeps it and
// records what came of it.
type Flow struct {
	Name string `cbor:"1,keyasint"`
	// Channels lists the channels whose work goes through it; none means all
	// that no other flow names.
	Channels []string `cbor:"2,keyasint,omitempty"`
	Steps    []Step   `cbor:"3,keyasint,omitempty"`
	// Fallback names the queue to which work goes when a step fails.
	Fallback string `cbor:"4,keyasint"`
}

// Step is one step of a flow. What it does not say, it leaves as it is.
type Step struct {
	Name string `cbor:"1,keyasint"`
	// When is a CEL expression; the step does something only if it is true.
	// Empty is always true.
	When string `cbor:"2,keyasint,omitempty"`
	// Queue, Priority, Preferred, For, TimeToLive and Overflow are set; Needs
	// are added. Times are milliseconds.
	Queue      string    `cbor:"3,keyasint,omitempty"`
	Priority   *int32    `cbor:"4,keyasint,omitempty"`
	Needs      []Need    `cbor:"5,keyasint,omitempty"`
	Preferred  string    `cbor:"6,keyasint,omitempty"`
	For        Time      `cbor:"7,keyasint,omitempty"`
	TimeToLive Time      `cbor:"8,keyasint,omitempty"`
	Overflow   *Overflow `cbor:"9,keyasint,omitempty"`
	// Last ends the flow once the step has done something.
	Last bool `cbor:"10,keyasint,omitempty"`
}

// Taken is what became of one step of a flow, or of a skill rule, for one work.
type Taken struct {
	// Step is the step's name, after its flow's: "intake/vip".
	Step string `cbor:"1,keyasint"`
	// Failed says why it failed; empty if it did what it says.
	Failed string `cbor:"2,keyasint,omitempty"`
}

func (x *index) checkFlows(d *Definition) error {
	taken := make(map[string]bool)
	everything := false
	for i := range d.Flows {
		f := &d.Flows[i]
		at := "flows." + f.Name
		switch {
		case f.Name == "":
			return refuse(CodeInvalidDefinition, "flows", "a name is empty")
		case slices.ContainsFunc(d.Flows[:i], func(other Flow) bool { return other.Name == f.Name }):
			return refuse(CodeInvalidDefinition, "flows", "%q is there twice", f.Name)
		case x.queues[f.Fallback] == nil:
			return missing(at+".fallback", "queue", f.Fallback)
		case len(f.Channels) == 0 && everything:
			return refuse(CodeInvalidDefinition, at+".channels", "two flows take all channels; name the channels of one")
		}
		everything = everything || len(f.Channels) == 0
		for _, name := range f.Channels {
			if _, ok := x.channels[name]; !ok {
				return missing(at+".channels", "channel", name)
			}
			if taken[name] {
				return refuse(CodeInvalidDefinition, at+".channels", "channel %q goes through another flow already", name)
			}
			taken[name] = true
		}
		for i := range f.Steps {
			if err := x.checkStep(at+".steps."+f.Steps[i].Name, &f.Steps[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (x *index) checkStep(at string, s *Step) error {
	switch {
	case s.Queue != "" && x.queues[s.Queue] == nil:
		return missing(at+".queue", "queue", s.Queue)
	case s.Priority != nil && *s.Priority < 0:
		return refuse(CodeInvalidDefinition, at+".priority", "priority must not be negative; 0 is highest")
	case s.Preferred != "" && x.agents[s.Preferred] == nil:
		return missing(at+".preferred_agent", "agent", s.Preferred)
	case (s.Preferred == "") != (s.For == 0):
		return refuse(CodeInvalidDefinition, at+".preferred_for", "preferred_agent and preferred_for go together")
	}
	if err := spanned(at+".preferred_for", s.For); err != nil {
		return err
	}
	if err := spanned(at+".time_to_live", s.TimeToLive); err != nil {
		return err
	}
	if err := x.checkOverflow(CodeInvalidDefinition, at+".overflow", s.Queue, s.Overflow); err != nil {
		return err
	}
	return x.checkNeeds(CodeInvalidDefinition, at+".skills", s.Needs)
}
