// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import "github.com/patchbay-cx/patchbay/core/engine"

// notice is something to be told on a stream once it is durable. It is made when
// the event is, so that it shows nothing that comes later.
type notice struct {
	agent  string
	stream *Stream
	Notice
}

// note makes the notices of a command's events.
func (l *loop) note(events []engine.Event) {
	if len(l.streams) == 0 {
		return
	}
	var work *engine.Work // how the last one is after the command
	for i := range events {
		ev := &events[i]
		if ev.Kind == engine.KindProposalRefused {
			continue
		}
		for _, agent := range l.audience(ev) {
			stream := l.streams[agent]
			if stream == nil {
				continue
			}
			if work == nil || work.ID != ev.Work {
				work = l.work(ev.Work)
			}
			l.batch.notices = append(l.batch.notices, notice{agent, stream, Notice{Event: *ev, Work: work}})
		}
	}
}

// audience returns the agents whom the event concerns: whom it names, and the
// owner of work that somebody joins or leaves.
func (l *loop) audience(ev *engine.Event) []string {
	if ev.From != "" {
		return []string{ev.Agent, ev.From}
	}
	x, w, ok := l.engine.Assignment(ev.Assignment)
	if ok && x.Guest && ev.Kind != engine.KindWorkOffered {
		if owner := w.Owner(); owner != nil && owner.Agent != ev.Agent {
			return []string{ev.Agent, owner.Agent}
		}
	}
	return []string{ev.Agent}
}

func (l *loop) work(id engine.WorkID) *engine.Work {
	if w, ok := l.engine.Work(id); ok {
		return w.Clone()
	}
	return nil
}

// tell passes on what has become durable. Who does not read is not there: the
// grace period begins.
func (l *loop) tell(notices []notice) {
	for i := range notices {
		n := &notices[i]
		if l.streams[n.agent] == n.stream && !n.stream.put(n.Notice) {
			l.detach(n.agent, n.stream)
		}
	}
}
