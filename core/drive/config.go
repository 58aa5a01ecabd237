// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package drive

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/patchbay-cx/patchbay/core/sim/calllog"
)

// Config is a workspace that fits a load: what to start a host with before
// playing it. It writes itself in the format of Patchbay's config file.
type Config struct {
	// Title is written into the file as a comment.
	Title string
	// Queues are the queues' names.
	Queues []string
	// Agents maps each agent's name to the queues the agent is a member of.
	Agents map[string][]string
}

// RecordedConfig returns a workspace for a recorded day: a queue per kind of
// call, the day's agents, each a member of the queues whose kind they answered
// anywhere in the log.
func RecordedConfig(l *calllog.Log, d calllog.Day) Config {
	answered := make(map[string]map[string]bool)
	for i := range l.Calls {
		c := &l.Calls[i]
		if c.Outcome != calllog.Answered || c.Server == "" {
			continue
		}
		if answered[c.Server] == nil {
			answered[c.Server] = make(map[string]bool)
		}
		answered[c.Server][c.Class] = true
	}
	config := Config{Title: "The recorded day " + d.Date, Queues: d.Classes(), Agents: make(map[string][]string)}
	for _, s := range d.Shifts() {
		for _, queue := range config.Queues {
			if answered[s.Server][queue] {
				config.Agents[s.Server] = append(config.Agents[s.Server], queue)
			}
		}
	}
	return config
}

// SyntheticConfig returns a workspace with so many agents and queues, every
// agent a member of every queue.
func SyntheticConfig(agents, queues int) Config {
	config := Config{
		Title:  fmt.Sprintf("%d agents and %d queues for a made-up load", agents, queues),
		Agents: make(map[string][]string, agents),
	}
	for i := range queues {
		config.Queues = append(config.Queues, fmt.Sprintf("queue-%d", i+1))
	}
	for i := range agents {
		config.Agents[fmt.Sprintf("agent-%0*d", len(strconv.Itoa(agents)), i+1)] = config.Queues
	}
	return config
}

// WriteTo writes the config file. Agents take one call at a time; who has been
// idle longest is next.
func (c Config) WriteTo(w io.Writer) (int64, error) {
	counted := &countingWriter{w: w}
	out := bufio.NewWriter(counted)
	fmt.Fprintf(out, `# %s. Written by "patchbay drive config".

channels:
  voice:
    size: 1

statuses:
  available:
    channels: [voice]
  away:
    channels: []

presence_configs:
  phone:
    capacity: 1

routing_configs:
  calls:
    model: longest_idle
    strategy: queue
    push_timeout: 30s

queues:
`, c.Title)
	for _, queue := range c.Queues {
		fmt.Fprintf(out, "  %q:\n    routing: calls\n", queue)
	}
	fmt.Fprint(out, "\nagents:\n")
	names := make([]string, 0, len(c.Agents))
	for name := range c.Agents {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		quoted := make([]string, 0, len(c.Agents[name]))
		for _, queue := range slices.Sorted(slices.Values(c.Agents[name])) {
			quoted = append(quoted, strconv.Quote(queue))
		}
		fmt.Fprintf(out, "  %q:\n    presence_config: phone\n    queues: [%s]\n", name, strings.Join(quoted, ", "))
	}
	err := out.Flush()
	return counted.n, err
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
