// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package misbehaving

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"time"
)

// restArgument has a program of this package do nothing, for ever.
const restArgument = "rest"

// fork starts processes that do nothing, and leaves them alone.
func fork(n int) error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("misbehaving: %w", err)
	}
	for i := range n {
		if err := exec.CommandContext(context.Background(), program, restArgument).Start(); err != nil {
			return fmt.Errorf("misbehaving: after %d processes: %w", i, err)
		}
	}
	return nil
}

// Rest returns at once, unless the program was started by a strategy of this
// package to do nothing, for ever. A program that packages them calls it first.
func Rest() {
	if len(os.Args) == 2 && os.Args[1] == restArgument {
		time.Sleep(math.MaxInt64)
	}
}
