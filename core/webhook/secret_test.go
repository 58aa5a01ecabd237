// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/webhook"
)

// TestKnownSignature holds what is signed against the example of the
// specification's own libraries.
func TestKnownSignature(t *testing.T) {
	t.Parallel()
	secret, err := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	webhook.Sign(header, []webhook.Secret{secret}, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	if got, want := header.Get(webhook.HeaderSignature), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
	if header.Get(webhook.HeaderID) != "msg_p5jXN8AQM9LWM0D4loKWxJek" || header.Get(webhook.HeaderTimestamp) != "1614265330" {
		t.Errorf("headers %v", header)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	before, after, other := webhook.NewSecret(), webhook.NewSecret(), webhook.NewSecret()
	now, body := time.Unix(1_700_000_000, 0), []byte("{}")
	signed := func(change func(http.Header)) http.Header {
		header := http.Header{}
		webhook.Sign(header, []webhook.Secret{after, before}, "m1", now, body)
		change(header)
		return header
	}
	set := func(name, value string) func(http.Header) {
		return func(h http.Header) { h.Set(name, value) }
	}
	same := func(http.Header) {}
	for name, c := range map[string]struct {
		header  http.Header
		body    string
		at      time.Time
		secrets []webhook.Secret
		want    string
	}{
		"the new secret":         {signed(same), "{}", now, []webhook.Secret{after}, ""},
		"the old secret":         {signed(same), "{}", now, []webhook.Secret{before}, ""},
		"one of several":         {signed(same), "{}", now.Add(webhook.Tolerance), []webhook.Secret{other, before}, ""},
		"another secret":         {signed(same), "{}", now, []webhook.Secret{other}, "none of the signatures"},
		"no secret":              {signed(same), "{}", now, nil, "none of the signatures"},
		"another body":           {signed(same), "[]", now, []webhook.Secret{after}, "none of the signatures"},
		"another id":             {signed(set("Webhook-Id", "m2")), "{}", now, []webhook.Secret{after}, "none of the signatures"},
		"another time":           {signed(set("Webhook-Timestamp", "1700000001")), "{}", now, []webhook.Secret{after}, "none of the signatures"},
		"too old":                {signed(same), "{}", now.Add(webhook.Tolerance + time.Second), []webhook.Secret{after}, "which is not now"},
		"of the future":          {signed(same), "{}", now.Add(-webhook.Tolerance - time.Second), []webhook.Secret{after}, "which is not now"},
		"no id":                  {signed(set("Webhook-Id", "")), "{}", now, []webhook.Secret{after}, "are needed"},
		"no time":                {signed(set("Webhook-Timestamp", "soon")), "{}", now, []webhook.Secret{after}, "are needed"},
		"another kind":           {signed(set("Webhook-Signature", "v2,e30=")), "{}", now, []webhook.Secret{after}, "none of the signatures"},
		"a signature is rubbish": {signed(set("Webhook-Signature", "v1,é v1")), "{}", now, []webhook.Secret{after}, "none of the signatures"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := webhook.Verify(c.header, []byte(c.body), c.at, c.secrets...)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestParseSecret(t *testing.T) {
	t.Parallel()
	encoded := func(n int) string { return "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n)) }
	for text, ok := range map[string]bool{
		encoded(24): true, encoded(64): true, encoded(23): false, encoded(65): false,
		"": false, "whsec_": false, "whsec_é": false, strings.TrimPrefix(encoded(32), "whsec_"): false,
	} {
		secret, err := webhook.ParseSecret(text)
		if ok != (err == nil) {
			t.Errorf("%q: %v", text, err)
		}
		if ok && secret.Reveal() != text {
			t.Errorf("%q is revealed as %q", text, secret.Reveal())
		}
	}
	if _, err := webhook.ParseSecrets([]string{encoded(24), "hunter2hunter2hunter2hunter2"}); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	secret := webhook.NewSecret()
	for _, shown := range []string{fmt.Sprint(secret), fmt.Sprintf("%v %+v %#v %s", secret, secret, secret, secret)} {
		if strings.Contains(shown, strings.TrimPrefix(secret.Reveal(), "whsec_")) {
			t.Errorf("it prints as %s", shown)
		}
	}
	if secret.Reveal() == webhook.NewSecret().Reveal() {
		t.Error("two secrets are alike")
	}
}

func TestEvent(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 6_000_000, time.UTC)
	e := webhook.Event{ID: "m1", Source: "/x", Type: "dev.patchbay.test", Subject: "w1", Time: at, Sequence: "7", Data: json.RawMessage(`{"a":1}`)}
	text, err := json.Marshal(&e)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"specversion":"1.0","id":"m1","source":"/x","type":"dev.patchbay.test","subject":"w1","time":"2026-01-02T03:04:05.006Z",` +
		`"datacontenttype":"application/json","sequence":"7","data":{"a":1}}`
	if string(text) != want {
		t.Errorf("%s\nwant %s", text, want)
	}
	var again webhook.Event
	if err := json.Unmarshal(text, &again); err != nil || fmt.Sprint(again) != fmt.Sprint(e) {
		t.Errorf("read back as %v, %v", again, err)
	}
	for _, bad := range []string{`[]`, `{"specversion":"0.3","id":"a","source":"b","type":"c"}`, `{"specversion":"1.0","id":"a","source":"b"}`} {
		if err := json.Unmarshal([]byte(bad), &again); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}

func FuzzEvent(f *testing.F) {
	f.Add([]byte(`{"specversion":"1.0","id":"m1","source":"/x","type":"t","time":"2026-01-02T03:04:05Z","data":[1]}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var e webhook.Event
		if json.Unmarshal(text, &e) != nil {
			return
		}
		if e.ID == "" || e.Source == "" || e.Type == "" {
			t.Errorf("%s is taken as %+v", text, e)
		}
	})
}

func ExampleVerify() {
	secret, _ := webhook.ParseSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	body := []byte(`{"specversion":"1.0"}`)
	header := http.Header{}
	webhook.Sign(header, []webhook.Secret{secret}, "m1", time.Now(), body)
	fmt.Println(webhook.Verify(header, body, time.Now(), secret))
	fmt.Println(webhook.Verify(header, []byte("other"), time.Now(), secret))
	// Output:
	// <nil>
	// webhook: verify: none of the signatures is by a secret that is known here
}
