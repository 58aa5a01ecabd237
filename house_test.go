// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Package patchbay_test holds what is true of the whole repository: who may
// import whom, and that the README's blocks work.
package patchbay_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/patchbay-cx/patchbay/"

// may says which of our own packages a room may import besides its own. Rooms
// are matched by the longest prefix.
var may = []struct {
	room    string
	imports []string
	reason  string
}{
	{"sdk/route", nil, "an author who imports the contract pulls in the standard library only"},
	{"sdk/match", []string{"sdk/route"}, "ordering and selection know boards, and nothing of how turns come"},
	{"sdk/serve", []string{"sdk/route", "sdk/proto/patchbay/strategy"}, "carries the contract, whichever the strategy"},
	{"sdk/routetest/misbehaving", []string{"sdk/match", "sdk/route", "sdk/serve/abi", "sdk/proto/patchbay/strategy"}, "misbehaves as a third party's plugin would, below sdk/serve too"},
	{"sdk/routetest", []string{"sdk/route"}, "tries any strategy by the contract alone"},
	{"sdk/client", []string{"sdk/proto/patchbay/v1"}, "a client knows the public API, as anybody's would"},
	{"sdk/proto", nil, "messages know nobody"},
	{"plugins", []string{"sdk"}, "the built-in strategies prove that the SDK suffices"},
	{"examples", []string{"sdk"}, "examples show what a third party can do"},
	{"core/engine", []string{"sdk/route"}, "the engine is a pure machine and shares one rule with strategies"},
	{"core/journal", nil, "the journal keeps records and does not know what they say"},
	{"core/strategy", []string{"core/engine", "core/giveway", "core/near", "sdk/route"}, "the desk stands between engine and strategies"},
	{"core/kit", []string{"core/strategy", "sdk/route", "sdk/routetest"}, "authors' plugins are tried by the host's own runtimes, and by the contract alone"},
	{"core/certify", []string{"core/kit", "core/strategy", "core/webhook", "sdk/proto/patchbay/strategy", "sdk/route", "sdk/routetest"}, "a vendor's router is tried by the host's own doors and by the contract alone"},
	{"core/kit/linked", []string{"core/bench", "core/kit", "core/strategy", "sdk/route"}, "a program with a plugin linked in tries and measures it beside its files, whatever the plugin"},
	{"core/kit/registry", nil, "a registry keeps files, and knows not what runs them"},
	{"core/strategy/shortlist", []string{"core/strategy", "sdk/match", "sdk/route"}, "stands between desk and runtimes, and knows neither state nor carriers"},
	{"core/strategy/smoke", []string{"core/strategy", "sdk/route", "sdk/routetest"}, "plugins are tried by the contract before they are employed, whatever carries them"},
	{"core/strategy/builtin", []string{"core/strategy", "sdk/route"}, "a runtime carries turns and knows no state"},
	{"core/strategy/process", []string{"core/strategy", "sdk/route", "sdk/serve", "sdk/proto/patchbay/strategy"}, "a runtime carries turns and knows no state"},
	{"core/strategy/wasm", []string{"core/strategy", "sdk/route", "sdk/serve"}, "a runtime carries turns and knows no state"},
	{"core/strategy/handshake", []string{"sdk/route", "sdk/proto/patchbay/strategy"}, "what host and strategy say of themselves, whatever carries it"},
	{"core/strategy/remote", []string{"core/strategy", "sdk/route", "sdk/proto/patchbay/strategy"}, "a runtime carries turns and knows no state"},
	{"core/strategy/remote/local", []string{"core/strategy", "sdk/route", "sdk/serve", "sdk/proto/patchbay/strategy"}, "a plugin's executable as a router, without a host"},
	{"core/strategy/remote/document", []string{"sdk/route", "sdk/proto/patchbay/strategy"}, "a document says what a message says, and knows not how it is carried"},
	{"core/strategy/remote/socket", []string{"core/strategy/remote", "sdk/proto/patchbay/strategy"}, "carries documents between router and doors, and knows neither who may come in nor what is decided"},
	{"core/strategy/remote/jsonrouter", []string{"core/strategy/remote/document", "sdk/route"}, "a router knows documents and the contract, and not the host"},
	{"core/strategy/remote/feed", []string{"core/strategy/remote", "sdk/route", "sdk/proto/patchbay/strategy"}, "plays a router towards the doors, and knows neither state nor HTTP"},
	{"core/strategy/remote/webhook", []string{"core/strategy/remote", "core/webhook", "sdk/route", "sdk/proto/patchbay/strategy"}, "plays a router towards the doors, and knows neither state nor vendor"},
	{"core/webhook", nil, "signs and carries messages, whatever they say"},
	{"core/webhook/filter", []string{"core/engine", "core/near"}, "picks events, whatever is done with them"},
	{"core/webhook/outbound", []string{"core/engine", "core/webhook"}, "posts events, and knows not how they are written"},
	{"core/webhook/reservation", []string{"core/engine", "core/host", "core/webhook"}, "posts offers, and has done what is answered"},
	{"core/intake", []string{"core/engine"}, "conditions are evaluated before a command is decided, and replays need none"},
	{"core/bench", []string{"core/engine", "core/host", "core/journal", "core/sim", "core/strategy", "sdk/match", "sdk/proto/patchbay/strategy", "sdk/route", "sdk/routetest", "sdk/serve"}, "strategies are measured by the contract, beside bare carriers, and in whole workspaces with a journal; what is measured does not know it"},
	{"core/bench/stub", []string{"sdk/route", "sdk/serve"}, "the stub is a strategy as anybody's, packaged as one"},
	{"core/bench/wire", nil, "messages know nobody"},
	{"core/host", []string{"core/engine", "core/giveway", "core/intake", "core/journal", "core/strategy", "sdk/route"}, "the loop joins engine, intake, journal and strategies"},
	{"core/sim", []string{"core/engine", "core/intake", "core/strategy", "sdk/route"}, "virtual time knows neither journal nor connections"},
	{"core/sim/calllog", nil, "reading logs needs nobody"},
	{"core/giveway", nil, "pauses need not know what pauses"},
	{"core/near", nil, "finding what was meant needs no names of our own"},
	{"core/sim/scenario", []string{"core/engine", "core/near", "core/sim", "core/strategy", "sdk/route"}, "described days are played in virtual time, whatever the strategy"},
	{"core/sim/compare", []string{"core/sim/scenario"}, "what is compared are results, whoever made them"},
	{"core/sim/replay", []string{"core/engine", "core/strategy", "core/sim/calllog", "core/sim/scenario"}, "a log becomes a scenario, which is played as any other"},
	{"core/sim/verify", []string{"core/engine", "core/strategy", "sdk/route"}, "the past is done again by the engine and the desk, whoever has its events"},
	{"core/sim/report", []string{"core/sim/compare", "core/sim/scenario"}, "a page shows results, and knows not where they come from"},
	{"core/api", []string{"core/engine", "core/host", "core/strategy", "core/webhook", "sdk/route", "sdk/proto"}, "the door shows the host to the outside"},
	{"core/drive", []string{"core/sim/calllog", "sdk/proto/patchbay/v1"}, "load comes through the public API, as anybody's would"},
	{"config", []string{"core/engine", "core/giveway", "core/intake", "core/near", "core/strategy", "core/webhook", "sdk/route"}, "configuration turns a file into what engine and desk take, and says where an expression is wrong"},
	{"cmd", []string{"config", "core", "plugins", "sdk"}, "commands wire everything together; nobody imports them"},
}

// alone names outside modules that only one room may import.
var alone = map[string][]string{
	"github.com/hashicorp/go-plugin": {"core/strategy/process", "sdk/serve", "sdk/routetest/misbehaving/plugin"},
	"github.com/tetratelabs/wazero":  {"core/strategy/wasm"},
	"github.com/nats-io/":            {"core/journal"},
	"github.com/coder/websocket":     {"core/strategy/remote/socket", "core/strategy/remote/jsonrouter"},
	"cel.dev/":                       {"core/intake", "core/webhook/filter"},
	"oras.land/":                     {"core/kit/registry"},
}

// pure names rooms that must not reach for clocks, randomness or I/O.
var pure = map[string][]string{
	"core/engine": {"os", "io", "log", "log/slog", "net", "time", "math/rand", "math/rand/v2", "sync"},
	"plugins":     {"time", "math/rand", "os"},
	"sdk/match":   {"time", "math/rand", "os"},
}

// calendar is the one file of a pure room that needs package time: opening hours
// are on the wall clock of a place. It reads no clock.
const calendar = "core/engine/hours.go"

func TestTheCalendarReadsNoClock(t *testing.T) {
	t.Parallel()
	parsed, err := parser.ParseFile(token.NewFileSet(), calendar, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	allowed := []string{"Date", "DateOnly", "Time", "UnixMilli", "LoadLocation", "Location", "Parse", "UTC", "Weekday"}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if call, ok := n.(*ast.SelectorExpr); ok {
			if of, ok := call.X.(*ast.Ident); ok && of.Name == "time" && !slices.Contains(allowed, call.Sel.Name) {
				t.Errorf("%s uses time.%s", calendar, call.Sel.Name)
			}
		}
		return true
	})
}

func TestDirectionOfImports(t *testing.T) {
	t.Parallel()
	for _, file := range sources(t) {
		room := filepath.ToSlash(filepath.Dir(file.path))
		for _, path := range file.imports {
			if path == "time" && filepath.ToSlash(file.path) == calendar {
				continue
			}
			if why := forbidden(room, path); why != "" {
				t.Errorf("%s imports %s: %s", file.path, path, why)
			}
		}
	}
}

// forbidden says why the room may not import the path; empty if it may.
func forbidden(room, path string) string {
	for name, list := range pure {
		if within(room, name) && slices.Contains(list, path) {
			return name + " gets time, seed and state as arguments"
		}
	}
	for outside, rooms := range alone {
		if strings.HasPrefix(path, outside) && !slices.ContainsFunc(rooms, func(r string) bool { return within(room, r) }) {
			return "only " + strings.Join(rooms, " and ") + " may"
		}
	}
	if within(room, "sdk/route") && strings.Contains(path, ".") {
		return "the contract is standard library only"
	}
	ours, ok := strings.CutPrefix(path, module)
	if !ok {
		return ""
	}
	best := -1
	for i := range may {
		if within(room, may[i].room) && (best < 0 || len(may[i].room) > len(may[best].room)) {
			best = i
		}
	}
	if best < 0 {
		return "no rule says what " + room + " may import"
	}
	if within(ours, may[best].room) || slices.ContainsFunc(may[best].imports, func(r string) bool { return within(ours, r) }) {
		return ""
	}
	return may[best].reason
}

func within(path, room string) bool { return path == room || strings.HasPrefix(path, room+"/") }

type source struct {
	path    string
	imports []string
}

// sources returns the module's Go files but for tests, which may try the real
// thing wherever it lives.
func sources(t *testing.T) []source {
	t.Helper()
	var files []source
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			return skip(path, entry.Name())
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		file := source{path: path}
		for _, spec := range parsed.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			file.imports = append(file.imports, name)
		}
		files = append(files, file)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 50 {
		t.Fatalf("found %d Go files: is this the repository's root?", len(files))
	}
	return files
}

// skip leaves out hidden folders, test data, and modules of their own.
func skip(path, name string) error {
	if path == "." {
		return nil
	}
	if strings.HasPrefix(name, ".") || name == "testdata" {
		return filepath.SkipDir
	}
	if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil {
		return filepath.SkipDir
	}
	return nil
}
