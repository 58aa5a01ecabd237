// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/** A turn as a strategy sees it, and the reply it gives. */

import { Dice } from "./dice";
import { Frame, FrameError, GONE, Kind, part, RESULT, writeFrame } from "./frame";
import {
  Agent, Attribute, Candidate as CandidateRow, Channel, Gone, Item as ItemRow, Member, Need, Note, Proposal, Queue,
  Settled, Skill, type Span, Table, Word, Work,
} from "./rows";

const utf8 = new TextDecoder();

/**
 * One question of the host: what there is to decide, and when.
 *
 * Its lists hold rows as they came. Names in rows are dictionary ids, which
 * `text` follows; in a candidates turn they hold for this turn only, in turns of
 * the board until the word comes again. Times are Unix milliseconds, capacity
 * and sizes are thousandths.
 */
export class Turn {
  /** What this turn holds; see Kind. */
  readonly kind: number;
  readonly epoch: bigint;
  readonly seq: bigint;
  readonly baseSeq: bigint;
  /** The host's time. A strategy uses no other clock. */
  readonly now: number;
  /** The randomness of this turn; see `dice`. */
  readonly seed: bigint;
  /** Microseconds that the turn may take; 0 means no limit. */
  readonly budget: number;
  readonly digest: number;
  readonly workGone: Gone[];
  readonly agentsGone: Gone[];
  readonly queuesGone: Gone[];
  readonly words: Word[];
  readonly channels: Channel[];
  readonly queues: Queue[];
  readonly agents: Agent[];
  readonly work: Work[];
  /** What became of earlier proposals. */
  readonly settled: Settled[];
  readonly members: Member[];
  readonly skills: Skill[];
  readonly needs: Need[];
  readonly attributes: Attribute[];
  readonly itemRows: ItemRow[];
  readonly candidateRows: CandidateRow[];
  readonly ids: number[];
  readonly bytes: Uint8Array;
  /** The words that came with this turn, by id. */
  readonly names: Map<number, string>;
  private rolled?: Dice;
  private shown?: Item[];

  /** Reads a frame. Throws FrameError if it is no turn. */
  constructor(data: Uint8Array) {
    const f = new Frame(data);
    const h = f.header;
    if (h.kind < Kind.delta || h.kind > Kind.candidates) {
      throw new FrameError(`kind ${h.kind} is not that of a turn`);
    }
    this.kind = h.kind;
    this.epoch = h.epoch;
    this.seq = h.seq;
    this.baseSeq = h.baseSeq;
    this.now = h.now;
    this.seed = h.seed;
    this.budget = h.budget;
    this.digest = h.digest;
    this.workGone = f.rows(Gone, Table.work, GONE);
    this.agentsGone = f.rows(Gone, Table.agent, GONE);
    this.queuesGone = f.rows(Gone, Table.queue, GONE);
    this.words = f.rows(Word);
    this.channels = f.rows(Channel);
    this.queues = f.rows(Queue);
    this.agents = f.rows(Agent);
    this.work = f.rows(Work);
    this.settled = f.rows(Settled);
    this.members = f.rows(Member);
    this.skills = f.rows(Skill);
    this.needs = f.rows(Need);
    this.attributes = f.rows(Attribute);
    this.itemRows = f.rows(ItemRow);
    this.candidateRows = f.rows(CandidateRow);
    this.ids = f.ids();
    this.bytes = f.bytes();
    this.check();
    this.names = new Map(this.words.map((w) => [w.id, this.string(w.text)]));
  }

  /** Checks that every span and index lies within its list. */
  private check(): void {
    const fits = (what: string, span: Span, list: ArrayLike<unknown>) => {
      if (span.at + span.n > list.length) {
        throw new FrameError(`${what} row: a span reaches past its list`);
      }
    };
    this.words.forEach((r) => fits("word", r.text, this.bytes));
    this.attributes.forEach((r) => fits("attribute", r.value, this.bytes));
    for (const r of this.agents) {
      fits("agent", r.members, this.members);
      fits("agent", r.skills, this.skills);
    }
    for (const r of this.work) {
      fits("work", r.needs, this.needs);
      fits("work", r.declined, this.ids);
      fits("work", r.attributes, this.attributes);
    }
    for (const r of this.itemRows) {
      fits("item", r.candidates, this.candidateRows);
      fits("item", { at: r.work, n: 1 }, this.work);
    }
    this.candidateRows.forEach((r) => fits("candidate", { at: r.agent, n: 1 }, this.agents));
  }

  /** Whether proposals are wanted. */
  get asks(): boolean {
    return this.kind !== Kind.snapshotFirst && this.kind !== Kind.snapshotMore;
  }

  /** Random numbers that are the same whenever this turn is played again. */
  get dice(): Dice {
    return (this.rolled ??= new Dice(this.seed));
  }

  /** Returns the word of an id that came with this turn; "" if none did. */
  text(word: number): string {
    return this.names.get(word) ?? "";
  }

  /** Returns the text of a span of the bytes. */
  string(span: Span): string {
    return utf8.decode(this.bytes.subarray(span.at, span.at + span.n));
  }

  /** The work to decide on, what is first to be decided first; candidates turns only. */
  get items(): Item[] {
    if (!this.shown) {
      const people = this.agents.map((row) => new Person(this, row));
      this.shown = this.itemRows.map((row) => new Item(this, row, people));
    }
    return this.shown;
  }
}

/** Returns the rows of a span. */
export function rowsOf<Row>(list: readonly Row[], span: Span): Row[] {
  return list.slice(span.at, span.at + span.n);
}

/** Work that is to be decided on, with those who may be offered it. */
export class Item {
  /** The work as the frame has it. */
  readonly row: Work;
  /** Who may be offered it now, best first by the model of the queue; at least one. */
  readonly candidates: Candidate[];
  private known?: Map<string, string>;
  private needed?: Map<string, Need>;

  /** @internal */
  constructor(private readonly turn: Turn, row: ItemRow, people: Person[]) {
    this.row = turn.work[row.work]!;
    this.candidates = rowsOf(turn.candidateRows, row.candidates).map((c) => new Candidate(people[c.agent]!, c.takes));
  }

  /** What a proposal calls the work. */
  get ref(): number {
    return this.row.ref;
  }

  /** Revision of the work that this is decided on. */
  get revision(): number {
    return this.row.revision;
  }

  /** The work's id, such as "w42". */
  get id(): string {
    return `w${this.row.sequence}`;
  }

  /** For how many milliseconds the customer has waited. */
  get age(): number {
    return this.turn.now - this.row.requestedAt;
  }

  /** 0 is the highest. */
  get priority(): number {
    return this.row.priority;
  }

  /** The name of its queue. */
  get queue(): string {
    return this.turn.text(this.turn.queues.find((q) => q.ref === this.row.queue)?.name ?? 0);
  }

  /** The name of its channel. */
  get channel(): string {
    return this.turn.text(this.turn.channels.find((c) => c.ordinal === this.row.channel)?.name ?? 0);
  }

  /** Its attributes, those that the admin lets through. */
  get attributes(): Map<string, string> {
    const { turn, row } = this;
    return (this.known ??= new Map(
      rowsOf(turn.attributes, row.attributes).map((a) => [turn.text(a.name), turn.string(a.value)]),
    ));
  }

  /** The skills it requires, by name, dropped ones among them. */
  get needs(): Map<string, Need> {
    const { turn, row } = this;
    return (this.needed ??= new Map(rowsOf(turn.needs, row.needs).map((n) => [turn.text(n.name), n])));
  }

  /** The agents whom it may not be offered to now. */
  get declined(): string[] {
    return rowsOf(this.turn.ids, this.row.declined).map((id) => this.turn.text(id));
  }

  /** The agent who is preferred or required; "" if none is. */
  get preferred(): string {
    return this.turn.text(this.row.agent);
  }

  /** The outside reference; "" unless the admin lets it through. */
  get external(): string {
    return this.turn.text(this.row.external);
  }
}

/** An agent of a candidates turn. */
class Person {
  private held?: Map<string, number>;
  private belongs?: Map<string, number>;

  constructor(private readonly turn: Turn, readonly row: Agent) {}

  text(word: number): string {
    return this.turn.text(word);
  }

  get skills(): Map<string, number> {
    const { turn, row } = this;
    return (this.held ??= new Map(rowsOf(turn.skills, row.skills).map((s) => [turn.text(s.name), s.level])));
  }

  get tiers(): Map<string, number> {
    if (!this.belongs) {
      this.belongs = new Map();
      for (const m of rowsOf(this.turn.members, this.row.members)) {
        const queue = this.turn.queues.find((q) => q.ref === m.queue);
        if (queue) {
          this.belongs.set(this.turn.text(queue.name), m.tier);
        }
      }
    }
    return this.belongs;
  }
}

/** An agent who may be offered an item now. */
export class Candidate {
  /** @internal */
  constructor(
    private readonly person: Person,
    /** Thousandths that the work would take of the agent's capacity. */
    readonly takes: number,
  ) {}

  /** The agent as the frame has it. */
  get row(): Agent {
    return this.person.row;
  }

  /** What a proposal calls the agent. */
  get ref(): number {
    return this.person.row.ref;
  }

  /** The agent's id. */
  get name(): string {
    return this.person.text(this.row.name);
  }

  /** The name of the agent's presence status. */
  get status(): string {
    return this.person.text(this.row.status);
  }

  /** The skills the agent holds: name to thousandths of a level. */
  get skills(): Map<string, number> {
    return this.person.skills;
  }

  /** The queues of this turn that the agent belongs to: name to tier. */
  get tiers(): Map<string, number> {
    return this.person.tiers;
  }

  /** Thousandths of primary capacity that the agent has free. */
  get free(): number {
    return this.row.capacity - this.row.used;
  }

  /** For how many milliseconds the agent has held nothing; 0 while it holds something. */
  idle(now: number): number {
    return this.row.idleSince ? now - this.row.idleSince : 0;
  }
}

/** One answer: what the strategy wishes. */
export class Reply {
  readonly proposals: Proposal[] = [];
  readonly notes: Note[] = [];
  wakeAt = 0;
  digest = 0;

  /**
   * Adds a proposal: offer this work to this agent. Both may be rows, or an
   * Item and a Candidate. Several for one work, ranked 0, 1, 2 and so on, are
   * tried until one holds. The score is for people, and rounded.
   */
  propose(work: { ref: number; revision: number }, agent: { ref: number }, score = 0, reason = 0, rank = 0): void {
    const whole = Math.max(-(2 ** 31), Math.min(2 ** 31 - 1, Math.round(score)));
    this.proposals.push({ work: work.ref, revision: work.revision, agent: agent.ref, score: whole, reason, rank });
  }

  /** Says why work waits, by a code of the plugin's reasons. */
  note(work: { ref: number }, reason: number): void {
    this.notes.push({ work: work.ref, reason });
  }

  /** Asks for a turn at that time though nothing changes. The earliest of several holds. */
  wake(at: number): void {
    this.wakeAt = this.wakeAt ? Math.min(this.wakeAt, at) : at;
  }

  /** Returns the frame that answers a turn. */
  write(epoch: bigint, seq: bigint): Uint8Array {
    const seed = BigInt(Math.max(0, Math.round(this.wakeAt)));
    return writeFrame({ kind: RESULT, epoch, seq, seed, digest: this.digest }, [
      part(Proposal, this.proposals),
      part(Note, this.notes),
    ]);
  }
}
