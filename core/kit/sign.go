// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package kit

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// ErrSignature means that a plugin is not signed, or not by a key that is
// trusted, or has been changed since.
var ErrSignature = errors.New("kit: signature")

const (
	// signatureVersion is the version of the signature file's format.
	signatureVersion = 1
	keyPrefix        = "ed25519:"
	pemType          = "PRIVATE KEY"
)

// PublicKey is a public key as text: "ed25519:" and the 32 bytes of the key in
// base64, as configs and signature files have it.
type PublicKey string

// Signature is the content of a plugin's signature file, FILE.sig: a JSON object
// that says what was signed, by which key, and the signature itself.
//
// What is signed is this text, with line feeds, the last line included:
//
//	patchbay plugin signature 1
//	sha256 HEX
//	size DECIMAL
type Signature struct {
	// Version is the format's, 1.
	Version int `json:"patchbay_signature"`
	// SHA256 is the plugin file's checksum in lower-case hex.
	SHA256 string `json:"sha256"`
	// Size is the plugin file's length in bytes.
	Size int64 `json:"size"`
	// PublicKey names the key that signed. That it stands here says nothing:
	// whoever verifies must know it from elsewhere.
	PublicKey PublicKey `json:"public_key"`
	// Signature is the Ed25519 signature (RFC 8032) in base64.
	Signature string `json:"signature"`
}

// NewKey makes a key to sign with.
func NewKey() (ed25519.PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("kit: make a key: %w", err)
	}
	return key, nil
}

// Public returns the public half of a key.
func Public(key ed25519.PrivateKey) PublicKey {
	public, _ := key.Public().(ed25519.PublicKey) // it is, by the standard library's word
	return PublicKey(keyPrefix + base64.StdEncoding.EncodeToString(public))
}

// ParsePublicKey reads a public key as PublicKey is written, with blanks around
// it or not.
func ParsePublicKey(text string) (PublicKey, error) {
	k := PublicKey(strings.TrimSpace(text))
	if _, err := k.key(); err != nil {
		return "", err
	}
	return k, nil
}

func (k PublicKey) key() (ed25519.PublicKey, error) {
	encoded, ok := strings.CutPrefix(string(k), keyPrefix)
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("kit: %q is no public key; one is written %s and %d bytes in base64", k, keyPrefix, ed25519.PublicKeySize)
	}
	return raw, nil
}

// WriteKey writes a private key to a new file that only its owner can read, as
// PKCS #8 in PEM.
func WriteKey(path string, key ed25519.PrivateKey) error {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("kit: write a key: %w", err)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("kit: write a key: %w", err)
	}
	return errors.Join(pem.Encode(file, &pem.Block{Type: pemType, Bytes: der}), file.Close())
}

// ReadKey reads a private key from a file as WriteKey writes it.
func ReadKey(path string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("kit: read a key: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != pemType {
		return nil, fmt.Errorf("kit: read a key: %s holds no private key in PEM; \"patchbay plugin keygen\" makes one", path)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("kit: read a key: %s: %w", path, err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("kit: read a key: %s holds a %T; an Ed25519 key is wanted", path, parsed)
	}
	return key, nil
}

// Sign signs the file as it was when it was looked at.
func Sign(file *File, key ed25519.PrivateKey) Signature {
	s := Signature{Version: signatureVersion, SHA256: file.SHA256, Size: file.Size, PublicKey: Public(key)}
	s.Signature = base64.StdEncoding.EncodeToString(ed25519.Sign(key, s.message()))
	return s
}

func (s *Signature) message() []byte {
	return fmt.Appendf(nil, "patchbay plugin signature %d\nsha256 %s\nsize %d\n", signatureVersion, s.SHA256, s.Size)
}

// Encode returns the signature as its file holds it.
func (s Signature) Encode() []byte {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		panic(err) // strings and numbers always marshal
	}
	return append(text, '\n')
}

// DecodeSignature reads what a signature file holds. Unknown fields are refused.
// It says nothing of whether the signature holds. Errors are ErrSignature.
func DecodeSignature(text []byte) (Signature, error) {
	var s Signature
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&s)
	switch {
	case err != nil:
		return s, fmt.Errorf("%w: the file is not as it should be: %w", ErrSignature, err)
	case decoder.More():
		return s, fmt.Errorf("%w: something follows it", ErrSignature)
	case s.Version != signatureVersion:
		return s, fmt.Errorf("%w: it is of format %d; this program knows %d", ErrSignature, s.Version, signatureVersion)
	}
	return s, nil
}

// Verify checks that the signature is one of the file, and by one of the keys
// that are trusted. Errors are ErrSignature and say which of it is not so.
func Verify(file *File, s Signature, trusted ...PublicKey) error {
	known := false
	for _, key := range trusted {
		known = known || key == s.PublicKey
	}
	if !known {
		return fmt.Errorf("%w: %s is signed by %s, which is not trusted here", ErrSignature, file.Path, s.PublicKey)
	}
	key, err := s.PublicKey.key()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	raw, err := base64.StdEncoding.DecodeString(s.Signature)
	if err != nil || len(raw) != ed25519.SignatureSize {
		return fmt.Errorf("%w: it is not %d bytes in base64", ErrSignature, ed25519.SignatureSize)
	}
	if s.SHA256 != file.SHA256 || s.Size != file.Size {
		return fmt.Errorf("%w: %s has been changed since it was signed: its SHA-256 is %s, %s was signed", ErrSignature, file.Path, file.SHA256, s.SHA256)
	}
	if !ed25519.Verify(key, s.message(), raw) {
		return fmt.Errorf("%w: it was not made by %s for %s", ErrSignature, s.PublicKey, file.Path)
	}
	return nil
}

// SignaturePath is where the signature of the file at path lies.
func SignaturePath(path string) string { return path + ".sig" }

// VerifyFile looks at the file at path and checks the signature beside it. It
// returns what the file is. Errors are ErrSignature if the file can be read but
// is not signed by a trusted key.
func VerifyFile(path string, trusted ...PublicKey) (*File, error) {
	file, err := Look(path)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(SignaturePath(path))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s is not signed: there is no %s", ErrSignature, path, SignaturePath(path))
	}
	if err != nil {
		return nil, fmt.Errorf("kit: verify a plugin: %w", err)
	}
	signature, err := DecodeSignature(text)
	if err != nil {
		return nil, err
	}
	return file, Verify(file, signature, trusted...)
}
