// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/kit/registry"
	"github.com/patchbay-cx/patchbay/core/strategy"
)

// registries says how registries are spoken to.
const registries = `REF names it as container images are named, such as
registry.example.com/routing/mine:1.0.0. Credentials are those that "docker login"
keeps. A registry on this machine (localhost) is spoken to in plain HTTP, all
others by TLS.`

func newPluginPush(std stdio) *cobra.Command {
	var asJSON bool
	var given settings
	cmd := &cobra.Command{
		Use:   "push FILE REF",
		Short: "Store a plugin in an OCI registry",
		Long: `Push stores the plugin in FILE in an OCI registry, with its name, version and
checksum, and with its signature if there is a FILE.sig. It starts the plugin to
ask for its manifest. It prints the reference with the digest, which means this
very plugin for ever.

` + registries + " Without a tag, it gets the plugin's version.\n\n" + warning,
		Args: exactly("FILE", "REF"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return withPlugin(std, args[0], &given, func(r strategy.Runtime, file *kit.File) error {
				if file.Runtime == "builtin" {
					return usagef("FILE: %s is a built-in strategy, of which there is no file", args[0])
				}
				described, err := kit.Inspect(cmd.Context(), r, file)
				if err != nil {
					return err
				}
				p, err := packed(described)
				if err != nil {
					return err
				}
				pinned, err := registry.Push(cmd.Context(), args[1], *p)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(std.out).Encode(map[string]any{"reference": pinned, "about": p.About, "signed": p.Signature != nil})
				}
				_, err = fmt.Fprintf(std.out, "%s\n%s %s, sha256 %s\n", pinned, p.About.Name, p.About.Version, p.About.SHA256)
				return err
			})
		},
	}
	given.flag(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// packed is a plugin as it goes to a registry.
func packed(d *kit.Description) (*registry.Plugin, error) {
	content, err := os.ReadFile(d.Path)
	if err != nil {
		return nil, err
	}
	p := &registry.Plugin{
		About: registry.About{Name: d.Manifest.Name, Version: d.Manifest.Version, Runtime: d.Runtime, SHA256: d.SHA256},
		File:  filepath.Base(d.Path), Content: content,
	}
	if d.Runtime == "process" {
		p.About.Platform = runtime.GOOS + "/" + runtime.GOARCH // it has just run here
	}
	signature, err := os.ReadFile(kit.SignaturePath(d.Path))
	if err == nil {
		p.Signature = signature
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return p, nil
}

// pulling is the flags of the plugin pull command.
type pulling struct {
	std    stdio
	output string
	keys   []string
	json   bool
}

func newPluginPull(std stdio) *cobra.Command {
	p := &pulling{std: std}
	cmd := &cobra.Command{
		Use:   "pull REF",
		Short: "Fetch a plugin from an OCI registry",
		Long: `Pull fetches a plugin from an OCI registry into a file, and its signature beside
it if it is signed. It prints the lines to put into a config, with the SHA-256
that the host then holds the file to, and the reference with the digest, by which
the very same plugin can be pulled again. Nothing of the plugin is run. With
--key, only what is signed by that key is written.

` + registries + " Without a tag, the tag latest is meant; an @ and a digest mean just that plugin.",
		Args: exactly("REF"),
		RunE: func(cmd *cobra.Command, args []string) error { return p.run(cmd, args[0]) },
	}
	cmd.Flags().StringVarP(&p.output, "output", "o", "", "the file to write; left out, the plugin's own name in this folder")
	cmd.Flags().StringSliceVar(&p.keys, "key", nil, "a file with a public key, or the key itself, that must have signed it")
	cmd.Flags().BoolVar(&p.json, "json", false, "print JSON")
	return cmd
}

func (p *pulling) run(cmd *cobra.Command, reference string) error {
	var trusted []kit.PublicKey
	for _, text := range p.keys {
		key, err := publicKey(text)
		if err != nil {
			return usagef("--key: %v", err)
		}
		trusted = append(trusted, key)
	}
	plugin, pinned, err := registry.Pull(cmd.Context(), reference)
	if err != nil {
		return err
	}
	if p.output == "" {
		p.output = plugin.File
	}
	if err := p.write(plugin, trusted); err != nil {
		return err
	}
	path, err := filepath.Abs(p.output)
	if err != nil {
		return err
	}
	config := snippet(plugin.About.Name, plugin.About.Runtime, path, plugin.About.SHA256)
	if p.json {
		return json.NewEncoder(p.std.out).Encode(map[string]any{
			"reference": pinned, "file": path, "about": plugin.About, "signed": plugin.Signature != nil, "config": config,
		})
	}
	_, err = fmt.Fprintf(p.std.out, "%s  %s %s, %d bytes\nfrom %s\n\n%s", p.output, plugin.About.Name, plugin.About.Version, len(plugin.Content), pinned, config)
	return err
}

// write writes the plugin if it is signed as it must be.
func (p *pulling) write(plugin *registry.Plugin, trusted []kit.PublicKey) error {
	if len(trusted) > 0 {
		if plugin.Signature == nil {
			return errors.New("the plugin is not signed, so it is not written")
		}
		signature, err := kit.DecodeSignature(plugin.Signature)
		if err != nil {
			return err
		}
		file := &kit.File{Path: plugin.File, SHA256: plugin.About.SHA256, Size: int64(len(plugin.Content))}
		if err := kit.Verify(file, signature, trusted...); err != nil {
			return err
		}
	}
	if err := os.WriteFile(p.output, plugin.Content, 0o755); err != nil { //nolint:gosec // an executable is to be run
		return err
	}
	if plugin.Signature == nil {
		return nil
	}
	return os.WriteFile(kit.SignaturePath(p.output), plugin.Signature, 0o644) //nolint:gosec // it is for others
}
