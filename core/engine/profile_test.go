// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"errors"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// TestPermittedStatuses shows that an agent chooses what its profile permits,
// and that a supervisor may choose for it what it may not.
func TestPermittedStatuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(d *engine.Definition) {
		d.Profiles = []engine.Profile{{Name: "junior", Statuses: []string{"online"}}, {Name: "free"}}
		d.Agents[0].Profile, d.Agents[1].Profile = "junior", "free"
	})
	ann, bob := w.Definition().Agents[0].ID, w.Definition().Agents[1].ID
	refused := func(command engine.Command) {
		t.Helper()
		_, err := w.Step(w.Now(), command)
		if refusal, ok := errors.AsType[*engine.Refusal](err); !ok || refusal.Code != engine.CodeStatusNotPermitted || refusal.Field != "status" {
			t.Errorf("%+v: %v", command, err)
		}
	}
	refused(engine.SignIn{Agent: ann, Status: "break"})
	w.do(engine.SignIn{Agent: ann, Status: "online"})
	refused(engine.SetStatus{Agent: ann, Status: "break"})
	w.do(engine.SetStatus{Agent: ann, Status: "break", Cause: engine.CauseSupervisor})
	w.do(engine.SetStatus{Agent: ann, Status: "online"})
	w.do(engine.SignIn{Agent: bob, Status: "break"})
}

func TestProfilesAreChecked(t *testing.T) {
	t.Parallel()
	for field, change := range map[string]func(*engine.Definition){
		"profiles.junior.statuses": func(d *engine.Definition) {
			d.Profiles = []engine.Profile{{Name: "junior", Statuses: []string{"asleep"}}}
		},
		"profiles":           func(d *engine.Definition) { d.Profiles = []engine.Profile{{Name: "a"}, {Name: "a"}} },
		"agents.ann.profile": func(d *engine.Definition) { d.Agents[0].Profile = "nobody" },
	} {
		w := newWorld(t)
		d := *w.Definition()
		d.Agents = append([]engine.AgentDefinition(nil), d.Agents...)
		change(&d)
		_, err := w.Step(w.Now(), engine.Configure{Definition: d})
		if refusal, ok := errors.AsType[*engine.Refusal](err); !ok || refusal.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}
