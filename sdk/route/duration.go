// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package route

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Duration is a length of time in milliseconds, the unit of every time of the
// contract, so that turn.Now + int64(d) is a time. In settings it is written as
// a text, such as "200ms", "1.5s" or "2m"; less than a millisecond is cut off.
type Duration int64

// ParseDuration reads a duration such as "200ms". The units are ns, us, ms, s,
// m and h. The error says how it is written.
func ParseDuration(text string) (Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%.40q is no duration: write it as \"200ms\", \"1.5s\" or \"2m\"", text)
	}
	return Duration(d.Milliseconds()), nil
}

// String returns the duration as it is written in settings.
func (d Duration) String() string {
	text := (time.Duration(d) * time.Millisecond).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// MarshalJSON implements json.Marshaler.
func (d Duration) MarshalJSON() ([]byte, error) { return json.Marshal(d.String()) }

// UnmarshalJSON implements json.Unmarshaler.
func (d *Duration) UnmarshalJSON(b []byte) error {
	var text string
	if err := json.Unmarshal(b, &text); err != nil {
		return fmt.Errorf("route: %.40s is no duration: write it as \"200ms\", \"1.5s\" or \"2m\"", b)
	}
	parsed, err := ParseDuration(text)
	*d = parsed
	return err
}
