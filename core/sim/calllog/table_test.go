// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package calllog_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/patchbay-cx/patchbay/core/sim/calllog"
)

func TestReadTable(t *testing.T) {
	t.Parallel()
	zero, three := int32(0), int32(3)
	for name, tt := range map[string]struct {
		text  string
		start string
		want  []calllog.Row
	}{
		"all columns, dated, out of order": {
			"id,class,arrived,service_seconds,patience_seconds,priority,skills\r\n" +
				"2,sales,2026-03-03 00:00:01,0,35.5,3,german:5 billing\r\n" +
				"1,\"after, sales\",2026-03-02T23:59:59,184.25,,,\r\n",
			"2026-03-02",
			[]calllog.Row{
				{Line: 3, ID: "1", Class: "after, sales", Arrived: 24*time.Hour - time.Second, Service: 184250 * time.Millisecond, ServiceKnown: true},
				{
					Line: 2, ID: "2", Class: "sales", Arrived: 24*time.Hour + time.Second, ServiceKnown: true, Patience: 35500 * time.Millisecond, Leaves: true,
					Priority: &three, Skills: map[string]float64{"german": 5, "billing": 0},
				},
			},
		},
		"few columns, in another order, times of day and seconds": {
			"\ufeffclass,id,service_seconds,arrived\na,x,,00:01:00\na,y,1,59.5\n", "",
			[]calllog.Row{
				{Line: 3, ID: "y", Class: "a", Arrived: 59500 * time.Millisecond, Service: time.Second, ServiceKnown: true},
				{Line: 2, ID: "x", Class: "a", Arrived: time.Minute},
			},
		},
		"a time zone": {
			"id,class,arrived,service_seconds,priority\n1,a,2026-03-02T01:00:00+02:00,1,0\n", "2026-03-02",
			[]calllog.Row{{Line: 2, ID: "1", Class: "a", Arrived: time.Hour, Service: time.Second, ServiceKnown: true, Priority: &zero}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			table, err := calllog.ReadTable("x.csv", strings.NewReader(tt.text))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(table.Rows, tt.want) {
				t.Errorf("read\n%+v, want\n%+v", table.Rows, tt.want)
			}
			start := ""
			if !table.Start.IsZero() {
				start = table.Start.Format(time.DateOnly)
			}
			if start != tt.start {
				t.Errorf("it begins on %q, want %q", start, tt.start)
			}
		})
	}
}

func TestTableFaults(t *testing.T) {
	t.Parallel()
	const head = "id,class,arrived,service_seconds,patience_seconds,priority,skills\n"
	for text, want := range map[string]string{
		"":                   `x.csv:1:1: the file is empty; it should begin with the header id,class,arrived,service_seconds`,
		head:                 `x.csv:2:1: there is no row after the header`,
		"id,class,arrived\n": `x.csv:1:1: the column "service_seconds" is missing`,
		"id,class,arrived,service_seconds,colour\n":                           `x.csv:1:34: there is no column "colour"; there are id, class, `,
		"id,class,arrived,service_seconds,id\n":                               `x.csv:1:34: the column "id" is there twice`,
		head + "1,a,0,1,,\n":                                                  `x.csv:2:1: there are 6 fields; the header has 7`,
		head + "1,a,0,1,,,\n1,a,0,1,,,\n":                                     `x.csv:3:1: id: "1" is that of line 2 already`,
		head + ",a,0,1,,,\n":                                                  `x.csv:2:1: id: every customer needs one`,
		head + "1,,0,1,,,\n":                                                  `x.csv:2:3: class: "" should be the name`,
		head + "1,a,soon,1,,,\n":                                              `x.csv:2:5: arrived: "soon" should be a date and time such as`,
		head + "1,a,-1,1,,,\n":                                                `x.csv:2:5: arrived: "-1" should be`,
		head + "1,a,0,1,,,\n2,a,2026-03-02 00:00:00,1,,,\n":                   `x.csv:3:5: arrived: "2026-03-02 00:00:00" has a date, unlike the rows before it`,
		head + "1,a,2026-03-02 00:00:00,1,,,\n2,a,7,1,,,\n":                   `x.csv:3:5: arrived: "7" has no date, unlike the rows before it`,
		head + "1,a,2026-03-02 00:00:00,1,,,\n2,a,1926-03-02 00:00:00,1,,,\n": `x.csv:3:5: arrived: "1926-03-02 00:00:00" is more than ten years`,
		head + "1,a,0,-1,,,\n":                                                `x.csv:2:7: service_seconds: "-1" should be a number of seconds from 0 on, or empty`,
		head + "1,a,0,NaN,,,\n":                                               `x.csv:2:7: service_seconds: "NaN" should be`,
		head + "1,a,0,1,0,,\n":                                                `x.csv:2:9: patience_seconds: "0" should be a number of seconds from 0.001 on, or empty`,
		head + "1,a,0,1,,high,\n":                                             `x.csv:2:10: priority: "high" should be a whole number`,
		head + "1,a,0,1,,,german:11\n":                                        `x.csv:2:11: skills: "german:11" should be a name, perhaps with a level`,
		head + "1,a,0,1,,,german german\n":                                    `x.csv:2:11: skills: "german" is there twice`,
		head + "1,\"a,0,1,,,\n":                                               `x.csv:2:13: extraneous or missing " in quoted-field`,
		head + "1,\xff,0,1,,,\n":                                              `x.csv:2:3: class: this is not UTF-8`,
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			table, err := calllog.ReadTable("x.csv", strings.NewReader(text))
			faults, ok := errors.AsType[calllog.Faults](err)
			if !ok || len(faults) == 0 {
				t.Fatalf("read %+v, %v", table, err)
			}
			if !strings.HasPrefix(faults[0].Error(), want) {
				t.Errorf("%v\nwant %s", err, want)
			}
		})
	}
}

// TestAllFaultsAreTold wants the faults of several rows at once, but not
// thousands.
func TestAllFaultsAreTold(t *testing.T) {
	t.Parallel()
	text := "id,class,arrived,service_seconds\n" + strings.Repeat(",,x,y\n", 3)
	_, err := calllog.ReadTable("", strings.NewReader(text))
	if faults, ok := errors.AsType[calllog.Faults](err); !ok || len(faults) != 12 || faults[11].Error()[:4] != "4:5:" {
		t.Errorf("%v", err)
	}
	_, err = calllog.ReadTable("", strings.NewReader(text+strings.Repeat(",,x,y\n", 3000)))
	if faults, ok := errors.AsType[calllog.Faults](err); !ok || len(faults) > 25 {
		t.Errorf("%d faults", len(faults))
	}
}

func TestTableThatCannotBeRead(t *testing.T) {
	t.Parallel()
	if _, err := calllog.OpenTable(filepath.Join(t.TempDir(), "none.csv")); err == nil || !strings.HasPrefix(err.Error(), "calllog: ") {
		t.Errorf("a missing file: %v", err)
	}
	broken := errors.New("broken")
	for _, text := range []string{"", "id,class"} {
		if _, err := calllog.ReadTable("x", iotest.ErrReader(broken)); err == nil || !strings.Contains(err.Error(), "it cannot be read: broken") {
			t.Errorf("%q and then a failure: %v", text, err)
		}
	}
}

func ExampleReadTable() {
	table, err := calllog.ReadTable("monday.csv", strings.NewReader(`id,class,arrived,service_seconds,patience_seconds,priority,skills
1,sales,2026-03-02 09:00:12,184,,,
2,sales,2026-03-02 09:01:40,,35,1,german:5 billing
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, row := range table.Rows {
		fmt.Println(row.ID, row.Class, row.Arrived, row.Service, row.Patience, row.Skills)
	}
	// Output:
	// 1 sales 9h0m12s 3m4s 0s map[]
	// 2 sales 9h1m40s 0s 35s map[billing:0 german:5]
}

// Whatever the file holds, reading ends without a panic: with faults that have a
// place, or with rows in order of which each can be.
func FuzzReadTable(f *testing.F) {
	f.Add([]byte("id,class,arrived,service_seconds,patience_seconds,priority,skills\n1,a,2026-03-02 09:00:12,184,1,2,x:5 y\n"))
	f.Add([]byte("\ufeffid,class,arrived,service_seconds\n1,a,09:00:00,\n2,\"b\n\",1e3,2\n"))
	f.Add([]byte("id,class,arrived,service_seconds\n1,a,x,1\n2,a,2026-03-02T00:00:00Z,1\n3,a,1,1\n"))
	f.Add([]byte("\"\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := calllog.ReadTable("f", bytes.NewReader(data))
		if faults, ok := errors.AsType[calllog.Faults](err); ok {
			for _, fault := range faults {
				if fault.Line < 1 || fault.Column < 1 || fault.Message == "" {
					t.Fatalf("a fault without a place: %+v", fault)
				}
			}
			return
		}
		if err != nil || len(table.Rows) == 0 {
			t.Fatalf("%+v, %v", table, err)
		}
		before := time.Duration(0)
		for _, row := range table.Rows {
			if row.Arrived < before || row.Service < 0 || row.Leaves != (row.Patience > 0) || row.ID == "" || row.Class == "" {
				t.Fatalf("impossible row %+v after %v", row, before)
			}
			before = row.Arrived
		}
	})
}
