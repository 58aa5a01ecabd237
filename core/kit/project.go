// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"bytes"
	"cmp"
	"embed"
	"errors"
	"fmt"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// patchbay is the path of this module.
const patchbay = "github.com/patchbay-cx/patchbay"

//go:embed all:project
var templates embed.FS

// names are those a project may have: they are names of files, of strategies in
// configs and, without hyphens, of packages.
var names = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Rungs are the rungs of the ladder for authors in Go, the simplest first: a
// function of work and agent, a function of work and candidates, the whole turn.
func Rungs() []string { return []string{"score", "pick", "turn"} }

// Project is a plugin that is to be written: a Go module with a strategy that
// works, its tests, the program that packages it, and a README.
type Project struct {
	// Name is the strategy's name: lower-case letters, digits, and hyphens
	// within.
	Name string
	// Dir is the folder to write to. It must not be there, or be empty.
	Dir string
	// Checkout is the folder of Patchbay's module, from which the project takes
	// its SDK.
	Checkout string
	// Rung is one of Rungs; empty means the first.
	Rung string
}

// content is what the templates see.
type content struct {
	Project

	Package, Module, Patchbay, Go string
	// File is the name of the strategy's file without its ending.
	File string
	// Needs are the modules that Patchbay requires, each with its version.
	Needs []string
}

// Write writes the project and returns its files, relative to Dir and in order.
// The module's path is example.com/ and the name.
func (p Project) Write() ([]string, error) {
	c, err := p.content()
	if err != nil {
		return nil, fmt.Errorf("kit: new project: %w", err)
	}
	written, err := c.write()
	if err != nil {
		return nil, fmt.Errorf("kit: new project: %w", err)
	}
	return written, nil
}

func (p Project) content() (*content, error) {
	pkg := strings.ReplaceAll(p.Name, "-", "")
	switch {
	case !names.MatchString(p.Name):
		return nil, fmt.Errorf("%q is no name: lower-case letters and digits are, and hyphens within", p.Name)
	case p.Rung != "" && !slices.Contains(Rungs(), p.Rung):
		return nil, fmt.Errorf("there is no rung %q; there are %s", p.Rung, strings.Join(Rungs(), ", "))
	case token.IsKeyword(pkg) || reserved(pkg):
		return nil, fmt.Errorf("%q cannot be the name of a Go package here", pkg)
	}
	entries, err := os.ReadDir(p.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if len(entries) > 0 {
		return nil, fmt.Errorf("the folder %s is not empty", p.Dir)
	}
	if p.Checkout, err = filepath.Abs(p.Checkout); err != nil {
		return nil, err
	}
	p.Rung = cmp.Or(p.Rung, Rungs()[0])
	c := &content{Project: p, Package: pkg, Module: "example.com/" + pkg, Patchbay: patchbay, File: pkg}
	return c, c.require()
}

// reserved reports whether the name stands for something else in the project's
// own files.
func reserved(pkg string) bool {
	switch pkg {
	case "main", "plugin", "route", "routetest", "match", "serve", "testing", "init":
		return true
	}
	return false
}

// require reads what Patchbay's module requires, so that the project builds
// with the same.
func (c *content) require() error {
	text, err := os.ReadFile(filepath.Join(c.Checkout, "go.mod"))
	if err != nil {
		return err
	}
	inside, module := false, ""
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "//")
		fields := strings.Fields(line)
		switch {
		case len(fields) == 0:
		case fields[0] == ")":
			inside = false
		case inside && len(fields) == 2:
			c.Needs = append(c.Needs, fields[0]+" "+fields[1])
		case fields[0] == "module":
			module = fields[len(fields)-1]
		case fields[0] == "go":
			c.Go = fields[len(fields)-1]
		case fields[0] == "require":
			if inside = fields[len(fields)-1] == "("; !inside && len(fields) == 3 {
				c.Needs = append(c.Needs, fields[1]+" "+fields[2])
			}
		}
	}
	if module != patchbay || c.Go == "" {
		return fmt.Errorf("%s is not the folder of the module %s", c.Checkout, patchbay)
	}
	return nil
}

// write writes every template, and the checksums of what is required.
func (c *content) write() ([]string, error) {
	sums, err := os.ReadFile(filepath.Join(c.Checkout, "go.sum"))
	if err != nil {
		return nil, err
	}
	files := []struct{ template, name string }{
		{"gitignore", ".gitignore"},
		{"README.md", "README.md"},
		{"go.mod", "go.mod"},
		{c.Rung + ".go", c.File + ".go"},
		{"test.go", c.File + "_test.go"},
		{"plugin/main.go", filepath.Join("plugin", "main.go")},
	}
	if err := os.MkdirAll(filepath.Join(c.Dir, "plugin"), 0o750); err != nil {
		return nil, err
	}
	var written []string
	for _, file := range files {
		text, err := c.fill(file.template)
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(c.Dir, file.name), text, 0o600); err != nil {
			return nil, err
		}
		written = append(written, file.name)
	}
	return append(written, "go.sum"), os.WriteFile(filepath.Join(c.Dir, "go.sum"), sums, 0o600)
}

func (c *content) fill(name string) ([]byte, error) {
	text, err := templates.ReadFile("project/" + name + ".tmpl")
	if err != nil {
		return nil, err
	}
	parsed, err := template.New(name).Parse(string(text))
	if err != nil {
		return nil, err
	}
	filled := *c
	if name == "go.mod" {
		filled.Checkout = path(c.Checkout)
	}
	var b bytes.Buffer
	if err := parsed.Execute(&b, filled); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// path writes a folder as go.mod wants it: quoted if there are spaces and such.
func path(folder string) string {
	if strings.ContainsAny(folder, " \t()[]{},\"'`") || strings.Contains(folder, "//") {
		return strconv.Quote(folder)
	}
	return folder
}
