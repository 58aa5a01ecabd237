// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package intake

import (
	"fmt"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/checker"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// everything is known of every queue.
type everything struct{}

func (everything) AgentsIn(string) (online, available int)                      { return 3, 2 }
func (everything) WaitingIn(string) (waiting int, wait engine.Time, known bool) { return 4, 5000, true }
func (everything) IsOpen(string) bool                                           { return true }

// TestEstimate holds that what a condition costs, by CEL's own count, is never
// more than its estimate: the estimate is all that stands between an expression
// and the loop that waits for it.
func TestEstimate(t *testing.T) {
	t.Parallel()
	l, err := newLanguage(map[string]bool{"support": true}, true)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("a", maxText)
	work := engine.WorkSpec{Channel: text, Queue: "support", External: text, Customer: text, Priority: new(int32(3)), Attributes: map[string]string{"text": text, "n": "12"}}
	for i := range maxAttributes - 2 {
		work.Attributes[fmt.Sprintf("%0*d", maxName, i)] = text
	}
	for _, when := range []string{
		`true`, `work.channel == work.customer`, `work.attributes.text.contains('b')`, `work.attributes.?text.orValue('').contains('b')`,
		`work.attributes.text.lowerAscii().contains('b')`, `work.attributes[?'text'].orValue('').lowerAscii().matches('^a+$')`,
		`work.attributes.exists(k, k.startsWith('x'))`, `work.attributes.all(k, work.attributes[k] != 'b')`, `work.attributes.exists(k, work.attributes[k].contains('b'))`,
		`work.attributes.map(k, work.attributes[k]).exists(v, v.contains('b'))`, `work.attributes.filter(k, k.startsWith('0')).size() > 200`,
		`(work.external + work.customer).contains('b')`, `[work.queue, work.channel].exists(x, x.contains('b'))`,
		`work.attributes.text.split('a').size() > 3`, `'b' in work.attributes.text.split('')`, `work.attributes.text.replace('a', 'b').contains('a')`,
		`work.attributes.text.replace('', 'bbbb') == 'a'`, `work.attributes.text.trim().reverse().upperAscii().startsWith('b')`,
		`work.attributes.text.substring(3, 100).indexOf('b') > 3`, `work.attributes.text.charAt(3) == 'b'`, `int(work.attributes.n) > 3`,
		`agents_online('support') > 1 && agents_available('support') > 1 && waiting('support') > 1`,
		`work.attributes.exists(k, agents_online('support') > 10)`, `wait_known('support') && estimated_wait('support') > duration('1m')`,
		`is_open(work.queue)`, `now - work.requested_at > duration('5m')`, `now.getHours('Europe/Berlin') > 18`, `string(now).contains('b')`,
		`work.priority == null || work.priority < 3`, `has(work.attributes.x) ? work.attributes.x == 'a' : work.external.endsWith('b')`,
		`[1, 2, 3].all(a, [1, 2, 3].all(b, [1, 2, 3].exists(c, a + b + c > 8)))`, `work.attributes.?text.hasValue()`,
	} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			if _, errs := l.compile("when", when); len(errs) > 0 {
				t.Fatal(errs)
			}
			checked, _ := l.env.Compile(when)
			estimate, err := l.env.EstimateCost(checked, sizes{})
			if err != nil {
				t.Fatal(err)
			}
			program, err := l.env.Program(checked, cel.CostTracking(asking{}))
			if err != nil {
				t.Fatal(err)
			}
			in := newScope(&work, 1_795_514_400_000)
			in.know(everything{}, map[string]bool{"support": true})
			_, details, err := program.Eval(in)
			if err != nil {
				t.Fatal(err)
			}
			// CEL counts the parts of a split one short.
			if actual := *details.ActualCost(); actual > estimate.Max+1 || actual > Budget {
				t.Errorf("it costs %d, estimated were %v", actual, estimate)
			}
		})
	}
}

// asking counts functions of a queue as the estimate does.
type asking struct{}

var _ interpreter.ActualCostEstimator = asking{}

// CallCost implements interpreter.ActualCostEstimator.
func (asking) CallCost(function, _ string, _ []ref.Val, _ ref.Val) *uint64 {
	if _, ok := functionNamed(function); ok {
		return new(checker.FixedCostEstimate(askingCost).Max)
	}
	return nil
}
