// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// The golden frames: read as their JSON says, and written back to the same bytes.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { Board } from "../src/board";
import { bytesPart, Frame, FrameError, GONE, idsPart, NeedSnapshot, part, PUT, writeFrame } from "../src/frame";
import * as rows from "../src/rows";
import { Turn } from "../src/turn";

const folder = process.env.PATCHBAY_GOLDEN ?? "";
const types = {
  word: rows.Word, channel: rows.Channel, queue: rows.Queue, agent: rows.Agent, work: rows.Work, settled: rows.Settled,
  item: rows.Item, candidate: rows.Candidate, member: rows.Member, skill: rows.Skill, need: rows.Need,
  attribute: rows.Attribute, proposal: rows.Proposal, note: rows.Note,
} as unknown as Record<string, rows.RowType<Record<string, unknown>>>;
const gone = { work: rows.Table.work, agent: rows.Table.agent, queue: rows.Table.queue };
const names = readdirSync(folder).filter((n) => n.endsWith(".hex")).map((n) => n.slice(0, -4));

function read(name: string): Uint8Array {
  return Buffer.from(readFileSync(join(folder, `${name}.hex`), "utf8").replace(/\s/g, ""), "hex");
}

function said(name: string): { header: object; sections: Record<string, unknown>; items: unknown } {
  return JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8"));
}

/** Returns a row with names as the JSON has them, and all numbers as text. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (typeof value === "object" && value !== null) {
    const snake = (key: string) => key.replace(/[A-Z]/g, (c) => "_" + c.toLowerCase());
    return Object.fromEntries(Object.entries(value).map(([k, v]) => [snake(k), plain(v)]).sort());
  }
  return String(value);
}

function sectionsOf(frame: Frame): Record<string, unknown> {
  const all: [string, ArrayLike<unknown>][] = Object.entries(types).map(([n, t]) => [n, frame.rows(t)]);
  for (const [name, table] of Object.entries(gone)) {
    all.push([`${name} gone`, frame.rows(rows.Gone, table, GONE)]);
  }
  all.push(["ids", frame.ids()]);
  return Object.fromEntries(all.filter(([, list]) => list.length > 0));
}

test("there are golden frames", () => assert.ok(names.length >= 8, `${names.length} in ${folder}`));

for (const name of names) {
  test(`read ${name}`, () => {
    const frame = new Frame(read(name));
    const want = said(name);
    const { bytes = "", ...sections } = want.sections;
    assert.deepEqual(plain(frame.header), plain(want.header));
    assert.deepEqual(plain(sectionsOf(frame)), plain(sections));
    assert.equal(Buffer.from(frame.bytes()).toString(), bytes);
  });

  test(`write ${name}`, () => {
    const frame = new Frame(read(name));
    const parts = Object.values(gone).map((table) => part(rows.Gone, frame.rows(rows.Gone, table, GONE), table, GONE));
    parts.push(...Object.values(types).map((t) => part(t, frame.rows(t), t.table, PUT)));
    parts.push(idsPart(frame.ids()), bytesPart(frame.bytes()));
    assert.equal(Buffer.from(writeFrame(frame.header, parts)).toString("hex"), Buffer.from(read(name)).toString("hex"));
  });
}

test("items", () => {
  const got = new Turn(read("candidates")).items.map((i) => ({
    ref: i.ref, revision: i.revision, queue: i.queue, channel: i.channel, attributes: Object.fromEntries(i.attributes),
    declined: i.declined, preferred: i.preferred, external: i.external,
    needs: [...i.needs].map(([skill, n]) => ({ skill, level: n.level, flags: n.flags })),
    candidates: i.candidates.map((c) => ({
      agent: c.name, ref: c.ref, skills: Object.fromEntries(c.skills), status: c.status, takes: c.takes,
    })),
  }));
  assert.deepEqual(got, said("candidates").items);
});

test("board", () => {
  const board = new Board();
  const [snapshot, delta] = [new Turn(read("snapshot")), new Turn(read("delta"))];
  assert.throws(() => board.apply(delta), NeedSnapshot);
  board.apply(snapshot);
  board.apply(delta);
  assert.equal(board.digest, delta.digest);
  assert.throws(() => board.apply(delta), NeedSnapshot, "a second time");
});

test("a frame with any byte changed is read, or refused by FrameError", () => {
  for (const name of ["candidates", "delta"]) {
    const whole = read(name);
    for (let at = 0; at < whole.length; at++) {
      for (const value of [0, 0xff, whole[at]! ^ 1]) {
        const changed = Uint8Array.from(whole);
        changed[at] = value;
        try {
          void new Turn(changed).items;
        } catch (error) {
          assert.ok(error instanceof FrameError, `byte ${at} as ${value}: ${error}`);
        }
      }
      assert.throws(() => new Turn(whole.subarray(0, at)), FrameError);
    }
  }
});

test("rows of a later layout are read as far as they are known", () => {
  const frame = new Frame(read("candidates"));
  const longer = Object.values(types).map((t) => ({
    ...part(t, frame.rows(t)),
    stride: t.size + 8,
    fill: (to: DataView, at: number) =>
      frame.rows(t).forEach((row, i) => {
        t.write(to, at + i * (t.size + 8), row);
        to.setBigUint64(at + i * (t.size + 8) + t.size, 2n ** 64n - 1n);
      }),
  }));
  const again = new Frame(writeFrame(frame.header, longer));
  Object.values(types).forEach((t) => assert.deepEqual(again.rows(t), frame.rows(t)));
});

test("a row is read as it was written", () => {
  for (const t of [...Object.values(types), rows.Header, rows.Entry, rows.Gone] as rows.RowType<object>[]) {
    const full = new DataView(Uint8Array.from({ length: t.size }, (_, i) => i % 120).buffer);
    const out = new DataView(new ArrayBuffer(t.size));
    t.write(out, 0, t.read(full, 0));
    assert.deepEqual(t.read(out, 0), t.read(full, 0));
  }
});
