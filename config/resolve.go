// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"os"
	"path/filepath"
	"strings"
)

// absolute returns where a path of the configuration leads. In the file it
// starts from the file's folder; from outside it starts from the working
// directory, as everywhere on a command line.
func (d *document) absolute(path []string, value string) string {
	if filepath.IsAbs(value) {
		return filepath.Clean(value)
	}
	if _, outside := d.over[strings.Join(path, separator)]; outside {
		if absolute, err := filepath.Abs(value); err == nil {
			return absolute
		}
	}
	return filepath.Join(d.folder, value)
}

// resolve makes every path absolute and every checksum lower case.
func (c *Config) resolve(doc *document) {
	set := func(target *string, path ...string) { *target = doc.absolute(path, *target) }
	set(&c.Data, "data")
	if tls := c.API.TLS; tls != nil {
		set(&tls.Cert, "api", "tls", "cert")
		set(&tls.Key, "api", "tls", "key")
	}
	for name, s := range c.Strategies {
		s.SHA256 = strings.ToLower(s.SHA256)
		if s.Runtime != runtimeBuiltin {
			set(&s.Source, "strategies", name, "source")
		}
		c.Strategies[name] = s
	}
	for name, k := range c.API.Keys {
		k.SHA256 = strings.ToLower(k.SHA256)
		c.API.Keys[name] = k
	}
}

// files looks whether the files that the configuration names are there.
func (c *checker) files() {
	if !c.options.files {
		return
	}
	c.file("api", "tls", "cert")
	c.file("api", "tls", "key")
	for name, s := range c.section("strategies") {
		if s["runtime"] == runtimeProcess || s["runtime"] == runtimeWASM {
			c.file("strategies", name, "source")
		}
	}
}

func (c *checker) file(path ...string) {
	value, ok := c.lookup(path).(string)
	if !ok || value == "" {
		return
	}
	absolute := c.doc.absolute(path, value)
	info, err := os.Stat(absolute)
	switch {
	case err != nil:
		c.report(stageRules, c.doc.value(path), CodeFile, "the file %q cannot be read: %s", absolute, reason(err))
	case info.IsDir():
		c.report(stageRules, c.doc.value(path), CodeFile, "%q is a folder; it must be a file", absolute)
	}
}
