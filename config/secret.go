// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/patchbay-cx/patchbay/core/near"
)

// maxSecret is the largest file that a reference may lead to, in bytes.
const maxSecret = 64 << 10

// Secret stands for a value that came by a reference, wherever values are shown.
const Secret = "(secret)"

// secretReference is "${kind:name}", or "$${", which stands for "${" itself.
var secretReference = regexp.MustCompile(`\$\$\{|\$\{([^}]*)\}?`)

// follower replaces references by what they lead to.
type follower struct {
	options *options
	faults  *faults
	base    string // where relative paths from outside any file start
	path    []string
}

// follow replaces every reference in the layer. What leads nowhere is a fault,
// unless references need not lead anywhere.
func follow(layer *node, base string, o *options, faults *faults) {
	f := &follower{options: o, faults: faults, base: base}
	f.node(layer)
}

func (f *follower) node(n *node) {
	for _, name := range n.order {
		f.path = append(f.path, name)
		f.node(n.fields[name].node)
		f.path = f.path[:len(f.path)-1]
	}
	for i, item := range n.items {
		f.path = append(f.path, "["+strconv.Itoa(i)+"]")
		f.node(item)
		f.path = f.path[:len(f.path)-1]
	}
	text, ok := n.scalar.(string)
	if !ok || !strings.Contains(text, "${") || !bytes.Contains(n.file.data, []byte("${")) {
		return
	}
	n.written = text
	n.scalar = secretReference.ReplaceAllStringFunc(text, func(found string) string {
		if found == "$${" {
			return "${"
		}
		value, code, err := f.value(found, n.file)
		if err == nil {
			f.faults.hide(value)
			return value
		}
		place := Error{File: n.file.name, Line: n.at.line, Column: n.at.column, Path: renderRaw(f.path), Code: code, Message: err.Error()}
		if code != CodeFormat && !f.options.secrets {
			f.faults.open = append(f.faults.open, place)
		} else {
			f.faults.add(stageYAML, place)
		}
		return ""
	})
}

// value returns what a reference leads to, or what is wrong with it.
func (f *follower) value(found string, in *file) (string, Code, error) {
	inner, closed := strings.CutSuffix(strings.TrimPrefix(found, "${"), "}")
	kind, name, ok := strings.Cut(inner, ":")
	if !closed || !ok || name == "" || kind != "env" && kind != "file" {
		return "", CodeFormat, fmt.Errorf("%q is no reference; it must be ${env:NAME} or ${file:PATH}, and the text ${ itself is written $${", clip(found))
	}
	if kind == "env" {
		return f.variable(name)
	}
	if !f.options.secrets {
		return "", CodeFile, errors.New("files are not looked for")
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(in.folder, name)
	}
	value, err := readSecret(name)
	if err != nil {
		return "", CodeFile, fmt.Errorf("the file %q, which a reference leads to, cannot be read: %s", name, reason(err))
	}
	return value, "", nil
}

func (f *follower) variable(name string) (string, Code, error) {
	var names []string
	for _, entry := range f.options.environ {
		key, value, _ := strings.Cut(entry, "=")
		if key == name {
			return value, "", nil
		}
		names = append(names, key)
	}
	message := fmt.Sprintf("the environment has no variable %q, which a reference leads to", clip(name))
	if meant := near.Name(name, names); meant != "" {
		message += fmt.Sprintf("; did you mean %q?", meant)
	}
	return "", CodeReference, errors.New(message)
}

// readSecret reads a file that holds one text; the line's end is not part of it.
func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return "", err
	case info.IsDir():
		return "", errors.New("it is a folder")
	case info.Size() > maxSecret:
		return "", fmt.Errorf("it has %d bytes; at most %d are read", info.Size(), maxSecret)
	}
	data, err := os.ReadFile(filepath.Clean(path))
	if err != nil {
		return "", err
	}
	if _, bad := badText(data); bad {
		return "", errors.New("it is not a text")
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r"), nil
}

// hide keeps a value out of every message.
func (f *faults) hide(value string) {
	if value != "" && !slices.Contains(f.secrets, value) {
		f.secrets = append(f.secrets, value)
	}
}

// mask replaces what is hidden in a message, also where it is quoted or cut
// short there.
func (f *faults) mask(e *Error) {
	for _, value := range f.secrets {
		quoted := strconv.Quote(value)
		for _, form := range []string{value, quoted[1 : len(quoted)-1], clip(value)} {
			e.Message = strings.ReplaceAll(e.Message, form, Secret)
		}
		if short := strconv.Quote(clip(value)); len(short) > 2 {
			e.Message = strings.ReplaceAll(e.Message, short[1:len(short)-1], Secret)
		}
	}
	e.Message = strings.ReplaceAll(e.Message, strconv.Quote(Secret), Secret)
}

// Mask replaces in a text every secret that the configuration came by.
func (c *Config) Mask(text string) string {
	e := Error{Message: text}
	(&faults{secrets: c.secrets}).mask(&e)
	return e.Message
}
