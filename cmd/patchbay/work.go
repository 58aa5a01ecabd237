// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func newWork(std stdio) *cobra.Command {
	c := &client{std: std}
	cmd := group("work", "Bring work in, move it, and follow it",
		newWorkCreate(c), newWorkGet(c), newWorkList(c), newWorkEstimate(c), newWorkUpdate(c), newWorkTransfer(c), newWorkInvite(c),
		newWorkPause(c), newWorkResume(c), newWorkDeactivate(c), newWorkReopen(c), newWorkCancel(c), newWorkRequeue(c), newWorkAbandon(c),
		newWorkHold(c), newWorkClear(c), newWorkWithdraw(c), newWorkReprioritise(c), newWorkAnnotate(c))
	c.flags(cmd)
	return cmd
}

// works calls the work service.
func (c *client) works(use func(patchbayv1.WorkServiceClient) error) error {
	return c.call(func(conn *grpc.ClientConn) error { return use(patchbayv1.NewWorkServiceClient(conn)) })
}

func newWorkCreate(c *client) *cobra.Command {
	r := &patchbayv1.CreateWorkRequest{}
	var optional optionals
	var expires, target, preferred time.Duration
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Bring work in; it returns once the work is durable",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if r.Skills, err = optional.skills(); err != nil {
				return err
			}
			r.Priority, r.Size, r.SizePercent = optional.given(cmd.Flags())
			if r.ExpiresAt, err = ahead(cmd, "expires-in", expires); err != nil {
				return err
			}
			if r.TargetAcceptAt, err = ahead(cmd, "target-in", target); err != nil {
				return err
			}
			if cmd.Flags().Changed("preferred-for") {
				r.PreferredFor = durationpb.New(preferred)
			}
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.CreateWork(cmd.Context(), r)
				if err != nil {
					return err
				}
				return c.broughtIn(answer, answer.GetWork(), answer.GetDuplicate())
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.Channel, "channel", "", "the kind of work (required)")
	f.StringVar(&r.Queue, "queue", "", "the queue it goes to (required, unless a flow sets it)")
	f.StringVar(&r.External, "external", "", "a reference to the outside record")
	f.StringToStringVar(&r.Attributes, "attribute", nil, "an attribute, NAME=VALUE; may be repeated")
	f.StringVar(&r.IdempotencyKey, "idempotency-key", "", "the same key returns the same work")
	optional.flags(f)
	f.StringVar(&r.RequiredAgent, "required-agent", "", "the only agent it may be offered to")
	f.StringVar(&r.PreferredAgent, "preferred-agent", "", "the agent who alone is asked at first")
	f.DurationVar(&preferred, "preferred-for", 0, "for how long, such as 30s; with --backup-queue, of the required agent")
	f.StringVar(&r.BackupQueue, "backup-queue", "", "the queue it moves to when the required agent does not take it")
	f.StringVar(&r.Customer, "customer", "", "the source's key of the customer")
	f.StringVar(&r.Conversation, "conversation", "", "the source's key of the conversation")
	f.StringVar(&r.Transcript, "transcript", "", "a reference to what was said so far")
	f.DurationVar(&target, "target-in", 0, "it should be accepted within this, such as 20s")
	f.DurationVar(&expires, "expires-in", 0, "end it if it still waits then, such as 30m")
	return cmd
}

// ahead is the time that a flag names by how far it is ahead; nil if it is not
// given.
func ahead(cmd *cobra.Command, flag string, by time.Duration) (*timestamppb.Timestamp, error) {
	switch {
	case !cmd.Flags().Changed(flag):
		return nil, nil
	case by <= 0:
		return nil, usagef("--%s: it should be above 0", flag)
	}
	return timestamppb.New(time.Now().Add(by)), nil
}

// broughtIn prints the answer to bringing work in.
func (c *client) broughtIn(answer proto.Message, work *patchbayv1.Work, duplicate bool) error {
	if c.json {
		return printJSON(c.std.out, answer)
	}
	state := word(work.GetState())
	if x := holding(work); x != nil {
		state += " at " + x.GetAgent() + " as " + x.GetId()
	}
	if duplicate {
		state += ", was there already"
	}
	_, err := fmt.Fprintf(c.std.out, "%s (%s)\n", work.GetId(), state)
	return err
}

// holding returns the assignment of the agent who has the work, nil if nobody
// does.
func holding(w *patchbayv1.Work) *patchbayv1.Assignment {
	for _, x := range w.GetAssignments() {
		if x.GetState() == patchbayv1.AssignmentState_ASSIGNMENT_STATE_ACCEPTED && !x.GetGuest() {
			return x
		}
	}
	return nil
}

func newWorkGet(c *client) *cobra.Command {
	return &cobra.Command{
		Use:   "get WORK",
		Short: "Show one piece of work with its assignments",
		Args:  exactly("WORK"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				answer, err := works.GetWork(cmd.Context(), &patchbayv1.GetWorkRequest{Work: args[0]})
				if err != nil {
					return err
				}
				if c.json {
					return printJSON(c.std.out, answer)
				}
				return c.showWork(answer.GetWork())
			})
		},
	}
}

func (c *client) showWork(w *patchbayv1.Work) error {
	var attributes []string
	for name, value := range w.GetAttributes() {
		attributes = append(attributes, name+"="+value)
	}
	err := pairs(c.std.out, append([]string{
		"work", w.GetId(), "state", word(w.GetState()), "queue", w.GetQueue(), "channel", w.GetChannel(),
		"priority", priority(w), "size", sizeOf(w), "skills", needs(w.GetSkills()), "tier", number(w.GetTier()),
		"external", w.GetExternal(), "attributes", strings.Join(sorted(attributes), ", "), "customer", w.GetCustomer(),
		"conversation", w.GetConversation(), "transcript", w.GetTranscript(), "started by", starter(w),
		"requested at", date(w.GetRequestedAt()), "queued at", date(w.GetQueuedAt()), "created at", date(w.GetCreatedAt()),
		"accept by", date(w.GetTargetAcceptAt()), "expires at", date(w.GetExpiresAt()), "ended at", date(w.GetEndedAt()),
		"required agent", w.GetRequiredAgent(), "preferred agent", w.GetPreferredAgent(), "until", date(w.GetAgentUntil()),
		"then in queue", w.GetBackupQueue(), "excluded", strings.Join(w.GetExcluded(), ", "), "intake", steps(w.GetIntake()),
		"reason", w.GetReason(), "unroutable", w.GetUnroutable().GetText(), "what would help", w.GetUnroutable().GetHelp(),
		"revision", number(w.GetRevision()), "held", heldBy(w),
	}, noted(w)...)...)
	if err != nil || len(w.GetAssignments()) == 0 {
		return err
	}
	fmt.Fprintln(c.std.out)
	rows := [][]string{{"ASSIGNMENT", "AGENT", "STATE", "OFFERED", "ANSWERED", "ENDED", "ANSWER", "HANDLE", "HOLD", "WRAP-UP", "STRATEGY", "WHY"}}
	for _, a := range w.GetAssignments() {
		rows = append(rows, []string{
			a.GetId(), a.GetAgent(), standing(a), clock(a.GetOfferedAt()), clock(a.GetAnsweredAt()), clock(a.GetEndedAt()),
			lasting(a.GetSpeedToAnswer()), lasting(a.GetHandleTime()), lasting(a.GetHoldTime()), lasting(a.GetWrapUpTime()),
			decider(a.GetDecision()), a.GetDecision().GetReason(),
		})
	}
	return table(c.std.out, rows)
}

func priority(w *patchbayv1.Work) string {
	if w.GetSecondaryPriority() == 0 {
		return fmt.Sprint(w.GetPriority())
	}
	return fmt.Sprintf("%d, then %d", w.GetPriority(), w.GetSecondaryPriority())
}

// sizeOf writes what work takes.
func sizeOf(w *patchbayv1.Work) string {
	if w.GetSizePercent() > 0 {
		return units(w.GetSizePercent()) + "%"
	}
	return units(w.GetSize())
}

// needs writes required skills, with the level that is required at present.
func needs(skills []*patchbayv1.SkillNeed) string {
	var parts []string
	for _, s := range skills {
		part := s.GetRequired().GetSkill() + " " + units(s.GetLevelNow())
		switch {
		case s.GetDropped():
			part = s.GetRequired().GetSkill() + " (dropped)"
		case s.GetLevelNow() != s.GetRequired().GetLevel():
			part += fmt.Sprintf(" (%s at first)", units(s.GetRequired().GetLevel()))
		case s.GetRequired().GetAdditional():
			part += " (additional)"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// number writes a number, empty for 0.
func number(n uint32) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

func starter(w *patchbayv1.Work) string {
	if w.GetOutbound() {
		return "an agent"
	}
	return ""
}

// steps writes what skill rules and flow did.
func steps(intake []*patchbayv1.IntakeStep) string {
	var parts []string
	for _, s := range intake {
		part := s.GetStep()
		if s.GetFailed() != "" {
			part += " failed: " + s.GetFailed()
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// standing writes an assignment's state, and what else there is to it.
func standing(a *patchbayv1.Assignment) string {
	state := word(a.GetState())
	if a.GetGuest() {
		state += ", guest"
	}
	if a.GetPausedAt() != nil && a.GetEndedAt() == nil {
		state += ", paused"
	}
	if a.GetWrapUpUntil() != nil && a.GetEndedAt() == nil {
		state += ", wraps up until " + clock(a.GetWrapUpUntil())
	}
	return state
}

// decider names who decided.
func decider(d *patchbayv1.Decision) string {
	if d == nil {
		return ""
	}
	if d.GetStrategy() == "" {
		return ""
	}
	return fmt.Sprintf("%s (%s)", d.GetStrategy(), d.GetRuntime())
}

func newWorkList(c *client) *cobra.Command {
	r := &patchbayv1.ListWorkRequest{}
	var state string
	var limit int
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List work in order of arrival",
		Args:  exactly(),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if state != "" {
				number, ok := patchbayv1.WorkState_value["WORK_STATE_"+strings.ToUpper(state)]
				if !ok || number == 0 {
					return usagef("--state: there is no state %q", state)
				}
				r.State = patchbayv1.WorkState(number)
			}
			if limit < 1 {
				return usagef("--limit: it should be above 0")
			}
			return c.works(func(works patchbayv1.WorkServiceClient) error {
				found, err := pages(limit, func(size uint32, token string) ([]*patchbayv1.Work, string, error) {
					r.PageSize, r.PageToken = size, token
					page, err := works.ListWork(cmd.Context(), r)
					return page.GetWork(), page.GetNextPageToken(), err
				})
				if err != nil {
					return err
				}
				return c.listWork(found)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&r.Queue, "queue", "", "only work of this queue")
	f.StringVar(&state, "state", "", "only work in this state: waiting, offered, open, paused, wrap_up, closed, cancelled, abandoned, expired")
	f.BoolVar(&r.Unroutable, "unroutable", false, "only work that waits and that nobody who is configured could ever take")
	f.IntVar(&limit, "limit", 100, "how many at most")
	return cmd
}

func (c *client) listWork(found []*patchbayv1.Work) error {
	if c.json {
		return printJSON(c.std.out, &patchbayv1.ListWorkResponse{Work: found})
	}
	rows := [][]string{{"WORK", "STATE", "QUEUE", "CHANNEL", "PRIORITY", "REQUESTED", "AGENT", "EXTERNAL", "UNROUTABLE"}}
	for _, w := range found {
		rows = append(rows, []string{
			w.GetId(), word(w.GetState()), w.GetQueue(), w.GetChannel(), priority(w),
			clock(w.GetRequestedAt()), holder(w), w.GetExternal(), w.GetUnroutable().GetReason(),
		})
	}
	return table(c.std.out, rows)
}

// holder names the agent who has the work, else who was asked last.
func holder(w *patchbayv1.Work) (agent string) {
	if x := holding(w); x != nil {
		return x.GetAgent()
	}
	for _, a := range w.GetAssignments() {
		if !a.GetGuest() {
			agent = a.GetAgent()
		}
	}
	return agent
}
