// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Holds the library against the golden frames: run.mjs MODULE FOLDER.
import assert from "node:assert/strict";
import { readFile, readdir } from "node:fs/promises";
import path from "node:path";

let exported, lines = [];
const log = (level, at, n) => lines.push(new TextDecoder().decode(new Uint8Array(exported.memory.buffer, at, n)));
const { instance } = await WebAssembly.instantiate(await readFile(process.argv[2]), { patchbay: { log } });
exported = instance.exports;

/** Calls an export with a frame; what it logs is in lines. */
function give(name, bytes) {
  lines = [];
  const at = exported.patchbay_buffer(bytes.length);
  new Uint8Array(exported.memory.buffer, at, bytes.length).set(bytes);
  try {
    return exported[name](at, bytes.length);
  } catch (error) {
    throw new Error(`${name}: ${error.message}: ${lines.at(-1) ?? ""}`);
  }
}

function flatten(at, value, out) {
  if (Array.isArray(value)) value.forEach((v, i) => flatten(`${at}[${i}]`, v, out));
  else if (typeof value === "object") for (const [k, v] of Object.entries(value)) flatten(at === "" ? k : `${at}.${k}`, v, out);
  else out.push(`${at}=${value}`);
  return out;
}

/** The frame as a newer host would write it: a longer header, and longer rows. */
function lengthen(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const sections = view.getUint16(12, true), more = 8;
  const out = [...bytes.slice(0, 64), ...Array(more).fill(0xaa), ...bytes.slice(64, 64 + 16 * sections)];
  const put = (at, n, v) => { for (let i = 0; i < n; i++) out[at + i] = (v >>> (8 * i)) & 0xff; };
  put(4, 2, 64 + more);
  for (let i = 0; i < sections; i++) {
    const from = 64 + 16 * i, table = view.getUint16(from, true), stride = view.getUint16(from + 4, true);
    const count = view.getUint32(from + 8, true), at = view.getUint32(from + 12, true);
    const tail = table === 14 || table === 15 ? 0 : more;
    put(from + more + 4, 2, stride + tail);
    put(from + more + 12, 4, out.length);
    for (let r = 0; r < count; r++) out.push(...bytes.slice(at + r * stride, at + (r + 1) * stride), ...Array(tail).fill(0xbb));
    while (out.length % 8 !== 0) out.push(0);
  }
  put(8, 4, out.length);
  return Uint8Array.from(out);
}

let state = 12345;
const random = (n) => (state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff) % n;

const folder = process.argv[3];
const names = (await readdir(folder)).filter((n) => n.endsWith(".hex")).map((n) => n.slice(0, -4));
assert(names.length >= 8, `there are ${names.length} golden frames in ${folder}`);
for (const name of names) {
  const bytes = Uint8Array.from(Buffer.from((await readFile(path.join(folder, `${name}.hex`), "utf8")).replace(/\s/g, ""), "hex"));
  const said = JSON.parse(await readFile(path.join(folder, `${name}.json`), "utf8"));
  const sections = flatten("", said.sections ?? {}, []).sort();
  assert(give("dump", bytes), `${name}: ${lines[0]}`);
  assert.deepEqual(lines.sort(), [...flatten("header", said.header, []), ...sections].sort(), name);
  const at = exported.copy();
  assert.deepEqual(new Uint8Array(exported.memory.buffer, at, bytes.length), bytes, `${name}: the copy`);
  const longer = lengthen(bytes);
  assert(give("dump", longer), `${name}, longer: ${lines[0]}`);
  assert.deepEqual(lines.filter((l) => !l.startsWith("header.")).sort(), sections, `${name}, longer`);
  for (let round = 0; round < 1000; round++) {
    const broken = Uint8Array.from(bytes);
    for (let i = random(3); i >= 0; i--) broken[random(broken.length)] = random(256);
    give("survive", broken);
  }
  if (name === "candidates") {
    give("follow", bytes);
    for (const [at, value, want] of [[0, 0, "magic"], [4, 68, "header"], [8, 0, "length"], [12, 0xff, "past the end"],
      [68, 4, "stride"], [76, 0x21, "misaligned"], [74, 0xff, "past the end"]]) {
      const broken = Uint8Array.from(bytes);
      broken[at] = value;
      assert(!give("dump", broken) && lines[0].includes(want), `${want}: ${lines[0]}`);
    }
  }
}
for (const name of Object.keys(exported).filter((n) => n.startsWith("test_"))) {
  try {
    exported[name]();
  } catch (error) {
    throw new Error(`${name}: ${error.message}: ${lines.at(-1)}`);
  }
}
console.log("ok");
