// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package wire is a turn as protobuf messages, which nobody speaks: frames are
// measured against it. It knows nobody.
//
//go:generate go tool -modfile=../../../tools/buf/go.mod buf generate
package wire
