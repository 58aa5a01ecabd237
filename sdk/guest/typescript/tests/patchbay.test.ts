// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// The rungs, settings and statuses, by scenes and frames.

import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";

import { newCertificate } from "../src/certificate";
import { Dice } from "../src/dice";
import { Frame, Kind, NeedSnapshot, OverBudget, Status, writeFrame } from "../src/frame";
import { Instance, Refusal } from "../src/instance";
import { type Choice, Pick, type Plugin, Score, SettingsError, type Strategy } from "../src/plugin";
import { NOW, Scene } from "../src/testing";
import type { Candidate, Item, Reply, Turn } from "../src/turn";
import { Reader, WireError, Writer } from "../src/wire";

const gold = { code: 7, name: "gold", text: "Gold customers go to the best." };
const plugin = (create: () => Strategy<any>, more: Partial<Plugin> = {}): Plugin => ({
  name: "test", version: "1.0.0", create, reasons: [gold], ...more,
});

class BestGerman extends Score {
  score(_turn: Turn, _item: Item, candidate: Candidate) {
    const level = candidate.skills.get("german");
    return level === undefined ? undefined : { score: level, reason: gold };
  }
}

class Last extends Pick<{ wait?: number }> {
  override configure({ wait = 0 }: { wait?: number }) {
    if (wait < 0) {
      throw new SettingsError("wait", "0 or more is wanted");
    }
  }

  pick(turn: Turn, item: Item, reply: Reply): Choice | Choice[] | undefined {
    const wait = (this.settings.wait ?? 0) * 1000;
    if (item.age < wait) {
      reply.note(item, gold.code);
      reply.wake(turn.now + wait - item.age);
      return undefined;
    }
    const all = item.candidates.map((candidate) => ({ candidate })).reverse();
    return item.attributes.size > 0 ? { ...all[0]!, score: 5, reason: gold } : all;
  }
}

test("score", () => {
  const scene = new Scene(plugin(() => new BestGerman()));
  scene.agent("anna", { skills: { german: 1 } });
  scene.agent("bert", { skills: { german: 3 } });
  scene.agent("cleo");
  scene.agent("dora", { skills: { german: 3 } });
  scene.work("w1", ["anna", "bert", "cleo", "dora"]);
  scene.work("w2", ["cleo"]);
  const { offers, reasons } = scene.play();
  assert.deepEqual(offers, { w1: ["bert", "dora", "anna"], w2: [] });
  assert.deepEqual(reasons, { w1: "gold" });
});

test("pick", () => {
  const scene = new Scene(plugin(() => new Last()), { wait: 10 });
  scene.agent("anna");
  scene.agent("bert");
  scene.work("w1", ["anna", "bert"], { age: 3 });
  scene.work("w2", ["anna", "bert"], { age: 20 });
  scene.work("w3", ["anna", "bert"], { age: 20, attributes: { a: "b" } });
  const { offers, reasons, wakeAt } = scene.play();
  assert.deepEqual(offers, { w1: [], w2: ["bert", "anna"], w3: ["bert"] });
  assert.deepEqual(reasons, { w1: "gold", w3: "gold" });
  assert.equal(wakeAt, NOW + 7000);
});

test("settings", () => {
  assert.throws(() => new Scene(plugin(() => new Last()), { wait: -1 }), /wait: 0 or more/);
  const instance = new Instance(plugin(() => new Last()));
  const configure = (text: string) => instance.configure(new Writer().number(1, 2).bytes(2, Buffer.from(text)).finish());
  configure('{"wait": 3}');
  const got = new Reader(configure("[]"));
  assert.equal(got.number(1), 2n);
  assert.equal(new Reader(got.bytes(2)).number(1), 3n);
  assert.deepEqual(instance.strategy.settings, { wait: 3 });
});

function status(reply: Uint8Array): [number, string] {
  const frame = new Frame(reply);
  return [frame.header.status, Buffer.from(frame.bytes()).toString()];
}

test("statuses", () => {
  class Broken extends Score {
    score(turn: Turn): never {
      throw turn.seed === 1n ? new OverBudget() : turn.seed === 2n ? new NeedSnapshot() : new RangeError("why");
    }
  }
  const ask = (seed: bigint, ready = true) => {
    const scene = new Scene(plugin(() => new Broken()), {}, NOW, seed);
    scene.agent("anna");
    scene.work("w1", ["anna"]);
    return status((ready ? scene.instance : new Instance(plugin(() => new Broken()))).turn(scene.frame()));
  };
  assert.deepEqual(ask(1n), [Status.overBudget, ""]);
  assert.deepEqual(ask(2n), [Status.needSnapshot, ""]);
  assert.deepEqual(ask(3n), [Status.internal, "RangeError: why"]);
  assert.deepEqual(ask(3n, false), [Status.notReady, ""]);
  const instance = new Instance(plugin(() => new Last()));
  assert.equal(status(instance.turn(Buffer.from("rubbish")))[0], Status.badFrame);
  instance.configure(new Uint8Array(0));
  assert.equal(status(instance.turn(writeFrame({ kind: Kind.snapshot, epoch: 1n, seq: 1n }, [])))[0], Status.internal);
});

test("handshake", () => {
  const instance = new Instance(plugin(() => new Last(), { settings: { type: "object" }, candidates: 3, tables: [1, 2] }));
  assert.throws(() => instance.handshake(new Writer().numbers(2, [1, 2, 3]).finish()), Refusal);
  const got = new Reader(instance.handshake(new Writer().numbers(2, [1, 4, 99]).number(5, 5).finish()));
  assert.deepEqual(got.numbers(2), [1, 4]);
  assert.deepEqual(got.numbers(6), [1]);
  assert.equal(got.number(10), 2n);
  assert.equal(got.number(11), 3n);
  assert.equal(Buffer.from(got.bytes(7)).toString(), '{"type":"object"}');
  assert.equal(new Reader(got.bytes(8)).number(1), 7n);
  assert.equal(new Reader(got.bytes(3)).number(3), 112n);
  assert.throws(() => instance.drain(new Writer().number(1, 4).finish()), Refusal);
  instance.drain(new Writer().number(1, 5).finish());
});

test("dice", () => {
  const dice = new Dice(42n);
  assert.deepEqual([1, 2, 3].map(() => dice.bits()), [13679457532755275413n, 2949826092126892291n, 5139283748462763858n]);
  for (let i = 0; i < 100; i++) {
    const [n, f] = [dice.below(7), dice.fraction()];
    assert.ok(n >= 0 && n < 7 && f >= 0 && f < 1);
  }
});

test("wire", () => {
  const message = new Writer().number(1, 2n ** 64n - 1n).numbers(2, [1, 300]).text(3, "ö").bytes(4, Uint8Array.of(9)).finish();
  const got = new Reader(message);
  assert.equal(got.number(1), 2n ** 64n - 1n);
  assert.deepEqual(got.numbers(2), [1, 300]);
  assert.equal(Buffer.from(got.bytes(3)).toString(), "ö");
  assert.deepEqual([...got.bytes(4)], [9]);
  for (let n = 0; n < message.length; n++) {
    try {
      new Reader(message.subarray(0, n));
    } catch (error) {
      assert.ok(error instanceof WireError);
    }
  }
});

test("certificate", () => {
  const own = newCertificate();
  const read = new X509Certificate(own.cert);
  assert.ok(read.verify(read.publicKey) && read.ca && read.checkHost("localhost"));
  assert.ok(!own.line.includes("=") && read.raw.equals(Buffer.from(own.line, "base64")));
});
