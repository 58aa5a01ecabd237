// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"reflect"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// Proven is an instance that was started to see whether its strategy starts.
type Proven struct {
	spec       Spec
	instance   Instance
	manifest   route.Manifest
	stamp, sum string
}

// Prove starts a strategy, in no more than its StartTimeout. The instance is the
// caller's: for Desk.Lend, or to be closed.
func Prove(ctx context.Context, runtime Runtime, spec Spec) (*Proven, error) {
	spec.Limits = spec.Limits.WithDefaults()
	job := &Job{post: &post{spec: spec, runtime: runtime}, spec: spec, runtime: runtime}
	job.stamp = job.post.stampOf()
	if job.begin(ctx, 1); job.err != nil {
		return nil, job.err
	}
	return &Proven{spec: spec, instance: job.instance, manifest: job.manifest, stamp: job.stamp, sum: job.sum}, nil
}

// Close ends the instance.
func (p *Proven) Close() error { return p.instance.Close() }

// Lend offers instances to the desk for what it was told by Engage, so that what
// was started once need not be started again at once. It keeps those that it can
// use, which rest until they are needed, and returns the others.
func (d *Desk) Lend(now engine.Time, proven []*Proven) (left []*Proven) {
	for _, x := range proven {
		p := d.named[x.spec.Name]
		if p != nil && p.successor != nil {
			p = p.successor
		}
		if p == nil || p.state != Idle && p.state != Down || p.instance != nil || p.standby != nil || p.busy || p.stampOf() == "" || !reflect.DeepEqual(p.spec, x.spec) {
			left = append(left, x)
			continue
		}
		p.standby = &spare{
			instance: x.instance, manifest: x.manifest, epoch: p.epoch + 1, until: now + restMost, stamp: x.stamp, sum: x.sum,
		}
	}
	return left
}
