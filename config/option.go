// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/giveway"
)

// Option changes how a configuration is read.
type Option func(*options)

type options struct {
	settings []setting
	more     []string // further files
	builtins []string
	schemas  map[string]string // of settings, by built-in
	files    bool
	environ  []string
	secrets  bool // references are followed
	sums     *Sums
	patient  bool
}

// setting is a value from outside the files.
type setting struct {
	path  []string
	value string
	// origin stands for the file in errors: "--listen" or "$PATCHBAY_LISTEN".
	origin string
	// unknown is the name of a setting that does not exist.
	unknown string
}

// settable are the keys that the environment may set, and flags of their own:
// what differs between two machines that run the same files.
var settable = [...][]string{
	{"workspace"},
	{"listen"},
	{"data"},
	{"connection_grace"},
	{"keep_closed"},
	{"keep_closed_items"},
	{"max_waiting"},
	{"api", "tls", "cert"},
	{"api", "tls", "key"},
}

const prefix = "PATCHBAY_"

// Environment lets variables such as PATCHBAY_LISTEN or PATCHBAY_API_TLS_CERT
// override the files, and references such as ${env:NAME} see all variables. The
// argument is what os.Environ returns. Settable are workspace, listen, data,
// connection_grace, keep_closed, keep_closed_items, max_waiting, api.tls.cert
// and api.tls.key. A variable that nearly has such a name is warned of; others
// that start with PATCHBAY_ belong to somebody else.
func Environment(environ []string) Option {
	return func(o *options) {
		environ := append([]string(nil), environ...)
		sort.Strings(environ)
		o.environ = environ
		for _, entry := range environ {
			name, value, _ := strings.Cut(entry, "=")
			if !strings.HasPrefix(name, prefix) {
				continue
			}
			s := setting{value: value, origin: "$" + name, unknown: name}
			for _, path := range settable {
				if variable(path) == name {
					s.path, s.unknown = path, ""
				}
			}
			o.settings = append(o.settings, s)
		}
	}
}

func variable(path []string) string {
	return prefix + strings.ToUpper(strings.Join(path, "_"))
}

// Flag sets one key, such as "listen", as a command's flag does: over the files
// and over an Environment given before it. Errors name it "--listen". Keys are
// those of Environment, with dots; another key is a programming fault and
// panics.
func Flag(key, value string) Option {
	for _, path := range settable {
		if strings.Join(path, ".") == key {
			s := setting{path: path, value: value, origin: "--" + strings.ReplaceAll(key, ".", "-")}
			return func(o *options) { o.settings = append(o.settings, s) }
		}
	}
	panic(fmt.Sprintf("config: no flag sets %q", key))
}

// Set sets any key, given as KEY=VALUE, over the files and over what was given
// before it. A key is a path such as queues.support.max_waiting, in which names
// that hold dots are in double quotes; a value is YAML, or a text as it is where
// only a text can be. Errors in the value name it "--set KEY"; the error that
// Set returns is about the form of the argument.
func Set(assignment string) (Option, error) {
	key, value, ok := strings.Cut(assignment, "=")
	if ok {
		if path, err := splitPath(key); err == nil {
			s := setting{path: path, value: value, origin: "--set " + key}
			return func(o *options) { o.settings = append(o.settings, s) }, nil
		}
	}
	return nil, fmt.Errorf("config: --set: %q should be KEY=VALUE, with a key such as listen or queues.support.max_waiting; put a name that holds dots in double quotes", assignment)
}

// splitPath reads a path as errors write it, without indices.
func splitPath(text string) ([]string, error) {
	var path []string
	for {
		step, rest := text, ""
		if strings.HasPrefix(text, `"`) {
			quoted, err := strconv.QuotedPrefix(text)
			if err != nil {
				return nil, err
			}
			rest = text[len(quoted):]
			if step, err = strconv.Unquote(quoted); err != nil {
				return nil, err
			}
		} else if i := strings.IndexByte(text, '.'); i >= 0 {
			step, rest = text[:i], text[i:]
		}
		if step == "" || strings.Contains(step, separator) || rest != "" && rest[0] != '.' {
			return nil, fmt.Errorf("config: %q is no path", text)
		}
		path = append(path, step)
		if rest == "" {
			return path, nil
		}
		text = rest[1:]
	}
}

// Over adds files, or folders of files, which are read after the first one and
// after those given before.
func Over(paths ...string) Option {
	return func(o *options) { o.more = append(o.more, paths...) }
}

// Builtins names the built-in strategies there are, so that a source that is
// none of them is an error. Without it any name passes.
func Builtins(names ...string) Option {
	return func(o *options) { o.builtins = names }
}

// Schemas gives the JSON Schemas of built-in strategies' settings, by the names
// of the built-ins, so that settings are checked with everything else.
func Schemas(schemas map[string]string) Option {
	return func(o *options) { o.schemas = schemas }
}

// Remember has checksums of files taken from what sums remembers, and remembered
// there.
func Remember(sums *Sums) Option {
	return func(o *options) { o.sums = sums }
}

// Patiently has long files read with pauses between their parts, for a host that
// routes meanwhile.
func Patiently() Option {
	return func(o *options) { o.patient = true }
}

// pace is at what pace one configuration is read.
func (o *options) pace() *giveway.Pace {
	if !o.patient {
		return nil
	}
	return &giveway.Pace{Times: 1, Most: 5 * time.Millisecond}
}

// WithoutFiles makes Load accept files that do not exist, and references to
// secrets that lead nowhere, for checking a configuration away from the machine
// it is for.
func WithoutFiles() Option {
	return func(o *options) { o.files, o.secrets = false, false }
}

// Secrets has Parse follow references to files, too.
func Secrets() Option {
	return func(o *options) { o.secrets = true }
}

func withFiles(o *options) { o.files, o.secrets = true, true }
