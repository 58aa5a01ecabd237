// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package config reads what an admin writes: files, variables and flags over
// each other become one typed, complete Config, or a list of everything that is
// wrong with it, each fault with its file, line and column.
//
// It knows the engine's definition of a workspace and what a strategy's
// configuration holds, because those are what it makes. It must not know how a
// workspace runs, who calls it, or how a strategy is carried; it starts
// nothing and never writes.
package config

import (
	"time"

	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/giveway"
)

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
	// Profiles say what people of a kind may do, by name.
	Profiles map[string]Profile `koanf:"profiles"`
	// Strategies are by name: those of the file, "queue", and other built-in
	// ones that a routing config names.
	Strategies map[string]Strategy `koanf:"strategies"`
	// Webhooks are whom the host tells what happens, by name.
	Webhooks map[string]Webhook `koanf:"webhooks"`
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

	// secrets are the values that references led to.
	secrets []string
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
	// Role is what the bearer may do: the profile's, if there is one.
	Role Role `koanf:"role"`
	// Profile names a profile in place of a role; empty for none.
	Profile string `koanf:"profile"`
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
	// Runtime is "builtin", "process", "wasm" or "remote".
	Runtime string `koanf:"runtime"`
	// Source is the built-in's name, or the absolute path of a file; empty for
	// a remote strategy.
	Source string `koanf:"source"`
	// Tokens are the secrets of a remote strategy's routers.
	Tokens []string `koanf:"tokens"`
	// Door says by which door they come; empty for sessions.
	Door Door `koanf:"door"`
	// Split divides its work among routers of classes; nil if it does not.
	Split *Split `koanf:"split"`
	// Linger is how long a turn waits for assignments that are posted in answer
	// to it, by the door of feeds.
	Linger time.Duration `koanf:"linger"`
	// Webhook says which address is asked, by the door of webhooks; else nil.
	Webhook *Decision `koanf:"webhook"`
	// Reservation is where the offers are posted that it has decided; nil for
	// nowhere.
	Reservation *Callback `koanf:"reservation"`
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
	// Standby keeps a second instance ready to take over.
	Standby bool `koanf:"standby"`
	// QuarantineAfter is after how many failures in a row it is not started
	// again before it is released; 0 means never.
	QuarantineAfter int `koanf:"quarantine_after"`
	// Limits bound one instance.
	Limits Limits `koanf:"limits"`

	recorded recorded
}

// Limits bound one instance of a strategy; none is 0 unless it says so.
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
	// CPUTime is how much processor time a process may use up; 0 means any.
	CPUTime time.Duration `koanf:"cpu_time"`
	// OpenFiles is how many files a process may have open.
	OpenFiles int `koanf:"open_files"`
	// Processes is how many further processes a process may have running; 0
	// means none.
	Processes int `koanf:"processes"`
}

// Size is an amount of bytes, written "256MiB" or as a plain number.
type Size uint64

// Load reads the configuration at path, a file or a folder, with the folder
// conf.d beside the file and the files of Over, and checks it together with the
// files it names, which must exist and have the checksums it gives. Relative
// paths start from the folder of the file that holds them.
//
// Errors are *Errors and hold everything that is wrong. Load reads nothing but
// these files; the environment and flags count only if an Option brings them.
func Load(path string, opts ...Option) (*Config, error) {
	sources, err := Read(path, opts...)
	if err != nil {
		return nil, err
	}
	return Check(sources, opts...)
}

// Check is Load for files that have been read, of which there must be at least
// one; Over is without effect.
func Check(sources []Source, opts ...Option) (*Config, error) {
	c, _, err := compile(sources, apply(append([]Option{withFiles}, opts...)))
	return c, err
}

// Parse checks a configuration held in memory. Errors are *Errors and hold
// everything that is wrong; name stands for the file in them, and relative
// paths in the configuration start from name's folder. Parse does not look
// whether the files it names exist.
func Parse(name string, data []byte, opts ...Option) (*Config, error) {
	c, _, err := compile([]Source{{Name: name, Data: data}}, apply(opts))
	return c, err
}

// compiled is a configuration in plain types, with the places of what is in it.
type compiled struct {
	doc    *document
	values map[string]any
}

func compile(sources []Source, o *options) (*Config, *compiled, error) {
	faults := &faults{}
	pace := o.pace()
	files, roots, err := layers(sources, pace, faults)
	if err != nil {
		return nil, nil, err
	}
	doc := &document{files: files}
	values, err := overlay(doc, roots, o, faults)
	if err != nil {
		return nil, nil, err
	}
	pace.Pause()
	check(doc, values, o, faults)
	pace.Pause()
	if errs := faults.errors(doc); len(errs) > 0 {
		return nil, nil, &Errors{List: errs}
	}
	c, err := doc.config(values, pace)
	if err != nil && len(faults.open) == 0 { // or it may be for want of a secret
		return nil, nil, err
	}
	c.Warnings, c.secrets = faults.warnings(doc), faults.secrets
	return c, &compiled{doc: doc, values: values}, nil
}

// config turns checked values into a Config. Its error is a fault of this
// package, reported rather than half obeyed: the checks let something through
// that does not fit the types above, or that the engine refuses.
func (d *document) config(values map[string]any, pace *giveway.Pace) (*Config, error) {
	c, err := decode(values, pace)
	if err != nil {
		return c, &Errors{List: []Error{{
			File: d.files[0].name, Line: 1, Column: 1, Code: CodeInternal, Message: err.Error(),
		}}}
	}
	if err := c.resolve(d); err != nil {
		return c, err
	}
	if _, err := c.Definition(); err != nil {
		return c, &Errors{List: []Error{d.refused(err)}}
	}
	return c, nil
}
