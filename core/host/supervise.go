// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"context"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
)

// warnEvery is how often a log line at most tells of one strategy's slowness.
const warnEvery = time.Minute

// Release has a strategy that is in quarantine started again. By names who wants
// that, for the record, which is durable when Release returns. Errors are
// *engine.Refusal if there is no such strategy or it is not in quarantine, and
// those of Do.
func (w *Workspace) Release(ctx context.Context, name, by string) error {
	var released error
	err := w.ask(ctx, &request{done: make(chan struct{}), read: func(l *loop) {
		released = l.desk.Release(l.now(), name, by, l.settle)
	}})
	if err != nil {
		return err
	}
	return released
}

// warn tells of a turn that came close to its deadline.
func (l *loop) warn(job *strategy.Job) {
	name, took, deadline, slow := job.Slow()
	if now := time.Now(); slow && now.Sub(l.warned[name]) >= warnEvery {
		l.warned[name] = now
		l.logger.Warn("strategy is slow", "workspace", l.name, "strategy", name, "took", took, "deadline", deadline)
	}
}
