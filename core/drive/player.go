// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// callTimeout bounds one call to the host; catchUp how long the player waits
// for the feed at the end.
const (
	callTimeout = 30 * time.Second
	catchUp     = 30 * time.Second
)

// Player plays one plan on one host, once. It is made by New.
type Player struct {
	plan    *Plan
	options Options
	host    *Host
	checker *Checker
	work    patchbayv1.WorkServiceClient
	run     string // begins the idempotency keys and references of this run
	clock   clock
	begun   chan struct{} // closed when the clock has been set to its start

	customers []customer
	byID      map[string]*customer
	left      atomic.Int64  // customers who have not come to an end
	done      chan struct{} // closed when there are none
	errors    faults
	progress  progress

	create, late, offer, accept, complete sample
}

// progress is kept while playing.
type progress struct {
	come, served, abandoned, refused atomic.Int64
}

// Progress is how far a player has come.
type Progress struct {
	// Customers is how many there are in the plan, Come how many have come.
	Customers, Come int
	// Served, Abandoned and Refused are how many came to these ends.
	Served, Abandoned, Refused int
	// Violations is how many were found.
	Violations int
	// Elapsed and Length are of the plan's time.
	Elapsed, Length time.Duration
}

// New looks at the host and makes a player. It fails if the plan does not fit
// the host, before anything is changed there.
func New(ctx context.Context, plan *Plan, options Options) (*Player, error) {
	options, err := options.check()
	if err != nil {
		return nil, err
	}
	host, err := Discover(ctx, options.Conns[0])
	if err != nil {
		return nil, err
	}
	if err := host.fits(plan); err != nil {
		return nil, err
	}
	p := &Player{
		plan: plan, options: options, host: host,
		checker: NewChecker(host.Status.GetLastEvent(), host.Agents, options.Status),
		work:    patchbayv1.NewWorkServiceClient(options.Conns[0]),
		run:     "drive-" + strconv.FormatInt(time.Now().UnixNano(), 36),
		clock:   clock{speed: options.Speed},
		begun:   make(chan struct{}),

		customers: make([]customer, len(plan.Customers)),
		byID:      make(map[string]*customer, len(plan.Customers)),
		done:      make(chan struct{}),
	}
	for _, q := range host.Status.GetQueues() {
		p.checker.OfferTo(q.GetQueue(), int(q.GetOfferTo()))
	}
	p.left.Store(int64(len(plan.Customers)) + 1)
	p.ended() // the one too many, so that a plan without customers ends, too
	for i := range plan.Customers {
		c := &p.customers[i]
		c.Customer, c.player = &plan.Customers[i], p
		c.accepted = make(chan struct{})
		p.byID[p.run+"/"+c.ID] = c
	}
	if len(p.byID) != len(p.customers) {
		return nil, errors.New("drive: two customers of the plan have the same id")
	}
	return p, nil
}

// Progress returns how far the player has come. It is safe for concurrent use.
func (p *Player) Progress() Progress {
	elapsed := time.Duration(0)
	select {
	case <-p.begun:
		elapsed = min(p.clock.planned(time.Since(p.clock.start)), p.plan.Length())
	default:
	}
	return Progress{
		Customers: len(p.customers), Come: int(p.progress.come.Load()), Served: int(p.progress.served.Load()),
		Abandoned: int(p.progress.abandoned.Load()), Refused: int(p.progress.refused.Load()),
		Violations: p.checker.Violations(),
		Elapsed:    elapsed, Length: p.plan.Length(),
	}
}

// Run plays the plan and returns the summary. It ends when every customer has
// come to an end, or when the plan's drain is over, or when ctx ends; then it
// sums up, withdraws or completes what is left, and signs the agents out. An
// error means that there is no summary; that something was found wrong with the
// host is in the summary.
func (p *Player) Run(ctx context.Context) (*Summary, error) {
	// What has begun is finished even when ctx ends: only then is it known.
	calls := context.WithoutCancel(ctx)
	feed, err := p.follow(calls)
	if err != nil {
		return nil, err
	}
	defer feed.stop()
	playing, stop := context.WithCancel(ctx)
	defer stop()
	crew := p.crew(playing, calls)
	crew.opening.Wait()
	p.clock.start = time.Now()
	close(p.begun)
	var coming sync.WaitGroup
	coming.Go(func() { p.arrivals(playing, calls) })
	interrupted := p.wait(ctx)
	elapsed := time.Since(p.clock.start)
	stop()
	coming.Wait()
	crew.pause()

	summary, err := p.sumUp(calls, feed, crew)
	if err != nil {
		return nil, err
	}
	summary.Interrupted, summary.Elapsed = interrupted, Seconds(elapsed)
	return summary, nil
}

// sumUp counts what has become of the customers, clears up at the host, and
// then compares the host's counters with the feed.
func (p *Player) sumUp(ctx context.Context, feed *following, crew *crew) (*Summary, error) {
	if err := p.settle(ctx, feed); err != nil {
		crew.leave()
		return nil, err
	}
	summary := p.tally()
	p.withdraw(ctx)
	crew.finish()
	crew.leave()
	if err := p.settle(ctx, feed); err != nil {
		return nil, err
	}
	p.conclude(summary)
	return summary, nil
}

// ended counts down the customers.
func (p *Player) ended() {
	if p.left.Add(-1) == 0 {
		close(p.done)
	}
}

// wait waits for the end of the plan and reports whether ctx ended before.
func (p *Player) wait(ctx context.Context) (interrupted bool) {
	end := time.NewTimer(time.Until(p.clock.at(p.plan.Length() + p.plan.Drain)))
	defer end.Stop()
	select {
	case <-p.done:
	case <-end.C:
	case <-ctx.Done():
		return true
	}
	return false
}

// follow begins to read the feed.
func (p *Player) follow(ctx context.Context) (*following, error) {
	ctx, cancel := context.WithCancel(ctx)
	after := p.host.Status.GetLastEvent()
	stream, err := patchbayv1.NewFeedServiceClient(p.options.Conns[0]).StreamEvents(ctx, &patchbayv1.StreamEventsRequest{After: after})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("drive: follow the feed: %w", err)
	}
	f := &following{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(f.done)
		f.err = p.read(stream)
	}()
	return f, nil
}

// following is the reading of the feed.
type following struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // once done is closed
}

// stop ends the reading and waits for it.
func (f *following) stop() {
	f.cancel()
	<-f.done
}

func (p *Player) read(stream grpc.ServerStreamingClient[patchbayv1.StreamEventsResponse]) error {
	for {
		message, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return errors.New("the host ended it")
		}
		if err != nil {
			return err
		}
		p.checker.Event(message.GetEvent())
		if p.options.Observe != nil {
			p.options.Observe(message.GetEvent())
		}
	}
}

// arrivals lets the customers come, each at the intended time, and waits for
// those who came.
func (p *Player) arrivals(playing, calls context.Context) {
	var come sync.WaitGroup
	defer come.Wait()
	for i := range p.customers {
		c := &p.customers[i]
		if !sleep(playing, p.clock.at(c.At)) {
			return
		}
		p.progress.come.Add(1)
		come.Go(func() { c.come(playing, calls) })
	}
}

// withdraw cancels what still waits after the tally.
func (p *Player) withdraw(ctx context.Context) {
	for i := range p.customers {
		c := &p.customers[i]
		state, id := c.now()
		if state != waiting {
			continue
		}
		p.cancel(ctx, id)
	}
}

func (p *Player) cancel(ctx context.Context, id string) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	answer, err := p.work.CancelWork(ctx, &patchbayv1.CancelWorkRequest{Work: id, Reason: "the load has ended"})
	if err != nil {
		p.errors.add("withdraw "+id, err)
		return
	}
	p.checker.Acknowledge(answer.GetEvent(), patchbayv1.EventKind_EVENT_KIND_WORK_CANCELLED, id)
}

// settle lets the feed catch up with the host and compares the host's counters
// with what the feed has told by then. Others may use the host meanwhile.
func (p *Player) settle(ctx context.Context, feed *following) error {
	ctx, cancel := context.WithTimeout(ctx, catchUp)
	defer cancel()
	stop := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() {
		select {
		case <-feed.done:
			cancel()
		case <-stop:
		}
	})
	defer watching.Wait()
	defer close(stop)
	for {
		exact, err := p.meet(ctx)
		if err != nil {
			select {
			case <-feed.done:
				return fmt.Errorf("drive: the feed broke off: %w", feed.err)
			default:
				return err
			}
		}
		if exact {
			return nil
		}
	}
}

// meet compares the host with the feed at the host's last event. It reports
// false if the feed was past it already.
func (p *Player) meet(ctx context.Context) (exact bool, err error) {
	host := patchbayv1.NewHostServiceClient(p.options.Conns[0])
	status, err := host.GetStatus(ctx, &patchbayv1.GetStatusRequest{})
	if err != nil {
		return false, fmt.Errorf("drive: ask for the host's counters: %w", err)
	}
	last := status.GetLastEvent()
	if err := p.checker.Reach(ctx, last); err != nil {
		return false, err
	}
	seen := p.checker.Verdict()
	if p.host.Status.GetLastEvent()+uint64(seen.Events) != last {
		return false, nil
	}
	p.compare(status.GetCounters(), seen.Counts)
	return true, nil
}

// compare compares the host's counters, since the beginning of the run, with
// what the feed has told.
func (p *Player) compare(now *patchbayv1.Counters, seen Counts) {
	then := p.host.Status.GetCounters()
	for _, x := range []struct {
		name      string
		now, then uint64
		seen      int
	}{
		{"created", now.GetCreated(), then.GetCreated(), seen.Created},
		{"offers", now.GetOffers(), then.GetOffers(), seen.Offers},
		{"accepted", now.GetAccepted(), then.GetAccepted(), seen.Accepted},
		{"declined", now.GetDeclined(), then.GetDeclined(), seen.Declined},
		{"timed_out", now.GetTimedOut(), then.GetTimedOut(), seen.TimedOut},
		{"unavailable", now.GetUnavailable(), then.GetUnavailable(), seen.Unavailable},
		{"withdrawn", now.GetWithdrawn(), then.GetWithdrawn(), seen.Withdrawn},
		{"transferred", now.GetTransferred(), then.GetTransferred(), seen.Transferred},
		{"overflowed", now.GetOverflowed(), then.GetOverflowed(), seen.Overflowed},
		{"reopened", now.GetReopened(), then.GetReopened(), seen.Reopened},
		{"requeued", now.GetRequeued(), then.GetRequeued(), seen.Requeued},
		{"completed", now.GetCompleted(), then.GetCompleted(), seen.Completed},
		{"cancelled", now.GetCancelled(), then.GetCancelled(), seen.Cancelled},
		{"abandoned", now.GetAbandoned(), then.GetAbandoned(), seen.Abandoned},
		{"expired", now.GetExpired(), then.GetExpired(), seen.Expired},
		{"refused", now.GetRefused(), then.GetRefused(), seen.Refused},
	} {
		if x.now-x.then != uint64(x.seen) {
			p.checker.Violation("the host counts %d %s since the beginning, the feed has %d", x.now-x.then, x.name, x.seen)
		}
	}
	if found := now.GetViolations() - then.GetViolations(); found > 0 {
		p.checker.Violation("the host has found %d violations itself; its log describes them", found)
	}
}

// faults gathers errors of calls.
type faults struct {
	mu       sync.Mutex
	count    int
	examples []string
	reasons  map[string]bool // of the examples
}

// add takes note of what failed. Of the failures that have the same reason only
// the first becomes an example, or a thousand of one would hide another.
func (f *faults) add(what string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	verb, _, _ := strings.Cut(what, " ")
	why := verb + ": " + status.Convert(err).Message()
	if f.reasons[why] || len(f.examples) == maxExamples {
		return
	}
	if f.reasons == nil {
		f.reasons = make(map[string]bool)
	}
	f.reasons[why] = true
	f.examples = append(f.examples, what+": "+status.Convert(err).Message())
}

func (f *faults) snapshot() (int, []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.count, append([]string(nil), f.examples...)
}
