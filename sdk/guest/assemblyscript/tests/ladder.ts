// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

// The rungs, played through the guest as the host plays them.

import { Frame, Writer, Block } from "../assembly/frame";
import { patchbay_abi, patchbay_cold, patchbay_turn, run } from "../assembly/guest";
import { Choice, NOBODY, Pick, Picked, Score, Scored, Strategy } from "../assembly/ladder";
import { Manifest } from "../assembly/manifest";
import { Reply, Status } from "../assembly/reply";
import { Agent, Header, Note, Proposal, Table, Work } from "../assembly/rows";
import { Sample } from "../assembly/sample";
import { Settings } from "../assembly/settings";
import { Kind, Turn } from "../assembly/turn";

/** Chooses the two whom the host puts last, and draws the score. */
class Last extends Pick {
  waits: bool = false;

  configure(settings: Settings): string | null {
    settings.only(["waits"]);
    let waits = settings.flag("waits", false);
    if (settings.error === null) this.waits = waits;
    return settings.error;
  }

  pick(turn: Turn, choice: Choice, reply: Reply): void {
    if (this.waits) {
      reply.note(choice.work, 7);
      return;
    }
    let n = choice.candidates;
    for (let i: u32 = 0; i < n && i < 2; i++) {
      assert(choice.takesAt(i) == choice.work.size, "takes");
      choice.add(reply, choice.agentAt(n - 1 - i), turn.random.below(1000), 3);
    }
  }

  finish(turn: Turn, reply: Reply): void {
    reply.wakeBy(turn.now + 5000);
    reply.wakeBy(turn.now + 9000);
  }
}

/** Takes the whole turn, and asks for a snapshot when one is missing. */
class Raw extends Strategy {
  at: u64 = 0;

  turn(turn: Turn, reply: Reply): u16 {
    if (turn.kind == Kind.DELTA && turn.base_seq != this.at) return Status.NEED_SNAPSHOT;
    this.at = turn.seq;
    reply.digest = turn.digest;
    return Status.OK;
  }
}

/** By the agent's number, but never the one whose number is 1. */
class Odd extends Score {
  score(turn: Turn, work: Work, agent: Agent): i32 {
    return agent.ref == 1 ? NOBODY : <i32>(agent.ref % 2);
  }
}

function day(): Sample {
  let day = new Sample(1000);
  let agents = [day.agent("ada"), day.agent("ben"), day.agent("cem")];
  day.offer(day.work("support"), agents);
  day.offer(day.work("support"), agents);
  return day;
}

const frame = new Frame();
const block = new Block();

/** Plays a turn without sections to the guest; the reply is in frame. */
function play(kind: u8, seq: u64, base: u64): u16 {
  let h = changetype<Header>(heap.alloc(offsetof<Header>())), w = new Writer(block);
  memory.fill(changetype<usize>(h), 0, offsetof<Header>());
  h.kind = kind;
  h.seq = seq;
  h.base_seq = base;
  h.digest = 77;
  w.begin(0);
  let n = w.end(h);
  return answer(block.at, n);
}

function answer(at: usize, length: u32): u16 {
  let packed = patchbay_turn(at, length);
  let fault = frame.read(<usize>(packed >> 32), <u32>packed);
  assert(fault === null, fault === null ? "" : fault);
  return frame.header.status;
}

function cold(op: u32, request: string): string {
  let text = String.UTF8.encode(request);
  let packed = patchbay_cold(op, changetype<usize>(text), text.byteLength);
  return String.UTF8.decodeUnsafe(<usize>(packed >> 32), <usize>(packed & 0xffffffff));
}

export function test_picks(): void {
  let reply = day().reply(new Picked(new Last()));
  assert(reply.proposals == 4 && reply.wake_at == 6000, "proposals");
  let agents: u32[] = [2, 1, 2, 1];
  for (let i: u32 = 0; i < 4; i++) {
    let p = reply.proposalAt(i);
    assert(p.agent == agents[i] && p.work == i / 2 && p.rank == <u16>(i % 2) && p.reason == 3, "proposal");
  }
  assert(reply.proposalAt(0).score != reply.proposalAt(1).score, "each draw is another");
  assert(reply.proposalAt(0).score == day().reply(new Picked(new Last())).proposalAt(0).score, "the same turn, the same draw");
  let made = day().play(new Picked(new Last()));
  assert(made.length == 2 && made[0].agent == 2 && made[1].agent == 1, "who is full is passed over");
}

export function test_scores(): void {
  let reply = day().reply(new Scored(new Odd()));
  assert(reply.proposals == 4 && reply.proposalAt(0).agent == 0 && reply.proposalAt(1).agent == 2, "equal scores keep the host's order");
}

export function test_guest(): void {
  assert(patchbay_abi() == 1, "abi");
  assert(cold(2, "{}").includes("no strategy is known"), "nothing is known yet");
  run(new Manifest("last", "1.2.3"), new Picked(new Last()));
  assert(play(Kind.CANDIDATES, 1, 0) == Status.NOT_READY, "not configured yet");
  assert(cold(1, "").includes("\"view\":\"candidates\""), "manifest");
  assert(cold(2, "[]").includes("error") && cold(2, "{\"wait\":true}").includes("there is no wait"), "wrong settings");
  assert(play(Kind.CANDIDATES, 1, 0) == Status.NOT_READY, "refused settings configured it");
  assert(cold(2, "{\"waits\":true}") == "{}" && cold(9, "").includes("unknown operation 9"), "configure");
  assert(play(Kind.CANDIDATES, 2, 0) == Status.OK && frame.header.seq == 2 && frame.header.seed == 5000, "an empty turn");
  assert(play(Kind.SNAPSHOT, 8, 0) == Status.INTERNAL && frame.count(Table.BYTES) > 20, "a board");
  assert(answer(block.at, 8) == Status.BAD_FRAME && frame.header.seq == 0, "rubbish");
  assert(cold(3, "") == "{}" && play(Kind.CANDIDATES, 9, 0) == Status.NOT_READY, "drained");
  for (let i = 0; i < 1000; i++) play(Kind.CANDIDATES, i, 0); // over several collections
}

export function test_whole_turns(): void {
  let manifest = new Manifest("raw", "1.0.0");
  manifest.board = true;
  run(manifest, new Raw());
  assert(cold(1, "").includes("\"view\":\"board\"") && cold(2, "") == "{}", "manifest");
  assert(play(Kind.SNAPSHOT, 1, 0) == Status.OK && frame.header.digest == 77, "a snapshot");
  assert(play(Kind.DELTA, 2, 1) == Status.OK, "a delta");
  assert(play(Kind.DELTA, 4, 3) == Status.NEED_SNAPSHOT && frame.header.digest == 0, "a gap");
  assert(offsetof<Note>() == 8 && offsetof<Proposal>() == 24, "sizes");
}
