// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"container/list"
	"fmt"
	"strings"
)

const (
	// waitsKept is how many of the last accepted items an estimate looks at.
	waitsKept = 10
	// waitsFor is for how long, in milliseconds, an accepted item counts.
	waitsFor Time = 10 * 60 * 1000
)

// Accepted is how long an item waited that was accepted at a time.
type Accepted struct {
	At   Time `cbor:"1,keyasint"`
	Wait Time `cbor:"2,keyasint"`
}

// Waits are the last accepted items of a queue or of a set of skills, oldest
// first.
type Waits struct {
	// Of names the queue, or the set of skills.
	Of   string     `cbor:"1,keyasint"`
	Last []Accepted `cbor:"2,keyasint"`
}

// estimates keeps the last waits per queue and per set of skills; what was not
// used for longest comes first and is forgotten first.
type estimates struct {
	byName map[string]*list.Element
	used   *list.List // of *Waits
}

func newEstimates() estimates {
	return estimates{byName: make(map[string]*list.Element), used: list.New()}
}

// accepted notes how long an item waited.
func (e *estimates) accepted(of string, at, wait Time) {
	element := e.byName[of]
	if element == nil {
		element = e.used.PushBack(&Waits{Of: of})
		e.byName[of] = element
	}
	e.used.MoveToBack(element)
	w := element.Value.(*Waits)
	if len(w.Last) == waitsKept {
		w.Last = w.Last[:copy(w.Last, w.Last[1:])]
	}
	w.Last = append(w.Last, Accepted{At: at, Wait: max(wait, 0)})
	for first := e.used.Front(); first != nil; first = e.used.Front() {
		old := first.Value.(*Waits)
		if old.Last[len(old.Last)-1].At+waitsFor >= at {
			return
		}
		e.used.Remove(first)
		delete(e.byName, old.Of)
	}
}

// estimate is the weighted mean of the last waits, the newest weighing 10, then
// 9, 8 …; false without any that is young enough.
func (e *estimates) estimate(of string, now Time) (Time, bool) {
	element := e.byName[of]
	if element == nil {
		return 0, false
	}
	last := element.Value.(*Waits).Last
	var sum, weights Time
	for i := range last {
		newest := last[len(last)-1-i]
		if newest.At+waitsFor < now {
			break
		}
		weight := Time(waitsKept - i)
		sum += weight * newest.Wait
		weights += weight
	}
	if weights == 0 {
		return 0, false
	}
	return sum / weights, true
}

// all lists what is kept, in the order of use.
func (e *estimates) all() []Waits {
	var out []Waits
	for element := e.used.Front(); element != nil; element = element.Next() {
		out = append(out, *element.Value.(*Waits))
	}
	return out
}

func (e *estimates) restore(all []Waits) error {
	for i := range all {
		w := all[i]
		if len(w.Last) == 0 || len(w.Last) > waitsKept || e.byName[w.Of] != nil {
			return fmt.Errorf("engine: restore: the waits of %q are empty, too many or there twice", w.Of)
		}
		e.byName[w.Of] = e.used.PushBack(&w)
	}
	return nil
}

func inQueue(name string) string { return "queue " + name }

// withSkills names a set of required skills.
func withSkills(needs []Need) string {
	var b strings.Builder
	b.WriteString("skills")
	for i := range needs {
		fmt.Fprintf(&b, " %q", needs[i].Skill)
	}
	return b.String()
}

// EstimatedWait returns how long work of the queue is expected to wait, in
// milliseconds: the mean of the waits of the last ten accepted items of the
// last ten minutes, the newest weighing most. It is false without data.
func (e *Engine) EstimatedWait(queue string) (Time, bool) {
	return e.waits.estimate(inQueue(queue), e.told)
}

// EstimatedWaitFor is EstimatedWait by the skills that the work requires, or by
// its queue if it requires none, or none was accepted that required them.
func (e *Engine) EstimatedWaitFor(w *Work) (Time, bool) {
	return e.EstimatedWaitAt(w, e.told)
}

// Position returns the work's place in its queue, from 1: how many items that
// wait there are pending before it, and one. It is false for work that does
// not wait.
func (e *Engine) Position(w *Work) (int, bool) {
	if w.State != Waiting {
		return 0, false
	}
	at := 1
	for _, other := range e.queueOf(w).waiting {
		if before(other, w) {
			at++
		}
	}
	return at, true
}
