// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/** What an author writes: a strategy on one of three rungs, and its plugin. */

import type { Candidate, Item, Reply, Turn } from "./turn";

/** How many candidates of an item are proposed at most. */
export const RANKS = 16;

/** Explains one reason code to people. */
export interface Reason {
  /** 1 to 65535. */
  readonly code: number;
  /** A stable lower-case identifier. */
  readonly name: string;
  /** One sentence. */
  readonly text: string;
}

/** Refuses settings: says where, as a path such as "weights.age", and what is wrong. */
export class SettingsError extends Error {
  constructor(readonly path: string, message: string) {
    super(message);
  }
}

/** A candidate that was chosen, with what people are told of it. */
export interface Choice {
  readonly candidate: Candidate;
  readonly score?: number;
  readonly reason?: Reason;
}

/** How good a pair is, with what people are told of it. */
export interface Scored {
  readonly score: number;
  readonly reason?: Reason;
}

/**
 * What all rungs have in common. Settings are what the plugin's schema says;
 * the host has checked them before they come here. Calls never overlap.
 */
export abstract class Strategy<Settings = Record<string, unknown>> {
  /** What its turns show: the board, or items with their candidates. */
  readonly view: "board" | "candidates" = "board";
  /** The settings in force. */
  settings: Settings = {} as Settings;

  /**
   * Takes the admin's settings, which are there as `this.settings` afterwards
   * too. SettingsError refuses them; those before stay in force. It is called
   * before the first turn, and whenever settings change.
   */
  configure(_settings: Settings): void {}

  /** Takes one turn. NeedSnapshot asks for a snapshot; any other exception means broken. */
  abstract turn(turn: Turn, reply: Reply): void;

  /** Lets go of what the strategy holds. */
  close(): void {}
}

/** The first rung: how good is this agent for this work? */
export abstract class Score<Settings = Record<string, unknown>> extends Strategy<Settings> {
  override readonly view = "candidates";

  /**
   * Returns how good the pair is, higher is better; with a reason, if you like.
   * Undefined means that this agent is not to be offered this work. Of equals
   * the host's order decides. The host does the rest: order of the work, room
   * in the agents' capacity, who may be asked at all.
   */
  abstract score(turn: Turn, item: Item, candidate: Candidate): number | Scored | undefined;

  override turn(turn: Turn, reply: Reply): void {
    for (const item of turn.items) {
      const found: { candidate: Candidate; score: number; reason?: Reason }[] = [];
      for (const candidate of item.candidates) {
        const got = this.score(turn, item, candidate);
        if (got !== undefined) {
          found.push({ candidate, ...(typeof got === "number" ? { score: got } : got) });
        }
      }
      found.sort((a, b) => b.score - a.score);
      propose(reply, item, found);
    }
  }
}

/** The second rung: which of these agents for this work? */
export abstract class Pick<Settings = Record<string, unknown>> extends Strategy<Settings> {
  override readonly view = "candidates";

  /**
   * Returns whom to offer the work, or several, best first, or undefined to let
   * it wait. The reply is there to note why work waits, or to ask for a turn
   * later.
   */
  abstract pick(turn: Turn, item: Item, reply: Reply): Choice | readonly Choice[] | undefined;

  override turn(turn: Turn, reply: Reply): void {
    for (const item of turn.items) {
      const got = this.pick(turn, item, reply);
      if (got !== undefined) {
        propose(reply, item, Array.isArray(got) ? got : [got as Choice]);
      }
    }
  }
}

/** Proposes the choices for an item, best first. */
function propose(reply: Reply, item: Item, choices: readonly Choice[]): void {
  choices.slice(0, RANKS).forEach((c, rank) => reply.propose(item, c.candidate, c.score, c.reason?.code, rank));
}

/** A strategy's package: what it is, and how one is made. */
export interface Plugin {
  /** The strategy's own name, such as "queue". */
  readonly name: string;
  /** The version of the package, by semver. */
  readonly version: string;
  /** Makes one strategy. */
  readonly create: () => Strategy<any>;
  /** JSON Schema of the settings; left out if there are none. The host checks them before the strategy sees them. */
  readonly settings?: object;
  /** The dictionary of the reasons in proposals and notes. */
  readonly reasons?: readonly Reason[];
  /** Whether the same turns always give the same replies; true unless you use a clock or other randomness. */
  readonly deterministic?: boolean;
  /** How many candidates an item comes with at most, 1 to 64; 16 if left out. */
  readonly candidates?: number;
  /** The numbers of the tables wanted; left out means all. */
  readonly tables?: readonly number[];
}
