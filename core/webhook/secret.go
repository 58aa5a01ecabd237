// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Tolerance is how far the timestamp of a message may be from the receiver's
// clock, either way.
const Tolerance = 5 * time.Minute

const (
	secretPrefix  = "whsec_"
	signatureKind = "v1"
	// Standard Webhooks asks for keys of 24 to 64 bytes.
	minSecret, maxSecret, newSecret = 24, 64, 32
)

// Secret is a key that sender and receiver share. It prints as a mask.
type Secret struct{ key []byte }

// ParseSecret reads a secret as it is written: "whsec_" and 24 to 64 bytes in
// base64. The error does not show the text.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(key) < minSecret || len(key) > maxSecret {
		return Secret{}, fmt.Errorf("webhook: a secret should be %q and %d to %d bytes in base64, as this prints: echo %s$(openssl rand -base64 %d)",
			secretPrefix, minSecret, maxSecret, secretPrefix, newSecret)
	}
	return Secret{key: key}, nil
}

// ParseSecrets reads several.
func ParseSecrets(texts []string) ([]Secret, error) {
	secrets := make([]Secret, 0, len(texts))
	for _, text := range texts {
		s, err := ParseSecret(text)
		if err != nil {
			return nil, err
		}
		secrets = append(secrets, s)
	}
	return secrets, nil
}

// NewSecret draws a secret.
func NewSecret() Secret {
	key := make([]byte, newSecret)
	_, _ = rand.Read(key) // it never fails
	return Secret{key: key}
}

// Reveal writes the secret as ParseSecret reads it.
func (s Secret) Reveal() string { return secretPrefix + base64.StdEncoding.EncodeToString(s.key) }

// String implements fmt.Stringer.
func (Secret) String() string { return secretPrefix + "…" }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return s.String() }

// sign returns the signature of what is signed.
func (s Secret) sign(id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, s.key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	return mac.Sum(nil)
}

// Sign adds the headers that prove a message, with a signature by each of the
// secrets, so that a receiver that knows one of them is satisfied. The id must
// not hold a dot.
func Sign(header http.Header, secrets []Secret, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures := make([]string, 0, len(secrets))
	for _, s := range secrets {
		signatures = append(signatures, signatureKind+","+base64.StdEncoding.EncodeToString(s.sign(id, timestamp, body)))
	}
	header.Set(HeaderID, id)
	header.Set(HeaderTimestamp, timestamp)
	header.Set(HeaderSignature, strings.Join(signatures, " "))
}

// Verify reports whether one of the secrets signed the message, and whether
// that was just now. The error says what is wrong.
func Verify(header http.Header, body []byte, now time.Time, secrets ...Secret) error {
	id, timestamp := header.Get(HeaderID), header.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil {
		return fmt.Errorf("webhook: verify: %s and %s are needed", HeaderID, HeaderTimestamp)
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > Tolerance || off < -Tolerance {
		return fmt.Errorf("webhook: verify: the message was signed at %s, which is not now", timestamp)
	}
	for given := range strings.FieldsSeq(header.Get(HeaderSignature)) {
		kind, encoded, _ := strings.Cut(given, ",")
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if kind != signatureKind || err != nil {
			continue // there may be kinds to come
		}
		for _, s := range secrets {
			if hmac.Equal(signature, s.sign(id, timestamp, body)) {
				return nil
			}
		}
	}
	return errors.New("webhook: verify: none of the signatures is by a secret that is known here")
}
