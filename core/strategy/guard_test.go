// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package strategy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/strategy"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	good := strategy.Tally{
		Turns: 1000, Errors: 1, Proposals: 200, Refusals: 3, Accepted: 90, Abandoned: 10, Within: 80, Waited: 900 * time.Second,
		P50: time.Millisecond, P99: 15 * time.Millisecond,
	}
	few := strategy.Tally{Turns: 1, Accepted: 5, Within: 1, Waited: time.Hour}
	for _, c := range []struct {
		guard            string
		canary, baseline strategy.Tally
		want             string
	}{
		{"error_rate < 1%", good, good, ""},
		{"error_rate<0.001", good, good, `guard "error_rate<0.001" does not hold: error_rate is 0.10%`},
		{"error_rate <= 0.001", good, good, ""},
		{"error_rate < 1%", strategy.Tally{}, good, ""},
		{"refusal_rate < 1 %", good, good, `guard "refusal_rate < 1 %" does not hold: refusal_rate is 1.50%`},
		{"refusal_rate < 1 %", strategy.Tally{Proposals: 19, Refusals: 19}, good, ""},
		{"refusal_rate < baseline + 25%", strategy.Tally{Proposals: 20, Refusals: 6}, good, `guard "refusal_rate < baseline + 25%" does not hold: refusal_rate is 30.00%, the baseline's 1.50%`},
		{"p99_decision < 20ms", good, good, ""},
		{"p99_decision < 10ms", good, good, `guard "p99_decision < 10ms" does not hold: p99_decision is 15ms`},
		{"p50_decision <= baseline + 1ms", good, good, ""},
		{"service_level >= baseline - 2%", good, good, ""},
		{"service_level > baseline", good, good, `guard "service_level > baseline" does not hold: service_level is 80.00%, the baseline's 80.00%`},
		{"service_level >= baseline - 2%", few, good, ""},
		{"service_level >= baseline - 2%", good, few, ""},
		{"abandon_rate <= 5%", good, good, `guard "abandon_rate <= 5%" does not hold: abandon_rate is 10.00%`},
		{"mean_wait < 10s", good, good, `guard "mean_wait < 10s" does not hold: mean_wait is 10s`},
		{"mean_wait < 1s", few, good, ""},
	} {
		guard, err := strategy.ParseGuard(c.guard)
		if err != nil {
			t.Errorf("%s: %v", c.guard, err)
			continue
		}
		if got := guard.Breached(&c.canary, &c.baseline); got != c.want {
			t.Errorf("%s: %q, want %q", c.guard, got, c.want)
		}
	}
}

func TestGuardRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                        "it should compare a measure",
		"error_rat < 1%":          `there is no measure "error_rat" (did you mean "error_rate"?)`,
		"error_rate = 1%":         `"=" should be one of <, <=, > and >=`,
		"error_rate != 1%":        `"!=" should be one of`,
		"error_rate < 20ms":       `"20ms" should be a share`,
		"error_rate < 101%":       `"101%" should be a share`,
		"error_rate < nan":        `"nan" should be a share`,
		"p99_decision < 5%":       `"5%" should be a time`,
		"p99_decision < -1s":      `"-1s" should be a time`,
		"service_level >= base":   `"base" should be a share`,
		"mean_wait < baseline 2s": `after baseline, "2s" should be + or -`,
	} {
		if _, err := strategy.ParseGuard(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseGuard(f *testing.F) {
	f.Add("service_level >= baseline - 2%")
	f.Add("p99_decision < 20ms")
	f.Fuzz(func(t *testing.T, text string) {
		guard, err := strategy.ParseGuard(text)
		if err != nil {
			return
		}
		var nothing strategy.Tally
		if words := guard.Breached(&nothing, &nothing); words != "" {
			t.Errorf("nothing was measured, and yet %s", words)
		}
	})
}
