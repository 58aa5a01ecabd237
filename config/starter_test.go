// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/config"
)

func TestStarter(t *testing.T) {
	t.Parallel()
	s := config.DefaultStarter()
	c, err := config.Parse("patchbay.yaml", s.YAML(), config.Builtins("queue", "skills"))
	if err != nil {
		t.Fatalf("%v in\n%s", err, s.YAML())
	}
	if len(c.Warnings) > 0 || len(c.Channels) != 3 || len(c.Agents) != 2 || len(c.Queues) != 1 {
		t.Errorf("%+v, warnings %v", c, c.Warnings)
	}
}

// TestStarterOfAnyNames holds that whatever is answered gives a good file.
func TestStarterOfAnyNames(t *testing.T) {
	t.Parallel()
	name := rapid.Custom(func(t *rapid.T) string {
		text := rapid.OneOf(rapid.StringMatching(`[\p{L}\p{N}][\p{L}\p{N}._@+:-]{0,9}`), rapid.SampledFrom([]string{"yes", "null", "1", "1e3", "2026-01-01", "true", "0x1f", "a:", "1:2"})).Draw(t, "text")
		if config.CheckStatus(text) != nil {
			return "x"
		}
		return text
	})
	rapid.Check(t, func(t *rapid.T) {
		names := func(least int, label string) []string {
			return rapid.SliceOfNDistinct(name, least, 3, rapid.ID[string]).Draw(t, label)
		}
		statuses := names(1, "statuses")
		s := config.Starter{
			Workspace: name.Draw(t, "workspace"), Channels: append(names(1, "channels"), "video"), Queue: name.Draw(t, "queue"),
			Members: names(0, "members"), Available: statuses[:1], Busy: statuses[1:],
		}
		if s.Channels[0] == "video" || len(s.Channels) > 2 && (s.Channels[1] == "video" || s.Channels[2] == "video") {
			s.Channels = s.Channels[:len(s.Channels)-1]
		}
		for _, skill := range names(0, "skills") {
			s.Skills = append(s.Skills, config.Holding{Skill: skill, Holders: s.Members})
		}
		c, err := config.Parse("patchbay.yaml", s.YAML())
		if err != nil {
			t.Fatalf("%v in\n%s", err, s.YAML())
		}
		if c.Workspace != s.Workspace || len(c.Agents) != len(s.Members) || len(c.Skills) != len(s.Skills) || len(c.Channels) != len(s.Channels) {
			t.Fatalf("%+v is not what was answered", c)
		}
	})
}

func roster(t *testing.T, text string, table config.Table) *config.Roster {
	t.Helper()
	r, err := config.ReadAgents("agents.csv", []byte(text), table)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestImport(t *testing.T) {
	t.Parallel()
	base, err := config.Parse("x.yaml", []byte(complete("skills: [english, german]\nqueues: {support: {routing: plain, tiers: [10s]}, sales: {routing: plain}}\n")))
	if err != nil {
		t.Fatal(err)
	}
	const existing = `# our people
skills: [french]
agents:
  # the first
  anna: {name: Anna, presence_config: normal, queues: [sales], skills: {french: 3}} # since 1999
  bilal:
    presence_config: normal
    queues: [support]
  chen: {presence_config: normal}
`
	const table = "id,queues,skills\n" +
		"anna,support=2/50; sales,english=7.5;french=3\n" +
		"bilal,support,\n" +
		"dora@x,sales|support,\"german=5, germn=1\"\n"
	got, err := roster(t, table, config.Table{Config: base}).Into("conf.d/agents.yaml", []byte(existing), base)
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		`adds skill germn (there is a skill "german"; is that the one?)`,
		`changes agent anna: queues from [sales] to [{queue: support, tier: 2, weight: 50}, sales], skills from {french: 3} to {english: 7.5, french: 3}`,
		`adds agent dora@x (queues: sales support; skills: german=5 germn=1)`,
	}, "\n")
	if lines := strings.Join(got.Lines, "\n"); lines != want {
		t.Errorf("got:\n%s\nwant:\n%s", lines, want)
	}
	const yaml = `# our people
skills: [french, germn]
agents:
  # the first
  anna: {name: Anna, presence_config: normal, queues: [{queue: support, tier: 2, weight: 50}, sales], skills: {english: 7.5, french: 3}} # since 1999
  bilal:
    presence_config: normal
    queues: [support]
  chen: {presence_config: normal}
  dora@x: {presence_config: normal, queues: [sales, support], skills: {german: 5, germn: 1}}
`
	if string(got.YAML) != yaml {
		t.Errorf("got:\n%s\nwant:\n%s", got.YAML, yaml)
	}
	again, err := roster(t, table, config.Table{Config: base}).Into("conf.d/agents.yaml", got.YAML, base)
	if err != nil || again.Same != 3 || len(again.Lines) != 0 || string(again.YAML) != yaml {
		t.Errorf("a second import changes something: %+v, %v", again, err)
	}
	fresh, err := roster(t, table, config.Table{Config: base}).Into("agents.yaml", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := roster(t, "id,queues\nanna,support\n", config.Table{Config: base}).Into("agents.yaml", nil, base); err != nil {
		t.Fatal(err)
	}
	main := []byte(complete("queues: {support: {routing: plain, tiers: [10s]}, sales: {routing: plain}}\nagents: {}\n"))
	c, err := config.Check([]config.Source{{Name: "x.yaml", Data: main}, {Name: "agents.yaml", Data: fresh.YAML}})
	if err != nil {
		t.Fatalf("%v in\n%s", err, fresh.YAML)
	}
	if fresh.Added != 3 || len(c.Agents) != 3 || c.Agents["anna"].Queues[0].Weight != 50 {
		t.Errorf("%+v", c.Agents)
	}
}

func TestImportFaults(t *testing.T) {
	t.Parallel()
	base, err := config.Parse("x.yaml", []byte(complete("presence_configs: {normal: {capacity: 2}, other: {capacity: 1}}\n")))
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ name, text, want string }{
		{"empty", "", `agents.csv:1:1: the table is empty; its first line names the columns: id, name, presence_config, queues, skills`},
		{"header", "id,quues,name,name\n", `agents.csv:1:4: there is no column "quues"; did you mean "queues"?` + "\n" + `agents.csv:1:15: the column "name" is there already; keep one of the two`},
		{"no id", "name\nanna\n", `agents.csv:1:1: the column "id" is missing; the columns are: id, name, presence_config, queues, skills`},
		{"no csv", "id,name\n\"a\"b,c\n", `agents.csv:2:3: this is not CSV: extraneous or missing " in quoted-field`},
		{"cells", "id,name\na,b,c\n", `agents.csv:2:5: this line has 3 cells, and the table 2 columns; put a cell that holds the separator in quotes`},
		{
			"values", "id,name,presence_config,queues,skills\n" +
				"änna,Ä,nrmal,supprt,english=11\n" +
				"änna,,,support=0;support,german\n" +
				",x y,other,\"x y\",a=1;a=2;b c=1;d=1.2345\n",
			`agents.csv:2:8: presence_config: there is no presence config "nrmal"; did you mean "normal"?
agents.csv:2:14: queues: there is no queue "supprt"; did you mean "support"?
agents.csv:2:21: skills: "english=11" should be skill=level, with a level from 0 to 10 with at most three decimals, such as english=5
agents.csv:3:1: id: the agent "änna" is there already, in line 2; keep one of the two
agents.csv:3:7: presence_config: the presence config is missing; the presence configs are: normal, other
agents.csv:3:8: queues: "support=0" should be queue, queue=tier or queue=tier/weight, with a tier from 1 to 101 and a weight from 1 to 100
agents.csv:3:8: queues: the queue "support" is in this cell already; keep one of the two
agents.csv:3:26: skills: "german" should be skill=level, with a level from 0 to 10 with at most three decimals, such as german=5
agents.csv:4:1: id: the id is missing
agents.csv:4:12: queues: "x y" should be a name: a letter or digit, then letters, digits and . _ - @ + :, at most 128 characters
agents.csv:4:18: skills: the skill "a" is in this cell already; keep one of the two
agents.csv:4:18: skills: "b c" should be a name: a letter or digit, then letters, digits and . _ - @ + :, at most 128 characters
agents.csv:4:18: skills: "d=1.2345" should be skill=level, with a level from 0 to 10 with at most three decimals, such as d=5`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := config.ReadAgents("agents.csv", []byte(test.text), config.Table{Config: base})
			if got := text(err); got != test.want {
				t.Errorf("got:\n%s\nwant:\n%s", got, test.want)
			}
		})
	}
	if r := roster(t, "id;skills\nanna;german\n", config.Table{Comma: ';', Level: "7", Config: mustParse(t, complete(""))}); r == nil {
		t.Error("a level for all is not taken")
	}
	good := roster(t, "id\nanna\n", config.Table{Config: mustParse(t, complete(""))})
	_, err = good.Into("x.yaml", []byte("agents: [a]\n"), nil)
	if got, want := text(err), "x.yaml:1:9: agents: agents must be a map and skills a list, or nothing can be added to them"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func mustParse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, err := config.Parse("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func FuzzReadAgents(f *testing.F) {
	f.Add("id,name,presence_config,queues,skills\nanna,A,normal,support=1/2,english=5\n")
	f.Add("\ufeffid\n\"")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := config.ReadAgents("agents.csv", []byte(text), config.Table{Level: "5"})
		if err != nil {
			return
		}
		in, err := r.Into("x.yaml", nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.Into("x.yaml", in.YAML, nil); err != nil {
			t.Fatalf("%v in\n%s", err, in.YAML)
		}
	})
}
