// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
)

// ForbiddenError says that an address is not one that messages go to.
type ForbiddenError struct {
	// Addr is the address, after its name was resolved.
	Addr netip.Addr
}

// Error implements error.
func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("webhook: %v is not a public address; if messages are to go there, list it in allow, such as \"%v/%d\"",
		e.Addr, e.Addr, e.Addr.BitLen())
}

// guard says where connections may go.
type guard struct{ allow []netip.Prefix }

// permit returns a *ForbiddenError for an address that is not public, unless it
// is allowed.
func (g *guard) permit(addr netip.Addr) error {
	addr = addr.WithZone("").Unmap()
	if within(addr, g.allow) || public(addr) {
		return nil
	}
	return &ForbiddenError{Addr: addr}
}

// control is called with each address that is about to be connected to, after
// names were resolved, so that a name cannot lead elsewhere than was looked at.
func (g *guard) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("webhook: guard: %w", err)
	}
	return g.permit(to.Addr())
}

func within(addr netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// public reports whether an address is one of the Internet at large. Addresses
// that carry another one inside are judged by that one.
func public(addr netip.Addr) bool {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || within(addr, reserved()) {
		return false
	}
	if inner, ok := embedded(addr); ok {
		return public(inner)
	}
	return true
}

// embedded returns the IPv4 address to which a translator would pass on what is
// sent to an IPv6 address: NAT64 and 6to4.
func embedded(addr netip.Addr) (netip.Addr, bool) {
	if !addr.Is6() {
		return addr, false
	}
	bytes := addr.As16()
	switch {
	case netip.MustParsePrefix("64:ff9b::/96").Contains(addr):
		return netip.AddrFrom4([4]byte(bytes[12:16])), true
	case netip.MustParsePrefix("2002::/16").Contains(addr):
		return netip.AddrFrom4([4]byte(bytes[2:6])), true
	}
	return addr, false
}

// reserved are the networks that are nobody's on the Internet, by the registries
// of special-purpose addresses, beside those that netip knows.
func reserved() []netip.Prefix {
	return []netip.Prefix{
		netip.MustParsePrefix("0.0.0.0/8"),       // this network
		netip.MustParsePrefix("100.64.0.0/10"),   // carriers' own
		netip.MustParsePrefix("192.0.0.0/24"),    // protocols
		netip.MustParsePrefix("192.0.2.0/24"),    // documentation
		netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
		netip.MustParsePrefix("198.18.0.0/15"),   // measurements
		netip.MustParsePrefix("198.51.100.0/24"), // documentation
		netip.MustParsePrefix("203.0.113.0/24"),  // documentation
		netip.MustParsePrefix("240.0.0.0/4"),     // unused, and broadcast
		netip.MustParsePrefix("::/96"),           // IPv4 as it once was written
		netip.MustParsePrefix("64:ff9b:1::/48"),  // local translators
		netip.MustParsePrefix("100::/64"),        // discarded
		netip.MustParsePrefix("2001::/23"),       // protocols, Teredo among them
		netip.MustParsePrefix("2001:db8::/32"),   // documentation
		netip.MustParsePrefix("3fff::/20"),       // documentation
		netip.MustParsePrefix("5f00::/16"),       // segment routing
		netip.MustParsePrefix("fec0::/10"),       // sites' own, once
	}
}
