// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"path/filepath"
	"strings"
)

// absolute returns where a path of the configuration leads. In a file it starts
// from the file's folder; from outside it starts from the working directory, as
// everywhere on a command line.
func (d *document) absolute(path []string, value string) string {
	if filepath.IsAbs(value) {
		return filepath.Clean(value)
	}
	if n := d.find(path); n != nil {
		return filepath.Join(n.file.folder, value)
	}
	return filepath.Join(d.files[0].folder, value)
}

// resolve makes every path absolute and every checksum lower case, and settles
// what goes on record.
func (c *Config) resolve(doc *document) error {
	set := func(target *string, path ...string) { *target = doc.absolute(path, *target) }
	set(&c.Data, "data")
	if tls := c.API.TLS; tls != nil {
		set(&tls.Cert, "api", "tls", "cert")
		set(&tls.Key, "api", "tls", "key")
	}
	for name, s := range c.Strategies {
		s.SHA256 = strings.ToLower(s.SHA256)
		if s.Runtime == runtimeProcess || s.Runtime == runtimeWASM {
			set(&s.Source, "strategies", name, "source")
		}
		var err error
		if s.recorded, err = doc.onRecord(name, &s); err != nil {
			return err
		}
		c.Strategies[name] = s
	}
	for name, a := range c.Agents {
		if p := c.Profiles[a.Profile]; a.PresenceConfig == "" {
			a.PresenceConfig = p.PresenceConfig
			c.Agents[name] = a
		}
	}
	for name, k := range c.API.Keys {
		k.SHA256 = strings.ToLower(k.SHA256)
		if p, ok := c.Profiles[k.Profile]; ok {
			k.Role = p.Role
			if k.Scope.Queues == nil && (p.Role == RoleSupervisor || p.Role == RoleRouter) {
				k.Scope.Queues = p.Queues
			}
		}
		c.API.Keys[name] = k
	}
	return nil
}
