// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/drive"
	"github.com/patchbay-cx/patchbay/core/sim/calllog"
)

const rows = `vru+line call_id customer_id priority type date vru_entry vru_exit vru_time q_start q_exit q_time outcome ser_start ser_exit ser_time server
A 1 0 0 PS 991001 9:00:00 9:00:05 5 0:00:00 0:00:00 0 AGENT 9:00:05 9:01:05 60 ann
A 2 7 2 NW 991001 8:59:00 8:59:30 30 8:59:30 9:00:30 60 AGENT 9:00:30 9:00:40 10 bob
A 3 0 1 PS 991001 9:10:00 9:10:05 5 9:10:05 9:10:25 20 HANG 0:00:00 0:00:00 0 NO_SERVER
A 4 0 0 PS 991001 9:10:00 9:10:05 5 0:00:00 0:00:00 0 HANG 0:00:00 0:00:00 0 NO_SERVER
A 5 0 0 PS 991001 9:10:00 9:10:05 5 9:10:05 9:10:06 1 PHANTOM 9:10:06 9:10:09 3 eve
A 6 0 0 IN 991002 9:10:00 9:10:05 5 9:10:05 9:10:06 1 AGENT 9:10:06 9:10:09 3 ann
`

func readLog(t *testing.T) *calllog.Log {
	t.Helper()
	l, err := calllog.Read(strings.NewReader(strings.ReplaceAll(rows, " ", "\t")))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestRecorded(t *testing.T) {
	t.Parallel()
	d, _ := readLog(t).Day("991001")
	p, err := drive.Recorded(d, 1)
	if err != nil {
		t.Fatal(err)
	}
	second := time.Second
	if want := []drive.Shift{
		{Agent: "ann", From: 35 * second, Until: 95 * second}, {Agent: "bob", From: 60 * second, Until: 70 * second},
	}; !reflect.DeepEqual(p.Shifts, want) {
		t.Errorf("shifts %+v, want %+v", p.Shifts, want)
	}
	hungUp := p.Customers[2].Service
	want := []drive.Customer{
		{ID: "991001-3", Queue: "NW", Class: "NW", Caller: "7", Patience: drive.Forever, Service: 10 * second},
		{ID: "991001-2", At: 35 * second, Queue: "PS", Class: "PS", Priority: 2, Patience: drive.Forever, Service: 60 * second},
		{ID: "991001-4", At: 635 * second, Queue: "PS", Class: "PS", Priority: 1, Patience: 20 * second, Service: hungUp},
	}
	if !reflect.DeepEqual(p.Customers, want) {
		t.Errorf("customers %+v, want %+v", p.Customers, want)
	}
	if hungUp != 10*second && hungUp != 60*second {
		t.Errorf("service %v is not one of the day's", hungUp)
	}
	if drive.NeverAsked(d) != 1 || p.Length() != 635*second {
		t.Errorf("%d never asked, length %v", drive.NeverAsked(d), p.Length())
	}
	if _, err := drive.Recorded(calllog.Day{Date: "991009"}, 1); err == nil {
		t.Error("a day without agents made a plan")
	}
}

func TestRecordedConfigNamesWhatIsInTheLog(t *testing.T) {
	t.Parallel()
	l := readLog(t)
	d, _ := l.Day("991002")
	config := drive.RecordedConfig(l, d)
	if !reflect.DeepEqual(config.Queues, []string{"IN"}) || !reflect.DeepEqual(config.Agents, map[string][]string{"ann": {"IN"}}) {
		t.Errorf("%+v", config)
	}
	var out bytes.Buffer
	n, err := config.WriteTo(&out)
	if err != nil || n != int64(out.Len()) || !strings.Contains(out.String(), "  \"ann\":\n    presence_config: phone\n    queues: [\"IN\"]\n") {
		t.Errorf("wrote %d bytes, %v:\n%s", n, err, out.String())
	}
}

func TestSynthetic(t *testing.T) {
	t.Parallel()
	s := drive.Synthetic{
		Rate: 100, For: 100 * time.Second, Agents: make([]string, 50), Queues: []string{"a", "b"}, Patience: 1, Seed: 42,
	}
	p, err := s.Plan()
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := s.Plan(); !reflect.DeepEqual(p, again) {
		t.Error("the same seed made another plan")
	}
	if n := len(p.Customers); n < 9600 || n > 10400 {
		t.Errorf("%d customers, want about 10,000", n)
	}
	var service, patience float64
	for i, c := range p.Customers {
		if i > 0 && c.At < p.Customers[i-1].At || c.At >= s.For {
			t.Fatalf("customer %d comes at %v", i, c.At)
		}
		service += c.Service.Seconds()
		patience += c.Patience.Seconds()
	}
	n := float64(len(p.Customers))
	// 50 agents, 85 % busy, 100 customers a second: 0.425 s each.
	if math.Abs(service/n-0.425) > 0.02 || math.Abs(patience/n-0.425) > 0.02 || s.MeanService() != 425*time.Millisecond {
		t.Errorf("mean service %.3f, mean patience %.3f", service/n, patience/n)
	}
}

func TestSyntheticRefusesNonsense(t *testing.T) {
	t.Parallel()
	good := drive.Synthetic{Rate: 1, For: time.Second, Agents: []string{"a"}, Queues: []string{"q"}}
	for name, spoil := range map[string]func(*drive.Synthetic){
		"rate":     func(s *drive.Synthetic) { s.Rate = 0 },
		"NaN":      func(s *drive.Synthetic) { s.Rate = math.NaN() },
		"for":      func(s *drive.Synthetic) { s.For = 0 },
		"busy":     func(s *drive.Synthetic) { s.Busy = 1.5 },
		"patience": func(s *drive.Synthetic) { s.Patience = -1 },
		"agents":   func(s *drive.Synthetic) { s.Agents = nil },
		"queues":   func(s *drive.Synthetic) { s.Queues = nil },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := good
			spoil(&s)
			if _, err := s.Plan(); err == nil {
				t.Errorf("%+v made a plan", s)
			}
		})
	}
	if _, err := good.Plan(); err != nil {
		t.Error(err)
	}
}

func TestLatency(t *testing.T) {
	t.Parallel()
	var values []time.Duration
	for i := range 200 {
		values = append(values, time.Duration(200-i)*time.Millisecond)
	}
	l := drive.LatencyOf(values)
	want := drive.Latency{
		Count: 200, Mean: 100500 * time.Microsecond,
		P50: 100 * time.Millisecond, P95: 190 * time.Millisecond, P99: 198 * time.Millisecond, Max: 200 * time.Millisecond,
	}
	if l != want {
		t.Errorf("%+v, want %+v", l, want)
	}
	text, err := json.Marshal(l)
	if err != nil || string(text) != `{"count":200,"mean_ms":100.5,"p50_ms":100,"p95_ms":190,"p99_ms":198,"max_ms":200}` {
		t.Errorf("%s, %v", text, err)
	}
	if (drive.LatencyOf(nil) != drive.Latency{}) || drive.LatencyOf([]time.Duration{7}).P99 != 7 {
		t.Error("of none, or of one")
	}
}
