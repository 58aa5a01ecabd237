// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"net/http"
	"testing"

	"github.com/patchbay-cx/patchbay/core/api"
)

// TestValuesHaveTheTypesOfTheDocument has text refused where the document says
// number, and the other way about, which the reader would take.
func TestValuesHaveTheTypesOfTheDocument(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	for _, c := range []struct{ path, body, field string }{
		{"/v1/work", `{"channel":"case","queue":"support","priority":"5"}`, "priority"},
		{"/v1/work", `{"channel":"case","queue":"support","size":"1"}`, "size"},
		{"/v1/work", `{"channel":"case","queue":"support","size":"Infinity"}`, "size"},
		{"/v1/work", `{"channel":"case","queue":"support","skills":[{"skill":"a"},{"skill":"b","level":"5"}]}`, "skills[1].level"},
		{"/v1/work", `{"channel":"case","queue":"support","skills":[{"skill":"a","relax":[{"after":"1s","level":"5"}]}]}`, "skills[0].relax[0].level"},
		{"/v1/config/rollback", `{"version":1.5}`, "version"},
		{"/v1/work/w1/hold", `{"revision":"1"}`, "revision"},
	} {
		p.fails(p.request("POST", c.path, c.body), http.StatusBadRequest, "invalid", c.field)
	}
	work := p.call("POST", "/v1/work", `{"channel":"case","queue":"support","external":null,"skills":null,"size":null,"requested_at":null,"attributes":null}`)
	if work["work"] == nil {
		t.Errorf("null is not as good as nothing: %v", work)
	}
}

// TestWhatAPathTakesIsTold has every 405 name the methods that there are.
func TestWhatAPathTakesIsTold(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	for _, c := range []struct{ verb, path, allow string }{
		{"DELETE", "/v1/work", "GET, POST"},
		{"TRACE", "/v1/work/w1/requeue", "POST"},
		{"PUT", "/v1/work/w1", "GET"},
		{"POST", "/v1/agents/a%2Fb/offers", "GET"},
		{"GET", "/v1/assignments/a1/accept", "POST"},
		{"POST", "/healthz", "GET, HEAD"},
	} {
		response, err := p.http.Do(p.request(c.verb, c.path, ""))
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if got := response.Header.Get("Allow"); response.StatusCode != http.StatusMethodNotAllowed || got != c.allow {
			t.Errorf("%s %s: %s, allowed is %q, want %q", c.verb, c.path, response.Status, got, c.allow)
		}
	}
}

// TestStrangersLearnNothing has who may not call a method told so, whatever else
// is wrong with the request.
func TestStrangersLearnNothing(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{Keys: keys()})
	for _, c := range []struct{ verb, path, body string }{
		{"GET", "/v1/config/history?limit=-1", ""},
		{"POST", "/v1/config/rollback", `{"version":"x"}`},
		{"POST", "/v1/config/rollback?colour=red", `{`},
		{"GET", "/v1/journal?colour=red", ""},
	} {
		p.fails(p.as("").request(c.verb, c.path, c.body), http.StatusUnauthorized, "unauthenticated", "")
		p.fails(p.request2("ann", c.verb, c.path, c.body), http.StatusForbidden, "forbidden", "")
	}
}
