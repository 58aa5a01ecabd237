// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/** One strategy behind frames, whatever carries them. */

import { epochAndSeq, FrameError, Kind, NeedSnapshot, OverBudget, Status, writeStatus } from "./frame";
import { type Plugin, SettingsError, type Strategy } from "./plugin";
import * as rows from "./rows";
import { Reply, Turn } from "./turn";
import { Reader, Writer } from "./wire";

/** The major version of the contract, and the highest minor of it, that this package speaks. */
export const MAJOR = 1;
const MINOR = 0n;
const FEATURES = { wakeAt: 1, digest: 2, snapshotPages: 3, candidates: 4 };
const VIEWS = { board: 1, candidates: 2 };
const SEVERITY_ERROR = 3;

/** Codes of gRPC. */
export const Code = { ok: 0, resourceExhausted: 8, failedPrecondition: 9, unimplemented: 12, internal: 13 } as const;

/** A call that cannot be carried out, with the code of gRPC that says so. */
export class Refusal extends Error {
  constructor(readonly code: number, message: string) {
    super(message);
  }
}

/** One strategy, from its handshake to its drain. */
export class Instance {
  readonly strategy: Strategy<unknown>;
  private ready = false;
  private epoch = 0n;

  constructor(readonly plugin: Plugin) {
    this.strategy = plugin.create();
  }

  /** Agrees on what both sides speak, and says what the strategy is: HandshakeRequest to HandshakeResponse. */
  handshake(data: Uint8Array): Uint8Array {
    const request = new Reader(data);
    const features = request.numbers(2);
    const { plugin, strategy } = this;
    if (strategy.view === "candidates" && !features.includes(FEATURES.candidates)) {
      throw new Refusal(Code.failedPrecondition, "the strategy wants candidates, which this host cannot send: it is too old");
    }
    this.epoch = request.number(5);
    const minor = request.number(1);
    const out = new Writer()
      .number(1, minor < MINOR ? minor : MINOR)
      .numbers(2, Object.values(FEATURES).filter((f) => features.includes(f)));
    for (const table of plugin.tables ?? []) {
      out.bytes(3, new Writer().number(1, table).number(2, rows.LAYOUT).number(3, stride(table)).finish());
    }
    out.text(4, plugin.name).text(5, plugin.version).numbers(6, [MAJOR]);
    out.text(7, plugin.settings ? JSON.stringify(plugin.settings) : "");
    for (const r of plugin.reasons ?? []) {
      out.bytes(8, new Writer().number(1, r.code).text(2, r.name).text(3, r.text).finish());
    }
    return out
      .number(9, plugin.deterministic ?? true)
      .number(10, VIEWS[strategy.view])
      .number(11, plugin.candidates ?? 0)
      .finish();
  }

  /** Puts settings in force, as a whole or not at all: ConfigureRequest to ConfigureResponse. */
  configure(data: Uint8Array): Uint8Array {
    const request = new Reader(data);
    const out = new Writer().number(1, request.number(1));
    const before = this.strategy.settings;
    try {
      const settings: unknown = JSON.parse(new TextDecoder().decode(request.bytes(2)) || "{}");
      if (typeof settings !== "object" || settings === null || Array.isArray(settings)) {
        throw new SettingsError("", "settings are one JSON object");
      }
      this.strategy.settings = settings;
      this.strategy.configure(settings);
      this.ready = true;
    } catch (error) {
      this.strategy.settings = before;
      const path = error instanceof SettingsError ? error.path : "";
      out.bytes(2, new Writer().number(1, SEVERITY_ERROR).text(2, path).text(3, said(error)).finish());
    }
    return out.finish();
  }

  /** Answers one frame by another. It never throws. */
  turn(data: Uint8Array): Uint8Array {
    const { epoch, seq } = epochAndSeq(data);
    try {
      return this.answer(data);
    } catch (error) {
      if (error instanceof FrameError) {
        return writeStatus(epoch, seq, Status.badFrame, `patchbay: frame: ${error.message}`);
      }
      if (error instanceof NeedSnapshot) {
        return writeStatus(epoch, seq, Status.needSnapshot);
      }
      if (error instanceof OverBudget) {
        return writeStatus(epoch, seq, Status.overBudget);
      }
      console.error(error);
      return writeStatus(epoch, seq, Status.internal, said(error));
    }
  }

  private answer(data: Uint8Array): Uint8Array {
    const turn = new Turn(data);
    const reply = new Reply();
    if (!this.ready) {
      return writeStatus(turn.epoch, turn.seq, Status.notReady);
    }
    if ((turn.kind === Kind.candidates) !== (this.strategy.view === "candidates")) {
      throw new TypeError(`a turn of kind ${turn.kind} came, but the strategy's view is ${this.strategy.view}`);
    }
    this.strategy.turn(turn, reply);
    return reply.write(turn.epoch, turn.seq);
  }

  /** Lets go of what the strategy holds; no turn comes after: DrainRequest to DrainResponse. */
  drain(data: Uint8Array): Uint8Array {
    const epoch = new Reader(data).number(1);
    if (epoch !== this.epoch) {
      throw new Refusal(Code.failedPrecondition, `drain of epoch ${epoch}, but this is epoch ${this.epoch}`);
    }
    this.ready = false;
    this.strategy.close();
    return new Uint8Array(0);
  }
}

function said(error: unknown): string {
  return error instanceof SettingsError ? error.message : String(error);
}

/** Returns the bytes per row of a table, as far as this package knows the row. */
function stride(table: number): number {
  if (table === rows.Table.bytes || table === rows.Table.ids) {
    return table === rows.Table.bytes ? 1 : 4;
  }
  for (const type of Object.values(rows)) {
    if (typeof type === "object" && "size" in type && type.table === table) {
      return type.size;
    }
  }
  throw new RangeError(`there is no table ${table}`);
}
