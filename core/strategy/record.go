// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/giveway"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// faultSnapshot is how it is put on record that a strategy asked for a snapshot.
const faultSnapshot = "need_snapshot"

// Record has the desk put on record whom it employs, and each start, turn and
// stop with what came of it, so that all of it can be done again: the same desk
// over the same events, asked the same at the same places, has to give the same
// commands. It is called before Start.
func (d *Desk) Record() { d.recording = true }

// KeepSecrets leaves the settings and arguments of strategies out of the record:
// whoever plays it again takes them from the definition. It is called before
// Start.
func (d *Desk) KeepSecrets() { d.discreet = true }

// Employ puts on record whom the desk employs, if it keeps a record. Start does
// it first of all; after Engage it is the caller's.
func (d *Desk) Employ(step Step) { d.employ(step, false) }

// EmployAnew is Employ and then Reconfigure, for after an Engage that takes back
// another, which no change of the definition follows.
func (d *Desk) EmployAnew(step Step) error {
	d.employ(step, true)
	return d.Reconfigure()
}

func (d *Desk) employ(step Step, anew bool) {
	engaged := d.employed
	d.employed = true
	if d.recording {
		specs := slices.Clone(d.specs)
		for i := range specs {
			specs[i].Limits = specs[i].Limits.WithDefaults()
			if d.discreet {
				specs[i].Settings, specs[i].Args = nil, nil
			}
		}
		step(engine.RecordEmployed{Employed: engine.Employed{Seed: d.seed, Strategies: EncodeSpecs(specs), Engaged: engaged, Anew: anew, Defined: d.discreet}})
	}
	if !engaged {
		d.began = d.engine.Number()
	}
}

// recorded puts a finished job on record, if the desk keeps one, and returns the
// time of that: what follows from the job happens then, so that it does again.
func (d *Desk) recorded(now engine.Time, job *Job, step Step) engine.Time {
	command, ok := job.record(now, d.engine.Number())
	if !ok || !d.recording {
		return now
	}
	result := step(command)
	if len(result.Events) == 0 {
		return now
	}
	return result.Events[0].At
}

// record describes a finished job; false for one on which nothing depends.
func (j *Job) record(now engine.Time, number uint64) (engine.RecordTurn, bool) {
	p := j.post
	command := engine.RecordTurn{
		By:   engine.Decision{Strategy: p.title(), Epoch: p.epoch},
		Turn: engine.Turn{Behind: number - j.after, Took: max(0, now-j.given), Place: j.place, Post: p.number},
	}
	switch {
	case j.start:
		command.Turn.Task = engine.TaskStart
		command.By.Runtime, command.By.Version = p.spec.Runtime, Legible(j.manifest.Version, maxNameBytes)
		if j.err == nil {
			command.Turn.SHA256 = cmp.Or(p.spec.SHA256, j.sum)
		}
	case j.turn:
		command.Turn.Task = engine.TaskTurn
		command.By.Turn, command.Turn.Board = p.seq, p.turn.Digest
		if j.err == nil {
			command.Turn.Reply = replyDigest(&p.reply)
		}
	default:
		command.Turn.Task = j.Task()
		return command, command.Turn.Task != 0 // whether it ended well changes nothing
	}
	if errors.Is(j.err, route.ErrNeedSnapshot) {
		command.Turn.Fault = faultSnapshot
	} else if j.err != nil {
		fault := j.fault()
		command.Turn.Fault, command.Turn.Gone = fault.Kind.String(), fault.Gone
		command.Detail = Legible(fault.Err.Error(), maxFaultBytes)
	}
	return command, true
}

// judged puts on record what the desk was told or found by itself, and returns
// the time of that, as recorded does.
func (d *Desk) judged(now engine.Time, p *post, task engine.Task, fault, why string, step Step) engine.Time {
	if !d.recording {
		return now
	}
	result := step(engine.RecordTurn{By: p.decision(), Turn: engine.Turn{Task: task, Fault: fault}, Detail: Legible(why, maxFaultBytes)})
	if len(result.Events) == 0 {
		return now
	}
	return result.Events[0].At
}

// Repeat has the desk do again what a record of engine.TaskJudge or
// engine.TaskRelease tells of, and steps that record's own command first. It
// reports whether the record is one of these and its strategy is there.
func (d *Desk) Repeat(ev *engine.Event, step Step) bool {
	if ev.Decision == nil || ev.Turn == nil || d.named[ev.Decision.Strategy] == nil {
		return false
	}
	p := d.named[ev.Decision.Strategy]
	switch ev.Turn.Task {
	case engine.TaskJudge:
		now := d.judged(ev.At, p, ev.Turn.Task, ev.Turn.Fault, ev.Reason, step)
		d.stalledNow(now, p, ev.Reason, ev.Turn.Fault != "", step)
	case engine.TaskRelease:
		d.release(ev.At, p, ev.Reason, step)
	default:
		return false
	}
	return true
}

// fault is what the job failed with, which it must have.
func (j *Job) fault() *Fault {
	if j.start {
		return asFault(FaultStart, j.err)
	}
	return asFault(FaultBroken, j.err)
}

// Recorded is the error that a record tells of, nil if it tells of none.
func Recorded(ev *engine.Event) error {
	switch ev.Turn.Fault {
	case "":
		return nil
	case faultSnapshot:
		return route.ErrNeedSnapshot
	}
	kind := FaultBroken
	for k := FaultStart; k < faultEnd; k++ {
		if k.String() == ev.Turn.Fault {
			kind = k
		}
	}
	return &Fault{Kind: kind, Err: errors.New(ev.Reason), Gone: ev.Turn.Gone}
}

// replyDigest is a digest of a reply: of all in it that the host reads.
func replyDigest(r *route.Reply) uint64 {
	h := digest(len(r.Proposals))
	for i := range r.Proposals {
		p := &r.Proposals[i]
		h.add(uint64(p.Work)<<32 | uint64(p.Revision))
		h.add(uint64(p.Agent)<<32 | uint64(uint32(p.Score)))
		h.add(uint64(p.Reason)<<16 | uint64(p.Rank))
	}
	for i := range r.Notes {
		h.add(uint64(r.Notes[i].Work)<<32 | uint64(r.Notes[i].Reason))
	}
	h.add(r.Epoch)
	h.add(r.Seq)
	h.add(uint64(r.WakeAt))
	h.add(uint64(r.Digest))
	return uint64(h)
}

// digest gathers numbers into one. What it makes of them is durable.
type digest uint64

func (h *digest) add(v uint64) {
	z := (uint64(*h) ^ v) * 0x9e3779b97f4a7c15
	*h = digest(z ^ z>>29)
}

// specRecord is a Spec as it is put on record, with settings that can be read.
// The names of its fields are durable.
type specRecord struct {
	Spec
	Settings json.RawMessage `json:",omitempty"`
}

// EncodeSpecs writes specs as they are put on record.
func EncodeSpecs(specs []Spec) []byte {
	records := make([]specRecord, len(specs))
	for i := range specs {
		records[i] = specRecord{Spec: specs[i], Settings: specs[i].Settings}
	}
	data, err := json.Marshal(records)
	if err != nil { // the settings are not JSON, as their runtime will say, too
		for i := range records {
			records[i].Settings = nil
		}
		data, _ = json.Marshal(records) //nolint:errchkjson // without settings there is nothing left that is not JSON
	}
	return data
}

// DecodeSpecs reads what EncodeSpecs wrote.
func DecodeSpecs(data []byte) ([]Spec, error) {
	var records []specRecord
	if err := json.Unmarshal(data, &records); err != nil {
		return nil, fmt.Errorf("strategy: specs on record: %w", err)
	}
	specs := make([]Spec, len(records))
	for i := range records {
		specs[i] = records[i].Spec
		specs[i].Settings = records[i].Settings
	}
	return specs, nil
}

// Task says what the job is; 0 for one on which nothing depends.
func (j *Job) Task() engine.Task {
	switch {
	case j.start:
		return engine.TaskStart
	case j.turn:
		return engine.TaskTurn
	case j.idle:
		return engine.TaskStop
	case j.look:
		return engine.TaskLook
	case j.standby, j.afterword:
		return 0
	default:
		return engine.TaskClose
	}
}

// Again gives the job that a record tells of, at the place and time at which it
// was given. It returns nil if this desk has no such job to give, which is a
// difference. It takes the place of Start and Next for whoever plays the past
// again, who hands the job back to Done where the record stands.
func (d *Desk) Again(ctx context.Context, rec *engine.Event) *Job {
	given, number := rec.At-rec.Turn.Took, d.engine.Number()
	d.opened = number > d.began // which those of Start are not yet
	for _, p := range d.posts {
		if p.number != rec.Turn.Post {
			continue
		}
		if job := d.again(ctx, p, rec, given); job != nil && job.Task() == rec.Turn.Task {
			p.busy = true
			job.after, job.place, job.given = number, rec.Turn.Place, given
			return job
		}
	}
	return nil
}

func (d *Desk) again(ctx context.Context, p *post, rec *engine.Event, given engine.Time) *Job {
	task, epoch := rec.Turn.Task, rec.Decision.Epoch
	for i, job := range d.ready {
		if job.post == p && task == engine.TaskTurn && p.epoch == epoch {
			d.ready = slices.Delete(d.ready, i, i+1)
			return job
		}
	}
	switch {
	case p.busy, p.epoch != epoch && (task != engine.TaskStart || p.epoch+1 != epoch):
		return nil
	case task == engine.TaskLook:
		return &Job{post: p, look: true, stamp: p.stamp}
	case task == engine.TaskTurn && p.instance == nil, task == engine.TaskStart && p.state != Down:
		return nil
	}
	if d.rested(given, p) {
		p.dismiss()
	}
	closing := &Job{post: p, closing: p.retired}
	p.retired = nil
	if task == engine.TaskClose {
		return closing
	}
	closing.Run(ctx) // what was closed at another time, which changes nothing
	if task == engine.TaskTurn {
		p.called, p.calls = true, 0 // it may have asked for it, which is not on record
	}
	return d.next(p, given)
}

// Manifest returns what a strategy says of itself that has been started.
func (j *Job) Manifest() route.Manifest { return j.manifest }

// Err returns what a job failed with that has run; nil if it did not.
func (j *Job) Err() error { return j.err }

// Checksum returns the SHA-256 of a file in lower-case hex.
func Checksum(path string) (string, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	h, some, pace := sha256.New(), make([]byte, checksumBytes), giveway.Pace{Times: 1, Most: time.Millisecond}
	for err == nil {
		var n int
		n, err = file.Read(some)
		h.Write(some[:n])
		pace.Pause() // a program may be large, and offers do not wait for it
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return hex.EncodeToString(h.Sum(nil)), errors.Join(err, file.Close())
}

// checksumBytes is how much of a file is read at a time for its checksum.
const checksumBytes = 256 << 10

// sumOf returns the checksum of the file that a spec without one names, as far
// as it names one.
func sumOf(spec *Spec) string {
	if spec.Runtime != "wasm" || spec.SHA256 != "" {
		return ""
	}
	sum, err := Checksum(spec.Source)
	if err != nil {
		return "" // and it does not start
	}
	return sum
}

// Fail has the job come to what it came to in the past, instead of Run.
func (j *Job) Fail(err error) { j.err = err }

// Replies returns whom the reply to a turn proposes for which work, first choices
// and others, in order: nobody if it was no turn or came to nothing. It is for
// the time between Run and Done.
func (d *Desk) Replies(j *Job) []engine.Proposal {
	if !j.turn || j.err != nil {
		return nil
	}
	return d.proposals(j.post)
}

// RunPatiently is Run, but waits for a turn as long as it takes, or until ctx
// ends.
func (j *Job) RunPatiently(ctx context.Context) {
	j.patient = true
	j.Run(ctx)
}

// Source returns where the package of the job's strategy is, and whether it is a
// file.
func (j *Job) Source() (path string, ok bool) {
	return j.post.spec.Source, j.post.spec.Runtime == "wasm" || j.post.spec.Runtime == "process"
}
