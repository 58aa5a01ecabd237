// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package report_test

import (
	"context"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestPicture has a browser draw the page, in light, in dark and on paper: it
// must be ink on paper, the other way round, and a document.
func TestPicture(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("skipped: it starts a browser; leave out -short")
	}
	browser, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("skipped: there is no chromium here to draw the page; apt-get install chromium")
	}
	dir := t.TempDir()
	page := filepath.Join(dir, "run.html")
	if err := os.WriteFile(page, pages(t)["run"], 0o600); err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]struct {
		scheme string
		bright bool // the paper
	}{"light": {"1", true}, "dark": {"0", false}} {
		file := filepath.Join(dir, name+".png")
		draw(t, browser, dir, page, "--screenshot="+file, "--window-size=1000,900", "--blink-settings=preferredColorScheme="+mode.scheme)
		paper, ink := brightness(t, file)
		if paper > 200 != mode.bright || ink < 0.005 || ink > 0.5 {
			t.Errorf("%s: the paper's brightness is %d of 255, and %.1f %% of it are inked", name, paper, 100*ink)
		}
	}
	paper := filepath.Join(dir, "run.pdf")
	draw(t, browser, dir, page, "--print-to-pdf="+paper)
	if data, err := os.ReadFile(paper); err != nil || len(data) < 20_000 || string(data[:5]) != "%PDF-" {
		t.Errorf("on paper it is %d bytes: %v", len(data), err)
	}
}

// draw runs the browser, without network and without a profile of anybody's.
func draw(t *testing.T, browser, dir, page string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute) // so that a hang shows where
	defer cancel()
	all := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run",
		"--proxy-server=127.0.0.1:9", "--user-data-dir=" + filepath.Join(dir, "profile"),
	}, args...)
	cmd := exec.CommandContext(ctx, browser, append(all, "file://"+page)...)
	cmd.Env = append(os.Environ(), "HOME="+dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

// brightness returns that of the upper left corner, and which share of the
// picture is far from it.
func brightness(t *testing.T, file string) (paper int, ink float64) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	picture, err := png.Decode(f)
	if err != nil {
		t.Fatal(err)
	}
	at := func(x, y int) int {
		r, g, b, _ := picture.At(x, y).RGBA()
		return int((r + g + b) / 3 >> 8)
	}
	paper = at(1, 1)
	bounds, inked := picture.Bounds(), 0
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			if off := at(x, y) - paper; off > 60 || off < -60 {
				inked++
			}
		}
	}
	return paper, float64(inked) / float64(area(bounds))
}

func area(r image.Rectangle) int { return r.Dx() * r.Dy() }
