// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package patchbay_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/patchbay-cx/patchbay/config"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/builtin"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/wasm"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/plugins/skills"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/testdata/pushy"
)

// house is what all stories share: the language, the configuration that theirs
// are laid over, and the strategies in every runtime. It does not change, so
// stories may be played at once.
type house struct {
	language *language
	settings map[string]any
	runtimes map[string]strategy.Runtime
	// builds are the built strategies, by runtime and name; those of the
	// runtime builtin need none.
	builds map[string]map[string]build
}

// build is a strategy built for a runtime.
type build struct{ file, sum string }

// semanticsFolder is where the stories are.
const semanticsFolder = "testdata/semantics"

// newHouse makes a house, with strategies in the runtime builtin alone or in
// all of them.
func newHouse(t *testing.T, all bool) *house {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(semanticsFolder, "house.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	settings, err := overlay(nil, string(data))
	if err != nil {
		t.Fatal(err)
	}
	h := &house{
		language: newLanguage(), settings: settings,
		runtimes: map[string]strategy.Runtime{
			"builtin": builtin.New(map[string]route.Plugin{
				"queue": queue.Plugin(), "skills": skills.Plugin(), "pushy": pushy.Plugin(),
			}),
		},
		builds: map[string]map[string]build{"process": {}, "wasm": {}},
	}
	if !all {
		return h
	}
	dir := t.TempDir()
	for name, source := range map[string]string{
		"queue":  "github.com/patchbay-cx/patchbay/plugins/queue/plugin",
		"skills": "github.com/patchbay-cx/patchbay/plugins/skills/plugin",
		"pushy":  "./testdata/pushy/plugin",
	} {
		file, sum := built(t, source, filepath.Join(dir, name))
		h.builds["process"][name] = build{file, sum}
		file, sum = built(t, source, filepath.Join(dir, name+".wasm"), "GOOS=wasip1", "GOARCH=wasm")
		h.builds["wasm"][name] = build{file, sum}
	}
	guests, err := wasm.Open(wasm.Options{CacheDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = guests.Close() })
	h.runtimes["process"], h.runtimes["wasm"] = process.New(process.Options{}), guests
	return h
}

// definition returns what settings, as an admin writes them, mean, and the
// strategies that they use, in the given runtime.
func (h *house) definition(settings map[string]any, runtime string) (engine.Definition, []strategy.Spec, error) {
	data, err := yaml.Marshal(settings)
	if err != nil {
		return engine.Definition{}, nil, err
	}
	parsed, err := config.Parse("story.yaml", data)
	if err != nil {
		return engine.Definition{}, nil, err
	}
	definition, err := parsed.Definition()
	if err != nil {
		return engine.Definition{}, nil, err
	}
	all, err := parsed.Specs()
	if err != nil {
		return engine.Definition{}, nil, err
	}
	used := make(map[string]bool)
	for i := range definition.RoutingConfigs {
		used[definition.RoutingConfigs[i].Strategy], used[definition.RoutingConfigs[i].Fallback] = true, true
	}
	var specs []strategy.Spec
	for _, spec := range all {
		if !used[spec.Name] {
			continue
		}
		if spec.Runtime = runtime; runtime != "builtin" {
			made := h.builds[runtime][spec.Source]
			spec.Source, spec.SHA256 = made.file, made.sum
		}
		spec.Limits.StartTimeout = 5 * time.Minute
		specs = append(specs, spec)
	}
	return definition, specs, nil
}

// overlay lays a block of settings over others: maps over maps, everything else
// in place of what was there, and null in place of nothing at all.
func overlay(settings map[string]any, block string) (map[string]any, error) {
	var over map[string]any
	if err := yaml.Unmarshal([]byte(block), &over); err != nil {
		return nil, fmt.Errorf("the block is no YAML: %w", err)
	}
	return laid(settings, over), nil
}

func laid(below, over map[string]any) map[string]any {
	out := maps.Clone(below)
	if out == nil {
		out = make(map[string]any)
	}
	for key, value := range over {
		inner, isMap := value.(map[string]any)
		beneath, wasMap := out[key].(map[string]any)
		switch {
		case value == nil:
			delete(out, key)
		case isMap && wasMap:
			out[key] = laid(beneath, inner)
		default:
			out[key] = value
		}
	}
	return out
}
