// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package registry keeps plugins in OCI registries, where container images are
// kept too: it pushes a plugin with what there is to say of it, and pulls it
// again, checked against its digests.
//
// An artifact is an OCI image manifest (version 1.1) of artifact type
// ArtifactType. Its config blob is About in JSON; its first layer is the
// plugin's file, of MediaTypeModule or MediaTypeExecutable, its second, if
// there is one, the signature, of MediaTypeSignature. Layers carry the title
// annotation, so that general tools pull them under their names. The same
// plugin always gives the same manifest, and so the same digest.
//
// The package knows files and registries. It does not start plugins, nor judge
// signatures.
package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/opencontainers/go-digest"
	specs "github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"oras.land/oras-go/v2"
	"oras.land/oras-go/v2/content"
	"oras.land/oras-go/v2/errdef"
	"oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
	"oras.land/oras-go/v2/registry/remote/auth"
	"oras.land/oras-go/v2/registry/remote/credentials"
	"oras.land/oras-go/v2/registry/remote/errcode"
	"oras.land/oras-go/v2/registry/remote/retry"
)

// The media types of a plugin in a registry.
const (
	ArtifactType        = "application/vnd.patchbay.plugin.v1"
	MediaTypeAbout      = "application/vnd.patchbay.plugin.about.v1+json"
	MediaTypeModule     = "application/wasm"
	MediaTypeExecutable = "application/vnd.patchbay.plugin.executable.v1"
	MediaTypeSignature  = "application/vnd.patchbay.plugin.signature.v1+json"
)

const (
	// MaxFile is the longest plugin that is pushed or pulled, in bytes.
	MaxFile = 512 << 20
	// maxText is the longest of everything else.
	maxText = 4 << 20
)

// ErrNotFound means that the registry has nothing under that reference.
var ErrNotFound = errors.New("registry: not found")

// About says in a registry what a plugin is.
type About struct {
	// Name and Version are the plugin's own.
	Name    string `json:"name"`
	Version string `json:"version"`
	// Runtime is "wasm" or "process".
	Runtime string `json:"runtime"`
	// Platform is the system and machine that an executable is for, such as
	// "linux/amd64"; empty for a module, which runs everywhere.
	Platform string `json:"platform,omitempty"`
	// SHA256 is the file's checksum in lower-case hex, as configs pin it.
	SHA256 string `json:"sha256"`
}

// Plugin is a plugin as it is pushed and pulled.
type Plugin struct {
	// About says what it is.
	About About
	// File is the name of its file, without folders.
	File string
	// Content is the file's.
	Content []byte
	// Signature is the content of its signature file; nil if it is not signed.
	Signature []byte
}

// Push stores the plugin under a reference such as
// "registry.example.com/routing/mine:1.0.0" and returns the same with the
// manifest's digest, "registry.example.com/routing/mine@sha256:…", which means
// this very plugin for ever. A reference without a tag gets the plugin's version.
//
// Registries on this machine (localhost, 127.0.0.1, ::1) are spoken to in plain
// HTTP, all others by TLS. Credentials are those that "docker login" keeps.
func Push(ctx context.Context, reference string, p Plugin) (string, error) {
	repository, tag, err := open(reference)
	if err != nil {
		return "", err
	}
	if isDigest(tag) {
		return "", fmt.Errorf("registry: push: %s names a digest; a tag is wanted, or nothing", reference)
	}
	if tag == "" {
		tag = p.About.Version
	}
	if len(p.Content) > MaxFile {
		return "", fmt.Errorf("registry: push: the plugin has %d bytes; %d are the most", len(p.Content), MaxFile)
	}
	if err := (registry.Reference{Registry: repository.Reference.Registry, Repository: repository.Reference.Repository, Reference: tag}).ValidateReferenceAsTag(); err != nil {
		return "", fmt.Errorf("registry: push: %q is no tag: %w", tag, err)
	}
	described, err := p.push(ctx, repository, tag)
	if err != nil {
		return "", failed("push", reference, err)
	}
	return fmt.Sprintf("%s/%s@%s", repository.Reference.Registry, repository.Reference.Repository, described.Digest), nil
}

// push stores the blobs, and then the manifest that names them.
func (p *Plugin) push(ctx context.Context, repository *remote.Repository, tag string) (ocispec.Descriptor, error) {
	about, err := json.Marshal(p.About)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	fileType := MediaTypeExecutable
	if p.About.Runtime == "wasm" {
		fileType = MediaTypeModule
	}
	blobs := []struct {
		mediaType, title string
		content          []byte
	}{
		{MediaTypeAbout, "", about},
		{fileType, p.File, p.Content},
		{MediaTypeSignature, p.File + ".sig", p.Signature},
	}
	var list []ocispec.Descriptor
	for _, blob := range blobs {
		if blob.content == nil {
			continue
		}
		described, err := oras.PushBytes(ctx, repository, blob.mediaType, blob.content)
		if err != nil && !errors.Is(err, errdef.ErrAlreadyExists) {
			return described, err
		}
		if described = content.NewDescriptorFromBytes(blob.mediaType, blob.content); blob.title != "" {
			described.Annotations = map[string]string{ocispec.AnnotationTitle: blob.title}
		}
		list = append(list, described)
	}
	manifest, err := json.Marshal(ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest,
		ArtifactType: ArtifactType, Config: list[0], Layers: list[1:],
		Annotations: map[string]string{
			ocispec.AnnotationTitle: p.About.Name, ocispec.AnnotationVersion: p.About.Version,
		},
	})
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	return oras.TagBytes(ctx, repository, ocispec.MediaTypeImageManifest, manifest, tag)
}

// Pull fetches the plugin under a reference, which names a tag or, after an @, a
// digest; without either, the tag "latest". Everything is checked against its
// digest. It returns the plugin, and the reference with the manifest's digest.
// Errors are ErrNotFound if there is none.
func Pull(ctx context.Context, reference string) (*Plugin, string, error) {
	repository, tag, err := open(reference)
	if err != nil {
		return nil, "", err
	}
	if tag == "" {
		tag = "latest"
	}
	described, text, err := oras.FetchBytes(ctx, repository, tag, oras.FetchBytesOptions{MaxBytes: maxText})
	if err != nil {
		return nil, "", failed("pull", reference, err)
	}
	p, err := read(ctx, repository, text)
	if err != nil {
		return nil, "", failed("pull", reference, err)
	}
	return p, fmt.Sprintf("%s/%s@%s", repository.Reference.Registry, repository.Reference.Repository, described.Digest), nil
}

// read fetches what a manifest names.
func read(ctx context.Context, repository *remote.Repository, manifest []byte) (*Plugin, error) {
	var m ocispec.Manifest
	if err := json.Unmarshal(manifest, &m); err != nil {
		return nil, fmt.Errorf("its manifest cannot be read: %w", err)
	}
	if m.ArtifactType != ArtifactType {
		return nil, fmt.Errorf("it is no plugin of Patchbay's but of the type %q", m.ArtifactType)
	}
	p := new(Plugin)
	about, err := fetch(ctx, repository, m.Config, maxText)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(about, &p.About); err != nil {
		return nil, fmt.Errorf("what it says of itself cannot be read: %w", err)
	}
	for _, layer := range m.Layers {
		switch layer.MediaType {
		case MediaTypeModule, MediaTypeExecutable:
			p.File = layer.Annotations[ocispec.AnnotationTitle]
			p.Content, err = fetch(ctx, repository, layer, MaxFile)
		case MediaTypeSignature:
			p.Signature, err = fetch(ctx, repository, layer, maxText)
		}
		if err != nil {
			return nil, err
		}
	}
	if p.Content == nil {
		return nil, errors.New("it has no layer with the plugin's file")
	}
	if sum := digest.FromBytes(p.Content).Encoded(); sum != p.About.SHA256 {
		return nil, fmt.Errorf("it says that the file's SHA-256 is %s, but it is %s", p.About.SHA256, sum)
	}
	if p.File == "" || strings.ContainsAny(p.File, `/\`) || p.File == "." || p.File == ".." {
		return nil, fmt.Errorf("its file is called %q, which is no name of a file", p.File)
	}
	return p, nil
}

// fetch returns a blob, checked against its digest and size.
func fetch(ctx context.Context, repository *remote.Repository, d ocispec.Descriptor, most int64) ([]byte, error) {
	if d.Size > most {
		return nil, fmt.Errorf("a blob of %s has %d bytes; %d are the most", d.MediaType, d.Size, most)
	}
	return content.FetchAll(ctx, repository, d)
}

// open prepares the repository that a reference names, and returns the tag or
// digest behind it.
func open(reference string) (*remote.Repository, string, error) {
	repository, err := remote.NewRepository(reference)
	if err != nil {
		return nil, "", fmt.Errorf("registry: %q is no reference, such as registry.example.com/routing/mine:1.0.0: %w", reference, err)
	}
	repository.PlainHTTP = local(repository.Reference.Registry)
	client := &auth.Client{Client: retry.DefaultClient, Cache: auth.NewCache()}
	client.SetUserAgent("patchbay")
	if store, err := credentials.NewStoreFromDocker(credentials.StoreOptions{}); err == nil {
		client.Credential = credentials.Credential(store)
	}
	repository.Client = client
	return repository, repository.Reference.Reference, nil
}

// local reports whether a registry is on this machine.
func local(registry string) bool {
	name := registry
	if host, _, err := net.SplitHostPort(registry); err == nil {
		name = host
	}
	address := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || address != nil && address.IsLoopback()
}

func isDigest(tag string) bool { return strings.Contains(tag, ":") }

// failed says in words what a registry's refusal means.
func failed(what, reference string, err error) error {
	var refusal *errcode.ErrorResponse
	switch {
	case errors.Is(err, errdef.ErrNotFound):
		return fmt.Errorf("%w: there is no %s", ErrNotFound, reference)
	case errors.As(err, &refusal) && (refusal.StatusCode == http.StatusUnauthorized || refusal.StatusCode == http.StatusForbidden):
		return fmt.Errorf("registry: %s: the registry does not let you; log in with \"docker login %s\": %w", what, refusal.URL.Host, err)
	default:
		return fmt.Errorf("registry: %s %s: %w", what, reference, err)
	}
}
