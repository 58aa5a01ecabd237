// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"sort"
	"strings"
)

// Option changes how a configuration is read.
type Option func(*options)

type options struct {
	layers   []layer
	builtins []string
	files    bool
}

// layer is a value from outside the file, for one of the settable keys.
type layer struct {
	path  []string
	value string
	// origin stands for the file in errors: "--listen" or "$PATCHBAY_LISTEN".
	origin string
	// unknown is the name of a setting that does not exist.
	unknown string
}

// settable are the keys that the environment and flags may set: what differs
// between two machines that run the same file.
var settable = [...][]string{
	{"workspace"},
	{"listen"},
	{"data"},
	{"connection_grace"},
	{"keep_closed"},
	{"api", "tls", "cert"},
	{"api", "tls", "key"},
}

const prefix = "PATCHBAY_"

// Environment lets variables such as PATCHBAY_LISTEN or PATCHBAY_API_TLS_CERT
// override the file. The argument is what os.Environ returns. Settable are
// workspace, listen, data, connection_grace, keep_closed, api.tls.cert and
// api.tls.key. A variable that nearly has such a name is warned of; others
// that start with PATCHBAY_ belong to somebody else.
func Environment(environ []string) Option {
	return func(o *options) {
		environ := append([]string(nil), environ...)
		sort.Strings(environ)
		for _, entry := range environ {
			name, value, _ := strings.Cut(entry, "=")
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			l := layer{value: value, origin: "$" + name, unknown: name}
			for _, path := range settable {
				if variable(path) == name {
					l.path, l.unknown = path, ""
				}
			}
			o.layers = append(o.layers, l)
		}
	}
}

func variable(path []string) string {
	return prefix + strings.ToUpper(strings.Join(path, "_"))
}

// Flag sets one key, such as "listen", as a command's flag does: over the file
// and over an Environment given before it. Errors name it "--listen". Keys are
// those of Environment, with dots; another key is a programming fault and
// panics.
func Flag(key, value string) Option {
	for _, path := range settable {
		if strings.Join(path, ".") == key {
			l := layer{path: path, value: value, origin: "--" + strings.ReplaceAll(key, ".", "-")}
			return func(o *options) { o.layers = append(o.layers, l) }
		}
	}
	panic(fmt.Sprintf("config: no flag sets %q", key))
}

// Builtins names the built-in strategies there are, so that a source that is
// none of them is an error. Without it any name passes.
func Builtins(names ...string) Option {
	return func(o *options) { o.builtins = names }
}

// WithoutFiles makes Load accept files that do not exist, for checking a
// configuration away from the machine it is for.
func WithoutFiles() Option {
	return func(o *options) { o.files = false }
}

func withFiles(o *options) { o.files = true }
