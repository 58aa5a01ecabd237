// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package bench_test

import (
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/bench"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestPace(t *testing.T) {
	t.Parallel()
	lane := bench.Lane{
		Name: "builtin", Runtime: builtin.New(map[string]route.Plugin{"queue": queue.Plugin()}),
		Spec: strategy.Spec{Runtime: "builtin", Source: "queue"},
	}
	steps := 0
	lanes, err := bench.Pace(t.Context(), bench.PaceOptions{
		Lanes: []bench.Lane{lane, lane}, Rate: 50, Passes: 1, For: 200 * time.Millisecond, Folder: t.TempDir(),
		Progress: func(int, int) { steps++ },
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(lanes) != 2 || lanes[0].Ratio != 1 || lanes[1].P99 <= 0 || lanes[1].P50 > lanes[1].P99 || lanes[0].PerSecond <= 0 || steps != 2 {
		t.Errorf("%+v after %d steps", lanes, steps)
	}
	var text strings.Builder
	if err := bench.WritePace(&text, 50, lanes); err != nil || !strings.Contains(text.String(), "at 50 items/s") {
		t.Errorf("%v: %s", err, text.String())
	}
}
