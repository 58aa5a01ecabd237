// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package outbound

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"

	"github.com/patchbay-cx/patchbay/core/webhook"
)

// maxDrawn is how many secrets that were drawn may sign at once.
const maxDrawn = 4

// keyring is the secrets of a hook: those of the config, and those that were
// drawn to replace them. When the config's change, they count alone.
type keyring struct {
	configured []webhook.Secret
	sum        string // of the config's
	rotation   *rotation
	drawn      []webhook.Secret // as in rotation
}

// sumOf is a checksum of secrets.
func sumOf(texts []string) string {
	sum := sha256.Sum256([]byte(strings.Join(texts, "\n")))
	return hex.EncodeToString(sum[:])
}

// recall takes over what was drawn before.
func (k *keyring) recall(r *rotation) error {
	if r == nil || r.Sum != k.sum {
		return nil
	}
	for _, d := range r.Drawn {
		secret, err := webhook.ParseSecret(d.Secret)
		if err != nil {
			return err
		}
		k.drawn = append(k.drawn, secret)
	}
	k.rotation = r
	return nil
}

// signing returns the secrets that sign now, the newest first.
func (k *keyring) signing(now time.Time) []webhook.Secret {
	if k.rotation == nil {
		return k.configured
	}
	var out []webhook.Secret
	for i, d := range k.rotation.Drawn {
		if d.Until.IsZero() || now.Before(d.Until) {
			out = append(out, k.drawn[i])
		}
	}
	if now.Before(k.rotation.Until) {
		out = append(out, k.configured...)
	}
	return out
}

// rotate draws a secret. Those that sign now go on doing so until the time that
// is given.
func (k *keyring) rotate(now, until time.Time) webhook.Secret {
	next := &rotation{Sum: k.sum, Until: until}
	fresh := webhook.NewSecret()
	secrets := []webhook.Secret{fresh}
	next.Drawn = []drawn{{Secret: fresh.Reveal()}}
	if k.rotation != nil {
		next.Until = earlier(k.rotation.Until, until)
		for i, d := range k.rotation.Drawn {
			end := until
			if !d.Until.IsZero() {
				end = earlier(d.Until, until)
			}
			if end.After(now) && len(secrets) < maxDrawn {
				secrets, next.Drawn = append(secrets, k.drawn[i]), append(next.Drawn, drawn{d.Secret, end})
			}
		}
	}
	k.rotation, k.drawn = next, secrets
	return fresh
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
