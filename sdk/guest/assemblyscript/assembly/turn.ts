// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

import { Frame } from "./frame";
import {
  Agent, Attribute, Candidate, Channel, Gone, Item, Member, Need, NeedFlags, Queue, Settled, Skill, Span, Table, Word, Work,
} from "./rows";

/** The kinds of frames. */
export namespace Kind {
  /** Changes since the last turn. */
  export const DELTA: u8 = 1;
  /** A whole snapshot in one page. */
  export const SNAPSHOT: u8 = 2;
  /** The first page of a snapshot: the board is empty before. No proposals are wanted. */
  export const SNAPSHOT_FIRST: u8 = 3;
  /** A further page of a snapshot. No proposals are wanted. */
  export const SNAPSHOT_MORE: u8 = 4;
  /** The last page of a snapshot. */
  export const SNAPSHOT_LAST: u8 = 5;
  /** Items to decide on with their candidates; nothing is kept between turns. */
  export const CANDIDATES: u8 = 6;
  /** A reply. */
  export const REPLY: u8 = 16;
}

/**
 * Randomness that follows from a seed alone: the splitmix64 generator. The same
 * seed gives the same numbers in every language's library.
 */
export class Random {
  constructor(public state: u64) {}

  /** The next 64 random bits. */
  bits(): u64 {
    this.state += 0x9e3779b97f4a7c15;
    let z = (this.state ^ (this.state >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  /** A number from 0 to n - 1; 0 if n is 0. */
  below(n: u32): u32 {
    return <u32>(((this.bits() >> 32) * <u64>n) >> 32);
  }

  /** A number from 0 to less than 1. */
  unit(): f64 {
    return <f64>(this.bits() >> 11) / 9007199254740992.0;
  }
}

/** Whether n bytes of UTF-8 at an address are this text. Nothing is allocated. */
export function same(at: usize, n: u32, text: string): bool {
  let end = at + <usize>n;
  for (let i = 0; i < text.length; i++) {
    let c = <u32>text.charCodeAt(i);
    if ((c & 0xfc00) == 0xd800 && i + 1 < text.length) {
      let low = <u32>text.charCodeAt(i + 1);
      if ((low & 0xfc00) == 0xdc00) {
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        i++;
      }
    }
    let bytes: u32 = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (at + <usize>bytes > end) return false;
    if (bytes == 1) {
      if (<u32>load<u8>(at) != c) return false;
    } else {
      let lead: u32 = bytes == 2 ? 0xc0 : bytes == 3 ? 0xe0 : 0xf0;
      if (<u32>load<u8>(at) != (lead | (c >> (6 * (bytes - 1))))) return false;
      for (let k: u32 = 1; k < bytes; k++) {
        if (<u32>load<u8>(at + <usize>k) != (0x80 | ((c >> (6 * (bytes - 1 - k))) & 0x3f))) return false;
      }
    }
    at += <usize>bytes;
  }
  return at == end;
}

/**
 * One turn: what the host asks. Functions that end in At give the row at an
 * index, which must be less than the count; in a candidates turn, agents and
 * work are those that items name.
 */
export class Turn {
  /** The frame, for sections this class does not name. */
  frame: Frame = new Frame();
  /** The turn's randomness. Each draw of a turn is another; the same turn gives the same. */
  random: Random = new Random(0);

  /** Reads a turn from a frame at a multiple of 8. Returns a sentence on what is wrong, or null. */
  read(at: usize, length: u32): string | null {
    let fault = this.frame.read(at, length);
    if (fault !== null) return fault;
    if (this.kind < Kind.DELTA || this.kind > Kind.CANDIDATES) return "frame: its kind is not that of a turn";
    for (let i: u32 = 0, n = this.items; i < n; i++) {
      if (this.itemAt(i).work >= this.works) return "frame: an item names a row that is not there";
    }
    for (let i: u32 = 0, n = this.frame.count(Table.CANDIDATE); i < n; i++) {
      if (this.candidateAt(i).agent >= this.agents) return "frame: a candidate names a row that is not there";
    }
    this.random.state = this.seed;
    return null;
  }

  /** What the turn holds. */
  @inline get kind(): u8 { return this.frame.header.kind; }
  /** The number of this start of the instance. */
  @inline get epoch(): u64 { return this.frame.header.epoch; }
  /** The number of the turn, from 1. */
  @inline get seq(): u64 { return this.frame.header.seq; }
  /** The turn on whose state a delta builds; 0 otherwise. */
  @inline get base_seq(): u64 { return this.frame.header.base_seq; }
  /** The time of the turn. There is no other clock. */
  @inline get now(): i64 { return this.frame.header.now; }
  /** The randomness that the turn was given, for generators of your own. */
  @inline get seed(): u64 { return this.frame.header.seed; }
  /** How many microseconds the turn may take; 0 means no limit. */
  @inline get budget(): u32 { return this.frame.header.budget; }
  /** The digest of the board once the turn is applied; 0 if not given. */
  @inline get digest(): u32 { return this.frame.header.digest; }

  /** How many items there are to decide on. */
  @inline get items(): u32 { return this.frame.count(Table.ITEM); }
  @inline itemAt(i: u32): Item { return changetype<Item>(this.frame.row(Table.ITEM, i)); }
  /** How much work comes or changes. */
  @inline get works(): u32 { return this.frame.count(Table.WORK); }
  @inline workAt(i: u32): Work { return changetype<Work>(this.frame.row(Table.WORK, i)); }
  /** How many agents come or change. */
  @inline get agents(): u32 { return this.frame.count(Table.AGENT); }
  @inline agentAt(i: u32): Agent { return changetype<Agent>(this.frame.row(Table.AGENT, i)); }
  /** How many queues come or change. */
  @inline get queues(): u32 { return this.frame.count(Table.QUEUE); }
  @inline queueAt(i: u32): Queue { return changetype<Queue>(this.frame.row(Table.QUEUE, i)); }
  /** How many channels come or change. */
  @inline get channels(): u32 { return this.frame.count(Table.CHANNEL); }
  @inline channelAt(i: u32): Channel { return changetype<Channel>(this.frame.row(Table.CHANNEL, i)); }
  /** How many strings come. */
  @inline get words(): u32 { return this.frame.count(Table.WORD); }
  @inline wordAt(i: u32): Word { return changetype<Word>(this.frame.row(Table.WORD, i)); }
  /** How many earlier proposals something became of. */
  @inline get settled(): u32 { return this.frame.count(Table.SETTLED); }
  @inline settledAt(i: u32): Settled { return changetype<Settled>(this.frame.row(Table.SETTLED, i)); }
  /** How many left a table: Table.AGENT, WORK or QUEUE. */
  @inline gone(table: u16): u32 { return this.frame.goneCount(table); }
  @inline goneAt(table: u16, i: u32): Gone { return changetype<Gone>(this.frame.goneRow(table, i)); }

  /** The rows that spans name, by span.at and on. */
  @inline candidateAt(i: u32): Candidate { return changetype<Candidate>(this.frame.row(Table.CANDIDATE, i)); }
  @inline memberAt(i: u32): Member { return changetype<Member>(this.frame.row(Table.MEMBER, i)); }
  @inline skillAt(i: u32): Skill { return changetype<Skill>(this.frame.row(Table.SKILL, i)); }
  @inline needAt(i: u32): Need { return changetype<Need>(this.frame.row(Table.NEED, i)); }
  @inline attributeAt(i: u32): Attribute { return changetype<Attribute>(this.frame.row(Table.ATTRIBUTE, i)); }
  /** A dictionary id of a span of ids, such as work.declined. */
  @inline idAt(i: u32): u32 { return load<u32>(this.frame.row(Table.IDS, i)); }

  private word(id: u32): Word | null {
    let n = this.words;
    // Writers number words in their order, if nothing was taken away.
    if (id > 0 && id <= n && this.wordAt(id - 1).id == id) return this.wordAt(id - 1);
    for (let i: u32 = 0; i < n; i++) {
      if (this.wordAt(i).id == id) return this.wordAt(i);
    }
    return null;
  }

  /** Whether a dictionary id stands for this text. */
  is(id: u32, text: string): bool {
    let word = this.word(id);
    return word === null ? text.length == 0 && id == 0 : this.spanIs(word.text, text);
  }

  /** Whether a span of bytes, such as an attribute's value, is this text. */
  spanIs(span: Span, text: string): bool {
    return span.n == 0 ? text.length == 0 : same(this.frame.row(Table.BYTES, span.at), span.n, text);
  }

  /** The text of a dictionary id that this turn brings; empty for others. It is allocated. */
  text(id: u32): string {
    let word = this.word(id);
    return word === null ? "" : this.spanText(word.text);
  }

  /** The text of a span of bytes. It is allocated. */
  spanText(span: Span): string {
    return span.n == 0 ? "" : String.UTF8.decodeUnsafe(this.frame.row(Table.BYTES, span.at), span.n);
  }

  /** The work's attribute of that name, or null. Its value is a span of bytes. */
  attribute(work: Work, name: string): Attribute | null {
    for (let i = work.attributes.at, end = i + work.attributes.n; i < end; i++) {
      if (this.is(this.attributeAt(i).name, name)) return this.attributeAt(i);
    }
    return null;
  }

  /** The agent's level in the skill of that name, in thousandths; -1 if the agent does not hold it. */
  level(agent: Agent, skill: string): i32 {
    for (let i = agent.skills.at, end = i + agent.skills.n; i < end; i++) {
      if (this.is(this.skillAt(i).name, skill)) return <i32>this.skillAt(i).level;
    }
    return -1;
  }

  /**
   * The sum of the agent's levels in the skills that the work requires now, in
   * thousandths; of all skills, if it requires none.
   */
  skillSum(work: Work, agent: Agent): u32 {
    let sum: u64 = 0, all: u64 = 0, any = false;
    let needs = work.needs.at, last = needs + work.needs.n;
    for (let i = agent.skills.at, end = i + agent.skills.n; i < end; i++) {
      let skill = this.skillAt(i), needed = false;
      for (let k = needs; k < last; k++) {
        let need = this.needAt(k);
        if ((need.flags & NeedFlags.DROPPED) != 0) continue;
        any = true;
        if (need.name == skill.name) needed = true;
      }
      all += skill.level;
      if (needed) sum += skill.level;
    }
    return <u32>min<u64>(any ? sum : all, u32.MAX_VALUE);
  }

  /** For how many milliseconds the agent has been idle; 0 while busy. */
  idle(agent: Agent): i64 {
    return agent.idle_since == 0 ? 0 : since(this.now, agent.idle_since);
  }

  /** For how many milliseconds the customer has waited. */
  age(work: Work): i64 {
    return since(this.now, work.requested_at);
  }

  /** The queue the work waits in, or null if this turn does not bring it. */
  queueOf(work: Work): Queue | null {
    for (let i: u32 = 0, n = this.queues; i < n; i++) {
      if (this.queueAt(i).ref == work.queue) return this.queueAt(i);
    }
    return null;
  }
}

/** The time passed since then; 0 if it is to come. */
function since(now: i64, then: i64): i64 {
  if (now <= then) return 0;
  let passed = now - then;
  return passed < 0 ? i64.MAX_VALUE : passed; // more than fits
}
