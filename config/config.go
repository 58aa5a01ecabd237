// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package config reads what an admin writes: one YAML file becomes one typed,
// complete Config, or a list of everything that is wrong with it, each fault
// with its file, line and column.
//
// It knows the engine's definition of a workspace and what a strategy's
// configuration holds, because those are what it makes. It must not know how a
// workspace runs, who calls it, or how a strategy is carried; it starts
// nothing and never writes.
package config

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
)

// maxFile is the largest file that is read, in bytes. A workspace with 100,000
// agents takes about a sixth of it.
const maxFile = 64 << 20

// Config is a whole configuration with every default filled in. It is made by
// Load and Parse and not changed afterwards; reading it from several goroutines
// is safe.
type Config struct {
	// Workspace names the workspace.
	Workspace string `koanf:"workspace"`
	// Listen is the API's address, host:port; port 0 takes a free one.
	Listen string `koanf:"listen"`
	// Data is the folder of the journal, an absolute path.
	Data string `koanf:"data"`
	// ConnectionGrace is how long an agent without a connection stays signed in.
	ConnectionGrace time.Duration `koanf:"connection_grace"`
	// KeepClosed is how long ended work stays readable.
	KeepClosed time.Duration `koanf:"keep_closed"`
	// KeepClosedItems is how many pieces of ended work are kept at most; 0 means
	// any number.
	KeepClosedItems uint32 `koanf:"keep_closed_items"`
	// MaxWaiting is how many items may wait in the workspace; 0 means any number.
	MaxWaiting uint32 `koanf:"max_waiting"`
	// API says who may use the API.
	API API `koanf:"api"`
	// Skills lists all skills there are.
	Skills []string `koanf:"skills"`
	// Hours are opening hours, by name.
	Hours map[string]Hours `koanf:"hours"`
	// Channels are the kinds of work, by name.
	Channels map[string]Channel `koanf:"channels"`
	// Statuses are the presence statuses, by name, without the built-in
	// "offline".
	Statuses map[string]Status `koanf:"statuses"`
	// PresenceConfigs are by name.
	PresenceConfigs map[string]PresenceConfig `koanf:"presence_configs"`
	// Strategies are by name: those of the file, "queue", and other built-in
	// ones that a routing config names.
	Strategies map[string]Strategy `koanf:"strategies"`
	// RoutingConfigs are by name.
	RoutingConfigs map[string]RoutingConfig `koanf:"routing_configs"`
	// Queues are by name.
	Queues map[string]Queue `koanf:"queues"`
	// Flows say what is done with incoming work, by name.
	Flows map[string]Flow `koanf:"flows"`
	// Agents are by id.
	Agents map[string]Agent `koanf:"agents"`
	// Warnings lists what is allowed but hardly meant, such as a queue without
	// members, in the order of the file. It is empty when there is none.
	Warnings []Error `koanf:"-"`
}

// API says who may use the API.
type API struct {
	// TLS is nil when the API is served in the clear, which only a loopback
	// address may be.
	TLS *TLS `koanf:"tls"`
	// Keys are the API keys, by name. Without any, the API trusts everybody who
	// reaches it.
	Keys map[string]Key `koanf:"keys"`
}

// TLS names the files of a certificate; both are absolute paths.
type TLS struct {
	// Cert is a PEM file with the certificate chain.
	Cert string `koanf:"cert"`
	// Key is a PEM file with the private key.
	Key string `koanf:"key"`
}

// Role is what the bearer of an API key may do.
type Role string

// The roles.
const (
	RoleAgent      Role = "agent"
	RoleSupervisor Role = "supervisor"
	RoleAdmin      Role = "admin"
	RoleRouter     Role = "router"
)

// Key is an API key. The key itself is never here.
type Key struct {
	// SHA256 is the checksum of the key, in lower-case hex.
	SHA256 string `koanf:"sha256"`
	// Role is what the bearer may do.
	Role Role `koanf:"role"`
	// Scope narrows the role.
	Scope Scope `koanf:"scope"`
}

// Scope says for whom or where a key's role holds.
type Scope struct {
	// Agent is the one agent for whom a key of role agent speaks; empty for the
	// other roles.
	Agent string `koanf:"agent"`
	// Queues are those a supervisor or router sees; nil means all.
	Queues []string `koanf:"queues"`
}

// Status is a presence status.
type Status struct {
	// Channels are those on which work is offered; none means busy.
	Channels []string `koanf:"channels"`
}

// PresenceConfig is how agents may be loaded and what offers do to them.
type PresenceConfig struct {
	// Capacity is how much an agent may hold at once, above 0.
	Capacity engine.Milli `koanf:"capacity"`
	// InterruptibleCapacity is how much interruptible work an agent may hold at
	// once.
	InterruptibleCapacity engine.Milli `koanf:"interruptible_capacity"`
	// MaxOffers is how many offers an agent may have standing at once; 0 means
	// any number.
	MaxOffers uint16 `koanf:"max_offers"`
	// MaxOpen is how many assignments an agent may hold at once, above 0.
	MaxOpen uint16 `koanf:"max_open"`
	// AutoAccept opens offers at once; it excludes DeclineReasons.
	AutoAccept bool `koanf:"auto_accept"`
	// DeclineReasons are those an agent may give.
	DeclineReasons []string `koanf:"decline_reasons"`
	// StatusAfterDecline is empty when a decline changes nothing.
	StatusAfterDecline string `koanf:"status_after_decline"`
	// StatusAfterTimeout is empty when a push timeout changes nothing.
	StatusAfterTimeout string `koanf:"status_after_timeout"`
}

// Strategy is what decides who is offered what, and how it runs.
type Strategy struct {
	// Runtime is "builtin", "process" or "wasm".
	Runtime string `koanf:"runtime"`
	// Source is the built-in's name, or the absolute path of a file.
	Source string `koanf:"source"`
	// Args are given to a process.
	Args []string `koanf:"args"`
	// SHA256 is the file's checksum in lower-case hex; empty for a built-in,
	// and for a WASM module that is not checked.
	SHA256 string `koanf:"sha256"`
	// Settings are the strategy's own; never nil.
	Settings map[string]any `koanf:"settings"`
	// Attributes are those of work that the strategy may see.
	Attributes []string `koanf:"attributes"`
	// MayExceedCapacity lets it give agents more than they have capacity for.
	MayExceedCapacity bool `koanf:"may_exceed_capacity"`
	// Limits bound one instance.
	Limits Limits `koanf:"limits"`
}

// Limits bound one instance of a strategy; none is 0.
type Limits struct {
	// TurnDeadline is how long a turn may take.
	TurnDeadline time.Duration `koanf:"turn_deadline"`
	// StartTimeout is how long starting may take.
	StartTimeout time.Duration `koanf:"start_timeout"`
	// Memory is the most memory, in bytes.
	Memory Size `koanf:"memory"`
	// ReplyBytes is the largest encoded reply, in bytes.
	ReplyBytes Size `koanf:"reply_bytes"`
	// ReplyProposals is the most proposals in one reply.
	ReplyProposals int `koanf:"reply_proposals"`
	// LogLines is how many lines a second may be logged.
	LogLines int `koanf:"log_lines"`
}

// Size is an amount of bytes, written "256MiB" or as a plain number.
type Size uint64

// Load reads the file at path and checks it, together with the files it names,
// which must exist. Relative paths in it start from its folder.
//
// Errors are *Errors and hold everything that is wrong. Load reads nothing but
// these files; the environment and flags count only if an Option brings them.
func Load(path string, opts ...Option) (*Config, error) {
	data, err := read(path)
	if err != nil {
		return nil, &Errors{List: []Error{{
			File: path, Line: 1, Column: 1, Code: CodeFile,
			Message: "the file cannot be read: " + reason(err),
		}}}
	}
	return parse(path, data, append([]Option{withFiles}, opts...))
}

// Parse checks a configuration held in memory. Errors are *Errors and hold
// everything that is wrong; name stands for the file in them, and relative
// paths in the configuration start from name's folder. Parse does not look
// whether the files it names exist.
func Parse(name string, data []byte, opts ...Option) (*Config, error) {
	return parse(name, data, opts)
}

func parse(name string, data []byte, opts []Option) (*Config, error) {
	o := options{}
	for _, opt := range opts {
		opt(&o)
	}
	folder, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return nil, fmt.Errorf("config: working directory: %w", err)
	}
	faults := &faults{}
	doc := readYAML(name, data, faults)
	doc.folder = folder
	values, err := overlay(doc, &o, faults)
	if err != nil {
		return nil, err
	}
	check(doc, values, &o, faults)
	if errs := faults.errors(name); len(errs) > 0 {
		return nil, &Errors{List: errs}
	}
	c, err := decode(values)
	if err != nil {
		// The schema let something through that does not fit the types above:
		// a fault of this package, reported rather than half obeyed.
		return nil, &Errors{List: []Error{{
			File: name, Line: 1, Column: 1, Code: CodeInternal, Message: err.Error(),
		}}}
	}
	c.forget(doc.added)
	c.resolve(doc)
	if _, err := c.Definition(); err != nil {
		return nil, &Errors{List: []Error{doc.refused(err)}}
	}
	c.Warnings = faults.warnings(name)
	return c, nil
}

func read(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("it is a folder")
	case info.Size() > maxFile:
		return nil, fmt.Errorf("it has %d bytes; at most %d are read", info.Size(), maxFile)
	}
	return os.ReadFile(filepath.Clean(path))
}
