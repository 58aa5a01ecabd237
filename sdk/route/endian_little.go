// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build 386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64 || wasm

package route

// rowsAreFrames says that rows lie in memory as they do in a frame, so that a
// section is one copy. Elsewhere each field is turned around.
const rowsAreFrames = true
