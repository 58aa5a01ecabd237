// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/patchbay-cx/patchbay/core/kit"
	"github.com/patchbay-cx/patchbay/core/strategy/process"
	"github.com/patchbay-cx/patchbay/core/strategy/shortlist"
	"github.com/patchbay-cx/patchbay/sdk/guest"
)

// processLanguages are the languages whose plugins are processes.
func processLanguages() []string {
	var list []string
	for _, lang := range guest.Languages() {
		if guest.Runtime(lang) == guest.RuntimeProcess {
			list = append(list, lang)
		}
	}
	return list
}

// eachProcess runs a parallel test for each of them whose tools are here.
func eachProcess(t *testing.T, test func(t *testing.T, lang string)) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and starts plugins in three languages, which takes minutes")
	}
	for _, lang := range processLanguages() {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			needs(t, lang)
			test(t, lang)
		})
	}
}

// unfetched skips the test if what a project is built with could not be
// fetched; with PATCHBAY_GUESTS=required it fails.
func unfetched(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	for _, words := range []string{"npm install", "could not be resolved", "Could not transfer", "Unknown host"} {
		if strings.Contains(err.Error(), words) && os.Getenv("PATCHBAY_GUESTS") != "required" {
			t.Skipf("its packages are not here, and cannot be fetched: %v", err)
		}
	}
	t.Fatal(err)
}

// scratch is a folder for what the tests of this run share.
var scratch string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "patchbay-guests-")
	if err != nil {
		panic(err)
	}
	scratch = folder
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// examples is what is built once for all tests; for each language a lock,
// because its tools work in one place.
var examples = map[string]*builtExample{
	"python": {}, "typescript": {}, "java": {},
}

type builtExample struct {
	mu   sync.Mutex
	path string
}

// example returns the built example of a language.
func example(t testing.TB, lang string) string {
	t.Helper()
	e := examples[lang]
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.path == "" {
		out := filepath.Join(scratch, "examples", lang+".plugin")
		unfetched(t, exampleProject(t, lang).Build(t.Context(), out))
		e.path = out
	}
	return e.path
}

func exampleProject(t testing.TB, lang string) guest.Project {
	t.Helper()
	project := guest.Project{Language: lang, Dir: "../../examples/" + lang + "-process", Cache: cache(t)}
	if lang == "java" {
		project.Cache = scratch // another run may build the same
	}
	return project
}

// tried tries a plugin against the contract.
func tried(t *testing.T, path string) *kit.Report {
	t.Helper()
	file, err := kit.Look(path)
	if err != nil {
		t.Fatal(err)
	}
	trial := kit.Trial{Runtime: shortlist.New(process.New(process.Options{})), File: file, Budget: time.Minute, Only: []string{"manifest", "snapshot", "deltas", "gaps", "unicode", "empty and extreme values", "ending"}}
	report, err := trial.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Cases) < 8 {
		t.Errorf("%d cases", len(report.Cases))
	}
	for _, c := range report.Cases {
		for _, finding := range c.Findings {
			t.Errorf("%s: %s", c.Name, finding)
		}
	}
	return report
}

// Each library's own tests, the golden frames among them.
func TestProcessLibraries(t *testing.T) {
	t.Parallel()
	folder, err := filepath.Abs(golden)
	if err != nil {
		t.Fatal(err)
	}
	eachProcess(t, func(t *testing.T, lang string) {
		unfetched(t, guest.RunLibrary(t.Context(), lang, cache(t), folder))
	})
}

// A new project of each language passes its own tests, builds, and what was
// built is what its manifest says.
func TestNewProcessProjects(t *testing.T) {
	t.Parallel()
	eachProcess(t, func(t *testing.T, lang string) {
		dir := filepath.Join(t.TempDir(), "my-plan")
		if err := guest.Write(lang, "my-plan", dir); err != nil {
			t.Fatal(err)
		}
		project := guest.Project{Language: lang, Dir: dir, Cache: cache(t)}
		if lang == "java" {
			project.Cache = "" // what is built here is of no use to another run
		}
		unfetched(t, project.Test(t.Context()))
		out := filepath.Join(t.TempDir(), "out", "plan")
		unfetched(t, project.Build(t.Context(), out))
		file, err := kit.Look(out)
		if err != nil {
			t.Fatal(err)
		}
		found, err := kit.Inspect(t.Context(), process.New(process.Options{}), file)
		if err != nil {
			t.Fatal(err)
		}
		if m := found.Manifest; m.Name != "my-plan" || !strings.Contains(m.SettingsSchema, "busy_seconds") || len(m.Reasons) != 1 {
			t.Errorf("its manifest is %+v", m)
		}
	})
}

// The examples pass their own tests.
func TestProcessExamples(t *testing.T) {
	t.Parallel()
	eachProcess(t, func(t *testing.T, lang string) {
		examples[lang].mu.Lock()
		defer examples[lang].mu.Unlock()
		unfetched(t, exampleProject(t, lang).Test(t.Context()))
	})
}

// The examples pass the conformance corpus, and decide alike in every language.
func TestProcessConformance(t *testing.T) { //nolint:tparallel // its one group is waited for, and its languages are parallel
	t.Parallel()
	var mu sync.Mutex
	var reports []*kit.Report
	t.Run("languages", func(t *testing.T) {
		eachProcess(t, func(t *testing.T, lang string) {
			report := tried(t, example(t, lang))
			report.Runtime = lang
			mu.Lock()
			reports = append(reports, report)
			mu.Unlock()
		})
	})
	for _, difference := range kit.Compare(reports) {
		t.Error(difference)
	}
	for _, report := range reports {
		if report.Decisions() < 20 {
			t.Errorf("%s: only %d decisions were compared", report.Runtime, report.Decisions())
		}
	}
}

// The same sources give the same file, so that a checksum can be told from them.
func TestProcessBuildsAlike(t *testing.T) {
	t.Parallel()
	eachProcess(t, func(t *testing.T, lang string) {
		first := example(t, lang)
		again := filepath.Join(t.TempDir(), "again")
		examples[lang].mu.Lock()
		defer examples[lang].mu.Unlock()
		unfetched(t, exampleProject(t, lang).Build(t.Context(), again))
		if a, b := sum(t, first), sum(t, again); a != b {
			t.Errorf("built twice: %s and %s", a, b)
		}
	})
}

func sum(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(content))
}
