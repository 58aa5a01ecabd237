// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/patchbay-cx/patchbay/core/kit"
)

func newPluginKeygen(std stdio) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "keygen NAME",
		Short: "Make a key to sign plugins with",
		Long: `Keygen makes an Ed25519 key: NAME.key, which signs and is yours alone, and
NAME.pub, one line that others verify with. Keep NAME.key out of version control.`,
		Args: exactly("NAME"),
		RunE: func(_ *cobra.Command, args []string) error {
			private, public := args[0]+".key", args[0]+".pub"
			if _, err := os.Stat(public); err == nil {
				return fmt.Errorf("%s is there already; it is not written over", public)
			}
			key, err := kit.NewKey()
			if err != nil {
				return err
			}
			if err := kit.WriteKey(private, key); errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s is there already; it is not written over", private)
			} else if err != nil {
				return err
			}
			text := kit.Public(key)
			if err := os.WriteFile(public, []byte(text+"\n"), 0o644); err != nil { //nolint:gosec // it is for others
				return err
			}
			if asJSON {
				return json.NewEncoder(std.out).Encode(map[string]any{"private_key": private, "public_key_file": public, "public_key": text})
			}
			_, err = fmt.Fprintf(std.out, "%s  signs; keep it to yourself\n%s  verifies: %s\n", private, public, text)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newPluginSign(std stdio) *cobra.Command {
	var key string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "sign FILE --key NAME.key",
		Short: "Sign a plugin's file, so that others can tell that it is yours",
		Long: `Sign writes FILE.sig beside FILE: a small JSON object with the file's size and
SHA-256, the public key, and the Ed25519 signature over these. "patchbay plugin
keygen" makes a key.`,
		Args: exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if key == "" {
				return usagef("--key: the private key is missing; \"patchbay plugin keygen\" makes one")
			}
			file, err := kit.Look(args[0])
			if err != nil {
				return usagef("FILE: %v", err)
			}
			private, err := kit.ReadKey(key)
			if err != nil {
				return usagef("--key: %v", err)
			}
			signature := kit.Sign(file, private)
			path := kit.SignaturePath(file.Path)
			if err := os.WriteFile(path, signature.Encode(), 0o644); err != nil { //nolint:gosec // it is for others
				return err
			}
			if asJSON {
				return json.NewEncoder(std.out).Encode(map[string]any{"file": file.Path, "signature_file": path, "signature": signature})
			}
			_, err = fmt.Fprintf(std.out, "%s  sha256 %s, signed by %s\n", path, file.SHA256, signature.PublicKey)
			return err
		},
	}
	cmd.Flags().StringVar(&key, "key", "", "the file with the private key (required)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newPluginVerify(std stdio) *cobra.Command {
	var keys []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify FILE --key NAME.pub",
		Short: "Check that a plugin's file is as somebody you trust signed it",
		Long: `Verify checks FILE against the signature in FILE.sig. The signature must be by one
of the keys that --key names; the key that stands in FILE.sig is not trusted for
standing there. Nothing of the plugin is run.`,
		Args: exactly("FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(keys) == 0 {
				return usagef("--key: a public key is missing: without one that you trust, a signature says nothing")
			}
			var trusted []kit.PublicKey
			for _, text := range keys {
				key, err := publicKey(text)
				if err != nil {
					return usagef("--key: %v", err)
				}
				trusted = append(trusted, key)
			}
			file, err := kit.VerifyFile(args[0], trusted...)
			if errors.Is(err, fs.ErrNotExist) {
				return usagef("FILE: %v", err)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(std.out).Encode(map[string]any{"file": file.Path, "sha256": file.SHA256, "verified": true})
			}
			_, err = fmt.Fprintf(std.out, "%s  sha256 %s, as it was signed by a key you trust\n", file.Path, file.SHA256)
			return err
		},
	}
	cmd.Flags().StringSliceVar(&keys, "key", nil, "a file with a public key, or the key itself (required); may be given more than once")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// publicKey reads a key from a file, or takes the text for the key.
func publicKey(text string) (kit.PublicKey, error) {
	content, err := os.ReadFile(text)
	if err == nil {
		return kit.ParsePublicKey(string(content))
	}
	key, invalid := kit.ParsePublicKey(text)
	if invalid != nil {
		return "", fmt.Errorf("%q is neither a file that can be read nor a public key", text)
	}
	return key, nil
}
