// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
)

//go:embed java/src/main java/template
var javaFiles embed.FS

func java() language {
	const install = "Install a JDK of 17 or later and Maven, on Debian by: apt-get install openjdk-17-jdk-headless maven"
	return language{
		name: "java", runtime: RuntimeProcess, files: javaFiles,
		sdk: []string{"src/main"}, vendored: ".",
		marks: []string{"pom.xml", "start.sh"},
		tools: []Tool{{Name: "javac", Install: install, check: isJDK17}, {Name: "mvn", Install: install}},
		build: buildJava,
		test: func(ctx context.Context, j job) error {
			return j.maven(ctx, "test")
		},
	}
}

var javaVersion = regexp.MustCompile(`^javac (\d+)`)

// isJDK17 checks that the compiler knows the language as of 17.
func isJDK17(ctx context.Context, javac string) error {
	out, err := exec.CommandContext(ctx, javac, "-version").CombinedOutput()
	if err != nil {
		return err
	}
	found := javaVersion.FindSubmatch(out)
	if found == nil {
		return fmt.Errorf("it says %q of its version", out)
	}
	if major, err := strconv.Atoi(string(found[1])); err != nil || major < 17 {
		return errors.New("it is older than 17")
	}
	return nil
}

func (j job) maven(ctx context.Context, args ...string) error {
	return j.run(ctx, j.Dir, mavenOptions(), "mvn", append([]string{"-q", "-B", "-Dwork=" + j.javaWork()}, args...)...)
}

// mavenOptions has Maven start faster, if nobody has other wishes: it is done
// before the better compiler pays.
func mavenOptions() []string {
	if os.Getenv("MAVEN_OPTS") != "" {
		return nil
	}
	return []string{"MAVEN_OPTS=-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}
}

// javaWork returns where Maven puts what it builds.
func (j job) javaWork() string { return j.keepApart("java", "target") }

func buildJava(ctx context.Context, j job) error {
	if err := j.maven(ctx, "package", "-DskipTests"); err != nil {
		return err
	}
	built := filepath.Join(j.javaWork(), "plugin.run")
	if err := copyFile(built, j.Out); err != nil {
		return err
	}
	return os.Chmod(j.Out, 0o755) //nolint:gosec // it is a program
}
