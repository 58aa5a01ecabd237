// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package replay_test

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/sim/calllog"
	"github.com/patchbay-cx/patchbay/core/sim/replay"
	"github.com/patchbay-cx/patchbay/core/sim/scenario"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func options() scenario.Options {
	return scenario.Options{Runtimes: map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{
		"queue": queue.Plugin(), "skills": skills.Plugin(),
	})}}
}

const bankHead = "vru+line call_id customer_id priority type date vru_entry vru_exit vru_time q_start q_exit q_time outcome ser_start ser_exit ser_time server\n"

func bank(t *testing.T, rows ...string) *replay.Recording {
	t.Helper()
	log, err := calllog.Read(strings.NewReader(strings.ReplaceAll(bankHead+strings.Join(rows, "\n"), " ", "\t")))
	if err != nil {
		t.Fatal(err)
	}
	r, err := replay.Bank("test", log)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func play(t *testing.T, r *replay.Recording, base *scenario.Scenario) *replay.Outcome {
	t.Helper()
	s, err := r.Scenario(base)
	if err != nil {
		t.Fatal(err)
	}
	outcome, err := r.Play(t.Context(), s, options())
	if err != nil {
		t.Fatal(err)
	}
	for _, broken := range outcome.Result.Broken {
		t.Error(broken)
	}
	return outcome
}

// TestBank plays a small log whose outcome can be told by hand: ann speaks with
// the first for 60 s, so the second waits for 30 s and the third, who has
// patience for 10 s, leaves; on the next day bob is alone.
func TestBank(t *testing.T) {
	t.Parallel()
	r := bank(t,
		"A 1 0 0 PS 991001 9:00:00 9:00:00 0 0:00:00 0:00:00 0 AGENT 9:00:00 9:01:00 60 ann",
		"A 2 0 0 PS 991001 9:00:30 9:00:30 0 9:00:30 9:01:00 30 AGENT 9:01:00 9:03:00 120 ann",
		"A 3 0 0 PS 991001 9:00:40 9:00:40 0 9:00:40 9:00:50 10 HANG 0:00:00 0:00:00 0 NO_SERVER",
		"A 4 0 0 PS 991001 9:00:40 9:00:45 5 0:00:00 0:00:00 0 HANG 0:00:00 0:00:00 0 NO_SERVER",
		"A 5 0 0 PS 991001 9:00:40 9:00:45 5 0:00:00 0:00:00 0 PHANTOM 0:00:00 0:00:00 0 NO_SERVER",
		"A 6 0 0 NW 991002 23:59:30 23:59:30 0 0:00:00 0:00:00 0 AGENT 23:59:30 0:00:30 60 bob",
		"A 7 0 0 NW",
	)
	want := replay.Import{
		Log: "test", Start: "1999-10-01", Rows: 7, Played: 4, Malformed: []string{"line 8: there are 5 columns; there should be 17"},
		LeftOut:  []replay.LeftOut{{"phantom rows, which the log's own guide says to ignore", 1}, {"hung up in the menu, before asking for an agent", 1}},
		Answered: new(3), Abandoned: new(1), MeanWait: new(10.0),
	}
	if !reflect.DeepEqual(r.Import, want) {
		t.Errorf("import %+v, want %+v", r.Import, want)
	}
	got := play(t, r, nil).Result
	c := &got.Overall.Counts
	if c.Offered != 4 || c.Served != 3 || c.Abandoned != 1 || c.Waiting+c.Open+c.Blocked != 0 {
		t.Errorf("counts %+v", *c)
	}
	if w := got.Overall.Wait.Mean.Value; w != 10 {
		t.Errorf("mean wait %v s, want 10: 0, 30, 10 and 0", w)
	}
	if h := got.Overall.HandleTime.Value; h != 80 {
		t.Errorf("mean handle time %v s, want 80", h)
	}
	if len(got.Groups) != 2 || got.Groups[0].Name != "ann" {
		t.Errorf("groups %+v", got.Groups)
	}
}

// TestPeriods holds the agents' periods against the log: there when a shift is,
// and at no other time.
func TestPeriods(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		clock := func(s int) string { return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60) }
		var rows []string
		present := make(map[int]bool) // by minute since the beginning
		n := rapid.IntRange(1, 6).Draw(t, "days")
		for day := range n {
			from := rapid.IntRange(0, 1439).Draw(t, "from") // minutes
			long := rapid.IntRange(1, 719).Draw(t, "long")
			rows = append(rows, fmt.Sprintf("A %d 0 0 PS 9910%02d %s %s 0 0:00:00 0:00:00 0 AGENT %s %s %d ann",
				day, day+1, clock(from*60), clock(from*60), clock(from*60), clock((from+long)%1440*60), long*60))
			if from == 0 {
				continue // the log writes 0:00:00 for "never", unless it ends later
			}
			for m := range long {
				present[day*1440+from+m] = true
			}
		}
		if len(present) == 0 {
			return
		}
		log, err := calllog.Read(strings.NewReader(strings.ReplaceAll(bankHead+strings.Join(rows, "\n"), " ", "\t")))
		if err != nil {
			t.Fatal(err)
		}
		r, err := replay.Bank("test", log)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Duration(0)
		for _, p := range r.Groups["ann"].Periods {
			for m := range int(time.Duration(p.Length) / time.Minute) {
				minute := int(at/time.Minute) + m
				if present[minute] != (p.Agents == 1) {
					t.Fatalf("minute %d: there %v, want %v", minute, p.Agents == 1, present[minute])
				}
			}
			at += time.Duration(p.Length)
		}
		if int(at/time.Minute) < (n+1)*1440 {
			t.Fatalf("the periods come round after %v", at)
		}
	})
}

const centre = `
name: centre
horizon: {time: 1h}
acceptable_wait: 10s
model: round_robin
classes:
  sales: {queue: front, arrivals: {rate: 1/min}, service: {distribution: deterministic, mean: 2m}, retrials: {after_block: 1, delay: {mean: 1m}}}
  support: {arrivals: {rate: 1/min}, service: {mean: 2m}, patience: {distribution: deterministic, mean: 30s}}
  unused: {channel: mail, arrivals: {rate: 1/min}, service: {mean: 2m}}
groups:
  both: {agents: 1, queues: [front, support, unused], skills: {german: 5}, service: {unused: {mean: 1s}}}
  mail: {agents: 1, queues: [unused]}
  post: {agents: 1, channels: [mail], queues: [front]}
queues: {unused: {max_waiting: 3}, front: {max_waiting: 1}}
`

func table(t *testing.T, text string) *replay.Recording {
	t.Helper()
	log, err := calllog.ReadTable("test.csv", strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return replay.Table("test.csv", log)
}

// TestTable plays a table with a scenario's agents: times that are known are the
// table's, the others are the scenario's.
func TestTable(t *testing.T) {
	t.Parallel()
	base, err := scenario.Parse("centre.yaml", []byte(centre))
	if err != nil {
		t.Fatal(err)
	}
	r := table(t, "id,class,arrived,service_seconds,patience_seconds,priority,skills\n"+
		"1,sales,0,60,,,german:5\n"+ // served at once, until 60
		"2,support,10,,20,,\n"+ // leaves at 30
		"3,support,20,,,0,\n"+ // leaves at 50, as the class does
		"4,sales,40,,,,\n"+ // waits 20, then takes 120 as the class does
		"5,sales,50,10,,,\n"+ // one waits already, so blocked
		"6,support,170,0,,,\n") // waits 10, takes no time
	outcome := play(t, r, base)
	c := &outcome.Result.Overall.Counts
	if c.Offered != 6 || c.Served != 3 || c.Abandoned != 2 || c.Blocked != 1 {
		t.Errorf("counts %+v", *c)
	}
	if got := outcome.Result.Overall.AnsweredWait.Mean.Value; got != 10 {
		t.Errorf("mean speed of answer %v s, want 10: 0, 20 and 10", got)
	}
	if len(base.Classes) != 3 || len(base.Groups["both"].Queues) != 3 || base.Classes["sales"].Retrials == nil || base.Classes["sales"].Customers != nil {
		t.Errorf("the base was changed: %+v", base)
	}
	if outcome.Result.Model != "round_robin" || outcome.Result.AcceptableWait != 10 {
		t.Errorf("settings are not the base's: %s, %v", outcome.Result.Model, outcome.Result.AcceptableWait)
	}
	var groups []string
	for _, g := range outcome.Result.Groups {
		groups = append(groups, g.Name)
	}
	if !slices.Equal(groups, []string{"both"}) {
		t.Errorf("groups %v: those who serve nobody in the log should be left out", groups)
	}
}

func TestScenarioRefuses(t *testing.T) {
	t.Parallel()
	base, err := scenario.Parse("centre.yaml", []byte(centre))
	if err != nil {
		t.Fatal(err)
	}
	const head = "id,class,arrived,service_seconds\n"
	for name, tt := range map[string]struct {
		recording *replay.Recording
		base      *scenario.Scenario
		want      string
	}{
		"no agents":     {table(t, head+"1,sales,0,1\n"), nil, "replay: the log does not say who the agents were"},
		"unknown class": {table(t, head+"1,sales,0,1\n2,sails,0,1\n"), base, `replay: the scenario has no class "sails", as line 3 of the log has; it has sales, support, unused`},
		"no service": {
			bank(t, "A 1 0 0 PS 991001 9:00:00 9:00:00 0 0:00:00 0:00:00 0 AGENT 9:00:00 9:00:00 0 ann", "A 2 0 0 PS 991001 9:00:00 9:00:00 0 0:00:00 0:00:00 0 AGENT 9:10:00 9:10:00 0 ann"),
			nil, "replay: the log has no service time of anybody",
		},
		"nobody able": {table(t, head[:len(head)-1]+",skills\n1,sales,0,1,french\n"), base, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tt.recording.Scenario(tt.base)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestRecordedMonth plays the whole month, with the figures of the data's own
// README.
func TestRecordedMonth(t *testing.T) {
	t.Parallel()
	path, ok := calllog.Recorded()
	if !ok {
		t.Skip("the recorded log is not here: put bank-calls-1999-10.tsv.gz into ../shared/data, or name its folder in PATCHBAY_RECORDED")
	}
	log, err := calllog.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	r, err := replay.Bank("october", log)
	if err != nil {
		t.Fatal(err)
	}
	in := &r.Import
	if in.Rows != 34_625 || len(in.Malformed) != 2 || *in.Answered != 30_861 || in.LeftOut[0].Rows != 147 ||
		*in.Abandoned+in.LeftOut[1].Rows != 3_615 || in.Played != *in.Answered+*in.Abandoned {
		t.Errorf("import %+v", *in)
	}
	c := play(t, r, nil).Result.Overall.Counts
	t.Logf("%+v", c)
	if c.Offered != c.Served+c.Abandoned+c.Waiting || c.Offered != int64(in.Played) || c.Open != 0 {
		t.Errorf("offered %d = served %d + abandoned %d + waiting %d does not hold, or %d are not in the log", c.Offered, c.Served, c.Abandoned, c.Waiting, in.Played)
	}
}

func ExampleTable() {
	log, err := calllog.ReadTable("monday.csv", strings.NewReader("id,class,arrived,service_seconds\n1,sales,09:00:00,60\n2,sales,09:00:30,60\n"))
	if err != nil {
		fmt.Println(err)
		return
	}
	base, err := scenario.Parse("centre.yaml", []byte(centre))
	if err != nil {
		fmt.Println(err)
		return
	}
	recording := replay.Table("monday.csv", log)
	s, err := recording.Scenario(base)
	if err != nil {
		fmt.Println(err)
		return
	}
	outcome, err := recording.Play(context.Background(), s, options())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(outcome.Result.Overall.Served, "served, mean wait", outcome.Result.Overall.Wait.Mean.Value)
	// Output: 2 served, mean wait 15
}
