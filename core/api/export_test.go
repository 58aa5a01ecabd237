// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api

import (
	"net/http"

	"github.com/patchbay-cx/patchbay/core/host"
)

// Handler is the REST side alone.
func Handler(workspace *host.Workspace, opts Options) (http.Handler, error) {
	server, err := New(workspace, opts)
	if err != nil {
		return nil, err
	}
	return server.http.Handler, nil
}
