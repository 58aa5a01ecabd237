// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

import { Manifest, Reason, Scored, run } from "../../../sdk/guest/assemblyscript/assembly";
import { BEST, RESTING, SkilledIdle } from "./strategy";

export { patchbay_abi, patchbay_buffer, patchbay_cold, patchbay_turn } from "../../../sdk/guest/assemblyscript/assembly";

const manifest = new Manifest("skilled-idle", "1.0.0");
manifest.reasons = [
  new Reason(BEST, "skilled_and_idle", "Best by skill and time idle."),
  new Reason(RESTING, "resting", "All who could take it are resting."),
];
manifest.settingsSchema = `{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "skill_share": {
      "description": "how much skill counts, in per cent; the rest is for time idle",
      "type": "number", "minimum": 0, "maximum": 100, "default": 50
    },
    "rest_seconds": {
      "description": "how long agents are left alone after their last work",
      "type": "number", "minimum": 0, "maximum": 3600, "default": 0
    }
  }
}`;
run(manifest, new Scored(new SkilledIdle()));
