// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/**
 * Tests of strategies that decide on candidates, without a host.
 *
 *     const scene = new Scene(plugin, { bonus: 100 });
 *     scene.agent("anna", { skills: { german: 3 } });
 *     scene.agent("bert");
 *     scene.work("w1", ["anna", "bert"], { attributes: { tier: "gold" } });
 *     assert.deepEqual(scene.play().offers, { w1: ["bert", "anna"] });
 *
 * A scene is written as the frame that a host would send, and answered by the
 * same code that serves a host.
 */

import { bytesPart, Frame, Kind, part, PUT, Status, writeFrame } from "./frame";
import { Instance } from "./instance";
import type { Plugin } from "./plugin";
import {
  Agent, AgentFlags, Attribute, Candidate, Channel, Item, Model, Need, Note, Proposal, Queue, Skill, type Span, Word, Work,
  WorkState,
} from "./rows";
import { Reader, Writer } from "./wire";

const CANDIDATES = 4; // the feature

/** The time of a scene if it is not said: 2026-01-01, in Unix milliseconds. */
export const NOW = 1_767_225_600_000;

/** What the strategy said. */
export interface Answer {
  /** For each work whom it is to be offered to, best first. */
  readonly offers: Record<string, string[]>;
  /** For each work that waits with a note, or is offered, the name of the reason. */
  readonly reasons: Record<string, string>;
  /** When a turn is wanted; 0 if none is. */
  readonly wakeAt: number;
}

/** What there may be to say of an agent. */
export interface AgentOptions {
  /** Name to level. */
  readonly skills?: Record<string, number>;
  readonly capacity?: number;
  readonly used?: number;
  /** Assignments offered or open. */
  readonly open?: number;
  /** Seconds. */
  readonly idle?: number;
  readonly status?: string;
}

/** What there may be to say of work. */
export interface WorkOptions {
  readonly queue?: string;
  readonly channel?: string;
  /** Seconds. */
  readonly age?: number;
  readonly priority?: number;
  readonly size?: number;
  /** Name to level. */
  readonly needs?: Record<string, number>;
  readonly attributes?: Record<string, string>;
}

const milli = (n: number) => Math.round(n * 1000);

/** A candidates turn in the making. Each scene has a strategy of its own. */
export class Scene {
  /** What answers the turn. */
  readonly instance: Instance;
  private readonly words: Word[] = [];
  private readonly channels: Channel[] = [];
  private readonly queues: Queue[] = [];
  private readonly agents: Agent[] = [];
  private readonly rows: Work[] = [];
  private readonly items: Item[] = [];
  private readonly candidates: Candidate[] = [];
  private readonly skills: Skill[] = [];
  private readonly needs: Need[] = [];
  private readonly attributes: Attribute[] = [];
  private readonly ids = new Map<string, number>();
  private readonly text: number[] = [];
  private readonly people: string[] = [];
  private readonly names: string[] = [];
  private readonly queueNames: string[] = [];
  private readonly channelNames: string[] = [];

  /** Begins a scene. Throws if the strategy refuses its settings. */
  constructor(
    private readonly plugin: Plugin,
    settings: object = {},
    private readonly now = NOW,
    private readonly seed = 1n,
  ) {
    this.instance = new Instance(plugin);
    this.instance.handshake(new Writer().numbers(2, [CANDIDATES]).number(5, 1).finish());
    const request = new Writer().number(1, 1).bytes(2, new TextEncoder().encode(JSON.stringify(settings)));
    const said = new Reader(this.instance.configure(request.finish())).bytes(2);
    if (said.length > 0) {
      const diagnostic = new Reader(said);
      const [path, message] = [2, 3].map((n) => new TextDecoder().decode(diagnostic.bytes(n)));
      throw new Error(`the strategy refuses its settings: ${path}: ${message}`);
    }
  }

  /** Adds an agent. */
  agent(name: string, options: AgentOptions = {}): void {
    const { skills = {}, capacity = 1, used = 0, open = 0, idle = 0, status = "available" } = options;
    const held = Object.entries(skills).map(([n, level]) => ({ name: this.word(n), level: milli(level) }));
    this.agents.push({
      ref: this.people.push(name), gen: 1, version: 1, name: this.word(name), channels: 1n, status: this.word(status),
      flags: AgentFlags.connected, open, capacity: milli(capacity), used: milli(used),
      idleSince: used || open ? 0 : this.now - milli(idle), signedInAt: 0, assignedAt: 0, members: { at: 0, n: 0 },
      skills: add(this.skills, held), maxOpen: 1000, offers: 0, maxOffers: 0, statusSince: 0, interruptible: 0,
      interruptibleUsed: 0,
    });
  }

  /** Adds work to decide on, with its candidates in the host's order. */
  work(name: string, candidates: readonly string[], options: WorkOptions = {}): void {
    const { queue = "support", channel = "case", age = 0, priority = 0, size = 1, needs = {}, attributes = {} } = options;
    const wanted = Object.entries(needs).map(([n, level]) => ({ name: this.word(n), level: milli(level), flags: 0, group: 0 }));
    const said = Object.entries(attributes).map(([n, value]) => ({ name: this.word(n), value: this.bytes(value) }));
    const number = this.names.push(name);
    this.rows.push({
      ref: number, gen: 1, revision: 1, queue: this.queue(queue), sequence: BigInt(number), requestedAt: this.now - milli(age),
      targetAcceptAt: 0, priority, secondary: 0, size: milli(size), channel: this.channel(channel), state: WorkState.waiting,
      flags: 0, agent: 0, declines: 0, preferredUntil: 0, needs: add(this.needs, wanted), declined: { at: 0, n: 0 },
      attributes: add(this.attributes, said), external: 0, percent: 0, tier: 0, offers: 0,
    });
    const found = candidates.map((c) => ({ agent: this.people.indexOf(c), takes: milli(size) }));
    this.items.push({ work: number - 1, candidates: add(this.candidates, found) });
  }

  /** Plays the turn. Throws what the strategy said if it fails. */
  play(): Answer {
    const got = new Frame(this.instance.turn(this.frame()));
    if (got.header.status !== Status.ok) {
      const name = Object.entries(Status).find(([, n]) => n === got.header.status)?.[0];
      throw new Error(`${name}: ${new TextDecoder().decode(got.bytes())}`);
    }
    const offers: Record<string, string[]> = Object.fromEntries(this.names.map((n) => [n, []]));
    const reasons: Record<string, string> = {};
    const reason = (code: number) => this.plugin.reasons?.find((r) => r.code === code)?.name ?? String(code);
    for (const p of got.rows(Proposal).sort((a, b) => a.rank - b.rank)) {
      const work = this.names[p.work - 1]!;
      offers[work]!.push(this.people[p.agent - 1]!);
      if (p.reason) {
        reasons[work] ??= reason(p.reason);
      }
    }
    got.rows(Note).forEach((n) => (reasons[this.names[n.work - 1]!] = reason(n.reason)));
    return { offers, reasons, wakeAt: Number(got.header.seed) };
  }

  /** Returns the turn as a frame. */
  frame(): Uint8Array {
    return writeFrame({ kind: Kind.candidates, epoch: 1n, seq: 1n, now: this.now, seed: this.seed }, [
      part(Word, this.words, Word.table, PUT), part(Channel, this.channels), part(Queue, this.queues),
      part(Agent, this.agents), part(Work, this.rows), part(Item, this.items), part(Candidate, this.candidates),
      part(Skill, this.skills), part(Need, this.needs), part(Attribute, this.attributes),
      bytesPart(Uint8Array.from(this.text)),
    ]);
  }

  private bytes(text: string): Span {
    const raw = new TextEncoder().encode(text);
    return { at: this.text.push(...raw) - raw.length, n: raw.length };
  }

  private word(text: string): number {
    let id = this.ids.get(text);
    if (id === undefined) {
      id = this.ids.size + 1;
      this.ids.set(text, id);
      this.words.push({ id, text: this.bytes(text) });
    }
    return id;
  }

  private queue(name: string): number {
    if (!this.queueNames.includes(name)) {
      const ref = this.queueNames.push(name) - 1;
      this.queues.push({
        ref, gen: 1, version: 1, name: this.word(name), model: Model.longestIdle, flags: 0, offerTo: 0, withinMs: 0, changedAt: 0,
      });
    }
    return this.queueNames.indexOf(name);
  }

  private channel(name: string): number {
    if (!this.channelNames.includes(name)) {
      const ordinal = this.channelNames.push(name) - 1;
      this.channels.push({ ordinal, name: this.word(name) });
    }
    return this.channelNames.indexOf(name);
  }
}

function add<Row>(list: Row[], rows: readonly Row[]): Span {
  return { at: list.push(...rows) - rows.length, n: rows.length };
}
