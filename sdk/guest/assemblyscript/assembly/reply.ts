// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

import { Block, Writer } from "./frame";
import { Agent, Header, Note, Proposal, Table, Work } from "./rows";
import { Kind } from "./turn";

/** How a turn went. */
export namespace Status {
  /** The turn was taken. */
  export const OK: u16 = 0;
  /** The strategy's board is out of step. */
  export const NEED_SNAPSHOT: u16 = 1;
  /** The turn could not be read. */
  export const BAD_FRAME: u16 = 3;
  /** Not configured yet, or drained. */
  export const NOT_READY: u16 = 4;
  /** The strategy gave up because its budget ran out. */
  export const OVER_BUDGET: u16 = 5;
  /** The strategy is broken: the host starts it anew. */
  export const INTERNAL: u16 = 6;
}

/** The longest text of a status, in bytes. */
const MAX_TEXT = 4096;

/** What the strategy wishes. */
export class Reply {
  private rows: Block = new Block();
  private why: Block = new Block();
  private out: Block = new Block();
  private writer: Writer = new Writer(this.out);
  private header: Header = changetype<Header>(heap.alloc(offsetof<Header>()));

  /** How many proposals there are. */
  proposals: u32 = 0;
  /** How many notes there are. */
  notes: u32 = 0;
  /** When a turn is wanted though nothing changes; 0 for never. */
  wake_at: i64 = 0;
  /** The digest of the strategy's own board; 0 if it keeps none. */
  digest: u32 = 0;
  /** With another status than OK: a sentence for people. */
  text: string = "";

  /** Empties the reply and keeps its memory. */
  clear(): void {
    this.proposals = 0;
    this.notes = 0;
    this.wake_at = 0;
    this.digest = 0;
    this.text = "";
  }

  /**
   * Wishes that the work be offered to the agent. The score is for people; the
   * reason is a code of the manifest, 0 for none. Rank 0 is the first choice,
   * 1, 2 … are tried if it is refused, or asked at once if the queue asks
   * several.
   */
  propose(work: Work, agent: Agent, score: i32 = 0, reason: u16 = 0, rank: u16 = 0): void {
    this.push(work, agent.ref, score, reason, rank);
  }

  /** The same by the agent's ref. */
  push(work: Work, agent: u32, score: i32, reason: u16, rank: u16): void {
    let at = <usize>this.proposals * offsetof<Proposal>();
    let p = changetype<Proposal>(this.rows.room(at + offsetof<Proposal>(), at) + at);
    store<u32>(changetype<usize>(p), 0, 20); // what is reserved
    p.work = work.ref;
    p.revision = work.revision;
    p.agent = agent;
    p.score = score;
    p.reason = reason;
    p.rank = rank;
    this.proposals++;
  }

  /** The proposal at an index. */
  proposalAt(i: u32): Proposal {
    return changetype<Proposal>(this.rows.at + <usize>i * offsetof<Proposal>());
  }

  /** Says why the work waits, by a code of the manifest. */
  note(work: Work, reason: u16): void {
    let at = <usize>this.notes * offsetof<Note>();
    let n = changetype<Note>(this.why.room(at + offsetof<Note>(), at) + at);
    store<u64>(changetype<usize>(n), 0);
    n.work = work.ref;
    n.reason = reason;
    this.notes++;
  }

  /** The note at an index. */
  noteAt(i: u32): Note {
    return changetype<Note>(this.why.at + <usize>i * offsetof<Note>());
  }

  /** Asks for a turn at that time at the latest. */
  wakeBy(at: i64): void {
    if (this.wake_at == 0 || at < this.wake_at) this.wake_at = at;
  }

  /** Writes the frame that answers the turn of that epoch and number, and returns its length. It lies at `frame`. */
  write(status: u16, epoch: u64, seq: u64): u32 {
    let h = this.header, w = this.writer;
    memory.fill(changetype<usize>(h), 0, offsetof<Header>());
    h.kind = Kind.REPLY;
    h.status = status;
    h.epoch = epoch;
    h.seq = seq;
    if (status == Status.OK) {
      h.seed = <u64>this.wake_at;
      h.digest = this.digest;
      w.begin(<u32>(this.proposals > 0) + <u32>(this.notes > 0));
      w.rows(Table.PROPOSAL, 1, this.rows.at, this.proposals);
      w.rows(Table.NOTE, 1, this.why.at, this.notes);
    } else {
      let text = String.UTF8.encode(this.text);
      let n = min(text.byteLength, MAX_TEXT);
      w.begin(<u32>(n > 0));
      w.rows(Table.BYTES, 1, changetype<usize>(text), n);
    }
    return w.end(h);
  }

  /** Where the frame lies that was written last. */
  get frame(): usize {
    return this.out.at;
  }
}
