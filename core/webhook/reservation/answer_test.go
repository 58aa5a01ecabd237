// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package reservation_test

import (
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/webhook/reservation"
)

func TestReadAnswer(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "stand", "{}": "stand", `{"verb":"stand"}`: "stand", `{"verb":"accept"}`: "accept",
		`{"verb":"decline","reason":"busy"}`: "decline", `{"verb":"transfer","agent":"ann","reason":"x"}`: "transfer",
		`{"verb":"reprioritise","priority":0}`: "reprioritise", `{"verb":"hold","reason":"x","until":"2030-01-02T03:04:05Z"}`: "hold",
		`[]`: "cannot be read", `{"verb":1}`: "cannot be read", `{"verbs":"accept"}`: "unknown field", `{}{}`: "more follows", `{"verb":"accept"}}`: "more follows",
		`{"verb":"drop"}`: `no verb "drop"`, `{"verb":"accept","queue":"x"}`: "queue does not go with the verb accept",
		`{"verb":"transfer"}`: "needs a queue or an agent", `{"verb":"reprioritise"}`: "needs a priority",
		`{"verb":"stand","priority":0}`: "priority does not go", `{"verb":"withdraw","until":"2030-01-02T03:04:05Z"}`: "until does not go",
		`{"verb":"hold","agent":"ann"}`:                                   "agent does not go",
		`{"verb":"decline","reason":"` + strings.Repeat("x", 1001) + `"}`: "longer than 1000 bytes",
	} {
		a, err := reservation.ReadAnswer([]byte(text))
		if err != nil && !strings.Contains(err.Error(), want) || err == nil && string(a.Verb) != want {
			t.Errorf("%s: %+v, %v, want %s", text, a, err, want)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte(`{"verb":"transfer","queue":"sales"}`))
	f.Add([]byte(`{"verb":"hold","until":"2030-01-02T03:04:05Z","reason":"x"}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := reservation.ReadAnswer(text)
		if err == nil && (a.Verb == "" || a.Verb == reservation.VerbTransfer && a.Queue == "" && a.Agent == "") {
			t.Errorf("%q is read as %+v", text, a)
		}
	})
}
