// {{name}}: who has been idle longest is asked first; each assignment that is
// open at an agent counts against it.

import { type Candidate, type Item, type Plugin, Score, type Turn } from "../patchbay/src";

const longestIdle = { code: 1, name: "longest_idle", text: "Idle longest." };

interface Settings {
  busy_seconds?: number;
}

class {{Name}} extends Score<Settings> {
  /** Higher is better; undefined keeps the work from the agent. */
  score(turn: Turn, _item: Item, candidate: Candidate) {
    const { busy_seconds = 60 } = this.settings;
    const seconds = candidate.idle(turn.now) / 1000 - busy_seconds * candidate.row.open;
    return { score: seconds, reason: longestIdle };
  }
}

export const plugin: Plugin = {
  name: "{{name}}",
  version: "0.1.0",
  create: () => new {{Name}}(),
  reasons: [longestIdle],
  settings: {
    type: "object",
    additionalProperties: false,
    properties: {
      busy_seconds: {
        description: "how many seconds of idleness one open assignment takes away",
        type: "number",
        minimum: 0,
        maximum: 86400,
        default: 60,
      },
    },
  },
};
