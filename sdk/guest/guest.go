// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package guest holds the libraries with which strategies are written in other
// languages than Go, the projects they begin as, and how these are built.
//
// Each language has a folder: its library, tested against the golden frames of
// the contract, and in template/ what a new project is made of. The package
// starts compilers and the like, which must be on the machine. It does not know
// any runtime nor the host: what it builds is a file.
package guest

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// The runtimes that plugins of a language are for.
const (
	RuntimeWASM    = "wasm"
	RuntimeProcess = "process"
)

// language is what there is to know of a language. A new one is a file of its
// own, and one line in languages.
type language struct {
	name    string
	runtime string
	// files hold the library and the template, below a folder of that name.
	files embed.FS
	// sdk lists the files and folders of the library that go into a project,
	// which finds them in its folder vendored.
	sdk []string
	// vendored is where a project has the library; empty means "patchbay".
	vendored string
	// marks are files that only a project of the language has all of, by
	// which it is known.
	marks []string
	// tools are what building takes.
	tools []Tool
	// build builds the project at b.Dir into the file b.Out.
	build func(context.Context, job) error
	// test runs the project's own tests.
	test func(context.Context, job) error
}

// languages are all there are, one line each.
func languages() []language {
	return []language{
		rust(),
		c(),
		assemblyScript(),
		python(),
		typeScript(),
		java(),
	}
}

// Languages returns the names of the languages, in the order in which they are
// shown.
func Languages() []string {
	var names []string
	for _, l := range languages() {
		names = append(names, l.name)
	}
	return names
}

// Runtime returns the name of the runtime that plugins of the language are for:
// RuntimeWASM or RuntimeProcess; empty if there is no such language.
func Runtime(lang string) string {
	l, err := lookUp(lang)
	if err != nil {
		return ""
	}
	return l.runtime
}

func lookUp(lang string) (language, error) {
	for _, l := range languages() {
		if l.name == lang {
			return l, nil
		}
	}
	return language{}, fmt.Errorf("guest: there is no language %q; there are %s", lang, strings.Join(Languages(), ", "))
}

// Detect returns the language of the project in a folder, by the files it has;
// empty if it is of none of them.
func Detect(dir string) string {
	for _, l := range languages() {
		if len(l.marks) > 0 && hasAll(dir, l.marks) {
			return l.name
		}
	}
	return ""
}

func hasAll(dir string, files []string) bool {
	for _, file := range files {
		if _, err := os.Stat(filepath.Join(dir, filepath.FromSlash(file))); err != nil {
			return false
		}
	}
	return true
}

// Tool is a program that building takes.
type Tool struct {
	// Name is what the program is called.
	Name string
	// Install says in one sentence how to come by it.
	Install string

	// check says whether the program does what is wanted of it; nil means that
	// it is enough if it is there.
	check func(ctx context.Context, path string) error
}

// ErrMissing is what an error of Need, Build and Test is, by errors.Is, if it
// says that a tool is missing.
var ErrMissing = errors.New("a tool is missing")

// Need returns nil if everything is on the machine that building a plugin of
// the language takes. Else the error says what is missing and how to come by
// it, and is ErrMissing.
func Need(ctx context.Context, lang string) error {
	l, err := lookUp(lang)
	if err != nil {
		return err
	}
	return l.need(ctx)
}

func (l language) need(ctx context.Context) error {
	for _, tool := range l.tools {
		at, err := exec.LookPath(tool.Name)
		if err == nil && tool.check != nil {
			err = tool.check(ctx, at)
		}
		if err != nil {
			return fmt.Errorf("guest: build %s: %w: %s (%w). %s", l.name, ErrMissing, tool.Name, err, tool.Install)
		}
	}
	return nil
}

// Project is the folder of a plugin's source.
type Project struct {
	// Language is its language.
	Language string
	// Dir is the folder.
	Dir string
	// Cache is a folder for what compilers keep between runs; made if need be.
	// Empty means the project's own folder, as the language's tools have it.
	Cache string
	// Log takes what the tools print. Nil means that it is shown in the error
	// if they fail, and else dropped.
	Log io.Writer
}

// Build builds the plugin into the file out, whose folder is made if need be.
// It blocks until the tools are done; ctx ends them. An error that is
// ErrMissing says which tool to install.
func (p Project) Build(ctx context.Context, out string) error {
	l, j, err := p.job(ctx)
	if err != nil {
		return err
	}
	if j.Out, err = filepath.Abs(out); err != nil {
		return fmt.Errorf("guest: build %s: %w", p.Language, err)
	}
	if err := os.MkdirAll(filepath.Dir(j.Out), 0o750); err != nil {
		return fmt.Errorf("guest: build %s: %w", p.Language, err)
	}
	if err := l.build(ctx, j); err != nil {
		return fmt.Errorf("guest: build %s: %w", p.Language, err)
	}
	if _, err := os.Stat(j.Out); err != nil {
		return fmt.Errorf("guest: build %s: the tools did not write the plugin: %w", p.Language, err)
	}
	return nil
}

// Test runs the project's own tests. Errors are as Build's; if a test fails,
// the error holds what the tools printed.
func (p Project) Test(ctx context.Context) error {
	l, j, err := p.job(ctx)
	if err != nil {
		return err
	}
	if err := l.test(ctx, j); err != nil {
		return fmt.Errorf("guest: test %s: %w", p.Language, err)
	}
	return nil
}

func (p Project) job(ctx context.Context) (language, job, error) {
	l, err := lookUp(p.Language)
	if err != nil {
		return l, job{}, err
	}
	j := job{log: p.Log}
	if j.Dir, err = filepath.Abs(p.Dir); err == nil && p.Cache != "" {
		if j.Cache, err = filepath.Abs(p.Cache); err == nil {
			err = os.MkdirAll(j.Cache, 0o750)
		}
	}
	if err != nil {
		return l, job{}, fmt.Errorf("guest: %s: %w", p.Language, err)
	}
	return l, j, l.need(ctx)
}

// job is one run of a language's tools. All paths are absolute.
type job struct {
	Dir, Out, Cache string

	log io.Writer
}

// keep returns a folder for what tools keep: of that name in the cache, or if
// there is none, the project's own.
func (j job) keep(name, own string) string {
	if j.Cache == "" {
		return filepath.Join(j.Dir, own)
	}
	return filepath.Join(j.Cache, name)
}

// keepApart is as keep, and shares nothing with projects of other places: for
// tools that would take what they have built of one for another's.
func (j job) keepApart(name, own string) string {
	place := fnv.New32a()
	_, _ = place.Write([]byte(j.Dir)) // never fails
	return j.keep(filepath.Join(name, fmt.Sprintf("%s-%08x", filepath.Base(j.Dir), place.Sum32())), own)
}

// run runs a program in a folder, with these variables besides the
// environment.
func (j job) run(ctx context.Context, dir string, env []string, program string, args ...string) error {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var printed strings.Builder
	if cmd.Stdout, cmd.Stderr = j.log, j.log; j.log == nil {
		cmd.Stdout, cmd.Stderr = &printed, &printed
	}
	err := cmd.Run()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err == nil {
		return nil
	}
	if printed.Len() > 0 {
		return fmt.Errorf("%s %s: %w:\n%s", filepath.Base(program), strings.Join(args, " "), err, strings.TrimSpace(printed.String()))
	}
	return fmt.Errorf("%s %s: %w", filepath.Base(program), strings.Join(args, " "), err)
}

// names are those a project may have: they are names of files, of strategies in
// configs, and of packages.
var names = regexp.MustCompile(`^[a-z][a-z0-9]*(-[a-z0-9]+)*$`)

// Write writes the project of a new strategy: one that builds, with a test, a
// README and the language's library inside. The folder must not be there, or be
// empty. The name is of lower-case letters, digits, and hyphens within; it is
// what the strategy is called in configs.
func Write(lang, name, dir string) error {
	l, err := lookUp(lang)
	if err != nil {
		return err
	}
	if !names.MatchString(name) {
		return fmt.Errorf("guest: new project: %q is no name: lower-case letters and digits are, and hyphens within", name)
	}
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("guest: new project: %w", err)
	}
	if len(entries) > 0 {
		return fmt.Errorf("guest: new project: the folder %s is not empty", dir)
	}
	if err := l.write(name, dir); err != nil {
		return fmt.Errorf("guest: new project: %w", err)
	}
	return nil
}

func (l language) write(name, dir string) error {
	vendored := l.vendored
	if vendored == "" {
		vendored = "patchbay"
	}
	for _, part := range l.sdk {
		if err := l.copy(path.Join(l.name, part), path.Join(vendored, part), dir, nil); err != nil {
			return err
		}
	}
	fill := strings.NewReplacer("{{name}}", name, "{{ident}}", strings.ReplaceAll(name, "-", "_"), "{{Name}}", title(name))
	return l.copy(path.Join(l.name, "template"), ".", dir, fill)
}

// copy copies a file or a folder of the embedded ones to a place below dir.
// Names and content are filled in, if there is something to fill in. A file
// named gitignore gets its dot.
func (l language) copy(from, to, dir string, fill *strings.Replacer) error {
	return fs.WalkDir(l.files, from, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := l.files.ReadFile(file)
		if err != nil {
			return err
		}
		place := path.Join(to, strings.TrimPrefix(strings.TrimPrefix(file, from), "/"))
		if fill != nil {
			place, text = fill.Replace(place), []byte(fill.Replace(string(text)))
		}
		if path.Base(place) == "gitignore" {
			place = path.Join(path.Dir(place), ".gitignore")
		}
		out := filepath.Join(dir, filepath.FromSlash(place))
		if err := os.MkdirAll(filepath.Dir(out), 0o750); err != nil {
			return err
		}
		return os.WriteFile(out, text, 0o600)
	})
}

// title returns the name as types are called: "my-plan" gives "MyPlan".
func title(name string) string {
	var out strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		out.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return out.String()
}

// copyFile copies what a tool has built to where it is wanted.
func copyFile(from, to string) error {
	content, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, content, 0o600)
}
