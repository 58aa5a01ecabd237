// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

const (
	// lookEvery is how often it is looked whether the package of a strategy in
	// quarantine has changed.
	lookEvery = engine.Time(10_000)
	// maxKept is how many frames are kept of one strategy.
	maxKept = 16
)

// Stamper is a Runtime that can tell whether what it would start is still what
// it started: a strategy in quarantine is released when it is not.
type Stamper interface {
	// Stamp returns something that changes when the spec's package does; empty
	// if there is nothing to tell by. It may read the file system, but must not
	// take long. It is safe for concurrent use.
	Stamp(spec Spec) string
}

// Preparer is a Runtime that can do beforehand what makes a first start slow.
type Preparer interface {
	// Prepare does so for a strategy that may be needed later. It begins nothing new
	// when ctx has ended, though what is under way, such as compiling, may be ended
	// first.
	// What is wrong with it is for Start to say. It is safe for concurrent use.
	Prepare(ctx context.Context, spec Spec)
}

// FileStamp is a Stamp of a file, by its size and when it was written. The
// runtimes share it.
func FileStamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return "missing"
	}
	return fmt.Sprintf("%d %d", info.Size(), info.ModTime().UnixNano())
}

// stampOf returns the stamp of the spec's package; empty if the runtime has
// none.
func (p *post) stampOf() string {
	if stamper, ok := p.runtime.(Stamper); ok {
		return stamper.Stamp(p.spec)
	}
	return ""
}

// quarantine keeps the strategy from being started again.
func (d *Desk) quarantine(now engine.Time, p *post, step Step) {
	p.dismiss()
	p.keep()
	p.retryAt = now + lookEvery
	d.change(now, p, Quarantined, fmt.Sprintf("failed %d times in a row; the last time: %s", p.falls, p.counts.LastFault), step)
}

// looks reports whether it is time to look at the package of a strategy in
// quarantine.
func (p *post) looks(now engine.Time) bool {
	return p.state == Quarantined && p.stamp != "" && p.retryAt <= now
}

// looked releases the strategy if its package has changed.
func (d *Desk) looked(now engine.Time, job *Job, step Step) {
	p := job.post
	if p.state != Quarantined {
		return
	}
	p.retryAt = now + lookEvery
	if job.stamp != p.stamp {
		d.release(now, p, "released: its file has changed", step)
	}
}

// Release has a strategy in quarantine started again. By says who wants that,
// for the record; it may be empty. Errors are *engine.Refusal: there is no such strategy, or it is
// not in quarantine.
func (d *Desk) Release(now engine.Time, name, by string, step Step) error {
	p := d.named[name]
	switch {
	case p == nil:
		return &engine.Refusal{Code: engine.CodeUnknownStrategy, Field: "strategy", Message: fmt.Sprintf("there is no strategy %q", name)}
	case p.state != Quarantined:
		return &engine.Refusal{Code: engine.CodeWrongState, Field: "strategy", Message: fmt.Sprintf(
			"strategy %q is %v; only one that is quarantined can be released", name, p.state)}
	}
	if by == "" {
		by = "an admin"
	}
	d.release(now, p, "released by "+by, step)
	return nil
}

// release is an input to the desk as turns are, and goes on record like them.
func (d *Desk) release(now engine.Time, p *post, why string, step Step) {
	now = d.judged(now, p, engine.TaskRelease, "", why, step)
	p.failures, p.falls, p.retryAt = 0, 0, now
	d.change(now, p, Down, why, step)
}

// trapped is a turn of which an instance died.
type trapped struct {
	sum   [sha256.Size]byte // of what it said, whichever instance it was for
	known bool
}

// kept is a frame to be written down for the post-mortem.
type kept struct {
	path  string
	frame []byte
	why   string
}

// KeepFrames has the desk write down, in that folder, a turn of which a strategy
// died twice, and the last one of which it died before it was put in quarantine:
// as frames, each beside a text that says what happened. It makes the folder if
// need be. Without it nothing is written. It is called before
// Start.
func (d *Desk) KeepFrames(folder string) { d.folder = folder }

// remember notes of what the instance died, off the workspace's loop.
func (j *Job) remember(turn *route.Turn) {
	if fault := j.fault(); !fault.Fatal() {
		return
	}
	frame, err := route.EncodeTurn(nil, turn)
	if err != nil {
		return
	}
	// The same board in another start's turn has the same rows.
	bare := *turn
	bare.Epoch, bare.Seq, bare.BaseSeq, bare.Now, bare.Seed, bare.Budget = 0, 0, 0, 0, 0, 0
	rows, err := route.EncodeTurn(nil, &bare)
	if err != nil {
		return
	}
	j.frame, j.trap = frame, trapped{sum: sha256.Sum256(rows), known: true}
}

// trapped compares of what the instance died with what the one before did, and
// sets the frame aside if it is the same.
func (d *Desk) trapped(p *post, job *Job) {
	if !job.trap.known || d.folder == "" {
		return
	}
	again := p.trap == job.trap
	p.trap = job.trap
	name := fileName(p.spec.Name) + "-" + hex.EncodeToString(job.trap.sum[:6]) + ".frame"
	p.death = &kept{path: filepath.Join(d.folder, name), frame: job.frame, why: fmt.Sprintf(
		"Strategy %s (%s %s, version %q) died of this turn, as start %d of it.\n\n%v\n",
		p.spec.Name, p.spec.Runtime, p.spec.Source, p.manifest.Version, p.epoch, job.err)}
	if again {
		p.keep()
	}
}

// keep has the turn of which the strategy died last written down, unless it is
// already.
func (p *post) keep() {
	if p.death != nil && p.kept < maxKept {
		p.kept++
		p.keeps, p.lastKept = append(p.keeps, *p.death), p.death.path
	}
	p.death = nil
}

// fileName makes a name one of a file.
func fileName(name string) string {
	out := []byte(name)
	for i, c := range out {
		if c == '/' || c == '\\' || c == 0 || c == ':' || i == 0 && c == '.' {
			out[i] = '_'
		}
	}
	return string(out)
}

// write writes the frame and what there is to say of it.
func (k *kept) write() error {
	if err := os.MkdirAll(filepath.Dir(k.path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(k.path, k.frame, 0o600); err != nil {
		return err
	}
	return os.WriteFile(k.path+".txt", []byte(k.why), 0o600)
}
