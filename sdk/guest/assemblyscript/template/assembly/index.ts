import { Manifest, Reason, Scored, run } from "../patchbay/assembly";
import { LONGEST_IDLE, {{Name}} } from "./strategy";

export { patchbay_abi, patchbay_buffer, patchbay_cold, patchbay_turn } from "../patchbay/assembly";

const manifest = new Manifest("{{name}}", "0.1.0");
manifest.reasons = [new Reason(LONGEST_IDLE, "longest_idle", "Idle longest.")];
manifest.settingsSchema = `{
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "busy_seconds": {
      "description": "how many seconds of idleness one open assignment takes away",
      "type": "number", "minimum": 0, "maximum": 86400, "default": 60
    }
  }
}`;
run(manifest, new Scored(new {{Name}}()));
