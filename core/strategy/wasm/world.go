// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package wasm

import (
	"encoding/binary"
	"math/rand/v2"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/sys"
)

// world is the clock and the randomness of a guest. Both follow from the turns
// alone. Within a turn the clock moves only by what the guest sleeps, which
// takes no time.
type world struct {
	wall   int64 // Unix nanoseconds
	mono   int64 // nanoseconds; never goes back, and never is 0
	random rand.ChaCha8
	seed   uint64
	seeded bool // random follows from seed; most guests never ask
}

// start is when a guest's clock stands before its first turn. It is not 0,
// which some runtimes take for a clock that does not work.
const start = int64(time.Millisecond)

func newWorld() *world {
	w := &world{}
	w.set(0, 0)
	return w
}

// set puts the clock to now, in Unix milliseconds, and seeds the randomness.
func (w *world) set(now int64, seed uint64) {
	w.wall = max(now*int64(time.Millisecond), start)
	w.mono = max(w.mono, w.wall)
	w.seed, w.seeded = seed, false
}

// Read implements io.Reader: it is the guest's randomness.
func (w *world) Read(p []byte) (int, error) {
	if !w.seeded {
		var key [32]byte
		binary.LittleEndian.PutUint64(key[:], w.seed)
		w.random.Seed(key)
		w.seeded = true
	}
	return w.random.Read(p)
}

// config returns a module config with this world and no other.
func (w *world) config() wazero.ModuleConfig {
	return wazero.NewModuleConfig().
		WithWalltime(func() (int64, int32) {
			return w.wall / int64(time.Second), int32(w.wall % int64(time.Second))
		}, sys.ClockResolution(time.Millisecond)).
		WithNanotime(func() int64 { return w.mono }, sys.ClockResolution(time.Millisecond)).
		WithNanosleep(func(ns int64) {
			if ns > 0 {
				w.wall += ns
				w.mono += ns
			}
		}).
		WithRandSource(w)
}
