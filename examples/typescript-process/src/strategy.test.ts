// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

import assert from "node:assert/strict";
import { test } from "node:test";

import { NOW, Scene } from "../../../sdk/guest/typescript/src/testing";
import { plugin } from "./strategy";

test("skill and rest count alike", () => {
  const scene = new Scene(plugin);
  scene.agent("ada", { skills: { tax: 9 }, idle: 60 });
  scene.agent("ben", { skills: { tax: 2 }, idle: 600 });
  scene.agent("cleo", { skills: { golf: 10 }, idle: 300 });
  scene.work("w1", ["cleo", "ada", "ben"], { needs: { tax: 1 } });
  const { offers, reasons } = scene.play();
  assert.deepEqual(offers, { w1: ["ben", "ada", "cleo"] });
  assert.deepEqual(reasons, { w1: "skilled_and_idle" });
});

for (const [skill_share, first] of [[100, "ada"], [0, "ben"]] as const) {
  test(`a share of ${skill_share}`, () => {
    const scene = new Scene(plugin, { skill_share });
    scene.agent("ada", { skills: { tax: 9 } });
    scene.agent("ben", { idle: 60 });
    scene.work("w1", ["ada", "ben"], { needs: { tax: 0 } });
    assert.equal(scene.play().offers.w1?.[0], first);
  });
}

test("rest", () => {
  const scene = new Scene(plugin, { rest_seconds: 30 });
  scene.agent("ada", { idle: 10 });
  scene.agent("ben", { idle: 25 });
  scene.work("w1", ["ada", "ben"]);
  assert.deepEqual(scene.play(), { offers: { w1: [] }, reasons: { w1: "resting" }, wakeAt: NOW + 5000 });
});
