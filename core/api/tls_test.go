// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package api_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"math/big"
	"net"
	"net/http"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"

	"github.com/patchbay-cx/patchbay/core/api"
	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

func isInsecure(err error) bool { return errors.Is(err, api.ErrInsecure) }

// testTLS makes a certificate for 127.0.0.1.
func testTLS(t *testing.T) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// trusting returns what a client needs to trust the certificate.
func trusting(t *testing.T, config *tls.Config) *tls.Config {
	t.Helper()
	cert, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{RootCAs: pool}
}

func TestBothProtocolsOnOnePortWithTLS(t *testing.T) {
	t.Parallel()
	config := testTLS(t)
	p := serve(t, api.Options{Keys: keys(), TLS: config}).as("root")
	client := patchbayv1.NewHostServiceClient(p.dial(grpc.WithTransportCredentials(credentials.NewTLS(trusting(t, config)))))
	if state, err := client.GetStatus(p.ctx(), &patchbayv1.GetStatusRequest{}); err != nil || state.GetWorkspace() != "test" {
		t.Errorf("over gRPC: %v, %v", state, err)
	}
	// One client offers HTTP/1.1 alone, the other HTTP/2 as well: both get
	// REST.
	for _, both := range []bool{false, true} {
		transport := &http.Transport{TLSClientConfig: trusting(t, config), ForceAttemptHTTP2: both}
		defer transport.CloseIdleConnections()
		r := p.request("GET", "/v1/status", "")
		r.URL.Scheme = "https"
		response, err := (&http.Client{Transport: transport}).Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusOK || response.Proto != "HTTP/1.1" {
			t.Errorf("over REST: %s %s", response.Proto, response.Status)
		}
	}
	response, err := p.http.Do(p.request("GET", "/v1/status", ""))
	if err == nil {
		_ = response.Body.Close()
		t.Errorf("in the clear: %s", response.Status)
	}
}

func TestOthersAreServedWithTLSAndKeys(t *testing.T) {
	t.Parallel()
	config := testTLS(t)
	server, err := api.New(openWorkspace(t), api.Options{Keys: keys(), TLS: config})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	p := serving(t, server, listener).as("root")
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	p.addr = net.JoinHostPort("127.0.0.1", port)
	client := patchbayv1.NewHostServiceClient(p.dial(grpc.WithTransportCredentials(credentials.NewTLS(trusting(t, config)))))
	if _, err := client.GetStatus(p.ctx(), &patchbayv1.GetStatusRequest{}); err != nil {
		t.Error(err)
	}
}

// A connection that says nothing, or nonsense, is no concern of the others.
func TestStrangeConnections(t *testing.T) {
	t.Parallel()
	p := serve(t, api.Options{})
	for _, hello := range []string{"", "P", "PR", "PRI * HTTP/2.0\r\n\r\n", "\x16\x03\x01\x00", "GET", "GET / HTTP/9.9\r\n\r\n"} {
		conn, err := net.Dial("tcp", p.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write([]byte(hello)); err != nil {
			t.Fatal(err)
		}
	}
	p.call("GET", "/v1/status", "")
}
