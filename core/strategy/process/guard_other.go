// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !unix

package process

import "errors"

// guard does not exist on this system.
type guard struct{}

func newGuard(int) (*guard, error) {
	return nil, errors.New("there are no groups of processes on this system")
}

func (*guard) dismiss() {}
