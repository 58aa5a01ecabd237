// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest

import "github.com/patchbay-cx/patchbay/sdk/route"

// Work is work on a Host. Its methods change it and return it.
type Work struct {
	slot
	host       *Host
	row        route.Work
	needs      []route.Need
	declined   []uint32
	attributes [][2]string
	asked      asked
}

// asked says for which proposal work was offered last: the turn, the revision
// it was decided on, and the revision since.
type asked struct {
	seq          uint64
	revision, as uint32
}

// Work returns the work of that name, which arrives now if there is none: of
// priority 0 and size 1000, in no queue of the board.
func (h *Host) Work(name string) *Work {
	if w := h.work.named(name); w != nil {
		return w
	}
	if len(h.held[name]) > 0 {
		panic(misuse(name + " is open already"))
	}
	h.sequence++
	w := &Work{host: h}
	w.slot = slot{table: route.TableWork, name: name, version: &w.row.Revision}
	w.ref, w.gen = h.work.add(name, w)
	w.row = route.Work{
		Ref: w.ref, Gen: w.gen, Queue: 1 << 20, Sequence: h.sequence, RequestedAt: h.now,
		Size: 1000, State: route.WorkWaiting,
	}
	w.changed()
	return w
}

// In puts the work into the queue.
func (w *Work) In(queue string) *Work {
	w.row.Queue = w.host.Queue(queue).ref
	w.changed()
	return w
}

// On sets the work's channel.
func (w *Work) On(channel string) *Work {
	w.row.Channel = w.host.channel(channel)
	w.changed()
	return w
}

// Size sets what the work takes of an agent's capacity, in milli-units.
func (w *Work) Size(milli int32) *Work {
	w.row.Size, w.row.Percent = milli, 0
	w.changed()
	return w
}

// Percent sets what the work takes as a share of an agent's capacity, in
// thousandths of a per cent; 0 means that its size says it.
func (w *Work) Percent(thousandths uint32) *Work {
	w.row.Percent = thousandths
	w.changed()
	return w
}

// Interruptible sets whether the work takes interruptible capacity.
func (w *Work) Interruptible(yes bool) *Work {
	w.row.Flags &^= route.WorkInterruptible
	if yes {
		w.row.Flags |= route.WorkInterruptible
	}
	w.changed()
	return w
}

// Tier sets up to which tier members are asked by now; 0 means all.
func (w *Work) Tier(tier uint16) *Work {
	w.row.Tier = tier
	w.changed()
	return w
}

// Priority sets the priority and the secondary priority; 0 is highest.
func (w *Work) Priority(priority, secondary int32) *Work {
	w.row.Priority, w.row.Secondary = priority, secondary
	w.changed()
	return w
}

// Age sets since when the customer waits, as milliseconds ago.
func (w *Work) Age(ms int64) *Work {
	w.row.RequestedAt = w.host.now - ms
	w.changed()
	return w
}

// Target sets within how many milliseconds from now the work should be
// accepted.
func (w *Work) Target(ms int64) *Work {
	w.row.TargetAcceptAt = w.host.now + ms
	w.changed()
	return w
}

// Need adds a required skill at a level in thousandths.
func (w *Work) Need(skill string, level uint32, flags route.NeedFlags) *Work {
	w.needs = append(w.needs, route.Need{Name: w.host.word(skill), Level: level, Flags: flags})
	w.changed()
	return w
}

// Drop drops what the work needs of the skill: it is not required any more.
func (w *Work) Drop(skill string) *Work {
	id := w.host.word(skill)
	for i := range w.needs {
		if w.needs[i].Name == id {
			w.needs[i].Flags |= route.NeedAdditional | route.NeedDropped
		}
	}
	w.changed()
	return w
}

// NeedNothing takes all required skills away.
func (w *Work) NeedNothing() *Work {
	w.needs = w.needs[:0]
	w.changed()
	return w
}

// Requires sets the only agent the work may be offered to.
func (w *Work) Requires(agent string) *Work {
	w.row.Agent = w.host.word(agent)
	w.row.Flags |= route.WorkRequired
	w.changed()
	return w
}

// Held holds the work, or ends that: held, it may not be offered.
func (w *Work) Held(yes bool) *Work {
	w.row.Flags &^= route.WorkHeld
	if yes {
		w.row.Flags |= route.WorkHeld
	}
	w.changed()
	return w
}

// Prefers sets the agent who alone is asked for that many milliseconds.
func (w *Work) Prefers(agent string, ms int64) *Work {
	w.row.Agent = w.host.word(agent)
	w.row.PreferredUntil = w.host.now + ms
	w.changed()
	return w
}

// Declined sets the agents to whom the work may not be offered.
func (w *Work) Declined(agents ...string) *Work {
	w.declined = w.declined[:0]
	for _, name := range agents {
		w.declined = append(w.declined, w.host.word(name))
	}
	w.changed()
	return w
}

// Attribute adds an attribute.
func (w *Work) Attribute(name, value string) *Work {
	w.host.word(name)
	w.attributes = append(w.attributes, [2]string{name, value})
	w.changed()
	return w
}

// Sequence sets the number of the work's arrival.
func (w *Work) Sequence(n uint64) *Work {
	w.row.Sequence = n
	w.changed()
	return w
}

// Resend sends the row again in the next turn though nothing changed.
func (w *Work) Resend() *Work {
	w.dirty = true
	return w
}
