// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

import { Agent, NOBODY, Reply, Score, Settings, Turn, Work } from "../../../sdk/guest/assemblyscript/assembly";

export const BEST: u16 = 1;
export const RESTING: u16 = 2;

/**
 * Who knows it best and has rested longest: agents are scored by their levels in
 * the skills that the work requires and by how long they have been idle. Two
 * settings say how much each counts, and how long agents rest at least.
 */
export class SkilledIdle extends Score {
  private share: i64 = 50; // how much skill counts, in per cent; the rest is for time idle
  private rest: i64 = 0; // for how many ms agents are left alone after their last work
  private wakeAt: i64 = 0; // when the first who rests is ready; 0 for never

  constructor() {
    super();
    this.reason = BEST;
    this.waits = RESTING;
  }

  configure(settings: Settings): string | null {
    settings.only(["skill_share", "rest_seconds"]);
    let share = settings.number("skill_share", 50), rest = settings.number("rest_seconds", 0);
    if (settings.error !== null) return settings.error;
    if (!(share >= 0 && share <= 100)) return "skill_share must be from 0 to 100";
    if (!(rest >= 0 && rest <= 3600)) return "rest_seconds must be from 0 to 3600";
    this.share = <i64>share;
    this.rest = <i64>(rest * 1000);
    return null;
  }

  score(turn: Turn, work: Work, agent: Agent): i32 {
    let idle = turn.idle(agent);
    if (agent.idle_since != 0 && idle < this.rest) {
      let ready = agent.idle_since + this.rest;
      if (this.wakeAt == 0 || ready < this.wakeAt) this.wakeAt = ready;
      return NOBODY;
    }
    let skill = min<i64>(turn.skillSum(work, agent), 10000);
    let rested = min<i64>(idle / 60, 10000); // ten minutes count as much as level 10
    return <i32>((this.share * skill + (100 - this.share) * rested) / 100);
  }

  finish(turn: Turn, reply: Reply): void {
    if (this.wakeAt != 0) reply.wakeBy(this.wakeAt);
    this.wakeAt = 0;
  }
}
