// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// Who knows it best and has rested longest: agents are picked by their levels in
// the skills that the work requires and by how long they have been idle. Two
// settings say how much each counts, and how long agents rest at least.

import { type Choice, type Item, NeedFlags, Pick, type Plugin, type Reply, type Turn } from "../../../sdk/guest/typescript/src";

const best = { code: 1, name: "skilled_and_idle", text: "Best by skill and time idle." };
const resting = { code: 2, name: "resting", text: "All who could take it are resting." };

interface Settings {
  skill_share?: number;
  rest_seconds?: number;
}

class SkilledIdle extends Pick<Settings> {
  pick(turn: Turn, item: Item, reply: Reply): Choice[] {
    const { skill_share: share = 50, rest_seconds = 0 } = this.settings;
    const rest = rest_seconds * 1000;
    const wanted = [...item.needs].filter(([, need]) => !(need.flags & NeedFlags.dropped)).map(([name]) => name);
    const found: { candidate: Choice["candidate"]; score: number; reason: typeof best }[] = [];
    for (const candidate of item.candidates) {
      const idle = candidate.idle(turn.now);
      if (candidate.row.idleSince && idle < rest) {
        reply.wake(candidate.row.idleSince + rest);
        continue;
      }
      const skill = Math.min(wanted.reduce((sum, name) => sum + (candidate.skills.get(name) ?? 0), 0), 10_000);
      const rested = Math.min(Math.floor(idle / 60), 10_000); // ten minutes count as much as level 10
      found.push({ candidate, score: Math.floor((share * skill + (100 - share) * rested) / 100), reason: best });
    }
    if (found.length === 0) {
      reply.note(item, resting.code);
    }
    return found.sort((a, b) => b.score - a.score);
  }
}

export const plugin: Plugin = {
  name: "skilled-idle",
  version: "1.0.0",
  create: () => new SkilledIdle(),
  reasons: [best, resting],
  settings: {
    type: "object",
    additionalProperties: false,
    properties: {
      skill_share: {
        description: "how much skill counts, in per cent; the rest is for time idle",
        type: "integer", minimum: 0, maximum: 100, default: 50,
      },
      rest_seconds: {
        description: "how long agents are left alone after their last work",
        type: "integer", minimum: 0, maximum: 3600, default: 0,
      },
    },
  },
};
