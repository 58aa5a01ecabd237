// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/** Explains a reason code to people. */
export class Reason {
  /** code: what proposals and notes carry, from 1; name: stable and lower-case; text: one sentence. */
  constructor(public code: u16, public name: string, public text: string) {}
}

/** What a strategy says of itself. */
export class Manifest {
  /** Whether its turns show the board, kept in step by snapshots and deltas, instead of items with candidates. */
  board: bool = false;
  /** How many candidates an item comes with at most, 1 to 64; 0 leaves it to the host. */
  candidates: u8 = 0;
  /** The codes in proposals and notes. */
  reasons: Reason[] = [];
  /** A JSON Schema of the settings, which the host holds them against; empty for no settings. */
  settingsSchema: string = "";
  /** Promises the same reply to the same turns. */
  deterministic: bool = true;

  /** name: the strategy's own, such as "queue"; version: by semver. */
  constructor(public name: string, public version: string) {}

  /** The manifest as the host reads it. */
  json(): string {
    let out = "{\"name\":" + quote(this.name) + ",\"version\":" + quote(this.version) + ",\"majors\":[1],\"view\":";
    out += this.board ? "\"board\"" : "\"candidates\"";
    out += ",\"candidates\":" + this.candidates.toString();
    if (this.deterministic) out += ",\"deterministic\":true";
    if (this.settingsSchema.length > 0) out += ",\"settings_schema\":" + quote(this.settingsSchema);
    out += ",\"reasons\":[";
    for (let i = 0; i < this.reasons.length; i++) {
      let r = this.reasons[i];
      out += (i > 0 ? "," : "") + "{\"code\":" + r.code.toString() + ",\"name\":" + quote(r.name) + ",\"text\":" + quote(r.text) + "}";
    }
    return out + "]}";
  }
}

/** Writes a string in JSON. */
export function quote(text: string): string {
  let out = "\"", from = 0;
  for (let i = 0; i < text.length; i++) {
    let c = text.charCodeAt(i);
    if (c >= 0x20 && c != 0x22 && c != 0x5c) continue;
    out += text.substring(from, i) + "\\u00" + "0123456789abcdef".charAt(c >> 4) + "0123456789abcdef".charAt(c & 15);
    from = i + 1;
  }
  return out + text.substring(from) + "\"";
}
