// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package registry_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	server "github.com/google/go-containerregistry/pkg/registry"

	"github.com/patchbay-cx/patchbay/core/kit/registry"
)

// serve runs a registry and returns its address.
func serve(t *testing.T, twist func(http.Handler) http.Handler) string {
	t.Helper()
	handler := server.New(server.Logger(log.New(io.Discard, "", 0)))
	if twist != nil {
		handler = twist(handler)
	}
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func plugin(content string) registry.Plugin {
	sum := sha256.Sum256([]byte(content))
	return registry.Plugin{
		About: registry.About{Name: "mine", Version: "1.2.3", Runtime: "wasm", SHA256: hex.EncodeToString(sum[:])},
		File:  "mine.wasm", Content: []byte(content),
	}
}

// TestPushAndPull shows that what was pushed comes back, by tag and by digest,
// and that the same plugin has the same digest.
func TestPushAndPull(t *testing.T) {
	t.Parallel()
	address := serve(t, nil)
	for _, test := range []struct {
		name, reference, by string
		change              func(*registry.Plugin)
	}{
		{"its version is the tag", "/routing/mine", ":1.2.3", func(*registry.Plugin) {}},
		{"a tag", "/routing/mine:newest", ":newest", func(*registry.Plugin) {}},
		{"latest", "/routing/latest:latest", "", func(*registry.Plugin) {}},
		{"signed", "/routing/signed:1", ":1", func(p *registry.Plugin) { p.Signature = []byte("{}") }},
		{"process", "/routing/process:1", ":1", func(p *registry.Plugin) { p.About.Runtime, p.About.Platform = "process", "linux/amd64" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := plugin("some code")
			test.change(&p)
			pinned, err := registry.Push(t.Context(), address+test.reference, p)
			if err != nil {
				t.Fatal(err)
			}
			again, err := registry.Push(t.Context(), address+test.reference, p)
			if err != nil || again != pinned {
				t.Errorf("pushed again: %s, %v, first %s", again, err, pinned)
			}
			repository, _, _ := strings.Cut(strings.TrimPrefix(test.reference, "/"), ":")
			for _, reference := range []string{address + "/" + repository + test.by, pinned} {
				got, from, err := registry.Pull(t.Context(), reference)
				if err != nil {
					t.Fatal(err)
				}
				if from != pinned || got.About != p.About || got.File != p.File ||
					!bytes.Equal(got.Content, p.Content) || !bytes.Equal(got.Signature, p.Signature) {
					t.Errorf("%s: %+v from %s, want %+v from %s", reference, got, from, p, pinned)
				}
			}
		})
	}
}

// TestPullRefuses shows what is said of what is not there, is no plugin, or is
// not what it should be.
func TestPullRefuses(t *testing.T) {
	t.Parallel()
	address := serve(t, nil)
	if _, _, err := registry.Pull(t.Context(), address+"/nothing:1"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("not there: %v", err)
	}
	for reference, want := range map[string]string{
		"":                 "is no reference, such as",
		"mine":             "is no reference, such as",
		address + "/UPPER": "is no reference",
	} {
		if _, _, err := registry.Pull(t.Context(), reference); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", reference, err, want)
		}
	}
	wrong := plugin("code")
	wrong.About.SHA256 = "00"
	named := plugin("code")
	named.File = "../escape"
	for name, p := range map[string]registry.Plugin{"it says that the file's SHA-256 is 00": wrong, "no name of a file": named} {
		reference := fmt.Sprintf("%s/routing/r%d:1", address, len(name))
		if _, err := registry.Push(t.Context(), reference, p); err != nil {
			t.Fatal(err)
		}
		if _, _, err := registry.Pull(t.Context(), reference); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
	}
}

// TestPullOfOtherThings shows that an image is not taken for a plugin.
func TestPullOfOtherThings(t *testing.T) {
	t.Parallel()
	address := serve(t, nil)
	manifest := `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"a/b","digest":"sha256:0","size":1},"layers":[]}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+address+"/v2/image/manifests/1", strings.NewReader(manifest))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, _, err := registry.Pull(t.Context(), address+"/image:1"); err == nil || !strings.Contains(err.Error(), `it is no plugin of Patchbay's but of the type ""`) {
		t.Errorf("got %v", err)
	}
}

// TestPullFindsFlippedBytes shows that content that is not what its digest says
// is not taken.
func TestPullFindsFlippedBytes(t *testing.T) {
	t.Parallel()
	address := serve(t, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/blobs/") {
				next.ServeHTTP(w, r)
				return
			}
			recorded := httptest.NewRecorder()
			next.ServeHTTP(recorded, r)
			body := bytes.Replace(recorded.Body.Bytes(), []byte("some code"), []byte("some c0de"), 1)
			maps.Copy(w.Header(), recorded.Header())
			w.WriteHeader(recorded.Code)
			_, _ = w.Write(body)
		})
	})
	if _, err := registry.Push(t.Context(), address+"/mine:1", plugin("some code")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := registry.Pull(t.Context(), address+"/mine:1"); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Errorf("got %v", err)
	}
}

func TestPushRefuses(t *testing.T) {
	t.Parallel()
	address := serve(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	})
	for reference, want := range map[string]string{
		address + "/mine@sha256:" + strings.Repeat("0", 64): "names a digest; a tag is wanted",
		address + "/mine":       "the registry does not let you; log in with \"docker login",
		"mine":                  "is no reference",
		address + "/mine:a b c": "is no reference",
	} {
		if _, err := registry.Push(t.Context(), reference, plugin("x")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", reference, err, want)
		}
	}
	untagged := plugin("x")
	untagged.About.Version = "no tag!"
	if _, err := registry.Push(t.Context(), address+"/mine", untagged); err == nil || !strings.Contains(err.Error(), `"no tag!" is no tag`) {
		t.Errorf("got %v", err)
	}
}
