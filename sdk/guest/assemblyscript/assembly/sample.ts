// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

import { Block, Writer } from "./frame";
import { Strategy } from "./ladder";
import { Reply, Status } from "./reply";
import { Agent, AgentFlags, Attribute, Candidate, Channel, Header, Item, Model, Need, Queue, Skill, Table, Word, Work, WorkState } from "./rows";
import { Kind, Turn } from "./turn";

/** Rows of one type, in the making. */
class List {
  block: Block = new Block();
  count: u32 = 0;

  constructor(private size: usize) {}

  add(): usize {
    let at = <usize>this.count * this.size;
    let row = this.block.room(at + this.size, at) + at;
    memory.fill(row, 0, this.size);
    this.count++;
    return row;
  }

  at(i: u32): usize {
    return this.block.at + <usize>i * this.size;
  }

  add_bytes(text: ArrayBuffer): u32 {
    let from = this.count, n = <u32>text.byteLength;
    memory.copy(this.block.room(from + n, from) + from, changetype<usize>(text), n);
    this.count += n;
    return from;
  }
}

/** What the host makes of a proposal: this work is offered to this agent. */
export class Offer {
  constructor(public work: u32, public agent: u32) {}
}

/**
 * A candidates turn made by hand, to try a strategy in its own tests. Agents and
 * work have good defaults; their rows can be changed before the turn is played.
 *
 *     let day = new Sample(60_000);
 *     let ada = day.agent("ada");
 *     day.skill("german", 7.5);
 *     let call = day.work("support");
 *     day.offer(call, [ada]);
 *     let made = day.play(new Scored(new LongestIdle()));
 */
export class Sample {
  /** The turn's randomness. */
  seed: u64 = 1;
  private names: string[] = [];
  private words: List = new List(offsetof<Word>());
  private agents: List = new List(offsetof<Agent>());
  private works: List = new List(offsetof<Work>());
  private queues: List = new List(offsetof<Queue>());
  private skills: List = new List(offsetof<Skill>());
  private needs: List = new List(offsetof<Need>());
  private attributes: List = new List(offsetof<Attribute>());
  private items: List = new List(offsetof<Item>());
  private candidates: List = new List(offsetof<Candidate>());
  private bytes: List = new List(1);
  private channel: Channel = changetype<Channel>(heap.alloc(offsetof<Channel>()));
  private frame: Block = new Block();
  private turn: Turn = new Turn();

  /** now: the time of the turn. */
  constructor(public now: i64) {}

  private word(text: string): u32 {
    let at = this.names.indexOf(text);
    if (at >= 0) return <u32>at + 1;
    this.names.push(text);
    let word = changetype<Word>(this.words.add()), encoded = String.UTF8.encode(text);
    word.id = <u32>this.names.length;
    word.text.at = this.bytes.add_bytes(encoded);
    word.text.n = encoded.byteLength;
    return word.id;
  }

  /** Adds an agent who is connected and idle, and has room for one piece of work of size 1. Returns its number. */
  agent(name: string): u32 {
    let id = this.word(name), status = this.word("available");
    let a = changetype<Agent>(this.agents.add());
    a.ref = this.agents.count - 1;
    a.gen = 1;
    a.version = 1;
    a.name = id;
    a.status = status;
    a.channels = 1;
    a.flags = AgentFlags.CONNECTED;
    a.capacity = 1000;
    a.idle_since = this.now;
    a.signed_in_at = this.now;
    a.max_open = 10;
    a.skills.at = this.skills.count;
    return a.ref;
  }

  /** The row of an agent, to be changed. It moves when another is added. */
  agentAt(i: u32): Agent {
    return changetype<Agent>(this.agents.at(i));
  }

  /** Gives the latest agent a skill. */
  skill(name: string, level: f64): void {
    let s = changetype<Skill>(this.skills.add());
    s.name = this.word(name);
    s.level = <u32>(level * 1000);
    this.agentAt(this.agents.count - 1).skills.n++;
  }

  /** Adds waiting work of size 1 that came now. Returns its number. */
  work(queue: string): u32 {
    let name = this.word(queue), ref: u32 = 0;
    while (ref < this.queues.count && changetype<Queue>(this.queues.at(ref)).name != name) ref++;
    if (ref == this.queues.count) {
      let q = changetype<Queue>(this.queues.add());
      q.ref = ref;
      q.gen = 1;
      q.version = 1;
      q.name = name;
      q.model = Model.LONGEST_IDLE;
    }
    let w = changetype<Work>(this.works.add());
    w.ref = this.works.count - 1;
    w.gen = 1;
    w.revision = 1;
    w.queue = ref;
    w.sequence = this.works.count;
    w.requested_at = this.now;
    w.size = 1000;
    w.state = WorkState.WAITING;
    w.needs.at = this.needs.count;
    w.attributes.at = this.attributes.count;
    return w.ref;
  }

  /** The row of work, to be changed. It moves when other work is added. */
  workAt(i: u32): Work {
    return changetype<Work>(this.works.at(i));
  }

  /** Has the latest work require a skill. */
  need(name: string, level: f64): void {
    let n = changetype<Need>(this.needs.add());
    n.name = this.word(name);
    n.level = <u32>(level * 1000);
    this.workAt(this.works.count - 1).needs.n++;
  }

  /** Gives the latest work an attribute. */
  attribute(name: string, value: string): void {
    let a = changetype<Attribute>(this.attributes.add()), text = String.UTF8.encode(value);
    a.name = this.word(name);
    a.value.at = this.bytes.add_bytes(text);
    a.value.n = text.byteLength;
    this.workAt(this.works.count - 1).attributes.n++;
  }

  /** Has the strategy decide on the work, with these candidates, best first. */
  offer(work: u32, agents: u32[]): void {
    let item = changetype<Item>(this.items.add());
    item.work = work;
    item.candidates.at = this.candidates.count;
    item.candidates.n = agents.length;
    for (let i = 0; i < agents.length; i++) {
      let c = changetype<Candidate>(this.candidates.add());
      c.agent = agents[i];
      c.takes = this.workAt(work).size;
    }
  }

  private write(): u32 {
    this.channel.ordinal = 0;
    this.channel.name = this.word("voice");
    let tables: u16[] = [Table.WORD, Table.QUEUE, Table.AGENT, Table.WORK, Table.ITEM, Table.CANDIDATE, Table.SKILL, Table.NEED, Table.ATTRIBUTE, Table.BYTES];
    let lists: List[] = [this.words, this.queues, this.agents, this.works, this.items, this.candidates, this.skills, this.needs, this.attributes, this.bytes];
    let sections: u32 = 1;
    for (let i = 0; i < lists.length; i++) sections += <u32>(lists[i].count > 0);
    let w = new Writer(this.frame);
    w.begin(sections);
    w.rows(Table.CHANNEL, 1, changetype<usize>(this.channel), 1);
    for (let i = 0; i < lists.length; i++) w.rows(tables[i], 1, lists[i].block.at, lists[i].count);
    let h = changetype<Header>(heap.alloc(offsetof<Header>()));
    memory.fill(changetype<usize>(h), 0, offsetof<Header>());
    h.kind = Kind.CANDIDATES;
    h.epoch = 1;
    h.seq = 1;
    h.now = this.now;
    h.seed = this.seed;
    let n = w.end(h);
    heap.free(changetype<usize>(h));
    return n;
  }

  /** Plays the turn into a reply. Traps if rows were changed to what is no frame, or the strategy refuses the turn. */
  reply(strategy: Strategy): Reply {
    let length = this.write(); // which may move the block
    let fault = this.turn.read(this.frame.at, length);
    assert(fault === null, fault === null ? "" : fault);
    let reply = new Reply();
    assert(strategy.turn(this.turn, reply) == Status.OK, reply.text);
    return reply;
  }

  /**
   * Plays the turn and returns what the host makes of the reply, in its order.
   * Like the host, it passes over those who have no room left.
   */
  play(strategy: Strategy): Offer[] {
    let reply = this.reply(strategy), made: Offer[] = [];
    let used = new Map<u32, i32>(), asked = new Map<u32, i32>();
    for (let i: u32 = 0; i < reply.proposals; i++) {
      let p = reply.proposalAt(i), work = this.workAt(p.work), agent = this.agentAt(p.agent);
      let taken = used.has(p.agent) ? used.get(p.agent) : agent.used, n = asked.has(p.work) ? asked.get(p.work) : 0;
      let most = max<i32>(1, changetype<Queue>(this.queues.at(work.queue)).offer_to);
      if (n >= most || agent.capacity - taken < work.size) continue;
      used.set(p.agent, taken + work.size);
      asked.set(p.work, n + 1);
      made.push(new Offer(p.work, p.agent));
    }
    return made;
  }
}
