// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

//go:build !wasip1

package serve

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRouterOptions(t *testing.T) {
	t.Parallel()
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte("from a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{ConnectKey: "localhost:1", StrategyKey: "env", TokenKey: "secret"}
	for name, test := range map[string]struct {
		args    string
		env     map[string]string
		ok      bool
		address string
		secure  bool
		token   string
	}{
		"nothing":     {"", nil, false, "", false, ""},
		"others":      {"-verbose", nil, false, "", false, ""},
		"of a host":   {"-connect 127.0.0.1:2", map[string]string{CookieKey: CookieValue}, false, "", false, ""},
		"environment": {"", env, true, "localhost:1", false, "secret"},
		"flags":       {"-connect 127.0.0.1:2 -strategy x -token-file " + tokenFile, env, true, "127.0.0.1:2", false, "from a file"},
		"far away":    {"-connect example.com:2 -strategy x", nil, true, "example.com:2", true, ""},
		"said so":     {"-connect http://example.com:2/ -strategy x", nil, true, "example.com:2", false, ""},
		"secure here": {"--connect https://[::1]:2 -strategy x -rank 7 -name r", nil, true, "[::1]:2", true, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, ok, err := routerOptions(strings.Fields(test.args), func(key string) string { return test.env[key] }, io.Discard)
			if err != nil || ok != test.ok || got.Address != test.address || (got.TLS != nil) != test.secure || got.Token != test.token {
				t.Errorf("%+v, %v, %v", got, ok, err)
			}
		})
	}
}

func TestRouterOptionsRefuse(t *testing.T) {
	t.Parallel()
	for args, words := range map[string]string{
		"-connect localhost:1":                                         "-strategy: the name",
		"-connect localhost -strategy x":                               "should be HOST:PORT",
		"-connect ftp://localhost:1 -strategy x":                       "should be http or https",
		"-connect localhost:1 -strategy x y":                           `"y" is one argument too many`,
		"-connect localhost:1 -strategy x -token-file /does/not/exist": "-token-file",
		"-connect a:1 -strategy x -ca /dev/null":                       "no certificate",
		"-connect localhost:1 -nam r":                                  "not defined",
	} {
		if _, ok, err := routerOptions(strings.Fields(args), func(string) string { return "" }, io.Discard); !ok || err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: %v, %v, want %q", args, ok, err, words)
		}
	}
	options, _, err := routerOptions([]string{"-connect", "localhost:1", "-strategy", "x", "-class", "voice"}, func(string) string { return "" }, io.Discard)
	if err != nil || options.Class != "voice" {
		t.Errorf("%+v, %v", options, err)
	}
	if _, ok, err := routerOptions([]string{"-connect", "x", "-h"}, os.Getenv, io.Discard); !ok || !errors.Is(err, flag.ErrHelp) {
		t.Errorf("-h: %v, %v", ok, err)
	}
}
