// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"errors"
	"fmt"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// resync gives the strategy a snapshot, as it asked for. One that asks again
// and again is broken.
func (d *Desk) resync(now engine.Time, p *post, step Step) {
	p.counts.Resyncs++
	if p.resyncs++; p.resyncs > maxResyncs {
		p.resyncs = 0
		d.failed(now, p, &Fault{Kind: FaultBroken, Err: fmt.Errorf("asked for %d snapshots in a row", maxResyncs+1)}, step)
		return
	}
	p.feed.reset()
}

// failed deals with a fault: the fallback decides at once where the strategy
// cannot, and the strategy is given another chance.
func (d *Desk) failed(now engine.Time, p *post, fault *Fault, step Step) {
	p.counts.Faults++
	p.counts.LastFault = Legible(fault.Error(), maxFaultBytes)
	p.good = 0
	d.faulted(p)
	if p.state == Active && p.since+wellAfter <= now {
		p.failures, p.falls = 0, 0
	}
	p.feed.reset()
	switch {
	case fault.Fatal() || p.strike(now) || fault.Kind == FaultDeadline && p.late:
		d.fell(now, p, step)
		if fault.Absent && p.state == Down {
			p.failures--
			p.retryAt = now + backoffFirst
		}
	case fault.Kind == FaultDeadline:
		// One turn of grace: it is asked again while the fallback decides.
		p.late = true
		d.change(now, p, Probing, p.counts.LastFault, step)
	}
}

// fell takes the instance out of service until a later start. With a standby
// that is at once, unless the strategy has fallen before and not been well
// since: then it is the instance's successor that would fall.
func (d *Desk) fell(now engine.Time, p *post, step Step) {
	if p.instance != nil {
		p.falls++
	}
	p.retire()
	p.strikes, p.stalled = nil, ""
	p.retryAt = now + p.backoff()
	if p.spec.Standby && p.failures == 0 {
		p.retryAt = now
	}
	p.failures++
	if p.spec.QuarantineAfter > 0 && p.falls >= p.spec.QuarantineAfter {
		d.quarantine(now, p, step)
		return
	}
	d.change(now, p, Down, p.counts.LastFault, step)
}

// change moves a strategy to another state and puts it on record.
func (d *Desk) change(now engine.Time, p *post, state State, why string, step Step) {
	changed := p.state != state
	if changed {
		p.state, p.since = state, now
		d.assign(false)
	}
	step(engine.RecordStrategy{By: p.decision(), State: state.String(), Detail: why})
	switch {
	case !changed:
	case p.predecessor != nil && p.shadows == "":
		d.succeed(p, why, step)
	case state == Down || state == Quarantined:
		d.revert(p, why, step)
	}
}

func asFault(kind FaultKind, err error) *Fault {
	if fault, ok := errors.AsType[*Fault](err); ok {
		return fault
	}
	return &Fault{Kind: kind, Err: err}
}
