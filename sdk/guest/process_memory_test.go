// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/sdk/guest"
	"github.com/patchbay-cx/patchbay/sdk/route"
)

// eaters say what of a new project's rule is replaced, in which file, so that it
// takes ever more memory.
var eaters = map[string]struct{ file, rule, eats string }{
	"python": {
		"strategy.py", "        seconds = ",
		"        held = []\n        while True:\n            held.append(bytearray(10_000_000))\n        seconds = ",
	},
	"typescript": {
		"src/strategy.ts", "    const seconds = ",
		"    for (const held: unknown[] = []; ; ) held.push(new Array(100_000).fill(1.5));\n    const seconds = ",
	},
	"java": {
		"src/main/java/strategy/Eater.java", "        double seconds = ",
		"        for (java.util.List<byte[]> held = new java.util.ArrayList<>(); turn != null; ) {\n" +
			"            held.add(new byte[1_000_000]);\n        }\n        double seconds = ",
	},
}

// A plugin that takes more memory than it may ends, and the host knows why.
func TestProcessOutOfMemory(t *testing.T) {
	t.Parallel()
	eachProcess(t, func(t *testing.T, lang string) {
		dir := filepath.Join(t.TempDir(), "eater")
		if err := guest.Write(lang, "eater", dir); err != nil {
			t.Fatal(err)
		}
		eater := eaters[lang]
		file := filepath.Join(dir, filepath.FromSlash(eater.file))
		text, err := os.ReadFile(file)
		if err != nil || strings.Count(string(text), eater.rule) != 1 {
			t.Fatalf("%s has no %q: %v", file, eater.rule, err)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), eater.rule, eater.eats, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		project := guest.Project{Language: lang, Dir: dir, Cache: cache(t)}
		if lang == "java" {
			project.Cache = "" // what is built here is of no use to another run
		}
		out := filepath.Join(t.TempDir(), "eater")
		unfetched(t, project.Build(t.Context(), out))
		content, err := kit.Look(out)
		if err != nil {
			t.Fatal(err)
		}
		in, _, err := process.New(process.Options{}).Start(t.Context(), strategy.Spec{Name: "x", Source: out, SHA256: content.SHA256}, 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = in.Close() })
		var fault *strategy.Fault
		if err := in.Turn(t.Context(), busyTurn(1, 1), new(route.Reply)); !errors.As(err, &fault) || fault.Kind != strategy.FaultMemory {
			t.Errorf("it took all memory, and the host says: %v", err)
		}
	})
}
