// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// How often, and for how long of its own time, a router is asked again that
// gathers work before it decides.
const (
	mostWaits = 8
	longWait  = 10_000 // milliseconds
)

// play is one leadership of the router, and the board that it is given.
type play struct {
	course   *course
	instance strategy.Instance
	host     *routetest.Host
	wakeAt   int64         // of the last reply
	offers   []string      // "w1 -> anna", of every proposal that held
	took     time.Duration // of the slowest turn, with what the host itself does
	turned   uint64        // its number
}

// lead has the router lead, on an empty board. The error says why it does not.
func (c *course) lead(ctx context.Context) (*play, error) {
	instance, manifest, err := c.start(ctx)
	if err != nil {
		return nil, fmt.Errorf("it does not lead: %w", err)
	}
	c.manifest = manifest
	return &play{course: c, instance: instance, host: routetest.NewHost()}, nil
}

func (c *course) start(ctx context.Context) (strategy.Instance, route.Manifest, error) {
	c.epoch++
	limits := strategy.Limits{TurnDeadline: c.options.Budget, StartTimeout: c.options.Patience}
	if c.stand.door != "" {
		limits.TurnDeadline = c.options.Deadline // the host's own door would hold the vendor to it, wherever time is not what is tried
	}
	return c.runtime().Start(ctx, strategy.Spec{
		Name: c.stand.Strategy(), Runtime: "remote", Settings: c.options.Settings, Limits: limits,
	}, c.epoch)
}

// runtime has whoever is connected lead.
func (c *course) runtime() strategy.Runtime {
	doors, _ := c.stand.places()
	return shortlist.New(remote.New(doors))
}

// begin has the router lead, and decide about n items that n agents may take.
func (c *course) begin(ctx context.Context, n int) (*play, error) {
	p, err := c.lead(ctx)
	if err != nil {
		return nil, err
	}
	p.scene(n)
	if err := p.decides(ctx, "with agents who are idle"); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// close ends the leadership.
func (p *play) close() { _ = p.instance.Close() }

// scene puts agents on the board who each can take one item, and as many items.
func (p *play) scene(n int) {
	p.host.Queue("support").Model(route.ModelLongestIdle)
	for i := range n {
		p.host.Agent("agent-" + strconv.Itoa(i)).Capacity(1000).In("support").On("case").Idle(int64(i+1) * 1000).SignedIn(60_000)
	}
	p.work("w", n)
}

// late puts another agent on the board who is idle, and another item.
func (p *play) late() {
	p.host.Agent("agent-late").Capacity(1000).In("support").On("case").Idle(1000)
	p.work("late", 1)
}

// work puts items on the board.
func (p *play) work(prefix string, n int) {
	for i := range n {
		p.host.Work(fmt.Sprintf("%s%d", prefix, i)).In("support").On("case").Size(1000).Age(int64(n-i) * 1000)
	}
}

// carry brings the router up to date, and settles what it proposes. A router
// that asks for a snapshot gets one. The error says how a turn was answered
// instead.
func (p *play) carry(ctx context.Context) error {
	err := p.bring(ctx)
	if errors.Is(err, route.ErrNeedSnapshot) {
		p.host.Snapshot()
		err = p.bring(ctx)
	}
	return err
}

// bring carries what there is to be told.
func (p *play) bring(ctx context.Context) error {
	for _, turn := range p.host.Turns() {
		var reply route.Reply
		turn.Budget = uint32(min(p.course.options.Budget.Microseconds(), 1<<32-1))
		if err := p.turn(ctx, turn, &reply); err != nil {
			if errors.Is(err, route.ErrNeedSnapshot) {
				return err
			}
			return fmt.Errorf("turn %d was answered with: %w", turn.Seq, err)
		}
		p.wakeAt = reply.WakeAt
		p.take(turn.Seq, &reply)
	}
	return nil
}

// turn carries one turn, for as long as turns may take here.
func (p *play) turn(ctx context.Context, turn *route.Turn, reply *route.Reply) error {
	ctx, cancel := context.WithTimeout(ctx, p.course.options.Deadline+p.course.options.Patience)
	defer cancel()
	began, seq := time.Now(), turn.Seq
	err := p.instance.Turn(ctx, turn, reply)
	if took := time.Since(began); took > p.took {
		p.took, p.turned = took, seq
	}
	return err
}

// take settles proposals, and notes those that do not hold and reasons that
// nobody knows.
func (p *play) take(seq uint64, reply *route.Reply) {
	for _, proposal := range reply.Proposals {
		verdict := p.host.Settle(seq, proposal)[0]
		switch {
		case verdict == route.VerdictAcceptedByHost:
			p.offers = append(p.offers, fmt.Sprintf("work %d -> agent %d", proposal.Work, proposal.Agent))
		case proposal.Rank == 0 || verdict != route.VerdictAlreadyAssigned:
			p.course.find("turn %d: the proposal of work %d, revision %d, to agent %d does not hold: %v",
				seq, proposal.Work, proposal.Revision, proposal.Agent, verdict)
		}
		p.known(proposal.Reason)
	}
	for _, note := range reply.Notes {
		p.known(note.Reason)
	}
}

// known finds a reason that the manifest does not have.
func (p *play) known(code uint16) {
	reasons := p.course.manifest.Reasons
	if p.course.minding && code != 0 && !slices.ContainsFunc(reasons, func(r route.Reason) bool { return r.Code == code }) {
		p.course.find("it gives the reason %d, which its manifest does not have", code)
	}
}

// decide gives the router turns until it proposes something that holds, or has
// let every chance pass, and returns how many offers were made.
func (p *play) decide(ctx context.Context) (offers int, err error) {
	before := len(p.offers)
	for range mostWaits {
		if err := p.carry(ctx); err != nil {
			return 0, err
		}
		wait := p.wakeAt - p.host.Now()
		if len(p.offers) > before || wait <= 0 || wait > longWait {
			break
		}
		p.host.Wait(wait)
	}
	return len(p.offers) - before, nil
}

// decides wants something offered, and else finds that nothing is.
func (p *play) decides(ctx context.Context, when string) error {
	n, err := p.decide(ctx)
	if err == nil && n == 0 {
		p.course.find("%s, it proposes nothing, though agents are idle who may take what waits", when)
	}
	return err
}

// works wants the router to lead and to decide as if nothing had been.
func (c *course) works(ctx context.Context, when string) error {
	if !c.present(ctx, c.options.Patience) {
		return fmt.Errorf("%s, it does not dial again within %v", when, c.options.Patience)
	}
	p, err := c.lead(ctx)
	if err != nil {
		return fmt.Errorf("%s, %w", when, err)
	}
	defer p.close()
	p.scene(3)
	return p.decides(ctx, when)
}

// leader is the line of the router that leads, or could; an error if there is
// none.
func (c *course) leader() (*line, error) {
	lines := c.stand.tried()
	if len(lines) == 0 {
		return nil, errors.New("no router is connected")
	}
	return lines[0], nil
}

// answers waits until the router has answered everything that it was sent
// before: it is sent a ping, and its pong waited for.
func (c *course) answers(ctx context.Context, l *line, number uint64) error {
	mark := c.stand.mark()
	if err := l.send(pingOf(number)); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Patience)
	defer cancel()
	if _, ok := c.stand.await(ctx, mark, func(h *happening) bool { return h.what == "pong" && h.turn == number }); !ok {
		return fmt.Errorf("a ping is not answered by a pong of the same number within %v", c.options.Patience)
	}
	return nil
}
