// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/feed"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// everyQueue stands in a path for all queues that a strategy decides for.
const everyQueue = "-"

// routingService implements patchbay.v1.RoutingService.
type routingService struct {
	patchbayv1.UnimplementedRoutingServiceServer
	workspace *host.Workspace
	feeds     *feed.Door // nil if no strategy's routers come by feeds
}

// StreamRouting implements patchbayv1.RoutingServiceServer.
func (s *routingService) StreamRouting(r *patchbayv1.StreamRoutingRequest, out grpc.ServerStreamingServer[patchbayv1.StreamRoutingResponse]) error {
	ctx := out.Context()
	queue, err := routedQueue(ctx, r.GetQueue())
	if err != nil {
		return err
	}
	decider, err := s.strategyFor(ctx, queue, r.GetStrategy())
	if err != nil {
		return err
	}
	p := caller(ctx)
	stream, err := s.feeds.Subscribe(ctx, feed.Subscription{
		Strategy: decider, Queue: queue, Key: p.name, Router: cmp.Or(r.GetRouter(), p.name, feed.DoorName), Rank: r.GetRank(),
		Class:   r.GetClass(),
		Address: addressOf(ctx), After: r.GetAfter(),
	})
	if err != nil {
		return ofFeed(err)
	}
	defer stream.Close()
	if err := out.SendHeader(metadata.Pairs(opened, "routing")); err != nil {
		return err
	}
	for {
		ev, err := stream.Next(ctx)
		if err != nil {
			return ofFeed(err)
		}
		if err := out.Send(routingMessage(&ev)); err != nil {
			return err
		}
	}
}

// routedQueue is the queue that a path names, empty for all of them.
func routedQueue(ctx context.Context, name string) (string, error) {
	if name != everyQueue {
		return name, inScope(ctx, "queue", name)
	}
	if p := caller(ctx); p.queues != nil {
		return "", refuse(codes.PermissionDenied, codeForbidden, "queue", "key %q is limited to queues; name one of them in place of %q", p.name, everyQueue)
	}
	return "", nil
}

// addressOf is from where a caller comes, for people.
func addressOf(ctx context.Context) string {
	if from, ok := peer.FromContext(ctx); ok {
		if _, ok := from.Addr.(*net.TCPAddr); ok {
			return from.Addr.String()
		}
	}
	if md, ok := metadata.FromIncomingContext(ctx); ok { // REST comes within the process
		if hops := md.Get("x-forwarded-for"); len(hops) > 0 {
			return strings.TrimSpace(hops[len(hops)-1][strings.LastIndex(hops[len(hops)-1], ",")+1:])
		}
	}
	return ""
}

// strategyFor returns the strategy with a feed that a subscription is for.
func (s *routingService) strategyFor(ctx context.Context, queue, named string) (string, error) {
	if s.feeds == nil {
		return "", noFeed("", "this host has no strategy with a feed; one with runtime remote and door feed has")
	}
	all := s.feeds.Strategies()
	switch {
	case named != "" && !s.feeds.Has(named):
		return "", noFeed("strategy", "strategy %q has no feed; there are %s", named, strings.Join(all, ", "))
	case named != "" && queue == "":
		return named, nil
	case queue == "" && len(all) > 1:
		return "", invalid("strategy", "which strategy? There are %s", strings.Join(all, ", "))
	case queue == "":
		return all[0], nil
	}
	var found string
	var bad error
	err := s.workspace.View(ctx, func(e *engine.Engine) {
		b, ok := e.Backlog(queue)
		if !ok {
			bad = refuse(codes.NotFound, string(engine.CodeUnknownQueue), "queue", "there is no queue %q", queue)
			return
		}
		names := decidersOf(&b)
		if p := caller(ctx); named != "" && p.queues != nil && !slices.Contains(names, named) {
			bad = outside(p, "strategy", "strategy", named) // it leads for queues that are none of the key's business
			return
		}
		if at := slices.IndexFunc(names, s.feeds.Has); at >= 0 {
			found = names[at]
		} else if named == "" {
			bad = noFeed("queue", "queue %q is decided for by %q, which has no feed; a strategy with runtime remote and door feed has", queue, names[0])
		}
	})
	return cmp.Or(named, found), firstOf(err, bad)
}

// decidersOf are the strategies that a queue names, the one that decides first.
func decidersOf(b *engine.Backlog) []string {
	to := &b.Queue.Deciders
	names := []string{cmp.Or(to.Strategy, b.Routing.Strategy)}
	if to.Canary != nil {
		names = append(names, to.Canary.Strategy)
	}
	return append(names, to.Shadow, b.Routing.Strategy, b.Routing.Fallback)
}

func noFeed(field, format string, args ...any) *refusal {
	return refuse(codes.FailedPrecondition, codeNoFeed, field, format, args...)
}

// ofFeed is an error of the door of feeds.
func ofFeed(err error) error {
	if refused, ok := errors.AsType[*remote.Refusal](err); ok {
		return ofDoor(refused)
	}
	return err
}

func routingMessage(ev *feed.Event) *patchbayv1.StreamRoutingResponse {
	m := &patchbayv1.StreamRoutingResponse{Id: ev.ID, Lease: ev.Lease, Turn: ev.Turn, Document: string(ev.Data)}
	switch ev.Kind {
	case feed.KindSnapshot:
		m.Kind = patchbayv1.RoutingEventKind_ROUTING_EVENT_KIND_SNAPSHOT
	case feed.KindDelta:
		m.Kind = patchbayv1.RoutingEventKind_ROUTING_EVENT_KIND_DELTA
	case feed.KindStandby:
		m.Kind = patchbayv1.RoutingEventKind_ROUTING_EVENT_KIND_STANDBY
	}
	return m
}

// routing is a feed as Server-Sent Events: the data of each is its document.
func (s *rest) routing(w http.ResponseWriter, r *http.Request, path map[string]string) {
	request := &patchbayv1.StreamRoutingRequest{}
	if err := populate(request, r.URL.Query()); err != nil {
		writeRefusal(w, invalid("", "the query cannot be read: %v", err))
		return
	}
	request.Queue = path["queue"]
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		request.After = id
	}
	sse(s, w, r, patchbayv1.RoutingService_StreamRouting_FullMethodName, request, func(m *patchbayv1.StreamRoutingResponse) notice {
		return notice{key: m.GetId(), name: shortName(m.GetKind().Descriptor(), m.GetKind().Number()), text: json.RawMessage(m.GetDocument())}
	})
}

// CreateAssignments implements patchbayv1.RoutingServiceServer.
func (s *routingService) CreateAssignments(ctx context.Context, r *patchbayv1.CreateAssignmentsRequest) (*patchbayv1.CreateAssignmentsResponse, error) {
	queue, err := routedQueue(ctx, r.GetQueue())
	if err != nil {
		return nil, err
	}
	post, err := postOf(r)
	if err != nil {
		return nil, err
	}
	if s.feeds == nil {
		return nil, noFeed("", "this host has no strategy with a feed; one with runtime remote and door feed has")
	}
	post.Queue, post.Key = queue, caller(ctx).name
	results, err := s.feeds.Assign(ctx, post)
	if err != nil {
		return nil, ofFeed(err)
	}
	response := &patchbayv1.CreateAssignmentsResponse{}
	// What was settled is durable when the state is seen.
	err = s.workspace.View(ctx, func(e *engine.Engine) {
		for i := range results {
			response.Results = append(response.Results, resultMessage(e, &results[i]))
		}
	})
	return response, err
}

// postOf reads what is posted, one or several.
func postOf(r *patchbayv1.CreateAssignmentsRequest) (*feed.Post, error) {
	post := &feed.Post{Lease: r.GetLease(), Turn: r.GetTurn(), WakeAt: r.GetWakeAt()}
	single := r.GetWork() != "" || r.GetRevision() != 0 || r.GetAgent() != "" || len(r.GetAgents()) > 0
	switch {
	case single && len(r.GetAssignments()) > 0:
		return nil, invalid("assignments", "one piece of work is assigned by work, revision and agent, several by assignments; give one of the two")
	case single:
		a, err := wishOf("", &patchbayv1.NewAssignment{
			Work: r.GetWork(), Revision: r.GetRevision(), Agent: r.GetAgent(), Agents: r.GetAgents(), Reason: r.GetReason(), Score: r.GetScore(),
		})
		if err != nil {
			return nil, err
		}
		post.Assignments = []feed.Assignment{a}
	case len(r.GetAssignments())+len(r.GetNotes()) == 0 && r.GetTurn() == 0 && r.GetWakeAt() == 0:
		return nil, invalid("work", "which work? Give work, revision and agent, or a list of assignments; or the turn that is answered by none")
	}
	for i, m := range r.GetAssignments() {
		a, err := wishOf(fmt.Sprintf("assignments[%d].", i), m)
		if err != nil {
			return nil, err
		}
		post.Assignments = append(post.Assignments, a)
	}
	for i, m := range r.GetNotes() {
		id, err := engine.ParseWorkID(m.GetWork())
		if err != nil {
			return nil, invalid(fmt.Sprintf("notes[%d].work", i), "%q is not the id of work: it should look like w42", m.GetWork())
		}
		post.Notes = append(post.Notes, feed.Note{Work: uint64(id), Reason: m.GetReason()})
	}
	return post, nil
}

func wishOf(at string, m *patchbayv1.NewAssignment) (feed.Assignment, error) {
	a := feed.Assignment{Revision: m.GetRevision(), Agents: m.GetAgents(), Reason: m.GetReason(), Score: m.GetScore()}
	id, err := engine.ParseWorkID(m.GetWork())
	if err != nil {
		return a, invalid(at+"work", "%q is not the id of work: it should look like w42", m.GetWork())
	}
	a.Work = uint64(id)
	switch {
	case m.GetRevision() == 0:
		return a, invalid(at+"revision", "on which revision of the work was this decided? It is in the work's row of the feed")
	case m.GetAgent() != "" && len(m.GetAgents()) > 0:
		return a, invalid(at+"agents", "one agent is named by agent, several by agents; give one of the two")
	case m.GetAgent() != "":
		a.Agents = []string{m.GetAgent()}
	case len(m.GetAgents()) == 0:
		return a, invalid(at+"agent", "an agent is needed")
	}
	seen := make(map[string]bool, len(a.Agents))
	for _, name := range a.Agents {
		if name == "" || seen[name] {
			return a, invalid(at+"agents", "agents should be different names")
		}
		seen[name] = true
	}
	return a, nil
}

// resultMessage is what became of an assignment, in the state after it.
func resultMessage(e *engine.Engine, r *feed.Result) *patchbayv1.AssignmentResult {
	m := &patchbayv1.AssignmentResult{
		Work: engine.WorkID(r.Work).String(), Revision: r.Revision, Verdict: patchbayv1.Verdict(r.Verdict), Duplicate: r.Again,
	}
	w, _ := e.Work(engine.WorkID(r.Work)) // nil if it is forgotten, or never was
	for _, c := range r.Choices {
		choice := &patchbayv1.AssignmentChoice{Agent: c.Agent, Verdict: patchbayv1.Verdict(verdictOn(e, w, r, c))}
		if x := offeredBy(w, r, c.Agent); x != nil {
			choice.Verdict, choice.Assignment = patchbayv1.Verdict_VERDICT_ACCEPTED_BY_HOST, x.ID.String()
		}
		if accepted := choice.GetVerdict() == patchbayv1.Verdict_VERDICT_ACCEPTED_BY_HOST; accepted && m.GetAgent() == "" {
			m.Verdict, m.Agent, m.Assignment = choice.GetVerdict(), c.Agent, choice.GetAssignment()
		}
		m.Choices = append(m.Choices, choice)
	}
	if m.GetAgent() == "" && len(m.GetChoices()) > 0 {
		m.Verdict = m.GetChoices()[0].GetVerdict()
	}
	m.Message = inWords(m, w)
	return m
}

// offeredBy returns the assignment that was made of one of the turns in which it
// was proposed; nil if there is none, or it is forgotten.
func offeredBy(w *engine.Work, r *feed.Result, agent string) *engine.Assignment {
	if w == nil {
		return nil
	}
	decider := r.Strategy
	if r.Class != "" {
		decider = strategy.ClassName(r.Strategy, r.Class)
	}
	for i := range w.Assignments {
		x := &w.Assignments[i]
		if x.Agent == agent && x.Decision.Strategy == decider && slices.ContainsFunc(r.Turns, func(t feed.Turn) bool {
			return t.Epoch == x.Decision.Epoch && t.Number == x.Decision.Turn && engine.Time(t.At) <= x.OfferedAt
		}) {
			return x
		}
	}
	return nil
}

// verdictOn is the verdict on one agent. What is not on the strategy's board may be
// elsewhere.
func verdictOn(e *engine.Engine, w *engine.Work, r *feed.Result, c feed.Choice) route.Verdict {
	switch c.Verdict {
	case route.VerdictUnknownWork:
		switch {
		case w == nil && engine.WorkID(r.Work) < e.State().NextWork, w != nil && w.EndedAt > 0:
			return route.VerdictGone
		case w == nil:
			return route.VerdictUnknownWork
		case w.Revision != r.Revision:
			return route.VerdictStale
		case w.State.Owned():
			return route.VerdictAlreadyAssigned
		default:
			return route.VerdictNotEligible
		}
	case route.VerdictUnknownAgent:
		a, ok := e.Agent(c.Agent)
		switch {
		case !ok:
			return route.VerdictUnknownAgent
		case !a.SignedIn():
			return route.VerdictAgentUnavailable
		default:
			return route.VerdictNotEligible
		}
	default:
		return c.Verdict
	}
}

// inWords says a verdict in words.
func inWords(m *patchbayv1.AssignmentResult, w *engine.Work) string {
	agent := ""
	if len(m.GetChoices()) > 0 {
		agent = m.GetChoices()[0].GetAgent()
	}
	switch m.GetVerdict() {
	case patchbayv1.Verdict_VERDICT_ACCEPTED_BY_HOST:
		return fmt.Sprintf("%s is offered to %s", m.GetWork(), m.GetAgent())
	case patchbayv1.Verdict_VERDICT_STALE:
		if w != nil {
			return fmt.Sprintf("%s has changed: it has revision %d, and not %d any more", m.GetWork(), w.Revision, m.GetRevision())
		}
		return fmt.Sprintf("%s has changed since revision %d", m.GetWork(), m.GetRevision())
	case patchbayv1.Verdict_VERDICT_GONE:
		return m.GetWork() + " has ended"
	case patchbayv1.Verdict_VERDICT_AGENT_UNAVAILABLE:
		return agent + " is not signed in, busy, or not connected"
	case patchbayv1.Verdict_VERDICT_NO_CAPACITY:
		return agent + " has not enough free capacity"
	case patchbayv1.Verdict_VERDICT_CHANNEL_MISMATCH:
		return agent + " takes no work of this channel now"
	case patchbayv1.Verdict_VERDICT_NOT_ELIGIBLE:
		return fmt.Sprintf("%s may not be offered to %s: by its queue, its tier, the skills it requires, whom it is for, or who declined it", m.GetWork(), agent)
	case patchbayv1.Verdict_VERDICT_ALREADY_ASSIGNED:
		return m.GetWork() + " is offered, or open, at an agent already"
	case patchbayv1.Verdict_VERDICT_UNKNOWN_WORK:
		return "there is no work " + m.GetWork()
	case patchbayv1.Verdict_VERDICT_UNKNOWN_AGENT:
		return fmt.Sprintf("there is no agent %q", agent)
	case patchbayv1.Verdict_VERDICT_LIMIT:
		return agent + " holds, or is offered, as many assignments as it may"
	default:
		return "the host did not take it"
	}
}
