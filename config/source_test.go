// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/config"
)

// folder writes files, by their paths in it, to a folder of the test's own.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func set(t *testing.T, assignment string) config.Option {
	t.Helper()
	o, err := config.Set(assignment)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestFiles holds the order of files and what a later one does to an earlier:
// maps are joined, everything else is replaced, and skills add up.
func TestFiles(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{
		"main.yaml":           complete("max_waiting: 1\nskills: [english]\nqueues: {support: {routing: plain, max_waiting: 5, tiers: [10s, 20s]}}\n"),
		"conf.d/20.yaml":      "max_waiting: 3\nskills: [german, english]\nqueues: {support: {tiers: [30s]}}\n",
		"conf.d/10.yml":       "max_waiting: 2\nqueues: {sales: {routing: plain}}\n",
		"conf.d/.hidden.yaml": "max_waiting: [nonsense]\n",
		"conf.d/notes.txt":    "not a config\n",
		"site/a.yaml":         "agents: {bilal: {presence_config: normal, queues: [sales]}}\n",
		"site/b.yaml":         "queues: {sales: {max_waiting: 9}}\nagents: {bilal: {queues: [support]}}\n",
		"last.yaml":           "connection_grace: 7s\n",
	})
	c, err := config.Load(filepath.Join(root, "main.yaml"), config.Over(filepath.Join(root, "site"), filepath.Join(root, "last.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	support, sales := c.Queues["support"], c.Queues["sales"]
	got := []any{c.MaxWaiting, support.Routing, support.MaxWaiting, len(support.Tiers), sales.MaxWaiting, c.Agents["bilal"].Queues[0].Queue, c.Agents["bilal"].PresenceConfig, c.ConnectionGrace.String()}
	want := []any{uint32(3), "plain", uint32(5), 1, uint32(9), "support", "normal", "7s"}
	if !slices.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if !slices.Equal(c.Skills, []string{"english", "german"}) {
		t.Errorf("skills %v", c.Skills)
	}
	if whole, err := config.Load(filepath.Join(root, "conf.d")); err == nil {
		t.Errorf("a folder of fragments alone passed: %+v", whole)
	}
}

// TestFaultsInLayers holds that each fault names the file, variable or flag
// that it is in, in the order of the layers.
func TestFaultsInLayers(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{
		"main.yaml":     complete("queues: {support: {routing: plain}, sales: {routing: plin}}\n"),
		"conf.d/a.yaml": "# more\nqueues:\n  support: {routing: plian}\n  extra: {ruoting: plain}\nagents: {bilal: {presence_config: nomral}}\n",
		"over.yaml":     "api: {keys: {k: {sha256: x}}}\n",
	})
	main, a, over := filepath.Join(root, "main.yaml"), filepath.Join(root, "conf.d/a.yaml"), filepath.Join(root, "over.yaml")
	_, err := config.Load(main, config.Over(over),
		config.Environment([]string{"PATCHBAY_MAX_WAITING=many"}), set(t, "queues.sales.offer_to=17"), set(t, "queues.support.tiers=[20s, 10s]"), set(t, "lissten=x"))
	want := strings.Join([]string{
		main + `:1:54: queues.sales.routing: there is no routing config "plin"; did you mean "plain"?`,
		a + `:3:22: queues.support.routing: there is no routing config "plian"; did you mean "plain"?`,
		a + `:4:11: queues.extra.ruoting: there is no key "ruoting" here; did you mean "routing"?`,
		a + `:5:35: agents.bilal.presence_config: there is no presence config "nomral"; did you mean "normal"?`,
		over + `:1:14: api.keys.k.role: the key "role" is missing; it must be one of agent, supervisor, admin, router`,
		over + `:1:26: api.keys.k.sha256: this is a text of 1 characters; it must be a SHA-256 checksum: 64 hexadecimal digits`,
		`$PATCHBAY_MAX_WAITING:1:1: max_waiting: this is "many"; it must be a whole number from 0 (any number) to 100000000`,
		`--set lissten:1:1: lissten: there is no key "lissten" here; did you mean "listen"?`,
		`--set queues.sales.offer_to:1:1: queues.sales.offer_to: this is 17; it must be a whole number from 1 to 16`,
		`--set queues.support.tiers:1:7: queues.support.tiers[1]: each tier is asked after the one before; this must be longer than 20s`,
	}, "\n")
	if got := text(err); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	file := []byte(complete("agents: {anna@bank.example: {presence_config: normal, queues: [support]}}\n"))
	c, err := config.Parse("x.yaml", file,
		set(t, "workspace=007"), set(t, "max_waiting=5"), set(t, `agents."anna@bank.example".name=Anna: the one`),
		set(t, "queues.sales={routing: plain, tiers: [1s]}"), set(t, "presence_configs.normal.auto_accept=true"), set(t, "channels.chat.size=50%"))
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.Workspace, c.MaxWaiting, c.Agents["anna@bank.example"].Name, len(c.Queues["sales"].Tiers), c.PresenceConfigs["normal"].AutoAccept}
	if want := []any{"007", uint32(5), "Anna: the one", 1, true}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	for _, bad := range []string{"", "x", "=x", "a..b=x", `"a=x`, `"a"b=x`, ".a=x", "a.=x", `"".a=x`} {
		if _, err := config.Set(bad); err == nil || !strings.Contains(err.Error(), "should be KEY=VALUE") {
			t.Errorf("Set(%q): %v", bad, err)
		}
	}
	_, err = config.Parse("x.yaml", file, set(t, "queues.support=[a"))
	if err == nil || !strings.HasPrefix(err.Error(), "--set queues.support:1:1: queues.support: this is not YAML") {
		t.Errorf("got %v", err)
	}
}

const secretValue = "s3cr3t \"quoted\" v4lue"

func secretFiles(t *testing.T) string {
	t.Helper()
	return folder(t, map[string]string{
		"main.yaml": complete(`
strategies:
  queue: {runtime: builtin, source: queue, settings: {token: "Bearer ${env:TOKEN}", key: "${file:keys/one}", plain: "$${x}"}}
agents: {anna: {name: "${file:keys/one}", presence_config: normal, queues: [support]}}
`),
		"keys/one":      secretValue + "\n",
		"conf.d/a.yaml": "agents: {bilal: {presence_config: \"${file:../keys/one}\"}}\nqueues: {support: {max_waiting: \"${env:TOKEN}\"}}\n",
	})
}

func TestReferences(t *testing.T) {
	t.Parallel()
	root := secretFiles(t)
	env := config.Environment([]string{"TOKEN=" + secretValue})
	if err := os.Remove(filepath.Join(root, "conf.d/a.yaml")); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(filepath.Join(root, "main.yaml"), env)
	if err != nil {
		t.Fatal(err)
	}
	settings := c.Strategies["queue"].Settings
	if settings["token"] != "Bearer "+secretValue || settings["key"] != secretValue || settings["plain"] != "${x}" || c.Agents["anna"].Name != secretValue {
		t.Errorf("references are not followed: %v, %q", settings, c.Agents["anna"].Name)
	}
	if got := c.Mask("x " + secretValue + " y"); got != "x (secret) y" {
		t.Errorf("masked: %s", got)
	}
	sources, err := config.Read(filepath.Join(root, "main.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := config.Explain(sources, env)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := e.WriteYAML(&b, true); err != nil || strings.Contains(b.String(), "s3cr3t") || strings.Count(b.String(), "(secret)") != 4 {
		t.Errorf("%v:\n%s", err, b.String())
	}
	for _, v := range e.List() {
		if text, ok := v.Value.(string); ok && strings.Contains(text, "s3cr3t") {
			t.Errorf("%s tells the secret", v.Path)
		}
	}
}

// TestReferencesAreHidden holds that no message repeats what a reference led to.
func TestReferencesAreHidden(t *testing.T) {
	t.Parallel()
	root := secretFiles(t)
	main, a := filepath.Join(root, "main.yaml"), filepath.Join(root, "conf.d/a.yaml")
	_, err := config.Load(main, config.Environment([]string{"TOKEN=" + secretValue}))
	want := a + `:1:35: agents.bilal.presence_config: this is (secret); it must be a name: a letter or digit, then letters, digits and . _ - @ + :, at most 128 characters` + "\n" +
		a + `:2:33: queues.support.max_waiting: this is (secret); it must be a whole number from 0 (any number) to 100000000`
	if got := text(err); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	for _, one := range []string{"plain-s3cr3t", strings.Repeat("s3cr3t-", 30)} {
		_, err = config.Parse("x.yaml", []byte(complete("queues: {support: {routing: \"${env:R}\"}}\nworkspace: \"${env:R} x\"\nlisten: \"${env:R}\"\n")), config.Environment([]string{"R=" + one}))
		if got := text(err); strings.Contains(got, "s3cr3t") || strings.Count(got, config.Secret) != 3 {
			t.Errorf("got:\n%s", got)
		}
	}
}

func TestReferencesThatLeadNowhere(t *testing.T) {
	t.Parallel()
	root := folder(t, map[string]string{"x.yaml": complete("workspace: ${env:WORKSPCE}\nlisten: ${file:nothing}\ndata: ${nev:X}\nconnection_grace: \"${env:\"\n")})
	path := filepath.Join(root, "x.yaml")
	const form = `" is no reference; it must be ${env:NAME} or ${file:PATH}, and the text ${ itself is written $${` + "\n"
	wrong := path + `:3:7: data: "${nev:X}` + form + strings.TrimSuffix(path+`:4:19: connection_grace: "${env:`+form, "\n")
	_, err := config.Load(path, config.Environment([]string{"WORKSPACE=main"}))
	want := path + `:1:12: workspace: the environment has no variable "WORKSPCE", which a reference leads to; did you mean "WORKSPACE"?` + "\n" +
		path + `:2:9: listen: the file "` + filepath.Join(root, "nothing") + `", which a reference leads to, cannot be read: there is no such file` + "\n" + wrong
	if got := text(err); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	_, err = config.Load(path, config.WithoutFiles())
	if got := text(err); got != wrong {
		t.Errorf("got:\n%s\nwant:\n%s", got, wrong)
	}
}

// TestRemember holds that what is remembered of a file is neither read again nor
// taken for another file.
func TestRemember(t *testing.T) {
	t.Parallel()
	const module, other = "\x00asm\x01\x00\x00\x00", "\x00asm\x01\x00\x00\x01"
	digest := sha256.Sum256([]byte(module))
	root := folder(t, map[string]string{"p.yaml": complete(
		"strategies: {w: {runtime: wasm, source: x.wasm, sha256: \"" + hex.EncodeToString(digest[:]) + "\"}}\nrouting_configs: {plain: {strategy: w}}\n")})
	path, sums := filepath.Join(root, "x.wasm"), new(config.Sums)
	now, old := time.Now().Add(time.Hour), time.Now().Add(-time.Hour) // which stays young however long this takes
	for i, step := range []struct {
		content string
		written time.Time
		refused bool
	}{
		{module, now, false},
		{other, now, true}, // too young to have been remembered
		{module, old, false},
		{other, old, false}, // as nobody can write it who means no harm: so it was remembered
		{other, old.Add(time.Second), true},
		{module, old.Add(time.Second), false}, // what is remembered is no reason to refuse
		{module, old, false},
		{module + "more", old, true},
		{module, old.Add(2 * time.Second), false},
	} {
		if err := os.WriteFile(path, []byte(step.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, step.written, step.written); err != nil {
			t.Fatal(err)
		}
		if _, err := config.Load(filepath.Join(root, "p.yaml"), config.Remember(sums)); (err != nil) != step.refused {
			t.Errorf("step %d: %v", i, err)
		}
	}
}

// TestDigest holds that a file which is not the one meant is refused.
func TestDigest(t *testing.T) {
	t.Parallel()
	const module = "\x00asm\x01\x00\x00\x00"
	sum := sha256.Sum256([]byte(module))
	good, bad := hex.EncodeToString(sum[:]), strings.Repeat("0", 64)
	root := folder(t, map[string]string{"x.wasm": module})
	write := func(sha string) string {
		path := filepath.Join(root, sha[:4]+".yaml")
		text := complete("strategies: {w: {runtime: wasm, source: x.wasm, sha256: \"" + sha + "\"}}\nrouting_configs: {plain: {strategy: w}}\n")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if _, err := config.Load(write(strings.ToUpper(good))); err != nil {
		t.Error(err)
	}
	path := write(bad)
	_, err := config.Load(path)
	want := path + `:1:57: strategies.w.sha256: this is not the checksum of "` + filepath.Join(root, "x.wasm") + `", which is ` + good + `; if the file is the one you mean, write that`
	if got := text(err); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	if _, err := config.Load(path, config.WithoutFiles()); err != nil {
		t.Error(err)
	}
}
