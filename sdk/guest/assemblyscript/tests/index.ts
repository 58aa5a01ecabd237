// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// What run.mjs calls: it hands frames in through the buffer, and is told lines
// through the log.

import { Block, Frame, Writer } from "../assembly/frame";
import { Level, log, patchbay_buffer } from "../assembly/guest";
import { Manifest, Reason, quote } from "../assembly/manifest";
import { Entry, Header, Table } from "../assembly/rows";
import { Json, Settings } from "../assembly/settings";
import { Random, Turn } from "../assembly/turn";
import { dumpRows } from "./dump";

export { patchbay_buffer };
export * from "./ladder";

const frame = new Frame();
const turn = new Turn();
const again = new Block();

/** Reads the frame and tells every value of it. Tells what is wrong otherwise. */
export function dump(at: usize, length: u32): bool {
  let fault = frame.read(at, length);
  if (fault !== null) {
    log(Level.ERROR, fault);
    return false;
  }
  let out: string[] = [];
  dumpRows(frame, out);
  let h = frame.header;
  out.push("header.magic=" + h.magic.toString());
  out.push("header.header_len=" + h.header_len.toString());
  out.push("header.kind=" + h.kind.toString());
  out.push("header.flags=" + h.flags.toString());
  out.push("header.frame_len=" + h.frame_len.toString());
  out.push("header.sections=" + h.sections.toString());
  out.push("header.status=" + h.status.toString());
  out.push("header.epoch=" + h.epoch.toString());
  out.push("header.seq=" + h.seq.toString());
  out.push("header.base_seq=" + h.base_seq.toString());
  out.push("header.now=" + h.now.toString());
  out.push("header.seed=" + h.seed.toString());
  out.push("header.budget=" + h.budget.toString());
  out.push("header.digest=" + h.digest.toString());
  let n = frame.count(Table.BYTES);
  if (n > 0) out.push("bytes=" + String.UTF8.decodeUnsafe(frame.row(Table.BYTES, 0), n));
  for (let i = 0; i < out.length; i++) log(Level.DEBUG, out[i]);
  return true;
}

/** Writes the frame that dump read once more, and returns where it lies. */
export function copy(): usize {
  let h = frame.header, w = new Writer(again);
  memory.fill(again.room(1 << 16), 0xff, 1 << 16);
  w.begin(h.sections);
  for (let i: usize = 0; i < <usize>h.sections; i++) {
    let e = changetype<Entry>(changetype<usize>(h) + <usize>h.header_len + i * offsetof<Entry>());
    w.rows(e.table, e.op, changetype<usize>(h) + <usize>e.offset, e.count);
  }
  w.end(h);
  return again.at;
}

/** Reads a frame that may be damaged, and what it names: nothing may trap. */
export function survive(at: usize, length: u32): u64 {
  let sum: u64 = 0;
  if (turn.read(at, length) !== null) return 0;
  for (let i: u32 = 0; i < turn.items; i++) {
    let item = turn.itemAt(i), work = turn.workAt(item.work);
    if (turn.attribute(work, "city") !== null) sum++;
    for (let c: u32 = 0; c < item.candidates.n; c++) {
      sum += turn.skillSum(work, turn.agentAt(turn.candidateAt(item.candidates.at + c).agent));
    }
  }
  for (let i: u32 = 0; i < turn.agents; i++) sum += turn.is(turn.agentAt(i).name, "anna") ? 1 : 0;
  return sum;
}

/** Follows the golden candidates frame. */
export function follow(at: usize, length: u32): void {
  assert(turn.read(at, length) === null, "it is refused");
  let work = turn.workAt(0), anna = turn.agentAt(0);
  assert(turn.items == 3 && turn.itemAt(0).candidates.n == 2, "items");
  assert(turn.spanIs(turn.attribute(work, "city")!.value, "Zürich"), "city");
  assert(turn.spanText(turn.attribute(work, "city")!.value) == "Zürich", "city as text");
  assert(turn.attribute(work, "note")!.value.n == 0 && turn.attribute(work, "none") === null, "note");
  assert(turn.text(work.external) == "crm/4711" && turn.is(turn.queueOf(work)!.name, "support"), "words");
  assert(turn.is(turn.idAt(work.declined.at + 1), "dora") && !turn.is(turn.idAt(work.declined.at), "carl"), "declined");
  assert(turn.is(turn.agentAt(1).name, "bjørn") && !turn.is(turn.agentAt(1).name, "bjorn"), "bjørn");
  assert(turn.level(anna, "english") == 10000 && turn.level(anna, "latin") == -1, "levels");
  assert(turn.skillSum(work, anna) == 10000 && turn.skillSum(turn.workAt(1), anna) == 12500, "sums");
  assert(turn.idle(anna) == 90000 && turn.age(work) == 45000, "times");
}

export function test_random(): void {
  let r = new Random(0);
  assert(r.bits() == 0xe220a8397b1dcdaf && r.bits() == 0x6e789e6aa1b965f4, "not the numbers of splitmix64");
  for (let i = 0; i < 100; i++) assert(r.below(7) < 7 && r.unit() < 1, "out of range");
  assert(r.below(0) == 0, "below 0");
}

export function test_json(): void {
  let json = Json.parse(" {\"a\": 1.5e1, \"b\":true, \"c\\u0041\":\"x\\n\\u00e9\\ud83d\\ude00\\\"\", \"d\":[1, [2], {\"e\":null}], \"a\":-0.25} ")!;
  assert(json.get("a")!.number() == -0.25 && json.get("b")!.flag() && json.get("cA")!.text() == "x\né😀\"", "values");
  let d = json.get("d")!.items();
  assert(d.length == 3 && d[1].items()[0].number() == 2 && d[2].names()[0] == "e", "lists");
  let wrong = ["", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{} {}", "{\"a\":01}", "{\"a\":1.}", "{\"a\":\"\\x\"}", "{\"a\":\"\\u12\"}",
    "{\"a\":tru}", "{\"a\":-}", "{a:1}", "{\"a\":\"\n\"}", "[".repeat(100) + "]".repeat(100)];
  for (let i = 0; i < wrong.length; i++) assert(Json.parse(wrong[i]) === null, wrong[i]);
}

export function test_settings(): void {
  let s = new Settings(Json.parse("{\"n\":1,\"f\":true,\"t\":\"x\"}")!);
  assert(s.number("n", 0) == 1 && s.number("z", 5) == 5 && s.flag("f", false) && s.text("t", "") == "x", "values");
  s.only(["n", "f", "t"]);
  assert(s.error === null, "an error");
  s.number("t", 0);
  assert(s.error!.includes("t: it is not a number"), "no error");
  let other = new Settings(Json.parse("{\"n\":1}")!);
  other.only(["m"]);
  assert(other.error!.includes("there is no n"), "an unknown setting");
}

export function test_manifest(): void {
  let m = new Manifest("n", "1.2.3");
  m.reasons = [new Reason(3, "a", "say \"b\"\n\\ é"), new Reason(4, "c", "")];
  m.settingsSchema = "{\"type\":\"object\"}";
  let json = Json.parse(m.json())!;
  assert(json.get("name")!.text() == "n" && json.get("view")!.text() == "candidates", "name and view");
  assert(json.get("settings_schema")!.text() == m.settingsSchema, "schema");
  assert(json.get("reasons")!.items()[0].get("text")!.text() == m.reasons[0].text, quote(m.reasons[0].text));
}
