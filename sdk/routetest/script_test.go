// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package routetest_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/sdk/routetest"
)

// TestParseErrors shows that a fault in a script is told with its line.
func TestParseErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"turn\nfrobnicate", "2: frobnicate: there is no such step"},
		{"turn now", `1: turn: "now" is one word too many`},
		{"turn\nfor queue", "2: for: names strategies, once, before all steps"},
		{"for a\nfor b", "2: for: names strategies, once, before all steps"},
		{"for", "1: for: names strategies, once, before all steps"},
		{"about", "1: about: names a group, once, before all steps"},
		{"about gaps\nabout gaps", "2: about: names a group, once, before all steps"},
		{"turn\nabout gaps", "2: about: names a group, once, before all steps"},
		{"times 2 about gaps", "1: times: a number and a step are wanted"},
		{"# fine\n\nqueue", "3: queue: queue is missing"},
		{"queue q fastest", `1: queue: "fastest" is no model, and no field of a queue`},
		{"agent", "1: agent: agent is missing"},
		{"agent a size 1", `1: agent: "size" is no field of an agent`},
		{"agent a capacity", "1: agent: capacity is missing"},
		{"agent a capacity 1.0001", `1: agent: capacity: "1.0001" is no amount with up to three decimals`},
		{"agent a capacity 1.", `1: agent: capacity: "1." is no amount`},
		{"agent a capacity -", `1: agent: capacity: "-" is no amount`},
		{"agent a capacity 1.2-3", `1: agent: capacity: "1.2-3" is no amount`},
		{"agent a capacity 2147483.648", `1: agent: capacity: "2147483.648" is no amount`},
		{"agent a most -1", `1: agent: most: "-1" is no number of 32 bits without a sign`},
		{"agent a skills x:11", `1: agent: "11" is no level from 0 to 10`},
		{"agent a skills x", `1: agent: "" is no level from 0 to 10`},
		{"agent a idle 5", `1: agent: idle: "5" is no duration in whole milliseconds`},
		{"agent a idle 5us", `1: agent: idle: "5us" is no duration in whole milliseconds`},
		{"work w capacity 1", `1: work: "capacity" is no field of work`},
		{"work w priority high", `1: work: priority: "high" is no number of 32 bits`},
		{"work w prefers a 5s", "1: work: prefers AGENT for DURATION is wanted"},
		{"work w needs x:1:gone", `1: work: "gone": only dropped can follow a level`},
		{"work \"w", `1: "w: a quote that does not end`},
		{"queue q offer-to many", `1: queue: offer-to: "many" is no number of 16 bits without a sign`},
		{"agent a tier 2 q", "1: agent: tier N in QUEUE is wanted"},
		{"work w percent -1", "1: work: percent: a share is no less than nothing"},
		{"expect w1", "1: expect: WORK -> AGENT, WORK waits, nothing, wake, or N proposals is wanted"},
		{"expect w1 -> a why not", `1: expect: "why" is one word too many`},
		{"expect x proposals", `1: expect: how many: "x" is no number`},
		{"refuse w1 badly", `1: refuse: "badly" is no verdict`},
		{"corrupt mind", `1: corrupt: "mind": base, epoch, generation, digest, repeat, page, order or pages is wanted`},
		{"resend queue q", `1: resend: "queue": agent or work is wanted`},
		{"times 2", "1: times: a number and a step are wanted"},
		{"times 2 times 2 turn", "1: times: a number and a step are wanted"},
		{"times many turn", `1: times: "many" is no number from 0 to 100000`},
		{"times 100000 turn\nturn", "2: more than 100000 steps"},
	} {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			_, err := routetest.Parse("x.txt", test.text)
			if _, ok := errors.AsType[*routetest.ParseError](err); !ok {
				t.Fatalf("got %v, want a ParseError", err)
			}
			if want := "routetest: x.txt:" + test.want; !strings.HasPrefix(err.Error(), want) {
				t.Errorf("\ngot  %s\nwant %s", err, want)
			}
		})
	}
}

// TestMisuseIsFound shows that a script that tells the host to do what cannot
// be done ends with a finding at that line.
func TestMisuseIsFound(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ text, want string }{
		{"turn\naccept w1", "x.txt:2: w1 is not offered"},
		{"queue q\nagent a in q on c\nwork w in q on c\nturn\naccept w by b", "x.txt:5: w is not offered to b"},
		{"queue q\nwork w in q on c\nturn\nexpect w waits held", "x.txt:4: no note says why w waits"},
		{"complete w1", "x.txt:1: w1 is not open"},
		{"cancel w1", "x.txt:1: w1 is not on the board"},
		{"sign-out anna", "x.txt:1: anna is not on the board"},
		{"corrupt base", "x.txt:1: a turn must have gone before"},
		{"turn\ncorrupt generation", "x.txt:2: work is wanted on the board"},
		{"turn\ncorrupt page", "x.txt:2: three rows are wanted to leave out a page"},
		{"turn\ncorrupt pages", "x.txt:2: four rows are wanted to swap pages"},
		{"times 65 channel c{n}", "x.txt:1: there are 64 channels already"},
		{"turn\nrefuse w1 gone", "x.txt:2: w1 is not proposed"},
		{"turn\nhold w1", "x.txt:2: w1 is not proposed"},
		{"settle w1", "x.txt:1: w1 is not held"},
		{"queue q\nagent a in q on c\nwork w in q on c\nturn\naccept w\nwork w", "x.txt:6: w is open already"},
		{"turn\nexpect 1 offered", "x.txt:2: 1 offers were expected, there were 0"},
		{"queue q\nagent a in q on c\ntimes 2 work w{n} in q on c size 0\nturn\nexpect w1 -> a\nturn", "x.txt:6: w2 -> a was proposed too"},
	} {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			script, err := routetest.Parse("x.txt", test.text)
			if err != nil {
				t.Fatal(err)
			}
			result, err := routetest.Play(t.Context(), plainSuite(), script)
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Findings) != 1 || result.Findings[0].String() != test.want {
				t.Errorf("got %v, want %s", result.Findings, test.want)
			}
		})
	}
}

// TestCorpus shows that the corpus is what it should be: readable, named after
// whom it is for, and large enough.
func TestCorpus(t *testing.T) {
	t.Parallel()
	all := routetest.Corpus("queue")
	anybody := routetest.Corpus("")
	if n := len(all) - len(anybody); n < 25 {
		t.Errorf("only %d rules of the queue strategy", n)
	}
	for _, script := range all {
		prefix := "any-"
		if len(script.Strategies) > 0 {
			prefix = script.Strategies[0] + "-"
		}
		if !strings.HasPrefix(script.Name, prefix) {
			t.Errorf("%s: the name should begin with %s", script.Name, prefix)
		}
	}
	about := map[string]int{}
	for _, script := range anybody {
		if about[script.Group]++; !slices.Contains(routetest.Groups(), script.Group) {
			t.Errorf("%s is about %q, which is no group", script.Name, script.Group)
		}
	}
	for _, group := range routetest.Groups() {
		if about[group] == 0 {
			t.Errorf("no script is about %s", group)
		}
	}
}

// FuzzParse shows that no text upsets the parser, and that what it takes can be
// played.
func FuzzParse(f *testing.F) {
	f.Add("queue support longest_idle\nagent anna in support on case\nwork w1 in support on case\nturn\nexpect w1 -> anna\naccept w1")
	f.Add("times 3 work w{n} in q size 0.5 needs a:1,b:2:dropped # comment\npage 2\nsnapshot\nturn\ncorrupt page\nuntil-quiet")
	f.Add("work \"w\\n1\" prefers a for 1m30s attribute \"\" \"½\"\nturn\nhold w1\nsettle w1\nrefuse w1 stale")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 2000 || strings.Contains(text, "times") {
			t.Skip("too much to play")
		}
		script, err := routetest.Parse("fuzz.txt", text)
		if err != nil {
			var parse *routetest.ParseError
			if !errors.As(err, &parse) || parse.Line < 1 || parse.Line > strings.Count(text, "\n")+1 {
				t.Fatalf("%#v", err)
			}
			return
		}
		if _, err := routetest.Play(t.Context(), plainSuite(), script); err != nil {
			t.Fatal(err)
		}
	})
}

// TestNamed shows that scripts come as they are asked for, and are those of the
// corpus.
func TestNamed(t *testing.T) {
	t.Parallel()
	all := routetest.Corpus("queue")
	slices.Reverse(all)
	names := make([]string, len(all))
	for i, script := range all {
		names[i] = script.Name
	}
	named, err := routetest.Named(names...)
	if err != nil {
		t.Fatal(err)
	}
	for i, script := range named {
		if script.Name != names[i] || script.Group != all[i].Group || !slices.Equal(script.Strategies, all[i].Strategies) {
			t.Errorf("%d: %s about %q for %v, want %s", i, script.Name, script.Group, script.Strategies, names[i])
		}
	}
	for _, name := range []string{"any-da.txt", "", ".", "../corpus/any-day.txt"} {
		if _, err := routetest.Named("any-day.txt", name); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), strconv.Quote(name)) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func ExampleNamed() {
	scripts, err := routetest.Named("any-snapshot.txt", "any-base.txt")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, script := range scripts {
		fmt.Println(script.Name, "is about", script.Group)
	}
	// Output:
	// any-snapshot.txt is about snapshot
	// any-base.txt is about gaps
}

// A script says who is there, what arrives, and what must be proposed.
func ExamplePlay() {
	script, err := routetest.Parse("vip.txt", `
		queue support longest_idle
		agent anna in support on chat idle 2m
		agent bert in support on chat idle 5m
		work w1 in support on chat priority 3
		work vip in support on chat priority 0
		turn
		expect vip -> bert
		expect w1 -> bert
	`)
	if err != nil {
		fmt.Println(err)
		return
	}
	result, err := routetest.Play(context.Background(), routetest.Suite{
		Open: func(context.Context) (routetest.Carrier, error) {
			return routetest.Direct(routetest.Plain(0)), nil
		},
	}, script)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(result.Findings)
	fmt.Print(result.Transcript)
	// Output:
	// [vip.txt:9: w1 -> bert was expected, w1 -> anna came]
	// turn 1
	// vip -> bert revision 4 reason 3 score 300 rank 0
	// w1 -> anna revision 4 reason 3 score 120 rank 0
}
