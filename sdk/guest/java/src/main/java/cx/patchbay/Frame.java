// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import cx.patchbay.Rows.Entry;
import cx.patchbay.Rows.Header;
import cx.patchbay.Rows.Table;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

/**
 * The header and the sections of one frame, checked.
 *
 * <p>frame.md beside the protobuf files of patchbay.strategy.v1 describes the bytes; the rows are generated from
 * frame.layout there. Every offset and count is checked, so that rows can be read without a care; spans are checked by
 * those who know which list they count. Nothing is known here of how frames are carried.
 */
final class Frame {
    static final int MAGIC = 0x314e5254;
    static final int RESULT = 16;
    static final int PUT = 1;
    static final int GONE = 2;
    /** The length of the longest frame that is read, in bytes. */
    static final int MAX_BYTES = 1 << 30;

    private static final int MAX_SECTIONS = 64;
    private static final int MAX_STATUS_TEXT = 4096;

    final Header header;
    private final byte[] data;
    private final ByteBuffer view;
    private final Map<Integer, Section> sections = new HashMap<>();

    private record Section(int stride, int count, int offset) {}

    Frame(byte[] data) {
        this.data = data;
        this.view = little(data);
        if (data.length < Header.SIZE) {
            throw new FrameException(data.length + " bytes are less than the header's " + Header.SIZE);
        }
        header = Header.read(view, 0);
        if ((int) header.magic() != MAGIC) {
            throw new FrameException(String.format("magic %#x is not %#x", header.magic(), MAGIC));
        }
        if (header.frameLen() != data.length || data.length > MAX_BYTES) {
            throw new FrameException("frame length " + header.frameLen() + ", but " + data.length + " bytes came");
        }
        int at = header.headerLen();
        if (at < Header.SIZE || at % 8 != 0 || at > data.length) {
            throw new FrameException("header length " + at);
        }
        long floor = at + (long) header.sections() * Entry.SIZE;
        if (header.sections() > MAX_SECTIONS || floor > data.length) {
            throw new FrameException(header.sections() + " sections");
        }
        for (int i = 0; i < header.sections(); i++, at += Entry.SIZE) {
            floor = section(Entry.read(view, at), floor);
        }
    }

    private long section(Entry e, long floor) {
        long size = e.count() * e.stride(); // of 32 bits and of 16: no overflow
        if (e.stride() == 0) {
            throw new FrameException("table " + e.table() + ": stride 0");
        }
        if (e.offset() % 8 != 0 || e.offset() < floor) {
            throw new FrameException("table " + e.table() + ": offset " + e.offset()
                    + " is not a multiple of 8 past the section before");
        }
        if (e.offset() + size > data.length) {
            throw new FrameException("table " + e.table() + ": " + e.count() + " rows of " + e.stride() + " bytes at "
                    + e.offset() + " end past the frame");
        }
        Section section = new Section(e.stride(), (int) e.count(), (int) e.offset());
        if (sections.put(key(e.table(), e.op()), section) != null) {
            throw new FrameException("table " + e.table() + " comes twice");
        }
        return e.offset() + size;
    }

    private static int key(int table, int op) {
        return table << 8 | op;
    }

    static ByteBuffer little(byte[] data) {
        return ByteBuffer.wrap(data).order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Returns the rows of a section, none if it is not there. A row that is longer than this package knows is read as far
     * as it is known.
     */
    <T> List<T> rows(int table, int op, int size, BiFunction<ByteBuffer, Integer, T> read) {
        Section s = sections.get(key(table, op));
        if (s == null) {
            return List.of();
        }
        if (s.stride < size || s.stride % 4 != 0) {
            throw new FrameException("table " + table + ": stride " + s.stride + " is less than " + size
                    + ", or not a multiple of 4");
        }
        List<T> rows = new ArrayList<>(s.count);
        for (int i = 0; i < s.count; i++) {
            rows.add(read.apply(view, s.offset + i * s.stride));
        }
        return rows;
    }

    /** Returns the section of dictionary ids. */
    List<Integer> ids() {
        Section s = sections.get(key(Table.IDS, PUT));
        if (s != null && s.stride != 4) {
            throw new FrameException("table " + Table.IDS + ": stride " + s.stride + " is not 4");
        }
        return rows(Table.IDS, PUT, 4, ByteBuffer::getInt);
    }

    /** Returns the section of bytes. */
    byte[] bytes() {
        Section s = sections.get(key(Table.BYTES, PUT));
        if (s != null && s.stride != 1) {
            throw new FrameException("table " + Table.BYTES + ": stride " + s.stride + " is not 1");
        }
        return s == null ? new byte[0] : Arrays.copyOfRange(data, s.offset, s.offset + s.count);
    }

    /** Returns the header that bytes claim to have; null if they are no frame at all. */
    static Header claim(byte[] data) {
        if (data.length < Header.SIZE) {
            return null;
        }
        Header header = Header.read(little(data), 0);
        return (int) header.magic() == MAGIC ? header : null;
    }

    /** One section that is to be written. */
    record Part(int table, int op, int stride, int count, Filler filler) {}

    /** Writes the rows of a section from a byte on. */
    interface Filler {
        void fill(ByteBuffer to, int at);
    }

    /** Writes one row at a byte. */
    interface RowWriter<T> {
        void write(T row, ByteBuffer to, int at);
    }

    /** Returns the section of rows of one type. */
    static <T> Part part(int table, int op, int size, List<T> rows, RowWriter<T> writer) {
        return new Part(table, op, size, rows.size(), (to, at) -> {
            for (int i = 0; i < rows.size(); i++) {
                writer.write(rows.get(i), to, at + i * size);
            }
        });
    }

    /** Returns the section of bytes. */
    static Part bytesPart(byte[] bytes) {
        return new Part(Table.BYTES, PUT, 1, bytes.length, (to, at) -> to.put(at, bytes));
    }

    /** Returns a frame. What the header says of lengths is filled in. */
    static byte[] write(Header h, List<Part> parts) {
        List<Part> there = parts.stream().filter(p -> p.count > 0).toList();
        int at = Header.SIZE + there.size() * Entry.SIZE;
        int length = at;
        for (Part p : there) {
            length = Math.addExact(up(length), Math.multiplyExact(p.count, p.stride));
        }
        byte[] data = new byte[up(length)];
        ByteBuffer view = little(data);
        for (int i = 0; i < there.size(); i++) {
            Part p = there.get(i);
            at = up(at);
            new Entry(p.table, p.op, Rows.LAYOUT, p.stride, p.count, at).write(view, Header.SIZE + i * Entry.SIZE);
            p.filler.fill(view, at);
            at += p.count * p.stride;
        }
        new Header(MAGIC, Header.SIZE, h.kind(), h.flags(), data.length, there.size(), h.status(), h.epoch(), h.seq(),
                        h.baseSeq(), h.now(), h.seed(), h.budget(), h.digest())
                .write(view, 0);
        return data;
    }

    private static int up(int n) {
        return n + 7 & ~7;
    }

    /** Returns the header of a reply. */
    static Header reply(Status status, long epoch, long seq, long wakeAt, long digest) {
        return new Header(0, 0, RESULT, 0, 0, 0, status.ordinal(), epoch, seq, 0, 0, wakeAt, 0, digest);
    }

    /** Returns a reply that says how a turn went wrong. */
    static byte[] status(long epoch, long seq, Status status, String text) {
        byte[] said = text.getBytes(StandardCharsets.UTF_8);
        int n = Math.min(said.length, MAX_STATUS_TEXT);
        while (n < said.length && n > 0 && (said[n] & 0xc0) == 0x80) {
            n--; // not within a character
        }
        return write(reply(status, epoch, seq, 0, 0), List.of(bytesPart(Arrays.copyOf(said, n))));
    }
}
