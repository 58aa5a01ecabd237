// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"fmt"
	"net/http"
	"testing"
)

// What was posted before the host was restarted and is posted again since its
// answer was lost has no second effect, whatever has become of it meanwhile:
// under the old lease it is fenced, under the new one refused by its revision.
// What never came to be decided is decided once.
func TestPostedAgainAfterARestart(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		then    func(root *place) // after a1 was offered to bob
		verdict string
		offers  int // of w1, in the end
	}{
		"offered": {func(*place) {}, "VERDICT_ALREADY_ASSIGNED", 1},
		"accepted": {func(root *place) {
			root.call("POST", "/v1/assignments/a1/accept", "")
		}, "VERDICT_STALE", 1},
		"declined": {func(root *place) {
			root.call("POST", "/v1/assignments/a1/decline", `{"agent":"bob","reason":"busy"}`)
		}, "VERDICT_STALE", 1},
		"withdrawn": {func(root *place) {
			root.call("POST", "/v1/work/w1/withdraw", `{}`)
		}, "VERDICT_STALE", 1},
		"signed out": {func(root *place) {
			root.call("POST", "/v1/agents/bob/sign-out", "")
			root.call("POST", "/v1/agents/bob/sign-in", `{"status":"available"}`)
		}, "VERDICT_STALE", 1},
		"completed": {func(root *place) {
			root.call("POST", "/v1/assignments/a1/accept", "")
			root.call("POST", "/v1/assignments/a1/complete", `{"agent":"bob"}`)
		}, "VERDICT_GONE", 1},
		"not posted": {nil, "VERDICT_ACCEPTED_BY_HOST", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			before, end := openFeeds(t, dir, nil)
			before.present("ann", "bob")
			events := before.as("crm").subscribe("/v1/routing/support/feed", "")
			old := events.next().Lease
			before.as("root").call("POST", "/v1/work", `{"channel":"case","queue":"support"}`)
			revision := events.until(func(ev *routingEvent) bool { return len(ev.Work) > 0 }).Work[0].Revision
			body := func(lease uint64) string {
				return fmt.Sprintf(`{"lease":"%d","work":"w1","revision":%d,"agent":"bob"}`, lease, revision)
			}
			if c.then != nil {
				if got := before.as("crm").assigned(body(old)); got["assignment"] != "a1" {
					t.Fatalf("%v", got)
				}
				c.then(before.as("root"))
			}
			end()
			after, _ := openFeeds(t, dir, nil)
			after.connect("ann", "bob")
			crm := after.as("crm")
			crm.fails(crm.request("POST", "/v1/routing/support/assignments", body(old)), http.StatusConflict, "fenced", "")
			lease := crm.subscribe("/v1/routing/support/feed", "").next().Lease
			if lease <= old {
				t.Errorf("the lease is %d after %d", lease, old)
			}
			for range 2 {
				if got := crm.assigned(body(lease)); got["verdict"] != c.verdict {
					t.Errorf("again: %v, want %s", got, c.verdict)
				}
			}
			work := after.as("root").call("GET", "/v1/work/w1", "")["work"].(map[string]any)
			if offers := work["assignments"].([]any); len(offers) != c.offers {
				t.Errorf("%d offers: %v", len(offers), offers)
			}
		})
	}
}
