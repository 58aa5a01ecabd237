// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/patchbay-cx/patchbay/core/strategy"
	"github.com/patchbay-cx/patchbay/sdk/route"
	"github.com/patchbay-cx/patchbay/sdk/routetest/misbehaving"
)

// hostKey tells the test binary to be a host that starts the plugin it names.
const hostKey = "PATCHBAY_TEST_HOST"

// built is where the test plugins are built.
var built string

func TestMain(m *testing.M) {
	if source := os.Getenv(hostKey); source != "" {
		beHost(source)
		return
	}
	dir, err := os.MkdirTemp("", "pb")
	if err != nil {
		panic(err)
	}
	built = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// beHost starts a plugin that starts a process of its own, tells the numbers of
// both, and waits to be killed.
func beHost(source string) {
	in, _, err := New(Options{}).Start(context.Background(), strategy.Spec{
		Name: "orphan", Source: source, SHA256: checksum(source), Settings: misbehaving.Settings{Way: "leaves_a_child"}.JSON(),
	}, 5)
	if err == nil {
		err = in.Turn(context.Background(), snapshot(1, 1), new(route.Reply))
	}
	if err != nil {
		fmt.Println("error", err)
		return
	}
	pid := in.(*instance).child.cmd.Process.Pid
	fmt.Println(pid, descendants(pid))
	select {}
}

var (
	rogue  = sync.OnceValues(func() (string, error) { return build("../testdata/rogue") })
	raw    = sync.OnceValues(func() (string, error) { return build("../testdata/rawprocess") })
	misfit = sync.OnceValues(func() (string, error) { return build("../../../sdk/routetest/misbehaving/plugin") })
)

func build(source string) (string, error) {
	path := filepath.Join(built, filepath.Base(source))
	out, err := exec.Command("go", "build", "-o", path, source).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build %s: %w\n%s", source, err, out)
	}
	return path, nil
}

// misfitSpec is a plugin that misbehaves in a way, always.
func misfitSpec(t testing.TB, way string) strategy.Spec {
	t.Helper()
	path, err := misfit()
	if err != nil {
		t.Fatal(err)
	}
	return strategy.Spec{
		Name: "misfit", Runtime: "process", Source: path, SHA256: checksum(path), Settings: misbehaving.Settings{Way: way}.JSON(),
	}
}

func checksum(path string) string {
	content, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// rogueSpec is a rogue that misbehaves in a mode, in a turn; 0 means each.
func rogueSpec(t testing.TB, mode string, at int) strategy.Spec {
	t.Helper()
	path, err := rogue()
	if err != nil {
		t.Fatal(err)
	}
	return strategy.Spec{
		Name: "rogue", Runtime: "process", Source: path, SHA256: checksum(path),
		Settings: fmt.Appendf(nil, `{"mode":%q,"at":%d}`, mode, at),
	}
}

func rawSpec(t testing.TB, mode string) strategy.Spec {
	t.Helper()
	path, err := raw()
	if err != nil {
		t.Fatal(err)
	}
	return strategy.Spec{Name: "raw", Runtime: "process", Source: path, SHA256: checksum(path), Args: []string{mode}}
}

func mustStart(t testing.TB, r *Runtime, spec strategy.Spec) *instance {
	t.Helper()
	in, _, err := r.Start(context.Background(), spec, 5)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close() })
	return in.(*instance)
}

// snapshot is turn seq with n pieces of waiting work.
func snapshot(seq uint64, n int) *route.Turn {
	turn := &route.Turn{Epoch: 5, Seq: seq, Kind: route.KindSnapshot, Now: 1_700_000_000_000, Seed: seq}
	for i := range n {
		turn.Work = append(turn.Work, route.Work{Ref: uint32(i), Gen: 1, Revision: 1, State: route.WorkWaiting})
	}
	return turn
}
