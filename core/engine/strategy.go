// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

// StrategyDefinition is what admins say of a strategy: which it is and what it
// may do. The engine puts it on record with the rest of a definition; running
// strategies is the host's.
type StrategyDefinition struct {
	// Name is the admin's name for it, which routing configs use.
	Name string `cbor:"1,keyasint"`
	// Runtime says how it runs, Source what.
	Runtime string `cbor:"2,keyasint"`
	Source  string `cbor:"3,keyasint,omitempty"`
	// Args are given to a process. Like Settings they hold references to secrets
	// and never what those lead to.
	Args []string `cbor:"4,keyasint,omitempty"`
	// SHA256 is the file's checksum in lower-case hex; empty for none.
	SHA256 string `cbor:"5,keyasint,omitempty"`
	// Settings are its own, a JSON object; empty for none.
	Settings string `cbor:"6,keyasint,omitempty"`
	// Attributes lists the attributes of work that it may see.
	Attributes []string `cbor:"7,keyasint,omitempty"`
	// MayExceed lets it give agents more than they have capacity for.
	MayExceed bool `cbor:"8,keyasint,omitempty"`
	// Limits bound one instance.
	Limits StrategyLimits `cbor:"9,keyasint,omitzero"`
	// Standby keeps a second instance ready.
	Standby bool `cbor:"10,keyasint,omitempty"`
	// QuarantineAfter is after how many failures it is not started again; 0 means
	// never.
	QuarantineAfter uint32 `cbor:"11,keyasint,omitempty"`
	// Tokens are the checksums of the secrets by which its routers are known, in
	// lower-case hex, if it runs far away.
	Tokens []string `cbor:"12,keyasint,omitempty"`
	// Door says by which door they come; empty for sessions. Linger is how many
	// milliseconds a turn waits at the door of feeds for its answer.
	Door   string `cbor:"13,keyasint,omitempty"`
	Linger Time   `cbor:"14,keyasint,omitempty"`
	// Split divides its work among routers of classes; nil if it does not.
	Split *StrategySplit `cbor:"15,keyasint,omitempty"`
}

// StrategySplit divides the work of a strategy into classes, each decided on by
// routers of its own.
type StrategySplit struct {
	// By says what the class of work is: "channel", or "attribute", and then
	// Name is the attribute's.
	By   string `cbor:"1,keyasint"`
	Name string `cbor:"2,keyasint,omitempty"`
	// Classes are the values of which each is a class.
	Classes []string `cbor:"3,keyasint,omitempty"`
}

// StrategyLimits bound one instance of a strategy; a zero field means the
// host's default. Times are in milliseconds.
type StrategyLimits struct {
	TurnDeadline   Time   `cbor:"1,keyasint,omitempty"`
	StartTimeout   Time   `cbor:"2,keyasint,omitempty"`
	MemoryBytes    uint64 `cbor:"3,keyasint,omitempty"`
	ReplyBytes     uint64 `cbor:"4,keyasint,omitempty"`
	ReplyProposals uint32 `cbor:"5,keyasint,omitempty"`
	LogLines       uint32 `cbor:"6,keyasint,omitempty"`
	CPUTime        Time   `cbor:"7,keyasint,omitempty"`
	OpenFiles      uint32 `cbor:"8,keyasint,omitempty"`
	// Processes is how many further processes it may have; -1 for none.
	Processes int32 `cbor:"9,keyasint,omitempty"`
}

// addStrategies checks strategies by their names alone. A definition without
// any leaves it to the host which there are.
func (x *index) addStrategies(d *Definition) error {
	x.strategies = make(map[string]*StrategyDefinition, len(d.Strategies))
	for i := range d.Strategies {
		s := &d.Strategies[i]
		if err := put(x.strategies, "strategies", s.Name, s); err != nil {
			return err
		}
		if s.Runtime == "" {
			return refuse(CodeInvalidDefinition, "strategies."+s.Name+".runtime", "a runtime is needed")
		}
	}
	if len(d.Strategies) == 0 {
		return nil
	}
	for i := range d.RoutingConfigs {
		r := &d.RoutingConfigs[i]
		if x.strategies[r.Strategy] == nil {
			return missing("routing_configs."+r.Name+".strategy", "strategy", r.Strategy)
		}
		if r.Fallback != "" && x.strategies[r.Fallback] == nil {
			return missing("routing_configs."+r.Name+".fallback", "strategy", r.Fallback)
		}
	}
	for i := range d.Queues {
		if err := x.checkDeciders(&d.Queues[i]); err != nil {
			return err
		}
	}
	return nil
}

func (x *index) checkDeciders(q *QueueDefinition) error {
	named := map[string]string{"strategy": q.Deciders.Strategy, "shadow": q.Deciders.Shadow}
	if c := q.Deciders.Canary; c != nil {
		named["canary.strategy"] = c.Strategy
	}
	for _, key := range sortedKeys(named) {
		if name := named[key]; name != "" && x.strategies[name] == nil {
			return missing("queues."+q.Name+"."+key, "strategy", name)
		}
	}
	return nil
}

func (s *StrategyDefinition) clone() {
	s.Args, s.Attributes, s.Tokens = copied(s.Args), copied(s.Attributes), copied(s.Tokens)
	if s.Split = pointed(s.Split); s.Split != nil {
		s.Split.Classes = copied(s.Split.Classes)
	}
}
