// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/patchbay-cx/patchbay/core/host"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// journalService implements patchbay.v1.JournalService.
type journalService struct {
	patchbayv1.UnimplementedJournalServiceServer
	workspace *host.Workspace
}

// ExportJournal implements patchbayv1.JournalServiceServer.
func (s *journalService) ExportJournal(_ *patchbayv1.ExportJournalRequest, out grpc.ServerStreamingServer[patchbayv1.ExportJournalResponse]) error {
	if err := out.SendHeader(metadata.Pairs(opened, "journal")); err != nil {
		return err
	}
	if err := s.workspace.Export(out.Context(), parts{out}); err != nil {
		return streamEnded(err)
	}
	return nil
}

// parts sends a file in parts.
type parts struct {
	out grpc.ServerStreamingServer[patchbayv1.ExportJournalResponse]
}

// Write implements io.Writer.
func (p parts) Write(data []byte) (int, error) {
	// A message may be looked at after Send, and data is the writer's again.
	if err := p.out.Send(&patchbayv1.ExportJournalResponse{Data: append([]byte(nil), data...)}); err != nil {
		return 0, err
	}
	return len(data), nil
}

// journal is the journal as a file. What ends it before its end can only be told
// by its end missing.
func (s *rest) journal(w http.ResponseWriter, r *http.Request, _ map[string]string) {
	const method = patchbayv1.JournalService_ExportJournal_FullMethodName
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	ctx, err := runtime.AnnotateContext(ctx, s.mux, r, method)
	if err != nil {
		writeError(w, err)
		return
	}
	stream, err := begin[patchbayv1.ExportJournalResponse](ctx, s.local, method, &patchbayv1.ExportJournalRequest{})
	if err != nil {
		writeError(w, err)
		return
	}
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Time{}) != nil {
		return
	}
	w.Header().Set("Content-Type", "application/gzip")
	w.Header().Set("Content-Disposition", `attachment; filename="journal.gz"`)
	for {
		part, err := stream.Recv()
		if err != nil {
			if !errors.Is(err, io.EOF) { // a connection that breaks says more than a file that ends
				_ = control.SetWriteDeadline(time.Now())
			}
			return
		}
		if control.SetWriteDeadline(time.Now().Add(writeWithin)) != nil {
			return
		}
		if _, err := w.Write(part.GetData()); err != nil {
			return
		}
	}
}
