// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	"github.com/patchbay-cx/patchbay/core/journal"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// A workspace is served on a loopback port until the context ends.
func ExampleServer_Serve() {
	if err := served(os.Stdout); err != nil {
		log.Fatal(err)
	}
	// Output: 404 {"error":{"code":"unknown_work","message":"there is no work w42, or it ended long ago","field":"work"}}
}

func served(out io.Writer) error {
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	workspace, closeWorkspace, err := exampleWorkspace(ctx)
	if err != nil {
		return err
	}
	defer closeWorkspace()

	server, err := api.New(workspace, api.Options{Version: "1.0.0"})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ctx, listener) }()

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Get("http://" + listener.Addr().String() + "/v1/work/w42")
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	fmt.Fprintln(out, response.StatusCode, strings.TrimSpace(string(text)))
	stop()
	return <-ended
}

// exampleWorkspace opens a workspace in a new folder.
func exampleWorkspace(ctx context.Context) (*host.Workspace, func(), error) {
	dir, err := os.MkdirTemp("", "patchbay")
	if err != nil {
		return nil, nil, err
	}
	server, err := journal.Open(ctx, journal.Options{Dir: dir})
	if err != nil {
		return nil, nil, err
	}
	records, err := server.Log(ctx, "main")
	if err != nil {
		return nil, nil, err
	}
	plugin := route.Plugin{
		Manifest: route.Manifest{Name: "first", Version: "1.0.0"},
		New:      func() route.Strategy { return &firstFit{} },
	}
	workspace, err := host.Open(ctx, host.Options{
		Name: "main", Log: records,
		Definition: engine.Definition{
			Channels:       []engine.Channel{{Name: "case", Size: engine.Units(engine.Unit)}},
			RoutingConfigs: []engine.RoutingConfig{{Name: "plain", Strategy: "first"}},
			Queues:         []engine.QueueDefinition{{Name: "support", Routing: "plain"}},
			Grace:          15_000,
		},
		Strategies: []strategy.Spec{{Name: "first", Runtime: "builtin", Source: "first"}},
		Runtimes:   map[string]strategy.Runtime{"builtin": builtin.New(map[string]route.Plugin{"first": plugin})},
	})
	return workspace, func() {
		_ = workspace.Close()
		_ = server.Close()
		_ = os.RemoveAll(dir)
	}, err
}
