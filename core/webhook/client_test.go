// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/webhook"
)

func TestPost(t *testing.T) {
	t.Parallel()
	secret := webhook.NewSecret()
	r := receive(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = webhook.Verify(r.Header, body, time.Now(), secret)
		}
		if err != nil || r.Method != http.MethodPost || r.Header.Get("Content-Type") != webhook.ContentType || r.UserAgent() != "patchbay/test" {
			http.Error(w, fmt.Sprint(err), http.StatusBadRequest)
			return
		}
		_, _ = w.Write(append([]byte("got "), body...))
	})
	m := message(r.URL)
	m.Body, m.Secrets = []byte(`{"x":1}`), []webhook.Secret{webhook.NewSecret(), secret}
	answer, err := client(t, "127.0.0.0/8").Post(t.Context(), m)
	if err != nil || string(answer) != `got {"x":1}` {
		t.Errorf("%q, %v", answer, err)
	}
}

func TestPostFails(t *testing.T) {
	t.Parallel()
	r := receive(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/long":
			_, _ = w.Write(make([]byte, 101))
		case "/full":
			_, _ = w.Write(make([]byte, 100))
		case "/busy":
			w.Header().Set("Retry-After", "3")
			http.Error(w, "  too\nmuch ", http.StatusTooManyRequests)
		case "/rude":
			w.WriteHeader(http.StatusTeapot)
			_, _ = w.Write([]byte(strings.Repeat("\xff", 300)))
		case "/cut":
			w.Header().Set("Content-Length", "10")
			_, _ = w.Write([]byte("1"))
		}
	})
	for path, want := range map[string]struct {
		text    string
		passing bool
	}{
		"/long": {"webhook: the answer is longer than it may be: 100 bytes", false},
		"/full": {"", false},
		"/busy": {`webhook: the receiver answers 429: "too much"`, true},
		"/rude": {"webhook: the receiver answers 418: ", false},
		"/cut":  {"webhook: the answer broke off: ", true},
	} {
		_, err := client(t, "127.0.0.0/8").Post(t.Context(), message(r.URL+path))
		if want.text == "" && err != nil || want.text != "" && (err == nil || !strings.HasPrefix(err.Error(), want.text)) || webhook.Passing(err) != want.passing {
			t.Errorf("%s: %v (passing: %v)", path, err, webhook.Passing(err))
		}
		if status, ok := errors.AsType[*webhook.StatusError](err); ok && path == "/busy" && status.RetryAfter != 3*time.Second {
			t.Errorf("%s: again after %v", path, status.RetryAfter)
		}
	}
	r.Close()
	if _, err := client(t, "127.0.0.0/8").Post(t.Context(), message(r.URL+"/?key=hush")); !webhook.Passing(err) || strings.Contains(err.Error(), "hush") {
		t.Errorf("nobody is there: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client(t, "127.0.0.0/8").Post(ended, message(r.URL)); !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
	if _, err := client(t).Post(t.Context(), message("http://\x7f")); err == nil || err.Error() != "webhook: the URL cannot be used" {
		t.Errorf("no URL: %v", err)
	}
}

// TestRudeReceiver: whatever a receiver sends instead of an answer, the error is
// a short line of text that can be shown and sent on.
func TestRudeReceiver(t *testing.T) {
	t.Parallel()
	rude := "x\xff\x1b[2J\x07" + strings.Repeat("y", 3000)
	for name, answer := range map[string]string{
		"header":  "HTTP/1.1 200 OK\r\n" + rude + "\r\n\r\n",
		"trailer": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X\r\n\r\n0\r\n" + rude + "\r\n\r\n",
		"status":  "HTTP/1.1 500 " + rude + "\r\nContent-Length: 3010\r\n\r\n" + rude,
	} {
		r := receive(t, func(w http.ResponseWriter, request *http.Request) {
			_, _ = io.Copy(io.Discard, request.Body)
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, answer)
			_ = conn.Close()
		})
		_, err := client(t, "127.0.0.0/8").Post(t.Context(), message(r.URL))
		if err == nil || !strings.HasPrefix(err.Error(), "webhook: ") || !webhook.Passing(err) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if text := err.Error(); len(text) > 2000 || !utf8.ValidString(text) || strings.ContainsAny(text, "\x1b\x07\r\n") {
			t.Errorf("%s: %d bytes: %.300q", name, len(text), text)
		}
	}
}

func TestCheckURL(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]string{
		"https://example.com/hooks?x=1": "", "http://127.0.0.1:1": "", "https://[::1]:1/": "",
		"example.com": "https://", "ftp://example.com": "https://", "https://": "names no host", "https://:80": "names no host",
		"https://user:pass@example.com": "no user", "https://example.com/#x": "no fragment", "https://\x7f": "no URL", "": "https://",
	} {
		err := webhook.CheckURL(url)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", url, err, want)
		}
	}
	if got := webhook.Place("https://u:p@example.com/a?key=1#f"); got != "https://example.com/a" {
		t.Errorf("shown as %s", got)
	}
	if got := webhook.Place("https://\x7f"); got != "" {
		t.Errorf("shown as %s", got)
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first := time.Duration(rapid.Int64Range(1, int64(time.Minute)).Draw(t, "first"))
		most := first * time.Duration(rapid.Int64Range(1, 1000).Draw(t, "most"))
		failures := rapid.IntRange(1, 10_000).Draw(t, "failures")
		whole := most
		if failures < 12 {
			whole = min(most, first<<(failures-1))
		}
		if got := webhook.Pause(failures, first, most); got > whole || got < whole-whole/2-1 {
			t.Fatalf("%v after %d failures, from %v to %v", got, failures, first, most)
		}
	})
}
