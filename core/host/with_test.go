// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// What DoWith's callers find holds when their command is decided: of many who
// create work if there is none, one does.
func TestNothingComesBetweenFindingAndDeciding(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	enough := errors.New("there is some")
	spec := engine.WorkSpec{Channel: "case", Queue: "support"}
	var created, refused int
	var mu sync.Mutex
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			_, err := p.DoWith(t.Context(), func(e *engine.Engine) (engine.Command, error) {
				if _, ok := e.Work(1); ok {
					return nil, enough
				}
				return engine.CreateWork{Spec: spec}, nil
			})
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				created++
			case errors.Is(err, enough):
				refused++
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	if created != 1 || refused != 49 {
		t.Errorf("%d were created, %d refused", created, refused)
	}
}

// The loop's own commands are not for callers, however they come.
func TestReservedCommandsAreFoundOut(t *testing.T) {
	t.Parallel()
	p := open(t, definition(1))
	_, err := p.DoWith(t.Context(), func(*engine.Engine) (engine.Command, error) { return engine.DisconnectAll{}, nil })
	if err == nil {
		t.Error("DisconnectAll was decided")
	}
}
