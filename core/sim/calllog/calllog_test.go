// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package calllog_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/sim/calllog"
)

const head = "vru+line\tcall_id\tcustomer_id\tpriority\ttype\tdate\tvru_entry\tvru_exit\tvru_time\t" +
	"q_start\tq_exit\tq_time\toutcome\tser_start\tser_exit\tser_time\tserver\n"

// text writes rows with spaces for tabs.
func text(rows ...string) string {
	return head + strings.ReplaceAll(strings.Join(rows, "\n"), " ", "\t") + "\n"
}

func read(t *testing.T, rows ...string) *calllog.Log {
	t.Helper()
	l, err := calllog.Read(strings.NewReader(text(rows...)))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestReadRows(t *testing.T) {
	t.Parallel()
	at := func(h, m, s int) time.Duration {
		return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
	}
	tests := []struct {
		name, row string
		want      calllog.Call
		odd       int
	}{{
		name: "answered at once",
		row:  "AA0101 46087 0 0 PS 991001 7:15:55 7:16:08 13 0:00:00 0:00:00 0 AGENT 7:16:09 7:17:10 61 agent-01",
		want: calllog.Call{
			ID: "AA0101/46087", Day: "991001", Class: "PS", Entered: at(7, 15, 55), Arrived: at(7, 16, 9),
			Outcome: calllog.Answered, ServiceStart: at(7, 16, 9), Service: 61 * time.Second, Server: "agent-01",
		},
	}, {
		name: "answered after queueing, over midnight",
		row:  "AA0216 12515 7 2 IN 991010 23:56:26 23:56:26 0 23:56:35 0:01:20 285 AGENT 0:01:19 0:01:51 32 agent-26",
		want: calllog.Call{
			ID: "AA0216/12515", Customer: "7", Day: "991010", Class: "IN", Priority: 2,
			Entered: at(23, 56, 26), Arrived: at(23, 56, 35), Queued: true, Wait: 285 * time.Second,
			Outcome: calllog.Answered, ServiceStart: at(24, 1, 19), Service: 32 * time.Second, Server: "agent-26",
		},
	}, {
		name: "answered at midnight exactly",
		row:  "AA0105 47464 0 0 PS 991021 23:59:50 23:59:50 0 0:00:00 0:00:00 0 AGENT 0:00:00 0:00:48 0 agent-09",
		want: calllog.Call{
			ID: "AA0105/47464", Day: "991021", Class: "PS", Entered: at(23, 59, 50), Arrived: at(24, 0, 0),
			Outcome: calllog.Answered, ServiceStart: at(24, 0, 0), Server: "agent-09",
		},
	}, {
		name: "answered, time unknown",
		row:  "AA0103 37630 9 2 PS 991010 13:03:32 13:03:37 5 13:03:37 13:03:51 14 AGENT 0:00:00 0:00:00 0 agent-06",
		want: calllog.Call{
			ID: "AA0103/37630", Customer: "9", Day: "991010", Class: "PS", Priority: 2, Entered: at(13, 3, 32),
			Arrived: at(13, 3, 37), Queued: true, Wait: 14 * time.Second, Outcome: calllog.Answered, Server: "agent-06",
		},
		odd: 1,
	}, {
		name: "hung up in the menu",
		row:  "AA0101 46086 0 0 PS 991001 0:24:58 0:25:12 14 0:00:00 0:00:00 0 HANG 0:00:00 0:00:00 0 NO_SERVER",
		want: calllog.Call{
			ID: "AA0101/46086", Day: "991001", Class: "PS", Entered: at(0, 24, 58), Arrived: at(0, 25, 12),
			Outcome: calllog.HungUp,
		},
	}, {
		name: "hung up in the queue, clock off",
		row:  "AA0105 47153 1 1 PS 991015 8:50:18 8:50:02 -16 8:50:02 8:50:25 23 HANG 0:00:00 0:00:00 0 NO_SERVER",
		want: calllog.Call{
			ID: "AA0105/47153", Customer: "1", Day: "991015", Class: "PS", Priority: 1, Entered: at(8, 50, 18),
			Arrived: at(8, 50, 2), Queued: true, Wait: 23 * time.Second, Outcome: calllog.HungUp,
		},
		odd: 1,
	}}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			l := read(t, tt.row)
			tt.want.Line = 2
			if l.Calls[0] != tt.want {
				t.Errorf("read\n%+v, want\n%+v", l.Calls[0], tt.want)
			}
			if len(l.Odd) != tt.odd {
				t.Errorf("odd: %v, want %d remarks", l.Odd, tt.odd)
			}
		})
	}
}

func TestMalformedRowsAreNamedAndSkipped(t *testing.T) {
	t.Parallel()
	good := "AA0101 46087 0 0 PS 991001 7:15:55 7:16:08 13 0:00:00 0:00:00 0 AGENT 7:16:08 7:17:10 62 agent-01"
	swap := func(column int, value string) string {
		fields := strings.Fields(good)
		fields[column] = value
		return strings.Join(fields, " ")
	}
	l := read(t,
		good,
		"AA0101 46087 0 0",
		swap(3, "9"),
		"",
		swap(5, "991301"),
		swap(7, "24:00:00"),
		swap(7, "7:5"),
		swap(11, "soon"),
		swap(12, "MAYBE"),
		good,
	)
	want := []string{
		`line 3: there are 4 columns; there should be 17`,
		`line 4: column priority: "9" should be 0, 1 or 2`,
		`line 6: column date: "991301" should be a date such as 991003`,
		`line 7: column vru_exit: "24:00:00" should be a time such as 7:15:55`,
		`line 8: column vru_exit: "7:5" should be a time such as 7:15:55`,
		`line 9: column q_time: "soon" should be a number of seconds`,
		`line 10: column outcome: "MAYBE" should be AGENT, HANG or PHANTOM`,
	}
	var got []string
	for _, m := range l.Malformed {
		got = append(got, m.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("malformed:\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if l.Rows != 9 || len(l.Calls) != 2 || l.Calls[1].Line != 11 {
		t.Errorf("%d rows, calls %+v", l.Rows, l.Calls)
	}
}

func TestNotALog(t *testing.T) {
	t.Parallel()
	for name, content := range map[string]string{
		"empty":         "",
		"another file":  "a,b,c\n1,2,3\n",
		"only a header": head,
		"broken gzip":   "\x1f\x8b\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if l, err := calllog.Read(strings.NewReader(content)); err == nil {
				t.Errorf("read %+v", l)
			}
		})
	}
	_, err := calllog.Open(filepath.Join(t.TempDir(), "nothing.tsv"))
	if err == nil || !strings.HasPrefix(err.Error(), "calllog: ") || strings.Count(err.Error(), "nothing.tsv") != 1 {
		t.Errorf("a missing file: %v", err)
	}
}

func TestShifts(t *testing.T) {
	t.Parallel()
	l := read(t,
		"A 1 0 0 PS 991001 9:00:00 9:00:05 5 0:00:00 0:00:00 0 AGENT 9:00:05 9:01:05 60 ann",
		"A 2 0 0 NW 991001 9:00:30 9:00:35 5 0:00:00 0:00:00 0 AGENT 9:00:35 9:00:45 10 ann",
		"A 3 0 0 PS 991001 23:59:00 23:59:30 30 0:00:00 0:00:00 0 AGENT 23:59:30 0:01:30 120 ann",
		"A 4 0 0 PS 991001 9:10:00 9:10:05 5 0:00:00 0:00:00 0 AGENT 9:10:05 9:10:06 1 bob",
		"A 5 0 0 PS 991001 9:10:00 9:10:05 5 9:10:05 9:10:06 1 PHANTOM 9:10:06 9:10:09 3 eve",
		"A 6 0 0 PS 991001 9:10:00 9:10:05 5 9:10:05 9:10:06 1 HANG 0:00:00 0:00:00 0 NO_SERVER",
		"A 7 0 0 PS 991002 9:10:00 9:10:05 5 0:00:00 0:00:00 0 AGENT 9:10:05 9:10:06 1 bob",
	)
	d, ok := l.Day("991001")
	if !ok || len(d.Calls) != 5 || d.Phantoms != 1 {
		t.Fatalf("day %+v", d)
	}
	shifts := d.Shifts()
	if len(shifts) != 2 {
		t.Fatalf("shifts %+v", shifts)
	}
	ann := shifts[0]
	if ann.Server != "ann" || ann.Start != 9*time.Hour+5*time.Second || ann.End != 24*time.Hour+90*time.Second ||
		ann.Calls != 3 || ann.Busy != 190*time.Second || ann.Overlaps != 1 || !slices.Equal(ann.Classes, []string{"NW", "PS"}) {
		t.Errorf("ann: %+v", ann)
	}
	if busiest := l.Busiest(); busiest.Date != "991001" {
		t.Errorf("busiest: %s", busiest.Date)
	}
	if _, ok := l.Day("991003"); ok {
		t.Error("a day that is not there was found")
	}
}

// recorded returns the path of the recorded log, or skips the test.
func recorded(t *testing.T) string {
	t.Helper()
	path, ok := calllog.Recorded()
	if !ok {
		t.Skip("the recorded log is not here: put bank-calls-1999-10.tsv.gz into ../shared/data, or name its folder in PATCHBAY_RECORDED")
	}
	return path
}

// The figures are those of the data's own README. Mean and median are over the
// answered calls whose service the log tells: 66 have 0.
func TestRecordedMonth(t *testing.T) {
	t.Parallel()
	l, err := calllog.Open(recorded(t))
	if err != nil {
		t.Fatal(err)
	}
	var service []float64
	sum := 0.0
	for _, c := range l.Calls {
		if c.Outcome == calllog.Answered && c.Service > 0 {
			service = append(service, c.Service.Seconds())
			sum += c.Service.Seconds()
		}
	}
	slices.Sort(service)
	if mean := sum / float64(len(service)); math.Abs(mean-180.5) > 0.05 {
		t.Errorf("mean service %.2f s", mean)
	}
	if median := service[len(service)/2]; median != 106 {
		t.Errorf("median service %v s", median)
	}
	got := fmt.Sprint(l.Rows, l.Malformed, l.Count(calllog.Answered), l.Count(calllog.HungUp), l.Count(calllog.Phantom))
	want := "34625 [line 7315: there are 16 columns; there should be 17 line 14247: there are 16 columns; there should be 17] 30861 3615 147"
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	busiest := l.Busiest()
	if busiest.Date != "991003" || len(busiest.Calls)+busiest.Phantoms != 1824 || len(l.Days()) != 31 {
		t.Errorf("busiest day %s with %d calls and %d phantoms of %d days", busiest.Date, len(busiest.Calls), busiest.Phantoms, len(l.Days()))
	}
	if shifts := busiest.Shifts(); len(shifts) != 24 {
		t.Errorf("%d agents worked on the busiest day, want 24", len(shifts))
	}
}

func TestReadsPackedAndPlain(t *testing.T) {
	t.Parallel()
	plain := text("A 1 0 0 PS 991001 9:00:00 9:00:05 5 0:00:00 0:00:00 0 AGENT 9:00:05 9:01:05 60 ann")
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write([]byte(plain)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "log.tsv.gz")
	if err := os.WriteFile(path, packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := calllog.Open(path)
	if err != nil || len(l.Calls) != 1 {
		t.Fatalf("%+v, %v", l, err)
	}
}

func ExampleRead() {
	log, err := calllog.Read(strings.NewReader(text(
		"AA0101 46087 0 0 PS 991001 7:15:55 7:16:08 13 0:00:00 0:00:00 0 AGENT 7:16:08 7:17:10 62 agent-01",
		"AA0101 46092 9 2 PS 991001 8:59:21 8:59:27 6 8:59:27 8:59:40 13 HANG 0:00:00 0:00:00 0 NO_SERVER",
		"AA0101 46093 9 2 PS 991001",
	)))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range log.Calls {
		fmt.Println(c.Arrived, c.Outcome, "after", c.Wait)
	}
	fmt.Println(log.Malformed)
	// Output:
	// 7h16m8s answered after 0s
	// 8h59m27s hung_up after 13s
	// [line 4: there are 6 columns; there should be 17]
}

// Whatever the file holds, reading ends without a panic, every row is either a
// call or malformed, and no span of a call is negative.
func FuzzRead(f *testing.F) {
	f.Add([]byte(text("AA0101 46087 0 0 PS 991001 7:15:55 7:16:08 13 0:00:00 0:00:00 0 AGENT 7:16:08 7:17:10 62 agent-01")))
	f.Add([]byte(text("AA0105 47153 1 1 PS 991015 8:50:18 8:50:02 -16 8:50:02 8:50:25 -3 HANG 0:00:00 0:00:00 -1 NO_SERVER", "x", "")))
	f.Add([]byte("\x1f\x8b\x08"))
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := calllog.Read(bytes.NewReader(data))
		if err != nil {
			return
		}
		if l.Rows != len(l.Calls)+len(l.Malformed) {
			t.Fatalf("%d rows, %d calls, %d malformed", l.Rows, len(l.Calls), len(l.Malformed))
		}
		for _, c := range l.Calls {
			if c.Wait < 0 || c.Service < 0 || c.Arrived < 0 || c.Outcome == 0 || c.Class == "" {
				t.Fatalf("impossible call %+v", c)
			}
		}
		for _, d := range l.Days() {
			for _, s := range d.Shifts() {
				if s.End < s.Start || s.Calls == 0 {
					t.Fatalf("impossible shift %+v", s)
				}
			}
		}
	})
}
