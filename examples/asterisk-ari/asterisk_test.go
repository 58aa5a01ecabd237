// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	patchbayv1 "github.com/patchbay-cx/patchbay/sdk/proto/patchbay/v1"
)

// TestWithAsterisk makes a call through a real Asterisk. Callers and phones are
// local channels that its dialplan speaks for: ben's phone is busy, and anna's
// is answered and hung up after a second.
func TestWithAsterisk(t *testing.T) {
	program := cmp.Or(os.Getenv("ASTERISK"), "asterisk")
	if _, err := exec.LookPath(program); err != nil {
		t.Skip("skipped: Asterisk is not installed; the other tests try the same with an exchange of their own")
	}
	t.Setenv("ARI_USER", "patchbay")
	t.Setenv("ARI_PASSWORD", "a password of the test")
	at := asterisk(t, program)
	h := &house{t: t}
	address := h.serve()
	h.dial(address)
	h.adapt([]string{"-ari", at, "-host", address, "-phone", "Local/{agent}@phones/n", "-connect", "anna", "-connect", "ben", "-ring", "5s"})
	h.signIn("ben")
	parameters := url.Values{"endpoint": {"Local/caller@parked/n"}, "context": {"callers"}, "extension": {"sales"}, "priority": {"1"}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, at+"/ari/channels/c1?"+parameters.Encode(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.SetBasicAuth("patchbay", "a password of the test")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("Asterisk answers %s", response.Status)
	}
	h.declined("c1")
	h.signIn("anna")
	w := h.ends("c1")
	// Ben is asked again as long as there is nobody else.
	tries := w.GetAssignments()
	last := tries[len(tries)-1]
	for _, x := range tries[:len(tries)-1] {
		if x.GetAgent() != "ben" || x.GetReason() != "busy" {
			t.Errorf("%s gave it back because of %q", x.GetAgent(), x.GetReason())
		}
	}
	if w.GetState() != patchbayv1.WorkState_WORK_STATE_CLOSED || last.GetAgent() != "anna" || last.GetHandleTime().AsDuration() < 500*time.Millisecond {
		t.Errorf("the work is %v", w)
	}
}

// asterisk runs an Asterisk and returns the address of its HTTP server, once
// that answers.
func asterisk(t *testing.T, program string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "asterisk-") //nolint:usetesting // the name of its socket must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	for name, text := range map[string]string{
		"asterisk.conf": "[directories]\nastetcdir => " + dir + "\nastrundir => " + dir + "\nastlogdir => " + dir + "\nastspooldir => " + dir +
			"\nastdbdir => " + dir + "\n",
		"modules.conf":     "[modules]\nautoload=yes\nnoload => chan_sip.so\nnoload => chan_iax2.so\nnoload => chan_skinny.so\nnoload => chan_mgcp.so\nnoload => chan_unistim.so\nnoload => res_pjsip.so\nnoload => pbx_dundi.so\n",
		"logger.conf":      "[logfiles]\nfull => notice,warning,error\n",
		"http.conf":        fmt.Sprintf("[general]\nenabled=yes\nbindaddr=127.0.0.1\nbindport=%d\n", port),
		"ari.conf":         "[general]\nenabled=yes\n[patchbay]\ntype=user\nread_only=no\npassword=a password of the test\n",
		"musiconhold.conf": "[default]\nmode=files\ndirectory=" + dir + "\n",
		"extensions.conf": "[callers]\nexten => sales,1,Stasis(patchbay,sales)\n same => n,Hangup()\n" +
			"[phones]\nexten => anna,1,Answer()\n same => n,Wait(1)\n same => n,Hangup()\nexten => ben,1,Busy(1)\n" +
			"[parked]\nexten => caller,1,Answer()\n same => n,Wait(60)\n same => n,Hangup()\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(program, "-C", filepath.Join(dir, "asterisk.conf"), "-f", "-n")
	command.Stderr = t.Output()
	dieWith(command)
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	t.Cleanup(func() {
		command.Process.Signal(syscall.SIGTERM)
		<-ended
	})
	at := fmt.Sprintf("http://127.0.0.1:%d", port)
	for end := time.Now().Add(time.Minute); ; {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at+"/ari/asterisk/ping", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.SetBasicAuth("patchbay", "a password of the test")
		response, err := http.DefaultClient.Do(request)
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return at
			}
		}
		select {
		case err := <-ended:
			ended <- err
			log, _ := os.ReadFile(filepath.Join(dir, "full"))
			t.Fatalf("Asterisk ended: %v\n%s", err, log)
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(end) {
			log, _ := os.ReadFile(filepath.Join(dir, "full"))
			t.Fatalf("Asterisk does not answer: %v\n%s", err, log)
		}
	}
}
