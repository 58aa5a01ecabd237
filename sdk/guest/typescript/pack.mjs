// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Packs a plugin into one file that runs by itself, or runs tests:
//
//     node pack.mjs src/main.ts NAME.cjs
//     node pack.mjs --test src
//
// Everything the program imports goes into the file, behind lines that start
// Node. The same sources give the same bytes, so that the checksum which the
// host's config pins can be told from the source.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";

// The bundler is the project's own, wherever this script lies.
const { build } = createRequire(join(process.cwd(), "package.json"))("esbuild");
const options = { bundle: true, platform: "node", target: "node20", format: "cjs", legalComments: "none", logLevel: "warning" };

// To the shell the second line starts Node, from the usual places: the
// environment is empty in a plugin. To Node it says nothing.
const head = `#!/bin/sh
":" //; PATH=/usr/local/bin:/usr/bin:/bin exec node "$0" "$@"`;

async function pack(entry, out) {
  await build({ ...options, entryPoints: [entry], outfile: out, banner: { js: head } });
  chmodSync(out, 0o755);
}

/** Runs every *.test.ts of a folder. */
async function test(folder) {
  const entryPoints = readdirSync(folder).filter((f) => f.endsWith(".test.ts")).map((f) => join(folder, f));
  const outdir = mkdtempSync(join(tmpdir(), "patchbay-test-"));
  try {
    await build({ ...options, entryPoints, outdir, outExtension: { ".js": ".cjs" }, sourcemap: "inline" });
    const files = readdirSync(outdir).map((f) => join(outdir, f));
    process.exitCode = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...files], { stdio: "inherit" }).status ?? 1;
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

const [first, second] = process.argv.slice(2);
if (!first || !second) {
  console.error("usage: node pack.mjs ENTRY FILE, or node pack.mjs --test FOLDER");
  process.exitCode = 2;
} else {
  await (first === "--test" ? test(second) : pack(first, second));
}
