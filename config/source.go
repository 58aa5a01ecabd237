// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/patchbay-cx/patchbay/core/giveway"
)

// maxFile is the largest file that is read, in bytes. A workspace with 100,000
// agents takes about a sixth of it.
const maxFile = 64 << 20

// dropIns is the folder beside the first file whose files are read after it.
const dropIns = "conf.d"

// Source is a file of a configuration.
type Source struct {
	// Name is its path as it is given; errors name it so, and relative paths in
	// the file start from its folder.
	Name string
	// Data is what it holds.
	Data []byte
	// Folder is where its relative paths start, if that is not its own folder.
	Folder string
}

// Read reads the files of a configuration in their order: path, what the folder
// conf.d beside it holds, and the files of Over. A folder stands for its files
// whose names end in .yaml or .yml, in the order of their names. Errors are
// *Errors, one for each file that cannot be read.
func Read(path string, opts ...Option) ([]Source, error) {
	found, err := Find(path, opts...)
	if err != nil {
		return nil, err
	}
	g := &gathering{}
	sources := make([]Source, 0, len(found))
	for _, path := range found {
		data, err := read(path)
		if err != nil {
			g.fault(path, err)
		}
		sources = append(sources, Source{Name: path, Data: data})
	}
	if len(g.faults) > 0 {
		return nil, &Errors{List: g.faults}
	}
	return sources, nil
}

// Find returns the paths of the files that Read reads.
func Find(path string, opts ...Option) ([]string, error) {
	o := apply(opts)
	g := &gathering{seen: map[string]bool{}}
	g.path(path)
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		if folder := filepath.Join(filepath.Dir(path), dropIns); isFolder(folder) {
			g.folder(folder)
		}
	}
	for _, path := range o.more {
		g.path(path)
	}
	if len(g.faults) > 0 {
		return nil, &Errors{List: g.faults}
	}
	return g.found, nil
}

// gathering is files as they are found; none is there twice.
type gathering struct {
	found  []string
	seen   map[string]bool
	faults []Error
}

func (g *gathering) path(path string) {
	if isFolder(path) {
		g.folder(path)
		return
	}
	g.file(path)
}

func (g *gathering) folder(path string) {
	entries, err := os.ReadDir(path)
	if err != nil {
		g.fault(path, err)
		return
	}
	found := false
	for _, entry := range entries { // in the order of names
		name := entry.Name()
		if extension := filepath.Ext(name); strings.HasPrefix(name, ".") || extension != ".yaml" && extension != ".yml" {
			continue
		}
		found = true
		g.file(filepath.Join(path, name))
	}
	if !found && filepath.Base(path) != dropIns {
		g.fault(path, errors.New("it is a folder without files whose names end in .yaml or .yml"))
	}
}

func (g *gathering) file(path string) {
	if absolute, err := filepath.Abs(path); err == nil {
		if g.seen[absolute] {
			return
		}
		g.seen[absolute] = true
	}
	g.found = append(g.found, path)
}

func (g *gathering) fault(path string, err error) {
	g.faults = append(g.faults, Error{
		File: path, Line: 1, Column: 1, Code: CodeFile, Message: "the file cannot be read: " + reason(err),
	})
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
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

// workingFolder is where relative paths from outside any file start.
func workingFolder() string {
	folder, err := os.Getwd()
	if err != nil {
		return string(filepath.Separator)
	}
	return folder
}

// layers turns sources into files and what could be read of them; nil for one
// of which nothing could.
func layers(sources []Source, pace *giveway.Pace, faults *faults) ([]*file, []*node, error) {
	files := make([]*file, 0, len(sources))
	roots := make([]*node, 0, len(sources))
	for _, s := range sources {
		folder, err := filepath.Abs(filepath.Dir(s.Name))
		if err != nil {
			return nil, nil, fmt.Errorf("config: working directory: %w", err)
		}
		if s.Folder != "" {
			folder = s.Folder
		}
		f := &file{name: s.Name, data: s.Data, folder: folder, pace: pace}
		files = append(files, f)
		roots = append(roots, readYAML(f, faults))
	}
	return files, roots, nil
}

// reason words an error of the file system without repeating the path.
func reason(err error) string {
	var p *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "there is no such file"
	case errors.Is(err, fs.ErrPermission):
		return "permission denied"
	case errors.As(err, &p):
		return p.Err.Error()
	default:
		return err.Error()
	}
}

func apply(opts []Option) *options {
	o := &options{}
	for _, opt := range slices.Clip(opts) {
		opt(o)
	}
	return o
}
