// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

import { Block } from "./frame";
import { Reply, Status } from "./reply";
import { Agent, Item, Span, Work } from "./rows";
import { Settings } from "./settings";
import { Kind, Turn } from "./turn";

/**
 * The third rung: a strategy that takes the whole turn. One whose manifest says
 * that it sees the board gets a snapshot, then deltas, and keeps a board of its
 * own; frame.md says how turns are applied.
 */
export abstract class Strategy {
  /**
   * Takes the admin's settings, before the first turn and whenever they change.
   * Returns null, or a sentence that says what is wrong, what would be right and
   * where; the settings in force then stay in force.
   */
  configure(settings: Settings): string | null {
    settings.only([]);
    return settings.error;
  }

  /** Answers one turn and returns how it went, a value of Status. */
  abstract turn(turn: Turn, reply: Reply): u16;

  /** Lets go of what the strategy holds. No turn comes after it. */
  drain(): void {}
}

/** What Score.score returns to keep the work from the agent in this turn. */
export const NOBODY: i32 = i32.MIN_VALUE;

/** The first rung: how good a pair is. Scored makes it a strategy. */
export abstract class Score {
  /** The reason code that proposals carry; 0 for none. */
  reason: u16 = 0;
  /** The reason code of a note on work for which no candidate has a score; 0 for no note. */
  waits: u16 = 0;

  /** Takes the admin's settings, as Strategy.configure does. */
  configure(settings: Settings): string | null {
    settings.only([]);
    return settings.error;
  }

  /**
   * How good it is to offer the work to the agent; higher is better. NOBODY
   * keeps the work from the agent in this turn. The pair is one that the host's
   * rules allow.
   */
  abstract score(turn: Turn, work: Work, agent: Agent): i32;

  /** Called after the items of a turn, to ask for a turn later or to add to the reply. */
  finish(turn: Turn, reply: Reply): void {}
}

/** Work to decide on, with those who may be offered it. */
export class Choice {
  private turn: Turn | null = null;
  private item: usize = 0;
  private chosen: u16 = 0;

  /** Makes this the choice of an item. */
  of(turn: Turn, item: Item): void {
    this.turn = turn;
    this.item = changetype<usize>(item);
    this.chosen = 0;
  }

  private get span(): Span {
    return changetype<Item>(this.item).candidates;
  }

  /** The work. */
  get work(): Work {
    return this.turn!.workAt(changetype<Item>(this.item).work);
  }

  /** How many candidates there are. */
  get candidates(): u32 {
    return this.span.n;
  }

  /** The candidate at an index, best first by the host's order. */
  agentAt(i: u32): Agent {
    let turn = this.turn!;
    return turn.agentAt(turn.candidateAt(this.span.at + i).agent);
  }

  /** What the work would take of that candidate's capacity, in milli-units. */
  takesAt(i: u32): i32 {
    return this.turn!.candidateAt(this.span.at + i).takes;
  }

  /**
   * Chooses an agent, after those chosen before. The host asks the first who
   * still has room after what went before in this turn; a queue that asks
   * several at once asks as many. So it is good to choose more than one.
   */
  add(reply: Reply, agent: Agent, score: i32 = 0, reason: u16 = 0): void {
    reply.propose(this.work, agent, score, reason, this.chosen++);
  }
}

/** The second rung: whom to choose among the candidates of one work. Picked makes it a strategy. */
export abstract class Pick {
  /** Takes the admin's settings, as Strategy.configure does. */
  configure(settings: Settings): string | null {
    settings.only([]);
    return settings.error;
  }

  /** Chooses among the candidates by Choice.add, the best first, or nobody. */
  abstract pick(turn: Turn, choice: Choice, reply: Reply): void;

  /** Called after the items of a turn, as Score.finish is. */
  finish(turn: Turn, reply: Reply): void {}
}

const NO_CANDIDATES = "the turn shows no candidates: the manifest must not say that it sees the board";

/** Makes a Pick a strategy. */
export class Picked extends Strategy {
  private choice: Choice = new Choice();

  constructor(private picks: Pick) {
    super();
  }

  configure(settings: Settings): string | null {
    return this.picks.configure(settings);
  }

  turn(turn: Turn, reply: Reply): u16 {
    if (turn.kind != Kind.CANDIDATES) {
      reply.text = NO_CANDIDATES;
      return Status.INTERNAL;
    }
    for (let i: u32 = 0, n = turn.items; i < n; i++) {
      this.choice.of(turn, turn.itemAt(i));
      this.picks.pick(turn, this.choice, reply);
    }
    this.picks.finish(turn, reply);
    return Status.OK;
  }
}

/** A candidate with its score. */
@unmanaged class Ranked {
  score: i32;
  agent: u32;
}

/**
 * Makes a Score a strategy: each work goes to the candidate with the highest
 * score who has room left when its turn comes, and equal scores to whom the
 * host puts first. Nobody with a score is left out; the host passes over those
 * who are full by then.
 */
export class Scored extends Strategy {
  private list: Block = new Block();

  constructor(private scores: Score) {
    super();
  }

  configure(settings: Settings): string | null {
    return this.scores.configure(settings);
  }

  turn(turn: Turn, reply: Reply): u16 {
    if (turn.kind != Kind.CANDIDATES) {
      reply.text = NO_CANDIDATES;
      return Status.INTERNAL;
    }
    for (let i: u32 = 0, n = turn.items; i < n; i++) this.decide(turn, turn.itemAt(i), reply);
    this.scores.finish(turn, reply);
    return Status.OK;
  }

  private decide(turn: Turn, item: Item, reply: Reply): void {
    let scores = this.scores, work = turn.workAt(item.work), size = offsetof<Ranked>();
    let list = this.list.room(<usize>item.candidates.n * size), end = list;
    for (let i = item.candidates.at, last = i + item.candidates.n; i < last; i++) {
      let agent = turn.agentAt(turn.candidateAt(i).agent);
      let score = scores.score(turn, work, agent);
      if (score == NOBODY) continue;
      let at = end;
      for (; at > list && changetype<Ranked>(at - size).score < score; at -= size) memory.copy(at, at - size, size);
      changetype<Ranked>(at).score = score;
      changetype<Ranked>(at).agent = agent.ref;
      end += size;
    }
    if (end == list && scores.waits != 0) reply.note(work, scores.waits);
    let rank: u16 = 0;
    for (let at = list; at < end; at += size) {
      let r = changetype<Ranked>(at);
      reply.push(work, r.agent, r.score, scores.reason, rank++);
    }
  }
}
