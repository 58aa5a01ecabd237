import assert from "node:assert/strict";
import { test } from "node:test";

import { Scene } from "../patchbay/src/testing";
import { plugin } from "./strategy";

test("longest idle first", () => {
  const scene = new Scene(plugin);
  scene.agent("ada", { idle: 10 });
  scene.agent("ben", { idle: 50 });
  scene.work("w1", ["ada", "ben"]);
  assert.deepEqual(scene.play().offers, { w1: ["ben", "ada"] });
});

for (const [busy_seconds, order] of [[60, ["ada", "ben"]], [0, ["ben", "ada"]]] as const) {
  test(`open work counts ${busy_seconds} seconds`, () => {
    const scene = new Scene(plugin, { busy_seconds });
    scene.agent("ada", { open: 1, capacity: 3 });
    scene.agent("ben", { open: 2, capacity: 3 });
    scene.work("w1", ["ben", "ada"]);
    assert.deepEqual(scene.play().offers, { w1: order });
  });
}
