// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package host

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// section is a part of a definition, as configuration files call it.
type section struct {
	field, name string
	one         string // what an entry is called
	scalar      bool
}

func sections() []section {
	return []section{
		{field: "Grace", name: "connection_grace", scalar: true},
		{field: "KeepClosed", name: "keep_closed", scalar: true},
		{field: "KeepClosedItems", name: "keep_closed_items", scalar: true},
		{field: "MaxWaiting", name: "max_waiting", scalar: true},
		{field: "Skills", name: "skills", one: "skill"},
		{field: "Hours", name: "hours", one: "hours"},
		{field: "Channels", name: "channels", one: "channel"},
		{field: "Statuses", name: "statuses", one: "status"},
		{field: "PresenceConfigs", name: "presence_configs", one: "presence config"},
		{field: "Strategies", name: "strategies", one: "strategy"},
		{field: "RoutingConfigs", name: "routing_configs", one: "routing config"},
		{field: "Queues", name: "queues", one: "queue"},
		{field: "Flows", name: "flows", one: "flow"},
		{field: "Profiles", name: "profiles", one: "profile"},
		{field: "Agents", name: "agents", one: "agent"},
	}
}

// lines says of each entry what becomes of it.
func (s section) lines(before, set, gone reflect.Value) []Line {
	var lines []Line
	for i := range set.Len() {
		entry := set.Index(i)
		name := nameOf(entry)
		line := Line{Section: s.name, Name: name}
		if at := find(before, name); at < 0 {
			line.Action = "add"
			line.Text = fmt.Sprintf("%s %s is new%s", s.one, name, introduction(entry))
		} else {
			line.Action = "change"
			line.Text = fmt.Sprintf("%s %s: %s", s.one, name, strings.Join(differences(before.Index(at), entry), "; "))
		}
		lines = append(lines, line)
	}
	for i := range gone.Len() {
		name := gone.Index(i).String()
		lines = append(lines, Line{Section: s.name, Name: name, Action: "remove", Text: fmt.Sprintf("%s %s is removed", s.one, name)})
	}
	slices.SortStableFunc(lines, func(a, b Line) int { return strings.Compare(a.Name, b.Name) })
	return lines
}

// find looks for a name in a list that is sorted by names.
func find(list reflect.Value, name string) int {
	low, high := 0, list.Len()
	for low < high {
		if middle := (low + high) / 2; nameOf(list.Index(middle)) < name {
			low = middle + 1
		} else {
			high = middle
		}
	}
	if low < list.Len() && nameOf(list.Index(low)) == name {
		return low
	}
	return -1
}

// nameOf returns an entry's name: it is a text, or its first field is.
func nameOf(v reflect.Value) string {
	if v.Kind() == reflect.String {
		return v.String()
	}
	return v.Field(0).String()
}

// introduction says of a new entry what matters most.
func introduction(entry reflect.Value) string {
	switch e := entry.Interface().(type) {
	case engine.QueueDefinition:
		return " (routing config " + e.Routing + ")"
	case engine.StrategyDefinition:
		return " (" + strings.TrimSpace(e.Runtime+" "+e.Source) + ")"
	case engine.AgentDefinition:
		queues := e.InQueues()
		if len(queues) == 0 {
			return " (in no queue)"
		}
		return " (in " + strings.Join(queues, ", ") + ")"
	default:
		return ""
	}
}

// differences says in which fields two entries differ.
func differences(a, b reflect.Value) []string {
	if before, ok := reflect.TypeAssert[engine.AgentDefinition](a); ok {
		after, _ := reflect.TypeAssert[engine.AgentDefinition](b)
		return agentDifferences(&before, &after)
	}
	var out []string
	for i := range a.NumField() {
		was, is := a.Field(i), b.Field(i)
		if reflect.DeepEqual(was.Interface(), is.Interface()) {
			continue
		}
		field := a.Type().Field(i).Name
		if is.Kind() == reflect.Struct && !shown(is) {
			for _, inner := range differences(was, is) {
				out = append(out, label(field)+"."+inner)
			}
			continue
		}
		out = append(out, fmt.Sprintf("%s from %s to %s", label(field), show(field, was), show(field, is)))
	}
	return out
}

// shown reports whether a struct is a value in itself.
func shown(v reflect.Value) bool {
	_, ok := reflect.TypeAssert[engine.Amount](v)
	return ok
}

// agentDifferences says what an agent gains and loses.
func agentDifferences(a, b *engine.AgentDefinition) []string {
	var out []string
	for _, pair := range [][3]string{
		{"name", a.Name, b.Name}, {"presence_config", a.PresenceConfig, b.PresenceConfig}, {"profile", a.Profile, b.Profile},
	} {
		if pair[1] != pair[2] {
			out = append(out, fmt.Sprintf("%s from %s to %s", pair[0], orNothing(pair[1]), orNothing(pair[2])))
		}
	}
	for _, m := range b.Queues {
		at := slices.IndexFunc(a.Queues, func(o engine.Membership) bool { return o.Queue == m.Queue })
		switch {
		case at < 0:
			out = append(out, "joins queue "+m.Queue)
		case a.Queues[at] != m:
			out = append(out, fmt.Sprintf("in queue %s tier %d and weight %d instead of %d and %d", m.Queue, max(m.Tier, 1), max(m.Weight, 1), max(a.Queues[at].Tier, 1), max(a.Queues[at].Weight, 1)))
		}
	}
	for _, m := range a.Queues {
		if !slices.ContainsFunc(b.Queues, func(o engine.Membership) bool { return o.Queue == m.Queue }) {
			out = append(out, "leaves queue "+m.Queue)
		}
	}
	out = append(out, skillDifferences(a.Skills, b.Skills)...)
	if len(out) == 0 {
		out = append(out, "its queues or skills are in another order")
	}
	return out
}

func skillDifferences(a, b []engine.Skill) []string {
	var out []string
	for _, s := range b {
		at := slices.IndexFunc(a, func(o engine.Skill) bool { return o.Name == s.Name })
		switch {
		case at < 0:
			out = append(out, fmt.Sprintf("gains skill %s at level %v", s.Name, engine.Milli(s.Level)))
		case a[at].Level != s.Level:
			out = append(out, fmt.Sprintf("skill %s from level %v to %v", s.Name, engine.Milli(a[at].Level), engine.Milli(s.Level)))
		case a[at] != s:
			out = append(out, fmt.Sprintf("skill %s holds at other times", s.Name))
		}
	}
	for _, s := range a {
		if !slices.ContainsFunc(b, func(o engine.Skill) bool { return o.Name == s.Name }) {
			out = append(out, "loses skill "+s.Name)
		}
	}
	return out
}

// label writes a field's name as configuration files do.
func label(field string) string {
	if known, ok := map[string]string{
		"Needs": "skills", "BySkills": "route_by", "DropAfter": "drop_additional_skills_after", "Interruptible": "interruptible_capacity",
		"Within": "service_level.within", "Target": "service_level.target", "SHA256": "sha256", "MayExceed": "may_exceed_capacity",
		"ResumeOver": "resume_over_capacity", "Secondary": "secondary_priority", "Capacity": "capacity", "CPUTime": "cpu_time",
		"LastAgentFor": "last_agent.for", "LastAgentWithin": "last_agent.within", "Zone": "time_zone",
	}[field]; ok {
		return known
	}
	var b strings.Builder
	for i, r := range field {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('_')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// maxShown is how long a value may be in a line, in characters.
const maxShown = 120

// show writes a value for people.
func show(field string, v reflect.Value) string {
	text := value(field, v)
	if runes := []rune(text); len(runes) > maxShown {
		text = string(runes[:maxShown]) + "…"
	}
	return text
}

func value(field string, v reflect.Value) string {
	switch x := v.Interface().(type) {
	case engine.Time:
		return (time.Duration(x) * time.Millisecond).String()
	case engine.Amount:
		return amountWords(x)
	case engine.Level:
		return engine.Milli(x).String()
	case fmt.Stringer:
		return x.String()
	case string:
		return orNothing(x)
	case bool:
		return strconv.FormatBool(x)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return "nothing"
		}
		return value(field, v.Elem())
	case reflect.Slice:
		return list(field, v)
	case reflect.Struct:
		return fields(v)
	case reflect.Map:
		parts := make([]string, 0, v.Len())
		for _, key := range v.MapKeys() {
			parts = append(parts, fmt.Sprintf("%v: %s", key, value(field, v.MapIndex(key))))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	default:
		return fmt.Sprint(v.Interface())
	}
}

func list(field string, v reflect.Value) string {
	if v.Len() == 0 {
		return "nothing"
	}
	parts := make([]string, v.Len())
	for i := range parts {
		parts[i] = value(field, v.Index(i))
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// fields writes the fields of a struct that say anything.
func fields(v reflect.Value) string {
	var parts []string
	for i := range v.NumField() {
		if f := v.Field(i); !f.IsZero() {
			name := v.Type().Field(i).Name
			parts = append(parts, label(name)+": "+value(name, f))
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}

func amountWords(a engine.Amount) string {
	switch {
	case a.Percent > 0:
		return engine.Milli(a.Percent).String() + "%"
	case a.Units > 0:
		return a.Units.String()
	default:
		return "nothing"
	}
}

func tierWords(tier uint16) string {
	if tier == 0 {
		return "all members"
	}
	return fmt.Sprintf("tier %d", tier)
}

func reasonWords(reason string) string { return strings.ReplaceAll(reason, "_", " ") }

// words says what an effect is.
func (e *Effect) words() string {
	items, become := fmt.Sprintf("%d items", e.Count), "become"
	if e.Count == 1 {
		items, become = "1 item", "becomes"
	}
	in := " in queue " + e.Queue
	plural := func(one, many string) string {
		if e.Count == 1 {
			return one
		}
		return many
	}
	switch e.Kind {
	case "unroutable":
		return fmt.Sprintf("%s%s %s unroutable: %s", items, in, become, e.Reason)
	case "routable":
		return fmt.Sprintf("%s%s %s routable", items, in, become)
	case "order":
		return fmt.Sprintf("%s%s %s order: %s", items, in, plural("changes", "change"), e.Reason)
	case "size":
		return fmt.Sprintf("%s%s %s %s", items, in, plural("takes", "take"), e.Reason)
	case "tier":
		return fmt.Sprintf("%s%s %s offered to %s", items, in, plural("is", "are"), e.Reason)
	case "may_be_asked":
		return fmt.Sprintf("%s%s may be offered again to some who declined", items, in)
	case "moved":
		return fmt.Sprintf("%s of queue %s %s %s", items, e.Queue, plural("moves", "move"), e.Reason)
	case "closed":
		return fmt.Sprintf("queue %s closes at once; %s %s there", e.Queue, items, plural("waits", "wait"))
	case "opened":
		return fmt.Sprintf("queue %s opens at once; %s %s there", e.Queue, items, plural("waits", "wait"))
	default:
		agents := plural("1 agent holds", fmt.Sprintf("%d agents hold", e.Count))
		return fmt.Sprintf("%s more than the new capacity: %s", agents, strings.Join(e.Agents, ", "))
	}
}
