// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Command bad is a strategy that offers everything to everybody, and trusts every turn.
package main

import (
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

type bad struct{}

func (bad) Configure([]byte) error { return nil }

func (bad) Turn(turn *route.Turn, reply *route.Reply) error {
	for i := range turn.Work {
		for j := range turn.Agents {
			reply.Propose(&turn.Work[i], &turn.Agents[j], 0, 0)
			if len(reply.Proposals) == 100 {
				return nil
			}
		}
	}
	return nil
}

func init() {
	serve.Register(route.Plugin{
		Manifest: route.Manifest{Name: "bad", Version: "0.1.0"},
		New:      func() route.Strategy { return bad{} },
	})
}

func main() { serve.Run() }
