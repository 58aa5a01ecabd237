// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import "net/netip"

// Permit says whether messages go to an address when none is allowed besides.
func Permit(addr netip.Addr) error { return (&guard{}).permit(addr) }
