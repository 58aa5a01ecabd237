// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package webhook_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/patchbay-cx/patchbay/core/webhook"
)

// receiver is a server on this machine that counts what comes.
type receiver struct {
	*httptest.Server

	came atomic.Int64
}

func receive(t *testing.T, answer http.HandlerFunc) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		r.came.Add(1)
		answer(w, request)
	}))
	t.Cleanup(r.Close)
	return r
}

func client(t *testing.T, allow ...string) *webhook.Client {
	t.Helper()
	o := webhook.Options{Agent: "patchbay/test"}
	for _, text := range allow {
		o.Allow = append(o.Allow, netip.MustParsePrefix(text))
	}
	c := webhook.NewClient(o)
	t.Cleanup(c.Close)
	return c
}

func message(url string) *webhook.Message {
	return &webhook.Message{URL: url, ID: "m1", Body: []byte("{}"), Secrets: []webhook.Secret{webhook.NewSecret()}, MaxAnswer: 100}
}

// here are the names under which a server on this machine can be reached.
func here(port string) []string {
	return []string{
		"http://127.0.0.1:" + port, "http://localhost:" + port, "http://0.0.0.0:" + port, "http://[::1]:" + port,
		"http://[::ffff:127.0.0.1]:" + port, "http://[::]:" + port, "http://127.1.2.3:" + port,
		"http://[64:ff9b::7f00:1]:" + port, "http://[2002:7f00:1::]:" + port,
	}
}

// TestOwnMachineIsNotReached: whatever it is called, a service of this machine is
// not posted to.
func TestOwnMachineIsNotReached(t *testing.T) {
	t.Parallel()
	r := receive(t, func(http.ResponseWriter, *http.Request) {})
	_, port, err := net.SplitHostPort(r.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range here(port) {
		_, err := client(t).Post(t.Context(), message(url))
		forbidden, ok := errors.AsType[*webhook.ForbiddenError](err)
		if !ok || !strings.Contains(forbidden.Error(), "is not a public address") || webhook.Passing(err) {
			t.Errorf("%s: %v", url, err)
		}
	}
	if r.came.Load() != 0 {
		t.Error("it was reached all the same")
	}
	if _, err := client(t, "127.0.0.1/32").Post(t.Context(), message(r.URL)); err != nil {
		t.Errorf("it is allowed: %v", err)
	}
	if _, err := client(t, "127.0.0.0/8").Post(t.Context(), message("http://[::ffff:127.0.0.1]:"+port)); err != nil {
		t.Errorf("it is allowed, however it is written: %v", err)
	}
	if _, err := client(t, "10.0.0.0/8", "::1/128").Post(t.Context(), message(r.URL)); err == nil {
		t.Error("another network is allowed, and this one was reached")
	}
}

// TestAddresses are those that nobody on the Internet has, each forbidden before
// anything is sent.
func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
		"169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "198.18.0.1", "198.19.255.255", "198.51.100.7",
		"203.0.113.7", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::127.0.0.1", "::ffff:10.0.0.1",
		"fe80::1", "fc00::1", "fd12::1", "fec0::1", "ff02::1", "64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::1", "2002:7f00:1::",
		"2001::1", "2001:db8::1", "100::1", "3fff::1", "5f00::1",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		_, err := client(t).Post(ctx, message("http://"+net.JoinHostPort(text, "9")))
		cancel()
		if _, ok := errors.AsType[*webhook.ForbiddenError](err); !ok {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Public addresses are not forbidden: the context has ended, and that is all that
// keeps them from being dialled.
func TestPublicAddresses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.32.0.1", "192.1.0.1", "198.20.0.1", "223.255.255.1",
		"2606:4700::1111", "2a00::1", "64:ff9b::808:808", "2002:808:808::1",
	} {
		if err := webhook.Permit(netip.MustParseAddr(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// An IPv6 address that carries an IPv4 address is judged as that one.
func TestCarriedAddresses(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		four := netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address")))
		b := four.As4()
		want := webhook.Permit(four) == nil
		for _, text := range []string{
			"::ffff:" + four.String(), "64:ff9b::" + four.String(), fmt.Sprintf("2002:%02x%02x:%02x%02x::1", b[0], b[1], b[2], b[3]),
		} {
			if got := webhook.Permit(netip.MustParseAddr(text)) == nil; got != want {
				t.Fatalf("%v is permitted: %v; %s is: %v", four, want, text, got)
			}
		}
	})
}

// TestRedirects: no redirect leads anywhere, neither elsewhere nor back.
func TestRedirects(t *testing.T) {
	t.Parallel()
	inner := receive(t, func(http.ResponseWriter, *http.Request) {})
	for _, code := range []int{301, 302, 303, 307, 308} {
		outer := receive(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, inner.URL+"/x?secret=1", code) })
		_, err := client(t, "127.0.0.0/8").Post(t.Context(), message(outer.URL))
		status, ok := errors.AsType[*webhook.StatusError](err)
		if !ok || status.Code != code || status.Text != inner.URL+"/x" || !strings.Contains(err.Error(), "redirects are not followed") {
			t.Errorf("%d: %v", code, err)
		}
	}
	if inner.came.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

// A proxy that the environment names would be asked to go where the guard cannot
// look.
func TestNoProxy(t *testing.T) {
	proxy := receive(t, func(http.ResponseWriter, *http.Request) {})
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	_, err := client(t).Post(t.Context(), message("http://10.0.0.1/"))
	if _, ok := errors.AsType[*webhook.ForbiddenError](err); !ok || proxy.came.Load() != 0 {
		t.Errorf("%v, and the proxy was asked %d times", err, proxy.came.Load())
	}
}
