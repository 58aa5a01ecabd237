// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	"github.com/patchbay-cx/patchbay/core/engine"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// Role is what a key may do; each method of the API names the roles that may
// call it.
type Role string

// The roles.
const (
	// RoleAgent acts for one agent.
	RoleAgent Role = "agent"
	// RoleSupervisor sees and acts for the agents and the work of its queues.
	RoleSupervisor Role = "supervisor"
	// RoleAdmin may do everything.
	RoleAdmin Role = "admin"
	// RoleRouter creates and ends work and reads the feed.
	RoleRouter Role = "router"
)

// Key is an API key as the config knows it: by its checksum.
type Key struct {
	// Name tells keys apart in errors and logs. It is unique.
	Name string
	// SHA256 is the checksum of the key in hex. The key should be random and
	// long, such as 32 random bytes, since a checksum does not protect a word.
	SHA256 string
	// Role is what the bearer may do.
	Role Role
	// Agent is the agent for whom a key with the role agent acts; required for
	// that role and empty for the others.
	Agent string
	// Queues are those whose work and members a supervisor or router may see
	// and touch; nil means all.
	Queues []string
}

// principal is who makes a call.
type principal struct {
	name  string
	role  patchbayv1.Role
	agent string
	// queues is nil when there is no limit.
	queues map[string]bool
}

// self reports whether the caller acts as an agent would: it is one, or the
// host has no keys and cannot tell.
func (p *principal) self() bool {
	return p.role == patchbayv1.Role_ROLE_AGENT || p.role == patchbayv1.Role_ROLE_UNSPECIFIED
}

// seesQueue reports whether the queue is in the caller's scope.
func (p *principal) seesQueue(queue string) bool { return p.queues == nil || p.queues[queue] }

// seesAgent reports whether the agent is in the caller's scope.
func (p *principal) seesAgent(a *engine.Agent) bool {
	if p.agent != "" {
		return a.ID == p.agent
	}
	if p.queues == nil {
		return true
	}
	return slices.ContainsFunc(a.Definition.Queues, func(m engine.Membership) bool { return p.queues[m.Queue] })
}

// keyring finds the principal of a key. Without keys everybody is let in.
type keyring struct {
	open    bool
	entries []entry
}

type entry struct {
	digest    [sha256.Size]byte
	principal *principal
}

func newKeyring(keys []Key) (*keyring, error) {
	ring := &keyring{open: len(keys) == 0}
	names := make(map[string]bool, len(keys))
	for i := range keys {
		if err := ring.add(&keys[i], names); err != nil {
			return nil, err
		}
	}
	return ring, nil
}

func (k *keyring) add(key *Key, names map[string]bool) error {
	role, ok := map[Role]patchbayv1.Role{
		RoleAgent:      patchbayv1.Role_ROLE_AGENT,
		RoleSupervisor: patchbayv1.Role_ROLE_SUPERVISOR,
		RoleAdmin:      patchbayv1.Role_ROLE_ADMIN,
		RoleRouter:     patchbayv1.Role_ROLE_ROUTER,
	}[key.Role]
	sum, err := hex.DecodeString(key.SHA256)
	switch {
	case !ok:
		return fmt.Errorf("api: key %q: there is no role %q; use agent, supervisor, admin or router", key.Name, key.Role)
	case err != nil || len(sum) != sha256.Size:
		return fmt.Errorf("api: key %q: sha256 should be %d hex digits", key.Name, 2*sha256.Size)
	case names[key.Name]:
		return fmt.Errorf("api: key %q: the name is there twice", key.Name)
	case (key.Agent != "") != (key.Role == RoleAgent):
		return fmt.Errorf("api: key %q: a key with the role agent names its agent, and no other does", key.Name)
	case key.Queues != nil && key.Role != RoleSupervisor && key.Role != RoleRouter:
		return fmt.Errorf("api: key %q: only the roles supervisor and router are limited to queues", key.Name)
	}
	p := &principal{name: key.Name, role: role, agent: key.Agent}
	if key.Queues != nil {
		p.queues = make(map[string]bool, len(key.Queues))
		for _, queue := range key.Queues {
			p.queues[queue] = true
		}
	}
	digest := [sha256.Size]byte(sum)
	for i := range k.entries {
		if k.entries[i].digest == digest {
			return fmt.Errorf("api: key %q: it is the same key as %q", key.Name, k.entries[i].principal.name)
		}
	}
	names[key.Name] = true
	k.entries = append(k.entries, entry{digest: digest, principal: p})
	return nil
}

// identify finds out who makes a call.
func (k *keyring) identify(ctx context.Context) (*principal, error) {
	if k.open {
		return &principal{name: "anybody"}, nil
	}
	values := metadata.ValueFromIncomingContext(ctx, "authorization")
	if len(values) != 1 {
		return nil, refuse(codes.Unauthenticated, codeUnauthenticated, "", "a key is needed: send the header \"Authorization: Bearer KEY\" once")
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return nil, refuse(codes.Unauthenticated, codeUnauthenticated, "", "the authorization should be of the form \"Bearer KEY\"")
	}
	sum := sha256.Sum256([]byte(strings.TrimSpace(token)))
	var found *principal
	for i := range k.entries {
		if subtle.ConstantTimeCompare(k.entries[i].digest[:], sum[:]) == 1 {
			found = k.entries[i].principal
		}
	}
	if found == nil {
		return nil, refuse(codes.Unauthenticated, codeUnauthenticated, "", "this key is not known")
	}
	return found, nil
}
