// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

import { Block } from "./frame";
import { Strategy } from "./ladder";
import { Manifest, quote } from "./manifest";
import { Reply, Status } from "./reply";
import { Header } from "./rows";
import { Json, Settings } from "./settings";
import { Turn } from "./turn";

/** How much a line in the host's log matters. */
export namespace Level {
  export const DEBUG: u32 = 0;
  export const INFO: u32 = 1;
  export const WARN: u32 = 2;
  export const ERROR: u32 = 3;
}

@external("patchbay", "log")
declare function hostLog(level: u32, text: usize, length: u32): void;

/** Writes a line to the host's log. */
export function log(level: u32, line: string): void {
  let text = String.UTF8.encode(line);
  hostLog(level, changetype<usize>(text), text.byteLength);
}

/** After how many turns garbage is collected. The library makes none; a strategy may. */
const COLLECT_EVERY: u32 = 64;

let manifest: Manifest | null = null;
let strategy: Strategy | null = null;
let ready = false;
let turns: u32 = 0;
let cold: ArrayBuffer = new ArrayBuffer(0);
const inbound = new Block();
const turn = new Turn();
const reply = new Reply();

/** Makes the module's strategy known. The entry file calls it once, at its top level. */
export function run(says: Manifest, runs: Strategy): void {
  manifest = says;
  strategy = runs;
}

// @ts-ignore: decorator
@inline function packed(at: usize, length: u32): u64 {
  return (<u64>at << 32) | <u64>length;
}

/** The version of the interface between host and guest. For the host. */
export function patchbay_abi(): u32 {
  return 1;
}

/** Where the host may write that many bytes, until the next call of this. For the host. */
export function patchbay_buffer(length: u32): usize {
  return inbound.room(<usize>length + 1);
}

/** Carries out an operation on JSON. For the host. */
export function patchbay_cold(op: u32, at: usize, length: u32): u64 {
  let error: string | null = null, answer = "{}";
  if (strategy === null) {
    error = "patchbay: no strategy is known; call run at the top level";
  } else if (op == 1) {
    answer = manifest!.json();
  } else if (op == 2) {
    error = configure(at, length);
  } else if (op == 3) {
    ready = false;
    strategy!.drain();
  } else {
    error = "patchbay: unknown operation " + op.toString();
  }
  if (error !== null) answer = "{\"error\":" + quote(error) + "}";
  cold = String.UTF8.encode(answer);
  return packed(changetype<usize>(cold), cold.byteLength);
}

function configure(at: usize, length: u32): string | null {
  let json = Json.parse(length == 0 ? "{}" : String.UTF8.decodeUnsafe(at, length));
  if (json === null || !json.isObject) return "settings: they are not a JSON object";
  let settings = new Settings(json);
  let error = strategy!.configure(settings);
  if (error === null) ready = true;
  return error;
}

/** Answers one frame by another. For the host. */
export function patchbay_turn(at: usize, length: u32): u64 {
  if (++turns % COLLECT_EVERY == 0) __collect(); // nothing managed is on the stack here
  reply.clear();
  let status = answer(at, length);
  let named = length >= <u32>offsetof<Header>(), h = changetype<Header>(at);
  let n = reply.write(status, named ? h.epoch : 0, named ? h.seq : 0);
  return packed(reply.frame, n);
}

function answer(at: usize, length: u32): u16 {
  let fault = turn.read(at, length);
  if (fault !== null) {
    reply.text = fault;
    return Status.BAD_FRAME;
  }
  return ready ? strategy!.turn(turn, reply) : Status.NOT_READY;
}

/** Takes the place of the compiler's abort (--use abort=): says in the host's log what went wrong, and traps. */
export function patchbay_abort(message: string | null, file: string | null, line: u32, column: u32): void {
  log(Level.ERROR, (message === null ? "aborted" : message) + " (" + (file === null ? "" : file) + ":" + line.toString() + ":" + column.toString() + ")");
  unreachable();
}
