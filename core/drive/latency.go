// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"
)

// sample gathers durations. It is safe for concurrent use.
type sample struct {
	mu     sync.Mutex
	values []time.Duration
}

func (s *sample) add(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values = append(s.values, d)
}

// latency sums up what was gathered so far.
func (s *sample) latency() Latency {
	s.mu.Lock()
	values := slices.Clone(s.values)
	s.mu.Unlock()
	return LatencyOf(values)
}

// Latency sums up durations. It is written in JSON in milliseconds.
type Latency struct {
	// Count is how many there are; the others are 0 if there is none.
	Count int
	Mean  time.Duration
	// The percentiles are those of nearest rank: values that occurred.
	P50, P95, P99, Max time.Duration
}

// LatencyOf sums up durations, which it sorts.
func LatencyOf(values []time.Duration) Latency {
	n := len(values)
	if n == 0 {
		return Latency{}
	}
	slices.Sort(values)
	sum := 0.0
	for _, v := range values {
		sum += float64(v)
	}
	rank := func(share float64) time.Duration {
		return values[max(int(math.Ceil(share*float64(n))), 1)-1]
	}
	return Latency{
		Count: n, Mean: time.Duration(sum / float64(n)),
		P50: rank(0.50), P95: rank(0.95), P99: rank(0.99), Max: values[n-1],
	}
}

// MarshalJSON writes the durations in milliseconds with three decimals.
func (l Latency) MarshalJSON() ([]byte, error) {
	ms := func(d time.Duration) float64 { return math.Round(float64(d)/1e3) / 1e3 }
	return json.Marshal(struct {
		Count int     `json:"count"`
		Mean  float64 `json:"mean_ms"`
		P50   float64 `json:"p50_ms"`
		P95   float64 `json:"p95_ms"`
		P99   float64 `json:"p99_ms"`
		Max   float64 `json:"max_ms"`
	}{l.Count, ms(l.Mean), ms(l.P50), ms(l.P95), ms(l.P99), ms(l.Max)})
}

// round shortens a duration to what a reader can use.
func round(d time.Duration) string {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second).String()
	case d >= time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0fms", float64(d)/1e6)
	default:
		return fmt.Sprintf("%.2fms", float64(d)/1e6)
	}
}
