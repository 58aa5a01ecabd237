// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package local_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/remote/local"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

// roleKey tells the test binary what to be instead of a test.
const roleKey = "PATCHBAY_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleKey) {
	case "router":
		serve.Process(queue.Plugin())
		return
	case "broken":
		fmt.Println("no licence")
		os.Exit(3)
	}
	goleak.VerifyTestMain(m)
}

// as is this test binary as a router. Its role comes with the environment, so
// such tests do not run beside each other.
func as(t *testing.T, role string) strategy.Spec {
	t.Helper()
	t.Setenv(roleKey, role)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return strategy.Spec{Name: "kit", Source: self, Limits: strategy.Limits{TurnDeadline: time.Minute, StartTimeout: time.Minute}}
}

//nolint:paralleltest // see as
func TestRouter(t *testing.T) {
	spec := as(t, "router")
	instance, manifest, err := local.New(nil).Start(t.Context(), spec, 3)
	if err != nil {
		t.Fatal(err)
	}
	if manifest.Name != "queue" {
		t.Errorf("manifest %+v", manifest)
	}
	host := routetest.NewHost()
	host.Queue("support")
	host.Agent("anna").In("support").On("case")
	host.Work("w1").In("support").On("case")
	var reply route.Reply
	for _, turn := range host.Turns() {
		if err := instance.Turn(t.Context(), turn, &reply); err != nil {
			t.Fatal(err)
		}
	}
	if len(reply.Proposals) != 1 {
		t.Errorf("%+v", reply)
	}
	if err := instance.Close(); err != nil {
		t.Error(err)
	}
	if err := instance.Close(); err != nil {
		t.Error(err)
	}
}

//nolint:paralleltest // see as
func TestRouterThatEnds(t *testing.T) {
	spec := as(t, "broken")
	_, _, err := local.New(nil).Start(t.Context(), spec, 1)
	if err == nil || !strings.Contains(err.Error(), "no licence") {
		t.Errorf("got %v", err)
	}
}

func TestNoExecutable(t *testing.T) {
	t.Parallel()
	_, _, err := local.New(nil).Start(context.Background(), strategy.Spec{Name: "x", Source: "/does/not/exist"}, 1)
	if err == nil || !strings.Contains(err.Error(), "/does/not/exist") {
		t.Errorf("got %v", err)
	}
}
