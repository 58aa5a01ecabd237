// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit_test

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/patchbay-cx/patchbay/core/kit"
)

// key is the same each time.
func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune(seed)), ed25519.SeedSize)))
}

func TestKeyFiles(t *testing.T) {
	t.Parallel()
	made, err := kit.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "mine.key")
	if err := kit.WriteKey(path, made); err != nil {
		t.Fatal(err)
	}
	read, err := kit.ReadKey(path)
	if err != nil || !read.Equal(made) {
		t.Errorf("got %v, %v", read, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := kit.WriteKey(path, made); !errors.Is(err, os.ErrExist) {
		t.Errorf("a key was written over: %v", err)
	}
	public, err := kit.ParsePublicKey("  " + string(kit.Public(made)) + "\n")
	if err != nil || public != kit.Public(made) {
		t.Errorf("got %q, %v", public, err)
	}
	for _, text := range []string{"", "ed25519:", "ed25519:AAAA", string(kit.Public(made))[8:], "rsa:" + string(kit.Public(made))[8:]} {
		if _, err := kit.ParsePublicKey(text); err == nil || !strings.Contains(err.Error(), "is no public key; one is written ed25519:") {
			t.Errorf("%q: %v", text, err)
		}
	}
	for content, want := range map[string]string{
		"text": "holds no private key in PEM",
		"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n": "asn1",
	} {
		if _, err := kit.ReadKey(write(t, "bad.key", content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

// TestVerify shows that just the file that was signed, by just the key that is
// trusted, holds.
func TestVerify(t *testing.T) {
	t.Parallel()
	path := write(t, "mine.wasm", head)
	file, err := kit.Look(path)
	if err != nil {
		t.Fatal(err)
	}
	good := kit.Sign(file, key('a'))
	decoded, err := kit.DecodeSignature(good.Encode())
	if err != nil || decoded != good {
		t.Errorf("%+v, %v", decoded, err)
	}
	other, err := kit.Look(write(t, "other.wasm", head+"x"))
	if err != nil {
		t.Fatal(err)
	}
	swapped := good
	swapped.SHA256, swapped.Size = other.SHA256, other.Size
	short := good
	short.Signature = "AAAA"
	stolen := kit.Sign(file, key('b'))
	stolen.PublicKey = kit.Public(key('a'))
	odd := good
	odd.PublicKey = "odd"
	for _, test := range []struct {
		name      string
		file      *kit.File
		signature kit.Signature
		trusted   []kit.PublicKey
		want      string
	}{
		{"good", file, good, []kit.PublicKey{kit.Public(key('b')), kit.Public(key('a'))}, ""},
		{"nobody is trusted", file, good, nil, "which is not trusted here"},
		{"another is trusted", file, good, []kit.PublicKey{kit.Public(key('b'))}, "is signed by ed25519:"},
		{"another file", other, good, []kit.PublicKey{kit.Public(key('a'))}, "has been changed since it was signed"},
		{"another sum", other, swapped, []kit.PublicKey{kit.Public(key('a'))}, "it was not made by"},
		{"another's", file, stolen, []kit.PublicKey{kit.Public(key('a'))}, "it was not made by"},
		{"too short", file, short, []kit.PublicKey{kit.Public(key('a'))}, "it is not 64 bytes in base64"},
		{"an odd key", file, odd, []kit.PublicKey{"odd"}, `"odd" is no public key`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := kit.Verify(test.file, test.signature, test.trusted...)
			if test.want == "" && err != nil || test.want != "" && (!errors.Is(err, kit.ErrSignature) || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestVerifyFile(t *testing.T) {
	t.Parallel()
	path := write(t, "mine.wasm", head)
	trusted := kit.Public(key('a'))
	if _, err := kit.VerifyFile(path, trusted); !errors.Is(err, kit.ErrSignature) || !strings.Contains(err.Error(), "is not signed: there is no") {
		t.Errorf("not signed: %v", err)
	}
	file, err := kit.Look(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(kit.SignaturePath(path), kit.Sign(file, key('a')).Encode(), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := kit.VerifyFile(path, trusted); err != nil || got.SHA256 != file.SHA256 {
		t.Errorf("signed: %+v, %v", got, err)
	}
	if err := os.WriteFile(path, []byte(head+"more"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := kit.VerifyFile(path, trusted); !errors.Is(err, kit.ErrSignature) {
		t.Errorf("changed: %v", err)
	}
	if _, err := kit.VerifyFile(path+"x", trusted); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("not there: %v", err)
	}
}

// FuzzDecodeSignature shows that no signature file upsets the reader, and that
// what it takes comes out the same.
func FuzzDecodeSignature(f *testing.F) {
	f.Add([]byte(`{"patchbay_signature":1,"sha256":"00","size":1,"public_key":"ed25519:","signature":""}`))
	f.Add([]byte(`{"patchbay_signature":2}`))
	f.Add([]byte(`{} {}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := kit.DecodeSignature(text)
		if err != nil {
			if !errors.Is(err, kit.ErrSignature) {
				t.Fatal(err)
			}
			return
		}
		if again, err := kit.DecodeSignature(s.Encode()); err != nil || again != s {
			t.Fatalf("%+v became %+v, %v", s, again, err)
		}
		if err := kit.Verify(&kit.File{}, s, s.PublicKey); err == nil && s.SHA256 != "" {
			t.Fatal("it holds for what it does not name")
		}
	})
}

// Whoever trusts a key can tell that a plugin came from its owner as it is.
func ExampleVerify() {
	file := &kit.File{Path: "mine.wasm", SHA256: "5ec1", Size: 3}
	owner := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	signature := kit.Sign(file, owner)
	fmt.Println(kit.Verify(file, signature, kit.Public(owner)))
	file.SHA256 = "0bad"
	fmt.Println(errors.Is(kit.Verify(file, signature, kit.Public(owner)), kit.ErrSignature))
	// Output:
	// <nil>
	// true
}
