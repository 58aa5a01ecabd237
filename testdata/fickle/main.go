// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Command fickle is the queue strategy with a fault: it routes well until a
// turn that its settings name, and then dies, hangs or babbles.
package main

import (
	"encoding/json"
	"os"

	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

func init() {
	good := queue.Plugin()
	serve.Register(route.Plugin{
		Manifest: route.Manifest{Name: "fickle", Version: "0.1.0", Reasons: good.Manifest.Reasons},
		New:      func() route.Strategy { return &fickle{Strategy: good.New()} },
	})
}

func main() { serve.Run() }

type fickle struct {
	route.Strategy
	Fault string `json:"fault"`
	At    uint64 `json:"at"`
}

func (f *fickle) Configure(settings []byte) error { return json.Unmarshal(settings, f) }

func (f *fickle) Turn(turn *route.Turn, reply *route.Reply) error {
	err := f.Strategy.Turn(turn, reply)
	if turn.Seq < f.At {
		return err
	}
	switch f.Fault {
	case "die":
		os.Exit(1)
	case "hang":
		for wait := uint64(1); wait != 0; wait += 2 {
			f.At |= wait & 1
		}
	case "babble":
		reply.Proposals = make([]route.Proposal, 50_000)
	}
	return err
}
