// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/webhook"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

const (
	year    = 365 * 24 * time.Hour
	minSize = 1 << 10
	maxSize = 1 << 40
)

// formats are the texts with a meaning of their own. What is wrong with one is
// said by the schema's title, so the errors here only say that it is.
func formats() []jsonschema.Format {
	return []jsonschema.Format{
		{Name: "patchbay-duration", Validate: ofAny(duration)},
		{Name: "patchbay-wait", Validate: func(v any) error {
			d, err := duration(v)
			if _, text := v.(string); text && err == nil && d <= 0 {
				return errors.New("not above 0")
			}
			return err
		}},
		{Name: "patchbay-size", Validate: ofAny(size)},
		{Name: "patchbay-address", Validate: ofText(address)},
		{Name: "patchbay-percentage", Validate: ofText(percentage)},
		{Name: "patchbay-moment", Validate: ofAny(moment)},
		{Name: "patchbay-date", Validate: ofText(date)},
		{Name: "patchbay-time-zone", Validate: ofText(zone)},
		{Name: "patchbay-days", Validate: ofText(days)},
		{Name: "patchbay-hours", Validate: ofText(span)},
		{Name: "patchbay-url", Validate: ofText(endpoint)},
		{Name: "patchbay-network", Validate: ofAny(network)},
		{Name: "patchbay-secret", Validate: ofText(webhook.ParseSecret)},
		{Name: "patchbay-hours-or-closed", Validate: ofText(func(text string) (Spans, error) { return spans(text) })},
	}
}

// ofAny makes a format of what reads a value of any type.
func ofAny[T any](read func(any) (T, error)) func(any) error {
	return func(v any) error {
		_, err := read(v)
		return err
	}
}

// ofText makes a format of what reads a text. Other types pass: the schema
// speaks of them.
func ofText[T any](read func(string) (T, error)) func(any) error {
	return func(v any) error {
		if text, ok := v.(string); ok {
			_, err := read(text)
			return err
		}
		return nil
	}
}

// duration reads "1m30s", in whole milliseconds, which is what the engine
// counts. Other types than text are 0: the schema speaks of them.
func duration(v any) (time.Duration, error) {
	text, ok := v.(string)
	if !ok {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	switch {
	case err != nil:
		return 0, err
	case d < 0 || d > year:
		return 0, errors.New("out of range")
	case d%time.Millisecond != 0:
		return 0, errors.New("finer than a millisecond")
	}
	return d, nil
}

// size reads "256MiB" or a number of bytes.
func size(v any) (Size, error) {
	var bytes uint64
	switch v := v.(type) {
	case int64:
		bytes = uint64(max(v, 0))
	case float64:
		bytes = uint64(min(max(v, 0), 2*maxSize))
	case string:
		digits := strings.TrimRight(v, "KMGTiB")
		scale, ok := map[string]uint64{"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[v[len(digits):]]
		n, err := strconv.ParseUint(digits, 10, 41)
		if err != nil || !ok || n > math.MaxUint64/scale {
			return 0, fmt.Errorf("no size: %q", v)
		}
		bytes = n * scale
	default:
		return 0, nil
	}
	if bytes < minSize || bytes > maxSize {
		return 0, errors.New("out of range")
	}
	return Size(bytes), nil
}

// String writes the size in the largest unit that divides it.
func (s Size) String() string {
	units := [...]string{"B", "KiB", "MiB", "GiB", "TiB"}
	u := 0
	for s != 0 && s%1024 == 0 && u < len(units)-1 {
		s /= 1024
		u++
	}
	return strconv.FormatUint(uint64(s), 10) + units[u]
}

// address returns the host of host:port, whose port must be a number.
func address(text string) (host string, err error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return "", err
	}
	if strings.ContainsAny(host, " /@") {
		return "", errors.New("no host")
	}
	_, err = strconv.ParseUint(portText, 10, 16)
	return host, err
}

// loopback reports whether only this machine can reach a host.
func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// milli turns units, a number with at most three decimals, into thousandths.
func milli(v any) (engine.Milli, bool) {
	switch v := v.(type) {
	case int64:
		return engine.Milli(v * int64(engine.Unit)), v >= 0 && v <= 1_000_000
	case float64:
		return engine.Milli(math.Round(v * float64(engine.Unit))), v >= 0 && v <= 1_000_000
	default:
		return 0, false
	}
}

// percentage reads "100%" or "12.5%", with at most three decimals, as
// thousandths of a per cent.
func percentage(text string) (uint32, error) {
	digits, ok := strings.CutSuffix(text, "%")
	whole, decimals, point := strings.Cut(digits, ".")
	if !ok || len(whole) > 3 || len(decimals) > 3 || point && decimals == "" {
		return 0, fmt.Errorf("no percentage: %q", text)
	}
	n, err := strconv.ParseUint(whole+decimals+"000"[len(decimals):], 10, 32)
	switch {
	case err != nil || whole == "":
		return 0, fmt.Errorf("no percentage: %q", text)
	case n == 0 || n > route.WholePercent:
		return 0, errors.New("out of range")
	}
	return uint32(n), nil
}

// amount reads units, or a percentage of an agent's capacity.
func amount(v any) (engine.Amount, bool) {
	if text, ok := v.(string); ok {
		percent, err := percentage(text)
		return engine.Percent(percent), err == nil
	}
	units, ok := milli(v)
	return engine.Units(units), ok
}
