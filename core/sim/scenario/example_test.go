// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package scenario_test

import (
	"context"
	"fmt"

	"github.com/patchbay-cx/patchbay/core/sim/scenario"
)

func Example() {
	s, err := scenario.Parse("calls.yaml", []byte(`
name: calls
seed: 1
horizon: {time: 8h}
acceptable_wait: 20s
classes:
  calls:
    arrivals: {rate: 200/h}
    service: {mean: 180s}
groups:
  agents: {agents: 20, queues: [calls]}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := scenario.Run(context.Background(), s, scenario.Options{Runtimes: runtimes()})
	if err != nil {
		fmt.Println(err)
		return
	}
	all := &result.Overall
	fmt.Println("sound:", result.Sound())
	fmt.Println("all accounted for:", all.Offered == all.Served+all.Abandoned+all.Waiting+all.Open)
	fmt.Println("most are answered at once:", all.ServiceLevel.OfOffered.Value > 0.9)
	// Output:
	// sound: true
	// all accounted for: true
	// most are answered at once: true
}
