// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive_test

import (
	"fmt"
	"os"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/patchbay-cx/patchbay/core/drive"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func ExampleSynthetic() {
	plan, err := drive.Synthetic{
		Rate: 2, For: 10 * time.Second, Agents: []string{"ann", "bob"}, Queues: []string{"calls"}, Busy: 0.8, Seed: 1,
	}.Plan()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range plan.Customers[:2] {
		fmt.Printf("%s comes after %v and takes %v\n", c.ID, c.At.Round(time.Millisecond), c.Service.Round(time.Millisecond))
	}
	// Output:
	// s1 comes after 139ms and takes 630ms
	// s2 comes after 318ms and takes 267ms
}

func ExampleChecker() {
	checker := drive.NewChecker(0, nil, "available")
	at := timestamppb.New(time.Unix(0, 0))
	for i, e := range []*patchbayv1.Event{
		{Kind: patchbayv1.EventKind_EVENT_KIND_WORK_CREATED, Work: "w1", Created: &patchbayv1.Work{Size: 1}},
		{Kind: patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED, Work: "w1", Assignment: "a1", Agent: "ann"},
		{Kind: patchbayv1.EventKind_EVENT_KIND_WORK_OFFERED, Work: "w1", Assignment: "a2", Agent: "bob"},
	} {
		e.Number, e.At = uint64(i+1), at
		checker.Event(e)
	}
	verdict := checker.Verdict()
	fmt.Println(verdict.Violations, verdict.Examples[0])
	// Output:
	// 1 event 3: w1 is offered to bob while it is WORK_STATE_OFFERED
}

func ExampleSyntheticConfig() {
	_, _ = drive.SyntheticConfig(2, 1).WriteTo(os.Stdout)
	// Output:
	// # 2 agents and 1 queues for a made-up load. Written by "patchbay drive config".
	//
	// channels:
	//   voice:
	//     size: 1
	//
	// statuses:
	//   available:
	//     channels: [voice]
	//   away:
	//     channels: []
	//
	// presence_configs:
	//   phone:
	//     capacity: 1
	//
	// routing_configs:
	//   calls:
	//     model: longest_idle
	//     strategy: queue
	//     push_timeout: 30s
	//
	// queues:
	//   "queue-1":
	//     routing: calls
	//
	// agents:
	//   "agent-1":
	//     presence_config: phone
	//     queues: ["queue-1"]
	//   "agent-2":
	//     presence_config: phone
	//     queues: ["queue-1"]
}
