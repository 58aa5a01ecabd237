// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/patchbay-cx/patchbay/core/api"
	"github.com/patchbay-cx/patchbay/core/engine"
	"github.com/patchbay-cx/patchbay/core/host"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// The journal comes as the same file over both protocols, and to admins alone.
func TestExportJournal(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{Keys: keys()}).as("root")
	for range 5 {
		p.call("POST", "/v1/work", support)
	}
	response, err := p.http.Do(p.request("GET", "/v1/journal", ""))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	over, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "application/gzip" {
		t.Fatalf("%v, %v", response, err)
	}
	stream, err := patchbayv1.NewJournalServiceClient(p.dial()).ExportJournal(p.ctx(), &patchbayv1.ExportJournalRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		file.Write(part.GetData())
	}
	for name, data := range map[string][]byte{"REST": over, "gRPC": file.Bytes()} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		past, err := host.OpenExport(path)
		if err != nil {
			t.Fatal(err)
		}
		created := 0
		for ev, err := range past.Events(t.Context()) {
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if ev.Kind == engine.KindWorkCreated {
				created++
			}
		}
		if created != 5 {
			t.Errorf("%s: %d came, want 5", name, created)
		}
	}
	for _, other := range []string{"boss", "crm", "ann"} {
		p.fails(p.request2(other, "GET", "/v1/journal", ""), 403, "forbidden", "")
	}
	refused, err := patchbayv1.NewJournalServiceClient(p.dial()).ExportJournal(p.as("boss").ctx(), &patchbayv1.ExportJournalRequest{})
	if err == nil {
		_, err = refused.Recv()
	}
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("a supervisor: %v", err)
	}
}
