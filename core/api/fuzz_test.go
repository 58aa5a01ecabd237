// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/api"
)

// FuzzREST sends any body and any query to every kind of path: the answer is
// JSON, and never that the host failed.
func FuzzREST(f *testing.F) {
	handler, err := api.Handler(openWorkspace(f), api.Options{})
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []struct{ verb, path, query, body string }{
		{"POST", "/v1/work", "", support},
		{"POST", "/v1/work", "", `{"channel":"case","queue":"support","size":1.5,"attributes":{"a":"b"},"requested_at":"2020-01-01T00:00:00Z"}`},
		{"POST", "/v1/work", "", `{"requestedAt":{},"size":"Infinity","attributes":null}`},
		{"GET", "/v1/work", "state=waiting&page_size=3&page_token=w1", ""},
		{"GET", "/v1/work/w1", "", ""},
		{"POST", "/v1/work/w1/cancel", "", `{"reason":"x"}`},
		{"POST", "/v1/agents/ann/sign-in", "", `{"status":"available"}`},
		{"POST", "/v1/agents/ann/status", "", `{"status":"break"}`},
		{"POST", "/v1/agents/ann/sign-out", "", ``},
		{"GET", "/v1/agents", "queue=support&status=break", ""},
		{"POST", "/v1/assignments/a1/decline", "", `{"agent":"ann","reason":"busy"}`},
		{"GET", "/v1/events", "after=99999999&kinds=work_created", ""},
		{"PATCH", "/healthz", "a[b]=c&%zz", "\xff"},
	} {
		f.Add(seed.verb, seed.path, seed.query, seed.body)
	}
	f.Fuzz(func(t *testing.T, verb, path, query, body string) {
		if strings.HasSuffix(path, "/offers") || strings.HasPrefix(path, "/v1/events") && !strings.Contains(query, "after=99999999") {
			t.Skip("a stream has no end")
		}
		r, err := http.NewRequest(verb, "http://localhost/", strings.NewReader(body))
		if err != nil {
			t.Skip("not a method")
		}
		r.URL = &url.URL{Scheme: "http", Host: "localhost", Path: path, RawQuery: query}
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Errorf("%s %s?%s %q: %d %s", verb, path, query, body, w.Code, w.Body)
		}
		if w.Code != http.StatusOK && !json.Valid(w.Body.Bytes()) {
			t.Errorf("%s %s?%s %q: %d, not JSON: %q", verb, path, query, body, w.Code, w.Body)
		}
	})
}
