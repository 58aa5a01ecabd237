// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import cx.patchbay.Rows.Gone;
import cx.patchbay.Rows.Span;
import cx.patchbay.Rows.Table;
import java.io.IOException;
import java.lang.reflect.RecordComponent;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BiFunction;
import org.junit.jupiter.api.Test;

/** The golden frames: read as their JSON says, and written back to the same bytes. */
class GoldenTest {
    private static final Path FOLDER = Path.of(System.getenv().getOrDefault("PATCHBAY_GOLDEN", "../../route/testdata/golden"));

    /** One table: its rows are read and written by the generated code. */
    private record Type<T extends Record>(
            String name, int table, int size, BiFunction<ByteBuffer, Integer, T> read, Frame.RowWriter<T> write) {
        List<T> rows(Frame frame) {
            return frame.rows(table, Frame.PUT, size, read);
        }

        Frame.Part part(Frame frame) {
            return Frame.part(table, Frame.PUT, size, rows(frame), write);
        }

        Frame.Part longer(Frame frame) {
            List<T> rows = rows(frame);
            return new Frame.Part(table, Frame.PUT, size + 8, rows.size(), (to, at) -> {
                for (int i = 0; i < rows.size(); i++) {
                    write.write(rows.get(i), to, at + i * (size + 8));
                    to.putLong(at + i * (size + 8) + size, -1);
                }
            });
        }

        void again() {
            byte[] full = new byte[size];
            for (int i = 0; i < size; i++) {
                full[i] = (byte) (i % 120);
            }
            T row = read.apply(Frame.little(full), 0);
            byte[] out = new byte[size];
            write.write(row, Frame.little(out), 0);
            assertEquals(row, read.apply(Frame.little(out), 0), name);
        }
    }

    private static final List<Type<?>> TYPES = List.of(
            new Type<>("word", Table.WORD, Rows.Word.SIZE, Rows.Word::read, Rows.Word::write),
            new Type<>("channel", Table.CHANNEL, Rows.Channel.SIZE, Rows.Channel::read, Rows.Channel::write),
            new Type<>("queue", Table.QUEUE, Rows.Queue.SIZE, Rows.Queue::read, Rows.Queue::write),
            new Type<>("agent", Table.AGENT, Rows.Agent.SIZE, Rows.Agent::read, Rows.Agent::write),
            new Type<>("work", Table.WORK, Rows.Work.SIZE, Rows.Work::read, Rows.Work::write),
            new Type<>("settled", Table.SETTLED, Rows.Settled.SIZE, Rows.Settled::read, Rows.Settled::write),
            new Type<>("item", Table.ITEM, Rows.Item.SIZE, Rows.Item::read, Rows.Item::write),
            new Type<>("candidate", Table.CANDIDATE, Rows.Candidate.SIZE, Rows.Candidate::read, Rows.Candidate::write),
            new Type<>("member", Table.MEMBER, Rows.Member.SIZE, Rows.Member::read, Rows.Member::write),
            new Type<>("skill", Table.SKILL, Rows.Skill.SIZE, Rows.Skill::read, Rows.Skill::write),
            new Type<>("need", Table.NEED, Rows.Need.SIZE, Rows.Need::read, Rows.Need::write),
            new Type<>("attribute", Table.ATTRIBUTE, Rows.Attribute.SIZE, Rows.Attribute::read, Rows.Attribute::write),
            new Type<>("proposal", Table.PROPOSAL, Rows.Proposal.SIZE, Rows.Proposal::read, Rows.Proposal::write),
            new Type<>("note", Table.NOTE, Rows.Note.SIZE, Rows.Note::read, Rows.Note::write));

    private static final Map<String, Integer> GONE = new LinkedHashMap<>();

    static {
        GONE.put("work", Table.WORK);
        GONE.put("agent", Table.AGENT);
        GONE.put("queue", Table.QUEUE);
    }

    private static List<String> names() throws IOException {
        try (var files = Files.list(FOLDER)) {
            List<String> names = files.map(f -> f.getFileName().toString())
                    .filter(f -> f.endsWith(".hex"))
                    .map(f -> f.substring(0, f.length() - 4))
                    .sorted()
                    .toList();
            assertTrue(names.size() >= 8, names + " in " + FOLDER);
            return names;
        }
    }

    private static byte[] read(String name) throws IOException {
        return HexFormat.of().parseHex(Files.readString(FOLDER.resolve(name + ".hex")).replaceAll("\\s", ""));
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> said(String name) throws IOException {
        return (Map<String, Object>) Json.parse(Files.readString(FOLDER.resolve(name + ".json")));
    }

    /** Returns a value with names as the JSON has them, and all numbers as text. */
    private static Object plain(Object value) {
        if (value instanceof Map<?, ?> map) {
            Map<String, Object> out = new TreeMap<>();
            map.forEach((k, v) -> out.put((String) k, plain(v)));
            return out;
        }
        if (value instanceof List<?> list) {
            return list.stream().map(GoldenTest::plain).toList();
        }
        if (value instanceof Record row) {
            Map<String, Object> out = new TreeMap<>();
            for (RecordComponent c : row.getClass().getRecordComponents()) {
                String name = c.getName().replaceAll("([A-Z])", "_$1").toLowerCase(Locale.ROOT);
                try {
                    Object field = c.getAccessor().invoke(row);
                    boolean whole = List.of("channels", "seed", "epoch", "seq", "base_seq", "sequence").contains(name);
                    out.put(name, whole ? Long.toUnsignedString((Long) field) : plain(field));
                } catch (ReflectiveOperationException e) {
                    throw new AssertionError(e);
                }
            }
            return out;
        }
        return String.valueOf(value);
    }

    @Test
    void reads() throws IOException {
        for (String name : names()) {
            Frame frame = new Frame(read(name));
            Map<String, Object> want = said(name);
            assertEquals(plain(want.get("header")), plain(frame.header), name);
            Map<String, Object> sections = new TreeMap<>();
            TYPES.forEach(t -> sections.put(t.name, t.rows(frame)));
            GONE.forEach((n, table) -> sections.put(n + " gone", frame.rows(table, Frame.GONE, Gone.SIZE, Gone::read)));
            sections.put("ids", frame.ids());
            sections.values().removeIf(list -> ((List<?>) list).isEmpty());
            if (frame.bytes().length > 0) {
                sections.put("bytes", new String(frame.bytes(), java.nio.charset.StandardCharsets.UTF_8));
            }
            assertEquals(plain(want.get("sections")), plain(sections), name);
        }
    }

    @Test
    void writes() throws IOException {
        for (String name : names()) {
            Frame frame = new Frame(read(name));
            List<Frame.Part> parts = new ArrayList<>();
            GONE.forEach((n, table) -> parts.add(
                    Frame.part(table, Frame.GONE, Gone.SIZE, frame.rows(table, Frame.GONE, Gone.SIZE, Gone::read), Gone::write)));
            TYPES.forEach(t -> parts.add(t.part(frame)));
            parts.add(Frame.part(Table.IDS, Frame.PUT, 4, frame.ids(), (id, to, at) -> to.putInt(at, id)));
            parts.add(Frame.bytesPart(frame.bytes()));
            assertArrayEquals(read(name), Frame.write(frame.header, parts), name);
        }
    }

    @Test
    void items() throws IOException {
        List<Object> got = new ArrayList<>();
        for (Item i : new Turn(read("candidates")).items()) {
            List<Object> needs = new ArrayList<>();
            i.needs().forEach((skill, n) -> needs.add(Map.of("skill", skill, "level", n.level(), "flags", n.flags())));
            List<Object> candidates = new ArrayList<>();
            i.candidates().forEach(c -> candidates.add(Map.of("agent", c.name(), "ref", c.row().ref(), "skills", c.skills(),
                    "status", c.status(), "takes", c.takes())));
            Map<String, Object> item = new TreeMap<>(Map.of("ref", i.row().ref(), "revision", i.row().revision(), "queue", i.queue(),
                    "channel", i.channel(), "attributes", i.attributes(), "declined", i.declined(),
                    "preferred", i.preferred(), "external", i.external(), "needs", needs));
            item.put("candidates", candidates);
            got.add(item);
        }
        assertEquals(plain(said("candidates").get("items")), plain(got));
    }

    @Test
    void board() throws IOException {
        Board board = new Board();
        Turn snapshot = new Turn(read("snapshot"));
        Turn delta = new Turn(read("delta"));
        assertThrows(NeedSnapshotException.class, () -> board.apply(delta));
        board.apply(snapshot);
        board.apply(delta);
        assertEquals(delta.digest(), board.digest());
        assertThrows(NeedSnapshotException.class, () -> board.apply(delta), "a second time");
    }

    /** A frame with any byte changed is read, or refused by FrameException; nothing else. */
    @Test
    void refuses() throws IOException {
        for (String name : List.of("candidates", "delta")) {
            byte[] whole = read(name);
            for (int at = 0; at < whole.length; at++) {
                for (int value : new int[] {0, 0xff, whole[at] ^ 1}) {
                    byte[] changed = whole.clone();
                    changed[at] = (byte) value;
                    try {
                        new Turn(changed).items();
                    } catch (FrameException e) {
                        // as it should
                    }
                }
                byte[] cut = java.util.Arrays.copyOf(whole, at);
                assertThrows(FrameException.class, () -> new Turn(cut));
            }
        }
    }

    /** Rows of a later layout are longer: what is known of them is read. */
    @Test
    void longerRows() throws IOException {
        Frame frame = new Frame(read("candidates"));
        List<Frame.Part> parts = new ArrayList<>();
        TYPES.forEach(t -> parts.add(t.longer(frame)));
        Frame again = new Frame(Frame.write(frame.header, parts));
        TYPES.forEach(t -> assertEquals(t.rows(frame), t.rows(again), t.name));
    }

    @Test
    void layout() {
        TYPES.forEach(Type::again);
        assertEquals(new Span(0, 0), Span.NONE);
    }
}
