// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The rungs, settings and statuses, by scenes and frames. */
class PatchbayTest {
    private static final Reason GOLD = new Reason(7, "gold", "Gold customers go to the best.");

    private static final class BestGerman extends Score {
        @Override
        public Scored score(Turn turn, Item item, Candidate candidate) {
            Integer level = candidate.skills().get("german");
            return level == null ? null : new Scored(level, GOLD);
        }
    }

    private static final class Last extends Pick {
        private long wait;

        @Override
        public void configure(Settings settings) {
            long asked = settings.integer("wait", 0);
            if (asked < 0) {
                throw new SettingsException("wait", "0 or more is wanted");
            }
            wait = asked * 1000;
        }

        @Override
        public List<Choice> pick(Turn turn, Item item, Reply reply) {
            if (item.age() < wait) {
                reply.note(item.row(), GOLD);
                reply.wake(turn.now() + wait - item.age());
                return List.of();
            }
            List<Choice> all = new ArrayList<>();
            item.candidates().forEach(c -> all.add(0, new Choice(c)));
            return item.attributes().isEmpty() ? all : List.of(new Choice(all.get(0).candidate(), 5, GOLD));
        }
    }

    private static Plugin plugin(java.util.function.Supplier<Strategy> create) {
        return new Plugin("test", "1.0.0", create).withReasons(GOLD);
    }

    @Test
    void score() {
        Scene scene = new Scene(plugin(BestGerman::new));
        scene.agent("anna").skill("german", 1);
        scene.agent("bert").skill("german", 3);
        scene.agent("cleo");
        scene.agent("dora").skill("german", 3);
        scene.work("w1", "anna", "bert", "cleo", "dora");
        scene.work("w2", "cleo");
        Scene.Answer answer = scene.play();
        assertEquals(Map.of("w1", List.of("bert", "dora", "anna"), "w2", List.of()), answer.offers());
        assertEquals(Map.of("w1", "gold"), answer.reasons());
    }

    @Test
    void pick() {
        Scene scene = new Scene(plugin(Last::new), "{\"wait\": 10}");
        scene.agent("anna");
        scene.agent("bert");
        scene.work("w1", "anna", "bert").age(3);
        scene.work("w2", "anna", "bert").age(20);
        scene.work("w3", "anna", "bert").age(20).attribute("a", "b");
        Scene.Answer answer = scene.play();
        assertEquals(Map.of("w1", List.of(), "w2", List.of("bert", "anna"), "w3", List.of("bert")), answer.offers());
        assertEquals(Map.of("w1", "gold", "w3", "gold"), answer.reasons());
        assertEquals(Scene.NOW + 7000, answer.wakeAt());
    }

    @Test
    void settings() {
        SettingsException refused =
                assertThrows(SettingsException.class, () -> new Scene(plugin(Last::new), "{\"wait\": -1}"));
        assertEquals("wait", refused.path());
        assertEquals("wait", assertThrows(SettingsException.class, () -> new Scene(plugin(Last::new), "{\"wait\": \"x\"}")).path());
        assertThrows(SettingsException.class, () -> new Scene(plugin(Last::new), "[]"));
        Settings all = Settings.of("{\"a\": {\"b\": [1, -2.5e1, \"\\u00f6\\n\", true, null]}, \"c\": \"x\"}");
        assertEquals(Arrays.asList(1L, -25.0, "ö\n", true, null), all.object("a").list("b"));
        assertEquals("a.b", assertThrows(SettingsException.class, () -> all.object("a").text("b", "")).path());
        for (String text : List.of("", "{", "{a:1}", "[1,]", "01", "\"", "\"\\x\"", "tru", "{} x", "[".repeat(1000))) {
            assertThrows(SettingsException.class, () -> Json.parse(text), text);
        }
    }

    private static Status status(byte[] reply) {
        return Status.values()[new Frame(reply).header.status()];
    }

    @Test
    void statuses() {
        Plugin broken = plugin(() -> new Score() {
            @Override
            public Scored score(Turn turn, Item item, Candidate candidate) {
                int n = turn.dice().below(1 << 30);
                if (n == new Dice(1).below(1 << 30)) {
                    throw new OverBudgetException();
                }
                if (n == new Dice(2).below(1 << 30)) {
                    throw new NeedSnapshotException();
                }
                throw new ArithmeticException("why");
            }
        });
        for (Status want : List.of(Status.OVER_BUDGET, Status.NEED_SNAPSHOT, Status.INTERNAL)) {
            int seed = want == Status.OVER_BUDGET ? 1 : want == Status.NEED_SNAPSHOT ? 2 : 3;
            Scene scene = new Scene(broken).seed(seed);
            scene.agent("anna");
            scene.work("w1", "anna");
            assertEquals(want, status(scene.answer(scene.frame())));
            assertEquals(Status.NOT_READY, status(new Instance(broken).turn(scene.frame())));
        }
        assertEquals(Status.BAD_FRAME, status(new Instance(broken).turn("rubbish".getBytes(StandardCharsets.UTF_8))));
        Instance instance = new Instance(broken);
        instance.configure(new byte[0]);
        Rows.Header board = new Rows.Header(0, 0, Kind.SNAPSHOT.number, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0);
        assertEquals(Status.INTERNAL, status(instance.turn(Frame.write(board, List.of()))));
    }

    @Test
    void handshake() {
        Instance instance = new Instance(plugin(Last::new).withSettings("{}").withCandidates(3));
        byte[] old = new Wire.Writer().numbers(2, List.of(1, 2, 3)).finish();
        assertThrows(Instance.Refusal.class, () -> instance.handshake(old));
        Wire.Reader got = new Wire.Reader(
                instance.handshake(new Wire.Writer().numbers(2, List.of(1, 4, 99)).number(5, 5).finish()));
        assertEquals(List.of(1, 4), got.numbers(2));
        assertEquals(List.of(1), got.numbers(6));
        assertEquals(2, got.number(10));
        assertEquals(3, got.number(11));
        assertEquals(7, new Wire.Reader(got.bytes(8)).number(1));
        assertThrows(Instance.Refusal.class, () -> instance.drain(new Wire.Writer().number(1, 4).finish()));
        instance.drain(new Wire.Writer().number(1, 5).finish());
    }

    @Test
    void dice() {
        Dice dice = new Dice(42);
        for (String want : List.of("13679457532755275413", "2949826092126892291", "5139283748462763858")) {
            assertEquals(want, Long.toUnsignedString(dice.bits()));
        }
        for (int i = 0; i < 100; i++) {
            int n = dice.below(7);
            double f = dice.fraction();
            assertTrue(n >= 0 && n < 7 && f >= 0 && f < 1);
        }
    }

    @Test
    void wire() {
        byte[] message = new Wire.Writer().number(1, -1).numbers(2, List.of(1, 300)).text(3, "ö").finish();
        Wire.Reader got = new Wire.Reader(message);
        assertEquals(-1, got.number(1));
        assertEquals(List.of(1, 300), got.numbers(2));
        assertEquals("ö", new String(got.bytes(3), StandardCharsets.UTF_8));
        for (int n = 0; n < message.length; n++) {
            try {
                new Wire.Reader(Arrays.copyOf(message, n));
            } catch (Wire.WireException e) {
                // as it should
            }
        }
    }

    /** The examples of RFC 7541, appendix C.4. */
    @Test
    void hpack() {
        Hpack headers = new Hpack();
        for (String block : List.of("828684418cf1e3c2e5f23a6ba0ab90f4ff", "828684be5886a8eb10649cbf")) {
            List<Hpack.Header> got = headers.decode(HexFormat.of().parseHex(block));
            assertTrue(got.contains(new Hpack.Header(":authority", "www.example.com")), got.toString());
        }
        List<Hpack.Header> one = List.of(new Hpack.Header("a", "b".repeat(300)));
        assertEquals(one, new Hpack().decode(Hpack.encode(one)));
        for (String rubbish : List.of("ffffffffffff", "40856162", "c8", "3fffff7f")) {
            byte[] block = HexFormat.of().parseHex(rubbish);
            assertThrows(Hpack.HeaderException.class, () -> new Hpack().decode(block), rubbish);
        }
    }

    @Test
    void certificate() throws GeneralSecurityException {
        Certificate own = Certificate.create();
        own.certificate().verify(own.certificate().getPublicKey());
        own.certificate().checkValidity();
        assertFalse(own.line().contains("="));
    }
}
