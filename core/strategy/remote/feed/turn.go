// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package feed

import (
	"encoding/json"
	"strconv"
	"time"

	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// ask takes a turn: it tells readers, settles what was posted before, and
// answers with what has been posted since. With nothing to answer it may linger.
func (r *router) ask(m *strategyv1.Ask) {
	again := r.resumed && m.GetTurn() == r.applied
	r.resumed = false
	if again { // the line broke between the turn and its answer
		if !r.awaited {
			r.link.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Answer{Answer: r.answer}})
		}
		return
	}
	var turn route.Turn
	r.stopLingering()
	r.called, r.awaited, r.applied = false, true, m.GetTurn()
	err := route.DecodeTurn(m.GetFrame(), &turn)
	if err == nil {
		r.epoch = turn.Epoch
		err = r.board.apply(r.lease, &turn)
	}
	if err != nil {
		r.posts.again()
		r.reply(route.EncodeStatus(nil, r.epoch, r.applied, route.StatusNeedSnapshot, ""), nil)
		return
	}
	if turn.Kind.Resets() {
		r.posts.again()
	}
	outcomes := r.posts.settle(r.board.last.Settled, r.proving > 0)
	if !turn.Kind.Asks() {
		r.respond(false)
		return
	}
	r.proving = max(0, r.proving-1)
	r.tell(turn.Kind, outcomes)
	if !r.posts.waiting() && r.strategy.Linger > 0 && r.board.waits() {
		r.lingers()
		return
	}
	r.respond(true)
}

// tell tells readers of a turn. After a snapshot they read the board; of a turn
// that changes nothing for them they hear only if it waits for their answer.
func (r *router) tell(kind route.Kind, outcomes []outcome) {
	if kind != route.KindDelta {
		r.board.reshow()
		r.log.restart(r.applied)
		r.stir()
		return
	}
	change, ok := r.board.change(r.board.last)
	if !ok {
		r.board.reshow()
		r.log.restart(r.applied)
		r.stir()
		return
	}
	change.Lease, change.Number, change.BaseSeq, change.Settled = r.lease, r.applied, r.log.told, outcomes
	if change.empty() && r.strategy.Linger == 0 {
		return
	}
	data, err := json.Marshal(change)
	if err != nil { // of texts and numbers there is no such thing
		r.log.restart(r.applied)
		return
	}
	r.log.put(Event{
		ID: r.id + "-" + strconv.FormatUint(r.log.last+1, 10), Kind: KindDelta, Lease: r.lease, Turn: r.applied, Data: data,
	}, r.door.options)
	r.stir()
}

// lingers leaves the turn open for what is posted in answer to it.
func (r *router) lingers() {
	turn, lease := r.applied, r.lease
	r.linger = time.AfterFunc(r.strategy.Linger, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.lease == lease && r.applied == turn && r.awaited {
			r.respond(true)
		}
	})
}

func (r *router) stopLingering() {
	if r.linger != nil {
		r.linger.Stop()
		r.linger = nil
	}
}

// respond answers the open turn, with what has been posted if it asks for that.
func (r *router) respond(asks bool) {
	r.stopLingering()
	reply := route.Reply{Epoch: r.epoch, Seq: r.applied, Digest: r.board.Digest()}
	var words words
	if asks {
		words = r.posts.propose(&r.board, &reply, r.room())
	}
	frame, err := route.EncodeReply(nil, &reply)
	if err != nil {
		frame = route.EncodeStatus(nil, r.epoch, r.applied, route.StatusInternal, err.Error())
	}
	r.reply(frame, words.reasons())
	if r.posts.waiting() || r.posts.unsettled() {
		r.call() // for the verdicts, and for what had no room
	}
}

// room is how many proposals an answer may have.
func (r *router) room() int {
	const perProposal = 64 // bytes of a row, and of its part of the rest
	most := r.strategy.Proposals
	if r.most > 0 {
		most = min(most, r.most/perProposal)
	}
	return max(1, most)
}

// reply says the answer to the open turn.
func (r *router) reply(frame []byte, reasons []*strategyv1.Reason) {
	r.awaited = false
	r.answer = &strategyv1.Answer{Lease: r.lease, Turn: r.applied, Frame: frame, Reasons: reasons}
	if r.link != nil {
		r.link.say(&strategyv1.SessionRequest{Message: &strategyv1.SessionRequest_Answer{Answer: r.answer}})
	}
}

// words gives codes to texts, beside those of a manifest.
type words struct {
	codes map[string]uint16
	texts []string
}

// firstWord is the first code that words gives. The manifest has none.
const firstWord = 1

// code returns the code of a text; 0 for the empty one.
func (w *words) code(text string) uint16 {
	if text == "" {
		return 0
	}
	code, ok := w.codes[text]
	if !ok {
		if w.codes == nil {
			w.codes = make(map[string]uint16)
		}
		if len(w.texts) == 1<<16-1-firstWord { // there are no more codes
			return 0
		}
		code = uint16(firstWord + len(w.texts))
		w.codes[text] = code
		w.texts = append(w.texts, text)
	}
	return code
}

// reasons are the codes with what they mean.
func (w *words) reasons() []*strategyv1.Reason {
	out := make([]*strategyv1.Reason, len(w.texts))
	for i, text := range w.texts {
		out[i] = &strategyv1.Reason{Code: uint32(firstWord + i), Name: text}
	}
	return out
}
