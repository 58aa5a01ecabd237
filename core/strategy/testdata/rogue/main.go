// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Command rogue is a strategy that misbehaves as its settings say, from one
// source for both runtimes. The tests of the runtimes build and run it.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

func init() {
	serve.Register(route.Plugin{
		Manifest: route.Manifest{
			Name: "rogue", Version: "1.2.3", SettingsSchema: `{"type":"object"}`, Deterministic: true,
			Tables:  []route.Table{route.TableAgent, route.TableWork},
			Reasons: []route.Reason{{Code: 1, Name: "because", Text: "Because."}},
		},
		New: func() route.Strategy { return &rogue{} },
	})
}

func main() { serve.Run() }

type rogue struct {
	Mode string `json:"mode"`
	At   uint64 `json:"at"` // the turn to misbehave in; 0 means each

	agent route.Agent
	hoard [][]byte
}

func (r *rogue) Configure(settings []byte) error {
	if err := json.Unmarshal(settings, r); err != nil {
		return err
	}
	switch r.Mode {
	case "refuse":
		return errors.New("mode: refuse is not good; take another")
	case "refuse_hang":
		hang()
	}
	return nil
}

func (r *rogue) Turn(turn *route.Turn, reply *route.Reply) error {
	for i := range turn.Work {
		r.agent.Ref = turn.Work[i].Ref + 1000
		reply.Propose(&turn.Work[i], &r.agent, 7, 1)
	}
	reply.WakeAt = turn.Now
	if r.At != 0 && r.At != turn.Seq {
		return nil
	}
	return r.misbehave(turn, reply)
}

func (r *rogue) misbehave(turn *route.Turn, reply *route.Reply) error {
	switch r.Mode {
	case "panic":
		panic("rogue panics")
	case "exit":
		os.Exit(3)
	case "hang":
		hang()
	case "slow":
		// As long as the file named by the turn is there.
		for exists(string(turn.Bytes)) {
			time.Sleep(time.Millisecond)
		}
	case "error":
		return errors.New("index broken")
	case "snapshot":
		return fmt.Errorf("gap: %w", route.ErrNeedSnapshot)
	case "memory":
		for {
			block := make([]byte, 1<<20)
			for i := range block {
				block[i] = byte(i)
			}
			r.hoard = append(r.hoard, block)
		}
	case "flood":
		reply.Proposals = make([]route.Proposal, 100_000)
	case "print":
		fmt.Println("to the standard output")
		fmt.Fprintln(os.Stderr, "to the standard error")
		serve.Log("to the log")
	case "spam":
		fmt.Fprint(os.Stderr, strings.Repeat("spam\n", 10_000))
	case "world":
		reply.WakeAt = time.Now().UnixMilli()
		before := time.Now()
		time.Sleep(time.Hour)
		reply.Proposals = []route.Proposal{{
			Work: rand.Uint32(), Agent: uint32(time.Since(before) / time.Minute), Revision: uint32(len(os.Environ()) + len(os.Args)),
		}}
		if _, err := os.ReadDir("/"); err == nil {
			return errors.New("there are files")
		}
	case "forged":
		reply.Epoch, reply.Seq = 99, 99
	}
	return nil
}

func hang() {
	for i := 0; ; i++ {
		if i < 0 {
			fmt.Println(i)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
