// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"context"
	"fmt"
	"path/filepath"
)

// CompileAssemblyScript compiles an entry file of a folder into a module.
func CompileAssemblyScript(ctx context.Context, dir, cache, entry, out string) error {
	_, j, err := Project{Language: "assemblyscript", Dir: dir, Cache: cache}.job(ctx)
	if err != nil {
		return err
	}
	return j.asc(ctx, "assembly/guest/patchbay_abort", entry, "--debug", "--outFile", out)
}

// RunLibrary runs the own tests of a library whose plugins are processes, with
// the golden frames of a folder.
func RunLibrary(ctx context.Context, lang, cache, golden string) error {
	_, j, err := Project{Language: lang, Dir: lang, Cache: cache}.job(ctx)
	if err != nil {
		return err
	}
	env := []string{"PATCHBAY_GOLDEN=" + golden}
	switch lang {
	case "python":
		return j.run(ctx, j.Dir, append(env, j.python()...), "python3", "-m", "unittest", "discover", "-s", "tests")
	case "typescript":
		modules, err := j.nodeModules(ctx)
		if err != nil {
			return err
		}
		tsc := filepath.Join(modules, "typescript", "bin", "tsc")
		if err := j.run(ctx, j.Dir, nil, "node", tsc, "-p", ".", "--typeRoots", filepath.Join(modules, "@types")); err != nil {
			return err
		}
		return j.run(ctx, j.Dir, append(env, "NODE_PATH="+modules), "node", "pack.mjs", "--test", "tests")
	case "java":
		return j.run(ctx, j.Dir, append(env, mavenOptions()...), "mvn", "-q", "-B", "-Dwork="+j.javaWork(), "test")
	default:
		return fmt.Errorf("no tests of %s are known here", lang)
	}
}
