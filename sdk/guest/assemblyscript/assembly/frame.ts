// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

import { Entry, Gone, Header, LAYOUT, Table, TABLES, checkLayout, rowFits, sizeOf, spanning } from "./rows";

/** What the first four bytes of every frame say: "TRN1". */
export const MAGIC: u32 = 0x314e5254;
/** The most sections a frame may have. */
const MAX_SECTIONS: u32 = 64;
/** The length of the longest frame, in bytes. */
const MAX_FRAME: u32 = 1 << 30;

const PUT: u8 = 1;
const GONE: u8 = 2;

/** Memory at a multiple of 8 that grows and is kept. */
export class Block {
  /** Where it begins; 0 if it holds nothing yet. */
  at: usize = 0;
  /** How many bytes there is room for. */
  size: usize = 0;

  /** Makes room for n bytes and keeps the first `keep` of those it held. */
  room(n: usize, keep: usize = 0): usize {
    if (n > this.size || this.at == 0) {
      let size = max(n, this.size * 2);
      let at = heap.alloc(size);
      if (keep > 0) memory.copy(at, this.at, keep);
      if (this.at != 0) heap.free(this.at);
      this.at = at;
      this.size = size;
    }
    return this.at;
  }
}

/** A section as it lies in the frame. */
@unmanaged class Section {
  base: usize;
  count: u32;
  stride: u32;
}

/**
 * A frame that was read: a turn or a reply. Nothing of it is copied. One Frame
 * reads one frame after the other.
 */
export class Frame {
  private header_: usize = 0;
  private put: usize = heap.alloc(TABLES * offsetof<Section>());
  private gone_: usize = heap.alloc(TABLES * offsetof<Section>());
  private counts: usize = heap.alloc(TABLES * 4);

  /**
   * Reads a frame of length bytes at a multiple of 8. Every offset, count and
   * span is checked, so that all of it can be followed without a care; what ids
   * and refs mean is not. Returns a sentence on what is wrong, or null.
   */
  read(at: usize, length: u32): string | null {
    checkLayout();
    memory.fill(this.put, 0, TABLES * offsetof<Section>());
    memory.fill(this.gone_, 0, TABLES * offsetof<Section>());
    memory.fill(this.counts, 0, TABLES * 4);
    if (length < <u32>offsetof<Header>()) return "frame: it is shorter than its header";
    let h = changetype<Header>(at);
    if ((at & 7) != 0) return "frame: it does not begin at a multiple of 8";
    if (h.magic != MAGIC) return "frame: it has another magic";
    if (h.frame_len != length || length > MAX_FRAME) return "frame: its length is not what its header says";
    if (h.header_len < <u16>offsetof<Header>() || (h.header_len & 7) != 0 || <u32>h.header_len > length)
      return "frame: its header has a wrong length";
    let floor = <u64>h.header_len + <u64>h.sections * offsetof<Entry>();
    if (<u32>h.sections > MAX_SECTIONS || floor > <u64>length) return "frame: its directory reaches past the end";
    this.header_ = at;
    for (let i: u32 = 0; i < <u32>h.sections; i++) {
      let e = changetype<Entry>(at + <usize>h.header_len + <usize>i * offsetof<Entry>());
      let fault = this.section(e, length, floor);
      if (fault !== null) return fault;
      floor = <u64>e.offset + <u64>e.count * <u64>e.stride;
    }
    return this.spansFit() ? null : "frame: a span reaches past its section";
  }

  private section(e: Entry, length: u32, floor: u64): string | null {
    if ((e.offset & 7) != 0 || <u64>e.offset < floor) return "frame: a section is misaligned, or overlaps what comes before";
    if (<u64>e.offset + <u64>e.count * <u64>e.stride > <u64>length) return "frame: a section reaches past the end";
    let table = e.table, size: u32 = 0, section: Section;
    if (e.op == PUT && <u32>table < TABLES && sizeOf(table) != 0) {
      section = this.at(this.put, table);
      size = sizeOf(table);
    } else if (e.op == GONE && (table == Table.AGENT || table == Table.WORK || table == Table.QUEUE)) {
      section = this.at(this.gone_, table);
      size = <u32>offsetof<Gone>();
    } else {
      return null; // of a table that this library does not know
    }
    // No layout is older than this library's, so that a row is never shorter.
    let fixed = table == Table.BYTES || table == Table.IDS;
    if (<u32>e.stride < size || (fixed ? <u32>e.stride != size : (e.stride & 3) != 0))
      return "frame: a stride is too small, or not what rows need";
    if (section.base != 0) return "frame: a section comes twice";
    section.base = this.header_ + <usize>e.offset;
    section.count = e.count;
    section.stride = e.stride;
    if (e.op == PUT) store<u32>(this.counts + (<usize>table << 2), e.count);
    return null;
  }

  private spansFit(): bool {
    for (let t: u16 = 0; t < <u16>TABLES; t++) {
      if (!spanning(t)) continue;
      let section = this.at(this.put, t);
      let row = section.base;
      for (let n = section.count; n > 0; n--, row += <usize>section.stride) {
        if (!rowFits(t, row, this.counts)) return false;
      }
    }
    return true;
  }

  @inline private at(list: usize, table: u16): Section {
    return changetype<Section>(list + <usize>table * offsetof<Section>());
  }

  /** The header of the frame that was read last. */
  @inline get header(): Header {
    return changetype<Header>(this.header_);
  }

  /** How many rows of a table come or change. */
  @inline count(table: u16): u32 {
    return this.at(this.put, table).count;
  }

  /** Where the row at an index lies, which must be less than the count. */
  @inline row(table: u16, index: u32): usize {
    let section = this.at(this.put, table);
    return section.base + <usize>index * <usize>section.stride;
  }

  /** How many rows left a table: of agents, work or queues. */
  @inline goneCount(table: u16): u32 {
    return this.at(this.gone_, table).count;
  }

  /** Where the row of type Gone at an index lies. */
  @inline goneRow(table: u16, index: u32): usize {
    let section = this.at(this.gone_, table);
    return section.base + <usize>index * <usize>section.stride;
  }
}

/** Writes a frame into a Block: sections in the order in which they are given. */
export class Writer {
  private sections: u32 = 0;
  private most: u32 = 0;
  private end_: usize = 0;

  constructor(private block: Block) {}

  /** Begins a frame of exactly that many sections, over what the block held. */
  begin(sections: u32): void {
    this.sections = 0;
    this.most = sections;
    this.end_ = offsetof<Header>() + <usize>sections * offsetof<Entry>();
    this.block.room(this.end_);
  }

  /** Adds a section of count rows that lie at an address. op is 1 for rows that come, 2 for rows of type Gone. */
  rows(table: u16, op: u8, rows: usize, count: u32): void {
    if (count == 0 || this.sections == this.most) return;
    let stride: u32 = op == GONE ? <u32>offsetof<Gone>() : sizeOf(table);
    let from = this.end_, length = <usize>count * <usize>stride;
    this.end_ = (from + length + 7) & ~7;
    let at = this.block.room(this.end_, from);
    memory.copy(at + from, rows, length);
    memory.fill(at + from + length, 0, this.end_ - from - length);
    let e = changetype<Entry>(at + offsetof<Header>() + <usize>this.sections * offsetof<Entry>());
    store<u64>(changetype<usize>(e), 0);
    e.table = table;
    e.op = op;
    e.layout = LAYOUT;
    e.stride = <u16>stride;
    e.count = count;
    e.offset = <u32>from;
    this.sections++;
  }

  /**
   * Ends the frame, which lies in the block, and returns its length. kind,
   * status, epoch, seq, seed (wake_at in replies), now, base_seq, budget and
   * digest are the header's, given as one to be copied.
   */
  end(header: Header): u32 {
    let h = changetype<Header>(this.block.at);
    memory.copy(this.block.at, changetype<usize>(header), offsetof<Header>());
    h.magic = MAGIC;
    h.header_len = <u16>offsetof<Header>();
    h.frame_len = <u32>this.end_;
    h.sections = <u16>this.sections;
    return <u32>this.end_;
  }
}
