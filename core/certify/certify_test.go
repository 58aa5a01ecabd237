// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package certify_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/certify"
	"github.com/patchbay-cx/patchbay/plugins/queue"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/serve"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "open sesame"

// openStand opens a stand on this machine.
func openStand(t testing.TB, config *tls.Config) *certify.Stand {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stand, err := certify.Open(listener, certify.StandOptions{Token: secret, TLS: config})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stand.Close(); err != nil {
			t.Error(err)
		}
	})
	return stand
}

// quick are options for tests: what is only waited for is short, and time is
// plentiful where it must not decide.
func quick(only ...string) certify.Options {
	return certify.Options{
		Budget: time.Minute, Deadline: time.Minute, Agents: 3000, Wait: 30 * time.Second, Patience: 20 * time.Second, Quiet: 2 * time.Second,
		Ping: 50 * time.Millisecond, Only: only,
	}
}

// runRouter runs a router until the test ends.
func runRouter(t testing.TB, run func(context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); run(ctx) }()
	t.Cleanup(func() { cancel(); <-done })
}

func runFaulty(t testing.TB, stand *certify.Stand, f faults) {
	t.Helper()
	router := &faulty{faults: f, url: stand.SocketURL(), strategy: stand.Strategy(), secret: secret}
	runRouter(t, router.run)
}

// runServed runs a plugin as a router over gRPC.
func runServed(t testing.TB, stand *certify.Stand, plugin route.Plugin) {
	t.Helper()
	runRouter(t, func(ctx context.Context) {
		_ = serve.Remote(ctx, plugin, serve.RouterOptions{ // it ends when it is refused
			Address: stand.Address(), Strategy: stand.Strategy(), Token: secret, Name: "served",
			BackoffFirst: 30 * time.Millisecond, BackoffMost: 300 * time.Millisecond,
		})
	})
}

func tried(t *testing.T, stand *certify.Stand, options certify.Options) *certify.Report {
	t.Helper()
	options.Each = func(r certify.Result) {
		var text bytes.Buffer
		_ = r.WriteText(&text)
		t.Log(strings.TrimSpace(text.String()))
	}
	report, err := certify.Run(t.Context(), stand, options)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// Good routers are certified: over either door, with either view.
func TestGoodRouters(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(testing.TB, *certify.Stand){
		"grpc":  func(t testing.TB, s *certify.Stand) { runServed(t, s, queue.Plugin()) },
		"board": func(t testing.TB, s *certify.Stand) { runFaulty(t, s, faults{deterministic: true}) },
		"candidates": func(t testing.TB, s *certify.Stand) {
			runFaulty(t, s, faults{view: route.ViewCandidates, deterministic: true})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stand := openStand(t, nil)
			start(t, stand)
			if testing.Short() {
				if report := tried(t, stand, quick("session", "turns", "leases", "connection")); !report.Certified {
					t.Error(report.Verdict())
				}
				return
			}
			report := tried(t, stand, quick())
			if !report.Certified || report.Failed+report.Warned > 0 {
				t.Error(report.Verdict())
			}
			if len(report.Results) != len(certify.Requirements()) {
				t.Errorf("%d requirements of %d", len(report.Results), len(certify.Requirements()))
			}
		})
	}
}

// Each planted fault is found by the requirement that is about it.
func TestFaultsAreFound(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		requirement string
		faults      faults
		words       string
		slow        bool
	}{
		{"lead", faults{neverConfigured: true}, "in time", false},
		{"pong", faults{mute: true}, "not answered by a pong", false},
		{"unknown", faults{strict: true}, "hangs up", false},
		{"stale-revisions", faults{oldRevisions: true}, "stale", true},
		{"eligibility", faults{overfills: true}, "does not hold", true},
		{"once", faults{answersTwice: true}, "2 times", false},
		{"late", faults{sulks: true}, "proposes nothing", false},
		{"rubbish", faults{diesOfRubbish: true}, "not dial again", false},
		{"new-lease", faults{keepsItsBoard: true}, "under a new lease, it proposes nothing", false},
		{"old-lease", faults{blindToLeases: true}, "which is over", false},
		{"lost-idle", faults{givesUp: true}, "does not dial again", false},
		{"lost-answer", faults{calculatesAnew: true}, "otherwise than before", false},
		{"resume", faults{begetsAnother: true}, "says lease", false},
		{"backoff", faults{hammers: true}, "are many", false},
		{"silence", faults{deaf: true}, "says nothing", false},
		{"clock", faults{ownClock: true}, "the year 2055", false},
		{"determinism", faults{rolls: true, deterministic: true}, "not deterministic", true},
		{"reasons", faults{inventsReasons: true}, "the reason 7", false},
		{"budget", faults{slow: true}, "are granted", true},
		{"refused", faults{insists: true}, "dials again", false},
	} {
		t.Run(test.requirement, func(t *testing.T) {
			t.Parallel()
			if test.slow && testing.Short() {
				t.Skip("it plays whole days")
			}
			stand := openStand(t, nil)
			runFaulty(t, stand, test.faults)
			options := quick(test.requirement, "lead")
			switch test.requirement {
			case "budget":
				options.Budget = 300 * time.Millisecond
			case "lead", "pong", "rubbish", "lost-idle", "unknown":
				options.Patience = time.Second
			}
			report := tried(t, stand, options)
			at := slices.IndexFunc(report.Results, func(r certify.Result) bool { return r.ID == test.requirement })
			if at < 0 {
				t.Fatal("it was not tried")
			}
			got := report.Results[at]
			if got.Outcome != certify.Failed || !strings.Contains(strings.Join(got.Findings, "\n"), test.words) {
				t.Errorf("%s %q, want a finding with %q", got.Outcome, got.Findings, test.words)
			}
			if (got.Level == certify.Must) == report.Certified {
				t.Errorf("certified: %v", report.Certified)
			}
		})
	}
}

func TestNobodyDials(t *testing.T) {
	t.Parallel()
	stand := openStand(t, nil)
	options := quick()
	options.Wait = time.Millisecond
	report := tried(t, stand, options)
	if report.Certified || report.Failed != 1 || report.Skipped != len(certify.Requirements())-1 {
		t.Error(report.Verdict())
	}
	if !strings.Contains(report.Results[0].Findings[0], "no router has said hello") {
		t.Error(report.Results[0].Findings)
	}
}

func TestWrongToken(t *testing.T) {
	t.Parallel()
	stand := openStand(t, nil)
	router := &faulty{url: stand.SocketURL(), strategy: stand.Strategy(), secret: "open barley"}
	runRouter(t, router.run)
	report := tried(t, stand, quick("hello"))
	if report.Certified || !strings.Contains(report.Results[0].Findings[0], "unauthenticated") {
		t.Error(report.Results)
	}
}

// The doors are the same behind a certificate.
func TestTLS(t *testing.T) {
	t.Parallel()
	site := httptest.NewTLSServer(http.NotFoundHandler())
	defer site.Close()
	pool := x509.NewCertPool()
	pool.AddCert(site.Certificate())
	trusting := &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	stand := openStand(t, &tls.Config{Certificates: site.TLS.Certificates, MinVersion: tls.VersionTLS12})
	runRouter(t, func(ctx context.Context) {
		_ = serve.Remote(ctx, queue.Plugin(), serve.RouterOptions{
			Address: stand.Address(), Strategy: stand.Strategy(), Token: secret, TLS: trusting, BackoffFirst: 30 * time.Millisecond,
		})
	})
	if report := tried(t, stand, quick("lead", "lost-ask")); !report.Certified || report.Door != "grpc" {
		t.Error(report.Verdict())
	}
	other := openStand(t, &tls.Config{Certificates: site.TLS.Certificates, MinVersion: tls.VersionTLS12})
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: trusting}}
	defer client.CloseIdleConnections()
	router := &faulty{url: other.SocketURL(), strategy: other.Strategy(), secret: secret, client: client}
	runRouter(t, router.run)
	if report := tried(t, other, quick("lead", "lost-ask")); !report.Certified || report.Door != "websocket" {
		t.Error(report.Verdict())
	}
}

// Two routers: the one that stands by takes over.
func TestStandby(t *testing.T) {
	t.Parallel()
	stand := openStand(t, nil)
	runServed(t, stand, queue.Plugin())
	runServed(t, stand, queue.Plugin())
	options := quick("lead", "leases", "lost-idle")
	options.Quiet = time.Minute // however long the second one takes to dial
	report := tried(t, stand, options)
	if report.Failed > 0 || report.Skipped > 0 {
		t.Error(report.Verdict())
	}
}

func TestJUnit(t *testing.T) {
	t.Parallel()
	stand := openStand(t, nil)
	runFaulty(t, stand, faults{inventsReasons: true, begetsAnother: true})
	report := tried(t, stand, quick("session", "reasons", "resume", "standby"))
	var text bytes.Buffer
	if err := report.WriteJUnit(&text); err != nil {
		t.Fatal(err)
	}
	var read struct {
		Tests    int `xml:"tests,attr"`
		Failures int `xml:"failures,attr"`
		Skipped  int `xml:"skipped,attr"`
	}
	if err := xml.Unmarshal(text.Bytes(), &read); err != nil || read.Tests != 7 || read.Failures != 1 || read.Skipped != 2 {
		t.Errorf("%v %+v\n%s", err, read, &text)
	}
}

func TestRequirementsAreWhole(t *testing.T) {
	t.Parallel()
	ids := map[string]bool{}
	for _, r := range certify.Requirements() {
		if ids[r.ID] || r.ID == "" || r.Group == "" || r.Text == "" || r.Fix == "" || r.Level != certify.Must && r.Level != certify.Should {
			t.Errorf("%+v", r)
		}
		ids[r.ID] = true
	}
}
