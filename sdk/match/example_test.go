// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package match_test

import (
	"fmt"

	"github.com/patchbay-cx/patchbay/sdk/match"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// The first rung: a function of work and agent to a number.
func ExampleScore() {
	plugin := match.Score[struct{}]{
		Manifest: route.Manifest{Name: "fluent", Version: "1.0.0", Deterministic: true},
		Score: func(_ *struct{}, work match.Work, agent match.Agent) int64 {
			return agent.Level(work.Attribute("language")) // -1 for those who do not speak it
		},
	}.Plugin()

	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case").Skill("german", 9000).Skill("english", 4000)
	host.Agent("bert").In("support").On("case").Skill("english", 8000)
	host.Work("w1").In("support").On("case").Size(1000).Attribute("language", "german")
	host.Work("w2").In("support").On("case").Size(1000).Attribute("language", "english")
	offers, _, err := host.Decide(plugin.New())
	fmt.Println(offers, err)
	// Output: [w1 -> anna w2 -> bert] <nil>
}

// The second rung: a function of work and candidates to a choice.
func ExamplePick() {
	const known, wait = 1, 2
	plugin := match.Pick[struct{}]{
		Manifest: route.Manifest{
			Name: "patient", Version: "1.0.0", Deterministic: true,
			Reasons: []route.Reason{
				{Code: known, Name: "known", Text: "This agent knows the customer."},
				{Code: wait, Name: "wait", Text: "Somebody who knows the customer may come free."},
			},
		},
		Pick: func(_ *struct{}, work match.Work, candidates []match.Agent) match.Choice {
			for _, agent := range candidates {
				if agent.Name() == work.Attribute("knows") {
					return match.Offer(known, agent)
				}
			}
			if work.Waited() < 10_000 {
				return match.Hold(wait, work.RequestedAt+10_000)
			}
			return match.Offer(0, candidates[0])
		},
	}.Plugin()

	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case")
	host.Work("w1").In("support").On("case").Size(1000).Attribute("knows", "bert")
	strategy := plugin.New()
	offers, wakeAt, err := host.Decide(strategy)
	fmt.Println(offers, wakeAt-host.Now(), err)
	host.Wait(10_000)
	offers, _, err = host.Decide(strategy)
	fmt.Println(offers, err)
	// Output:
	// [] 10000 <nil>
	// [w1 -> anna] <nil>
}

// Choosing by hand: NextWork says what is to be decided, Take and Hold what has
// become of it. It is what a strategy of the third rung does over a large board.
func ExampleIndex_NextWork() {
	var board route.Board
	index := match.New(&board)
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case")
	host.Agent("bert").In("support").On("case").Idle(60_000)
	host.Work("w1").In("support").On("case").Size(1000).Age(5000)
	host.Work("w2").In("support").On("case").Size(1000)
	host.Work("w3").In("support").On("case").Size(1000)
	for _, turn := range host.Turns() {
		if err := board.Apply(turn); err != nil {
			panic(err)
		}
		index.Apply(turn)
	}
	for {
		work, candidates := index.NextWork(16)
		if work == nil {
			break
		}
		fmt.Printf("work %d could go to %d agents\n", work.Ref, len(candidates))
		index.Take(work, candidates[0])
	}
	// Output:
	// work 0 could go to 2 agents
	// work 1 could go to 1 agents
}
