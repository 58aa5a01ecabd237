// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"reflect"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

const (
	// standbyPause is after how long a standby that did not start is tried again.
	standbyPause = engine.Time(30_000)
	// restMost is how long the instance of a strategy that no queue needs any more
	// is kept: who swaps back, or comes to the next canary, does not wait until it
	// has started again.
	restMost = engine.Time(60_000)
)

// spare is an instance that is started and configured, and waits to take over.
// It is given no turns: when it takes over it gets a snapshot, as each new
// instance does.
type spare struct {
	instance Instance
	manifest route.Manifest
	epoch    uint64
	until    engine.Time // when it is closed if it rests; 0 for one that stands by
	stamp    string      // of the package, when it was started
	sum      string      // of the file, if the spec does not say
}

// wantsStandby reports whether a standby is to be started now. Only a strategy
// that decides has one: who cannot start at all needs no second one that cannot.
func (p *post) wantsStandby(now engine.Time) bool {
	return p.spec.Standby && p.state == Active && p.standby == nil && !p.warming && p.wanted && p.warmAt <= now
}

// stands takes a standby that was started, or not.
func (d *Desk) stands(now engine.Time, job *Job) {
	p := job.post
	p.warming = false
	switch {
	case job.err != nil && p.state == Idle: // it was not needed any more
	case job.err != nil:
		p.standbyFault = Legible(asFault(FaultStart, job.err).Error(), maxFaultBytes)
		p.warmAt = now + standbyPause
	case p.state != Active || job.epoch != p.epoch+1 || !reflect.DeepEqual(job.spec, p.spec):
		p.retired = append(p.retired, job.instance) // it came too late
	default:
		p.standbyFault = ""
		p.standby = &spare{instance: job.instance, manifest: job.manifest, epoch: job.epoch, stamp: job.stamp, sum: job.sum}
	}
}

// stop takes a strategy out of service that no queue needs any more. An instance
// that was started from a package, and did well, rests for a while.
func (d *Desk) stop(now engine.Time, p *post) *Job {
	p.dismiss()
	if p.instance != nil && p.stamp != "" && !p.late && len(p.strikes) == 0 && p.shadows == "" && d.needed(p) {
		p.standby = &spare{
			instance: p.instance, manifest: p.manifest, epoch: p.epoch + 1, until: now + restMost, stamp: p.stamp, sum: p.sum,
		}
		p.instance = nil
	}
	p.retire()
	p.state, p.since = Idle, now
	job := &Job{post: p, closing: p.retired, idle: true}
	p.retired = nil
	return job
}

// rested reports whether an instance rests that has done so for long enough, or
// that nobody can need any more.
func (d *Desk) rested(now engine.Time, p *post) bool {
	return p.state == Idle && p.standby != nil && (p.standby.until <= now || !d.needed(p))
}

// begin returns the job that starts the next instance: the standby, or the one
// that rests, if there is one.
func (p *post) begin(now engine.Time) *Job {
	p.state, p.since = Starting, now
	p.epoch++
	job := &Job{post: p, start: true, spec: p.spec, runtime: p.runtime}
	if p.standby != nil && p.standby.epoch == p.epoch {
		job.instance, job.manifest, job.warm = p.standby.instance, p.standby.manifest, true
		job.stamp, job.sum = p.standby.stamp, p.standby.sum
		p.standby = nil
	}
	p.dismiss()
	return job
}

// dismiss takes the standby out of service, if there is one.
func (p *post) dismiss() {
	if p.standby != nil {
		p.retired = append(p.retired, p.standby.instance)
		p.standby = nil
	}
}

// closes reports whether what is of no more use is to be closed now. What
// recovers by its standby decides again first.
func (p *post) closes() bool {
	recovering := p.state == Probing || p.state == Down && p.standby != nil
	return len(p.retired) > 0 && (!p.spec.Standby || !recovering)
}
