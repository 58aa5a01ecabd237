// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/**
 * What a frame is: reading sections, writing frames.
 *
 * frame.md beside the protobuf files of patchbay.strategy.v1 describes the
 * bytes; the rows are generated from frame.layout there. Nothing is known here
 * of how frames are carried.
 */

import { Entry, Header, LAYOUT, type RowType, Table } from "./rows";

const MAGIC = 0x314e5254;
const MAX_SECTIONS = 64;
const MAX_STATUS_TEXT = 4096;
/** The kind of a reply. */
export const RESULT = 16;
/** What a section's rows are meant as: rows that come or change, or refs of what left. */
export const PUT = 1;
export const GONE = 2;
/** The length of the longest frame that is read, in bytes. */
export const MAX_FRAME_BYTES = 1 << 30;

/** Tells what a turn holds. */
export const Kind = {
  /** Changes since the turn that its baseSeq names. Proposals are wanted. */
  delta: 1,
  /** The whole board at once. Proposals are wanted. */
  snapshot: 2,
  /** The first page of a snapshot: the board is emptied first. */
  snapshotFirst: 3,
  /** A further page of a snapshot. */
  snapshotMore: 4,
  /** The last page of a snapshot. Proposals are wanted. */
  snapshotLast: 5,
  /** Items with their candidates, which stand alone. Proposals are wanted. */
  candidates: 6,
} as const;

/** Tells how a turn went. */
export const Status = {
  ok: 0,
  needSnapshot: 1,
  staleEpoch: 2,
  badFrame: 3,
  notReady: 4,
  overBudget: 5,
  internal: 6,
} as const;

/** Says why bytes are not a frame. */
export class FrameError extends Error {}

/** Thrown by a strategy whose board is out of step: it asks for a snapshot. */
export class NeedSnapshot extends Error {
  constructor() {
    super("board out of step: a snapshot is needed");
  }
}

/** Thrown by a strategy that gives up because its budget ran out. */
export class OverBudget extends Error {
  constructor() {
    super("the budget of the turn ran out");
  }
}

interface Section {
  readonly stride: number;
  readonly count: number;
  readonly offset: number;
}

function viewOf(data: Uint8Array): DataView {
  return new DataView(data.buffer, data.byteOffset, data.byteLength);
}

/**
 * The header and the sections of one frame, checked.
 *
 * Every offset and count is checked, so that rows can be read without a care;
 * spans are checked by those who know which list they count.
 */
export class Frame {
  readonly header: Header;
  private readonly view: DataView;
  private readonly sections = new Map<number, Section>();

  constructor(private readonly data: Uint8Array) {
    if (data.length < Header.size) {
      throw new FrameError(`${data.length} bytes are less than the header's ${Header.size}`);
    }
    this.view = viewOf(data);
    const header = Header.read(this.view, 0);
    if (header.magic !== MAGIC) {
      throw new FrameError(`magic 0x${header.magic.toString(16)} is not 0x${MAGIC.toString(16)}`);
    }
    if (header.frameLen !== data.length || data.length > MAX_FRAME_BYTES) {
      throw new FrameError(`frame length ${header.frameLen}, but ${data.length} bytes came`);
    }
    let at = header.headerLen;
    if (at < Header.size || at % 8 !== 0 || at > data.length) {
      throw new FrameError(`header length ${at}`);
    }
    let floor = at + header.sections * Entry.size;
    if (header.sections > MAX_SECTIONS || floor > data.length) {
      throw new FrameError(`${header.sections} sections`);
    }
    this.header = header;
    for (let i = 0; i < header.sections; i++, at += Entry.size) {
      floor = this.section(at, floor);
    }
  }

  private section(at: number, floor: number): number {
    const e = Entry.read(this.view, at);
    const end = e.offset + e.count * e.stride;
    if (e.stride === 0) {
      throw new FrameError(`table ${e.table}: stride 0`);
    }
    if (e.offset % 8 !== 0 || e.offset < floor) {
      throw new FrameError(`table ${e.table}: offset ${e.offset} is not a multiple of 8 past the section before`);
    }
    if (end > this.data.length) {
      throw new FrameError(`table ${e.table}: ${e.count} rows of ${e.stride} bytes at ${e.offset} end past the frame`);
    }
    const key = e.table * 256 + e.op;
    if (this.sections.has(key)) {
      throw new FrameError(`table ${e.table} comes twice`);
    }
    this.sections.set(key, { stride: e.stride, count: e.count, offset: e.offset });
    return end;
  }

  private find(table: number, op: number): Section | undefined {
    return this.sections.get(table * 256 + op);
  }

  /**
   * Returns the rows of a section, none if it is not there. A row that is
   * longer than this package knows is read as far as it is known.
   */
  rows<Row>(type: RowType<Row>, table: number = type.table, op: number = PUT): Row[] {
    const s = this.find(table, op);
    if (!s) {
      return [];
    }
    if (s.stride < type.size || s.stride % 4 !== 0) {
      throw new FrameError(`table ${table}: stride ${s.stride} is less than ${type.size}, or not a multiple of 4`);
    }
    const rows = new Array<Row>(s.count);
    for (let i = 0, at = s.offset; i < s.count; i++, at += s.stride) {
      rows[i] = type.read(this.view, at);
    }
    return rows;
  }

  /** Returns the section of dictionary ids. */
  ids(): number[] {
    const s = this.find(Table.ids, PUT);
    if (s && s.stride !== 4) {
      throw new FrameError(`table ${Table.ids}: stride ${s.stride} is not 4`);
    }
    return s ? Array.from({ length: s.count }, (_, i) => this.view.getUint32(s.offset + 4 * i, true)) : [];
  }

  /** Returns the section of bytes, where it lies. */
  bytes(): Uint8Array {
    const s = this.find(Table.bytes, PUT);
    if (s && s.stride !== 1) {
      throw new FrameError(`table ${Table.bytes}: stride ${s.stride} is not 1`);
    }
    return s ? this.data.subarray(s.offset, s.offset + s.count) : new Uint8Array(0);
  }
}

/** Returns whose frame it claims to be, zeros if it is no frame at all. */
export function epochAndSeq(data: Uint8Array): { epoch: bigint; seq: bigint } {
  if (data.length >= Header.size) {
    const header = Header.read(viewOf(data), 0);
    if (header.magic === MAGIC) {
      return header;
    }
  }
  return { epoch: 0n, seq: 0n };
}

/** One section that is to be written. */
export interface Part {
  readonly table: number;
  readonly op: number;
  readonly stride: number;
  readonly count: number;
  fill(to: DataView, at: number): void;
}

/** Returns the section of rows of one type. */
export function part<Row>(type: RowType<Row>, rows: readonly Row[], table: number = type.table, op: number = PUT): Part {
  return {
    table,
    op,
    stride: type.size,
    count: rows.length,
    fill: (to, at) => rows.forEach((row, i) => type.write(to, at + i * type.size, row)),
  };
}

/** Returns the section of bytes. */
export function bytesPart(data: Uint8Array): Part {
  return {
    table: Table.bytes,
    op: PUT,
    stride: 1,
    count: data.length,
    fill: (to, at) => new Uint8Array(to.buffer, to.byteOffset + at).set(data),
  };
}

/** Returns the section of dictionary ids. */
export function idsPart(ids: readonly number[]): Part {
  return {
    table: Table.ids,
    op: PUT,
    stride: 4,
    count: ids.length,
    fill: (to, at) => ids.forEach((id, i) => to.setUint32(at + 4 * i, id, true)),
  };
}

const blank: Header = {
  magic: MAGIC, headerLen: Header.size, kind: 0, flags: 0, frameLen: 0, sections: 0, status: 0,
  epoch: 0n, seq: 0n, baseSeq: 0n, now: 0, seed: 0n, budget: 0, digest: 0,
};

/** Returns a frame. What the header says of lengths is filled in. */
export function writeFrame(header: Partial<Header>, parts: readonly Part[]): Uint8Array {
  const there = parts.filter((p) => p.count > 0);
  const up = (n: number) => (n + 7) & ~7;
  let at = Header.size + there.length * Entry.size;
  const length = there.reduce((n, p) => up(n) + p.count * p.stride, at);
  const frame = new Uint8Array(up(length));
  const view = viewOf(frame);
  there.forEach((p, i) => {
    at = up(at);
    const { table, op, stride, count } = p;
    Entry.write(view, Header.size + i * Entry.size, { table, op, layout: LAYOUT, stride, count, offset: at });
    p.fill(view, at);
    at += count * stride;
  });
  Header.write(view, 0, { ...blank, ...header, frameLen: frame.length, sections: there.length });
  return frame;
}

/** Returns a reply that says how a turn went wrong. */
export function writeStatus(epoch: bigint, seq: bigint, status: number, text = ""): Uint8Array {
  const said = new Uint8Array(MAX_STATUS_TEXT);
  const { written } = new TextEncoder().encodeInto(text, said);
  return writeFrame({ kind: RESULT, status, epoch, seq }, [bytesPart(said.subarray(0, written))]);
}
