// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/api"
)

// readPriority reads configurations of one line, the priority of the routing
// config; the host's own is 7.
func readPriority(files []api.ConfigFile) (*api.Configuration, error) {
	text := "7"
	if len(files) > 0 {
		text = string(files[0].Data)
	}
	c := &api.Configuration{Definition: definition(), Restart: []string{"listen takes effect later"}}
	if n, _ := fmt.Sscan(text, &c.Definition.RoutingConfigs[0].Priority); n == 0 {
		return &api.Configuration{Faults: []api.ConfigFault{{File: files[0].Name, Line: 1, Column: 2, Path: "priority", Code: "wrong_type", Message: "this is no number"}}}, nil
	}
	c.Mask = func(text string) string { return strings.ReplaceAll(text, "13", "(secret)") }
	return c, nil
}

func configFile(text string, packed bool) string {
	data := []byte(text)
	if packed {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = w.Write(data)
		_ = w.Close()
		data = b.Bytes()
	}
	return fmt.Sprintf(`{"files":[{"name":"x.yaml","content":%q,"gzip":%v}]`, base64.StdEncoding.EncodeToString(data), packed)
}

func texts(list any) []string {
	var out []string
	for _, item := range list.([]any) {
		out = append(out, item.(map[string]any)["text"].(string))
	}
	return out
}

func TestConfigOverREST(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{Keys: keys(), ReadConfig: readPriority})
	root, boss := p.as("root"), p.as("boss")
	root.call("POST", "/v1/work", support)
	plan := root.call("POST", "/v1/config/plan", configFile("1", false)+"}")
	if got := fmt.Sprint(texts(plan["lines"]), texts(plan["effects"]), plan["restart"], plan["version"]); got !=
		"[routing config plain: priority from 5 to 1] [1 item in queue support changes order: priority 1 instead of 5] [listen takes effect later]1" {
		t.Errorf("plan %s", got)
	}
	if got := fmt.Sprint(texts(root.call("POST", "/v1/config/plan", configFile("13", true)+"}")["lines"])); got != "[routing config plain: priority from 5 to (secret)]" {
		t.Errorf("plan %s", got)
	}
	bad := root.call("POST", "/v1/config/plan", configFile("x", false)+"}")
	if f := bad["faults"].([]any)[0].(map[string]any); f["file"] != "x.yaml" || f["column"] != 2.0 || f["code"] != "wrong_type" || len(bad["lines"].([]any)) > 0 {
		t.Errorf("a bad one gives %v", bad)
	}
	root.fails(root.request("POST", "/v1/config/apply", configFile("x", false)+"}"), http.StatusBadRequest, "bad_config", "files")
	root.fails(root.request("POST", "/v1/config/apply", configFile("1", false)+`,"if_version":9}`), http.StatusConflict, "other_version", "if_version")
	root.fails(root.request("POST", "/v1/config/plan", `{"files":[{"name":"x","content":"YQ==","gzip":true}]}`), http.StatusBadRequest, "invalid", "files[0].content")
	if done := root.call("POST", "/v1/config/apply", configFile("1", true)+`,"if_version":1,"note":"sooner"}`); done["version"] != "2" || done["changed"] != true {
		t.Errorf("applied %v", done)
	}
	if done := root.call("POST", "/v1/config/apply", configFile("1", false)+"}"); done["version"] != "2" || done["changed"] != false {
		t.Errorf("applied again %v", done)
	}
	if done := root.call("POST", "/v1/config/apply", `{}`); done["version"] != "3" {
		t.Errorf("the host's own %v", done)
	}
	history := boss.call("GET", "/v1/config/history?limit=2", "")["versions"].([]any)
	last, before := history[0].(map[string]any), history[1].(map[string]any)
	if len(history) != 2 || last["current"] != true || before["by"] != "root" || before["note"] != "sooner" || texts(before["lines"])[0] != "routing config plain: priority from 5 to 1" {
		t.Errorf("history %v", history)
	}
	if back := root.call("POST", "/v1/config/rollback", `{"plan":true}`)["plan"].(map[string]any); texts(back["lines"])[0] != "routing config plain: priority from 7 to 1" {
		t.Errorf("a plan to roll back %v", back)
	}
	if done := root.call("POST", "/v1/config/rollback", `{"version":1}`); done["version"] != "4" {
		t.Errorf("rolled back %v", done)
	}
	root.fails(root.request("POST", "/v1/config/rollback", `{"version":77}`), http.StatusNotFound, "unknown_version", "version")
	for _, call := range []string{"plan", "apply", "rollback"} {
		boss.fails(boss.request("POST", "/v1/config/"+call, `{}`), http.StatusForbidden, "forbidden", "")
	}
}

func TestAHostWithoutConfigFiles(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	p.fails(p.request("POST", "/v1/config/plan", `{}`), http.StatusConflict, "no_config", "")
	p.fails(p.request("POST", "/v1/config/rollback", `{}`), http.StatusConflict, "unknown_version", "version")
}
