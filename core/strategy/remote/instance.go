// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/handshake"
	strategyv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/strategy/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// instance is a strategy as the desk employs it, carried by whichever router
// leads.
type instance struct {
	doors    *Doors
	spec     strategy.Spec
	limits   strategy.Limits
	epoch    uint64
	manifest route.Manifest
	poke     chan struct{} // something about the session has changed
	ended    chan struct{} // closed by Close

	fresh   bool              // Turn's: the router's board is empty
	reasons map[uint16]string // Turn's: what the last answer's codes mean beside the manifest's

	// The doors' lock guards what follows.
	session *session                           // who leads; nil if nobody does
	leading chan *strategyv1.ConfigureResponse // awaits the word on settings
	ask     *ask                               // the turn under way
	wanted  func()                             // tells that a turn is wanted; nil if nobody listens
	closed  bool
}

// ask is a turn that is under way.
type ask struct {
	turn    uint64
	message *strategyv1.SessionResponse
	answer  chan outcome // of one place
	done    bool         // what came of it has been delivered
}

// outcome is what came of a turn: an answer, or a fault.
type outcome struct {
	frame   []byte
	reasons []*strategyv1.Reason
	err     error
}

var (
	_ strategy.Instance  = (*instance)(nil)
	_ strategy.Waker     = (*instance)(nil)
	_ strategy.Explainer = (*instance)(nil)
)

// refusedSettings says that a router does not take its settings.
type refusedSettings struct {
	router string
	err    error
}

// Error implements error.
func (e *refusedSettings) Error() string { return e.router + ": " + e.err.Error() }

func fault(kind strategy.FaultKind, format string, args ...any) error {
	return &strategy.Fault{Kind: kind, Err: fmt.Errorf("remote: "+format, args...)}
}

// absent says that there is no router any more. It is no reason to wait before
// one is waited for.
func absent(err error) error {
	return &strategy.Fault{Kind: strategy.FaultDied, Err: fmt.Errorf("remote: %w", err), Absent: true}
}

func closedFault() error { return fault(strategy.FaultDied, "the instance is closed") }

// Turn implements strategy.Instance. When the router that leads is gone, one
// that stands by leads at once, and the turn is given to it if it is a snapshot,
// or else a snapshot is asked for. If nobody stands by, Turn waits for the router
// to come back, and sends it the turn again.
func (in *instance) Turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error {
	var message *strategyv1.SessionResponse
	for {
		s, err := in.leader(ctx)
		if err != nil {
			return err
		}
		if in.fresh && !turn.Kind.Resets() && turn.Kind != route.KindCandidates {
			return route.ErrNeedSnapshot
		}
		if message == nil {
			frame, err := route.EncodeTurn(nil, turn)
			if err != nil {
				return err
			}
			message = askMessage(turn.Seq, frame)
		}
		got := in.exchange(ctx, s, message)
		if err = got.err; errors.Is(err, errGone) {
			continue
		}
		in.fresh = false
		if err == nil {
			in.learn(got.reasons)
			if err = in.read(got.frame, turn, reply); err != nil {
				in.tell(s, turn.Seq, err)
			}
		}
		in.judge(s, err)
		return err
	}
}

func askMessage(turn uint64, frame []byte) *strategyv1.SessionResponse {
	return &strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Ask{
		Ask: &strategyv1.Ask{Turn: turn, Frame: frame},
	}}
}

// errGone says that another router should be asked.
var errGone = errors.New("remote: the router is gone")

// leader returns who leads. If the leader's connection is lost and somebody
// stands by, that one is made to lead.
func (in *instance) leader(ctx context.Context) (*session, error) {
	for {
		in.doors.mu.Lock()
		s, closed := in.session, in.closed
		lost := s != nil && s.conn == nil
		in.doors.mu.Unlock()
		if closed {
			return nil, closedFault()
		}
		if s != nil && !lost {
			return s, nil
		}
		_, other := in.claim(&in.manifest)
		switch {
		case other == nil && s != nil:
			return s, nil // it may come back in time
		case other == nil:
			return nil, absent(in.nobody(""))
		}
		in.fresh = true
		if err := in.lead(ctx, other); err != nil && ctx.Err() != nil {
			return nil, fault(strategy.FaultDied, "the router that led is gone, and the one that stood by does not lead in time: %w", err)
		}
	}
}

// exchange sends the turn and waits for what comes of it: errGone if another
// router should be asked.
func (in *instance) exchange(ctx context.Context, s *session, message *strategyv1.SessionResponse) outcome {
	a, err := in.send(s, message)
	if err != nil {
		return outcome{err: err}
	}
	defer in.forgetAsk()
	for {
		select {
		case got := <-a.answer:
			return got
		case <-in.poke:
			if in.replaceable(s) {
				return outcome{err: errGone}
			}
		case <-ctx.Done():
			return in.overdue(s, a)
		case <-in.ended:
			return outcome{err: closedFault()}
		}
	}
}

// learn notes what codes of an answer mean.
func (in *instance) learn(reasons []*strategyv1.Reason) {
	clear(in.reasons)
	for _, r := range reasons {
		if in.reasons == nil {
			in.reasons = make(map[uint16]string, len(reasons))
		}
		in.reasons[uint16(r.GetCode())] = r.GetName()
	}
}

// Reason implements strategy.Explainer.
func (in *instance) Reason(code uint16) string { return in.reasons[code] }

// OnWake implements strategy.Waker.
func (in *instance) OnWake(wake func()) {
	in.doors.mu.Lock()
	defer in.doors.mu.Unlock()
	in.wanted = wake
}

// call says that the router wants a turn. The doors are locked.
func (in *instance) call() {
	if in.wanted != nil {
		in.wanted()
	}
}

// send begins a turn.
func (in *instance) send(s *session, message *strategyv1.SessionResponse) (*ask, error) {
	in.doors.mu.Lock()
	defer in.doors.mu.Unlock()
	if in.session != s {
		return nil, errGone
	}
	turn := message.GetAsk().GetTurn()
	// Its own copy: what was sent before may still be on its way.
	m := askMessage(turn, message.GetAsk().GetFrame())
	m.GetAsk().Lease = s.lease
	in.ask = &ask{turn: turn, message: m, answer: make(chan outcome, 1)}
	s.asked = turn
	if s.conn != nil {
		s.conn.say(m)
	}
	return in.ask, nil
}

func (in *instance) forgetAsk() {
	in.doors.mu.Lock()
	defer in.doors.mu.Unlock()
	in.ask = nil
}

// replaceable reports whether the session is over, or its connection is lost
// while somebody else stands by.
func (in *instance) replaceable(s *session) bool {
	in.doors.mu.Lock()
	defer in.doors.mu.Unlock()
	return in.session != s || s.conn == nil && s.room.free(in.spec.Class, &in.manifest) != nil
}

// overdue says why a turn was not answered in time. An answer that came at the
// last moment counts.
func (in *instance) overdue(s *session, a *ask) outcome {
	in.doors.mu.Lock()
	defer in.doors.mu.Unlock()
	if a.done {
		return <-a.answer
	}
	a.done = true
	s.missed = a.turn
	if s.conn == nil {
		return outcome{err: absent(fmt.Errorf("the connection of %s was lost, and it did not come back in time", s.name()))}
	}
	return outcome{err: fault(strategy.FaultDeadline, "%s did not answer in time", s.name())}
}

// deliver hands over what came of the turn under way. The doors are locked.
func (in *instance) deliver(o outcome) {
	if in.ask != nil && !in.ask.done {
		in.ask.done = true
		in.ask.answer <- o
	}
}

// wake has Turn look again. The instance may be nil.
func (in *instance) wake() {
	if in == nil {
		return
	}
	select {
	case in.poke <- struct{}{}:
	default:
	}
}

// read takes the answer.
func (in *instance) read(frame []byte, turn *route.Turn, reply *route.Reply) error {
	if most := in.replyBytes(); len(frame) > most {
		return fault(strategy.FaultTooLarge, "its reply has %d bytes, %d are allowed", len(frame), most)
	}
	err := route.DecodeReply(frame, reply)
	if err == nil || errors.Is(err, route.ErrNeedSnapshot) {
		if reply.Epoch != turn.Epoch || reply.Seq != turn.Seq {
			return fault(strategy.FaultWrongTurn, "it answered turn %d of epoch %d, but turn %d of epoch %d was asked",
				reply.Seq, reply.Epoch, turn.Seq, turn.Epoch)
		}
	}
	if err != nil {
		err = quote{err}
	}
	return strategy.ReplyError(err)
}

// replyBytes is the length of the longest answer.
func (in *instance) replyBytes() int {
	if door := in.doors.options.MaxReplyBytes; door > 0 {
		return min(door, in.limits.ReplyBytes)
	}
	return in.limits.ReplyBytes
}

// judge notes whether the router's turn came to something.
func (in *instance) judge(s *session, err error) {
	f, failed := errors.AsType[*strategy.Fault](err)
	in.doors.mu.Lock()
	defer in.doors.mu.Unlock()
	s.struck = failed && f.Kind != strategy.FaultDied // a line that breaks is not its fault
}

// tell tells the router why its answer is not used.
func (in *instance) tell(s *session, turn uint64, err error) {
	f, _ := errors.AsType[*strategy.Fault](err)
	in.doors.mu.Lock()
	defer in.doors.mu.Unlock()
	if s.conn == nil || f == nil {
		return
	}
	switch f.Kind {
	case strategy.FaultRubbish:
		s.conn.notice(strategyv1.Notice_CODE_RUBBISH, s.lease, turn, "the answer to turn %d cannot be read: %v", turn, f.Err)
	case strategy.FaultTooLarge:
		s.conn.notice(strategyv1.Notice_CODE_TOO_LARGE, s.lease, turn, "the answer to turn %d is too long: %v", turn, f.Err)
	case strategy.FaultWrongTurn:
		s.conn.notice(strategyv1.Notice_CODE_WRONG_TURN, s.lease, turn, "the answer to turn %d does not fit: %v", turn, f.Err)
	}
}

// claim takes a router that stands by and is like the one before, if any. Who
// was claimed before is released. Changed is closed when it is worth trying
// again; nil if it is not worth waiting.
func (in *instance) claim(like *route.Manifest) (changed <-chan struct{}, s *session) {
	d := in.doors
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.rooms[cmp.Or(in.spec.Of, in.spec.Name)]
	if r == nil || in.closed {
		return nil, nil
	}
	if s = r.free(in.spec.Class, like); s == nil {
		if !d.open {
			return nil, nil
		}
		return r.changed, nil
	}
	if in.session != nil {
		in.session.release()
	}
	d.lease++
	s.lease, s.holder = d.lease, in
	in.session, in.leading = s, make(chan *strategyv1.ConfigureResponse, 1)
	return nil, s
}

// lead tells a router that was claimed to lead, and waits until the settings are
// in force. If it does not lead, it is released.
func (in *instance) lead(ctx context.Context, s *session) error {
	err := in.configure(ctx, s)
	in.doors.mu.Lock()
	defer in.doors.mu.Unlock()
	in.leading = nil
	if err == nil {
		in.doors.options.Logger.Info("a router leads", "strategy", in.spec.Name, "router", s.router, "lease", s.lease, "epoch", in.epoch)
		return nil
	}
	if in.session == s {
		s.struck = true
		s.release()
	}
	return err
}

func (in *instance) configure(ctx context.Context, s *session) error {
	if _, err := in.spec.SettingsFor(&s.manifest); err != nil {
		return &refusedSettings{s.name(), fmt.Errorf("it refuses its settings: %w", err)}
	}
	answer, err := in.order(s)
	if err != nil {
		return err
	}
	for {
		select {
		case response := <-answer:
			err := handshake.Refused(response, func(text string) {
				in.doors.options.Logger.Warn("a router on its settings", "strategy", in.spec.Name, "router", s.router, "says", clip(text))
			})
			if err != nil {
				return &refusedSettings{s.name(), quote{err}}
			}
			return nil
		case <-in.poke:
			if in.lacks(s) {
				return fmt.Errorf("%s went away when it was to lead", s.name())
			}
		case <-ctx.Done():
			return fmt.Errorf("%s did not say in time whether it takes its settings", s.name())
		case <-in.ended:
			return errors.New("the instance is closed")
		}
	}
}

// order sends the Lead.
func (in *instance) order(s *session) (<-chan *strategyv1.ConfigureResponse, error) {
	in.doors.mu.Lock()
	defer in.doors.mu.Unlock()
	if in.session != s || s.conn == nil {
		return nil, fmt.Errorf("%s went away when it was to lead", s.name())
	}
	s.conn.say(&strategyv1.SessionResponse{Message: &strategyv1.SessionResponse_Lead{Lead: &strategyv1.Lead{
		Lease: s.lease, Epoch: in.epoch,
		Configure:    &strategyv1.ConfigureRequest{Generation: 1, SettingsJson: handshake.Settings(in.spec.Settings)},
		TurnBudgetUs: handshake.BudgetUs(in.limits.TurnDeadline), MaxReplyBytes: uint32(min(in.replyBytes(), 1<<32-1)),
	}}})
	return in.leading, nil
}

// lacks reports whether the session does not carry the instance any more.
func (in *instance) lacks(s *session) bool {
	in.doors.mu.Lock()
	defer in.doors.mu.Unlock()
	return in.session != s || s.conn == nil
}

// Close implements strategy.Instance. The router is told that it does not lead
// any more, and stands by.
func (in *instance) Close() error {
	in.doors.mu.Lock()
	defer in.doors.mu.Unlock()
	if !in.closed {
		in.closed = true
		close(in.ended)
		if in.session != nil {
			in.session.release()
		}
	}
	return nil
}
