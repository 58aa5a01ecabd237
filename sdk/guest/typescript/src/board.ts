// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/** The board, kept in step turn by turn, for strategies on the third rung. */

import { scramble } from "./dice";
import { Kind, NeedSnapshot } from "./frame";
import { type Agent, type Member, type Need, type Queue, Table, type Work } from "./rows";
import { rowsOf, type Turn } from "./turn";

/** An agent on the board, with lists that outlive the turn. */
export interface BoardAgent {
  readonly row: Agent;
  readonly name: string;
  readonly status: string;
  /** By the ref of the queue. */
  readonly members: ReadonlyMap<number, Member>;
  /** Name to thousandths of a level. */
  readonly skills: ReadonlyMap<string, number>;
}

/** Work on the board, with lists that outlive the turn. */
export interface BoardWork {
  readonly row: Work;
  readonly needs: ReadonlyMap<string, Need>;
  readonly declined: ReadonlySet<string>;
  readonly attributes: ReadonlyMap<string, string>;
  /** The agent who is preferred or required; "" if none is. */
  readonly agent: string;
}

/**
 * What the host knows and this strategy has been sent. `apply` takes a turn; it
 * throws NeedSnapshot if the turn does not follow on, and the board is then
 * empty until a snapshot comes.
 */
export class Board {
  readonly agents = new Map<number, BoardAgent>();
  readonly work = new Map<number, BoardWork>();
  readonly queues = new Map<number, Queue>();
  /** Names by ordinal. */
  readonly channels = new Map<number, string>();
  private readonly words = new Map<number, string>();
  private epoch = 0n;
  private seq = 0n;
  private whole = false; // no page of a snapshot is missing
  private sum = 0n;

  private forget(): void {
    for (const map of [this.agents, this.work, this.queues, this.channels, this.words]) {
      map.clear();
    }
    this.epoch = this.seq = this.sum = 0n;
    this.whole = false;
  }

  /** Returns the word of an id; "" for 0 and for what never came. */
  text(word: number): string {
    return this.words.get(word) ?? "";
  }

  /** The fold over all rows that the host's digest is compared with. */
  get digest(): number {
    return Number((this.sum >> 32n) ^ (this.sum & 0xffffffffn));
  }

  /** Brings the board up to date. */
  apply(turn: Turn): void {
    try {
      this.follow(turn);
      this.takeGone(turn);
      this.take(turn);
      if (turn.digest && turn.digest !== this.digest) {
        throw new NeedSnapshot();
      }
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  /** Checks that the turn builds on what is here. */
  private follow(turn: Turn): void {
    if (turn.kind === Kind.snapshot || turn.kind === Kind.snapshotFirst) {
      this.forget();
    } else {
      const next = turn.kind === Kind.delta ? this.whole && turn.baseSeq === this.seq : !this.whole && turn.seq === this.seq + 1n;
      if (turn.epoch !== this.epoch || this.seq === 0n || !next) {
        throw new NeedSnapshot();
      }
    }
    this.epoch = turn.epoch;
    this.seq = turn.seq;
    this.whole = turn.asks;
  }

  private takeGone(turn: Turn): void {
    const off = <T>(gone: Turn["workGone"], map: Map<number, T>, rowOf: (there: T) => Agent | Work | Queue, table: number) => {
      for (const { ref, gen } of gone) {
        const there = map.get(ref);
        if (there === undefined) {
          continue;
        }
        const row = rowOf(there);
        if (row.gen !== gen) {
          throw new NeedSnapshot();
        }
        map.delete(ref);
        this.fold(table, row);
      }
    };
    off(turn.workGone, this.work, (w) => w.row, Table.work);
    off(turn.agentsGone, this.agents, (a) => a.row, Table.agent);
    off(turn.queuesGone, this.queues, (q) => q, Table.queue);
  }

  private take(turn: Turn): void {
    turn.names.forEach((text, id) => this.words.set(id, text));
    turn.channels.forEach((c) => this.channels.set(c.ordinal, this.text(c.name)));
    for (const row of turn.queues) {
      this.fold(Table.queue, this.queues.get(row.ref));
      this.queues.set(row.ref, row);
      this.fold(Table.queue, row);
    }
    for (const row of turn.agents) {
      this.fold(Table.agent, this.agents.get(row.ref)?.row);
      this.agents.set(row.ref, this.agent(turn, row));
      this.fold(Table.agent, row);
    }
    for (const row of turn.work) {
      this.fold(Table.work, this.work.get(row.ref)?.row);
      this.work.set(row.ref, this.item(turn, row));
      this.fold(Table.work, row);
    }
  }

  private agent(turn: Turn, row: Agent): BoardAgent {
    return {
      row,
      name: this.text(row.name),
      status: this.text(row.status),
      members: new Map(rowsOf(turn.members, row.members).map((m) => [m.queue, m])),
      skills: new Map(rowsOf(turn.skills, row.skills).map((s) => [this.text(s.name), s.level])),
    };
  }

  private item(turn: Turn, row: Work): BoardWork {
    return {
      row,
      needs: new Map(rowsOf(turn.needs, row.needs).map((n) => [this.text(n.name), n])),
      declined: new Set(rowsOf(turn.ids, row.declined).map((id) => this.text(id))),
      attributes: new Map(rowsOf(turn.attributes, row.attributes).map((a) => [this.text(a.name), turn.string(a.value)])),
      agent: this.text(row.agent),
    };
  }

  /** Puts a row into the digest, or takes it out. */
  private fold(table: number, row: Agent | Work | Queue | undefined): void {
    if (row) {
      const version = BigInt("revision" in row ? row.revision : row.version);
      this.sum ^= scramble(((BigInt(row.ref) << 32n) | BigInt(row.gen)) ^ scramble((BigInt(table) << 32n) | version));
    }
  }
}
