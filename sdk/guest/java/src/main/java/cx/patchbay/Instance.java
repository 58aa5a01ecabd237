// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import cx.patchbay.Rows.Header;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** One strategy behind frames, from its handshake to its drain, whatever carries them. It is safe for concurrent use. */
final class Instance {
    static final int MAJOR = 1;

    private static final long MINOR = 0;
    private static final int FEATURE_CANDIDATES = 4;
    private static final List<Integer> FEATURES = List.of(1, 2, 3, FEATURE_CANDIDATES);
    private static final int SEVERITY_ERROR = 3;

    private final Plugin plugin;
    private final Strategy strategy;
    private boolean ready;
    private long epoch;

    Instance(Plugin plugin) {
        this.plugin = plugin;
        this.strategy = plugin.create().get();
    }

    /** A call that cannot be carried out now. */
    static final class Refusal extends RuntimeException {
        private static final long serialVersionUID = 1;

        Refusal(String message) {
            super(message);
        }
    }

    /** Agrees on what both sides speak, and says what the strategy is: HandshakeRequest to HandshakeResponse. */
    synchronized byte[] handshake(byte[] data) {
        Wire.Reader request = new Wire.Reader(data);
        List<Integer> features = request.numbers(2);
        boolean candidates = strategy.view() == Strategy.View.CANDIDATES;
        if (candidates && !features.contains(FEATURE_CANDIDATES)) {
            throw new Refusal("the strategy wants candidates, which this host cannot send: it is too old");
        }
        epoch = request.number(5);
        Wire.Writer out = new Wire.Writer()
                .number(1, Math.min(request.number(1), MINOR))
                .numbers(2, FEATURES.stream().filter(features::contains).toList())
                .text(4, plugin.name())
                .text(5, plugin.version())
                .numbers(6, List.of(MAJOR))
                .text(7, plugin.settings());
        for (Reason r : plugin.reasons()) {
            out.bytes(8, new Wire.Writer().number(1, r.code()).text(2, r.name()).text(3, r.text()).finish());
        }
        return out.number(9, plugin.deterministic() ? 1 : 0)
                .number(10, candidates ? 2 : 1)
                .number(11, plugin.candidates())
                .finish();
    }

    /** Puts settings in force, as a whole or not at all: ConfigureRequest to ConfigureResponse. */
    synchronized byte[] configure(byte[] data) {
        Wire.Reader request = new Wire.Reader(data);
        Wire.Writer out = new Wire.Writer().number(1, request.number(1));
        try {
            String settings = new String(request.bytes(2), StandardCharsets.UTF_8);
            strategy.configure(Settings.of(settings.isEmpty() ? "{}" : settings));
            ready = true;
        } catch (RuntimeException e) {
            String path = e instanceof SettingsException s ? s.path() : "";
            String text = e instanceof SettingsException ? e.getMessage() : e.toString();
            out.bytes(2, new Wire.Writer().number(1, SEVERITY_ERROR).text(2, path).text(3, text).finish());
        }
        return out.finish();
    }

    /** Answers one frame by another. It never throws, but for what ends the process. */
    synchronized byte[] turn(byte[] data) {
        Header claim = Frame.claim(data);
        long epoch = claim == null ? 0 : claim.epoch();
        long seq = claim == null ? 0 : claim.seq();
        try {
            return answer(data);
        } catch (FrameException e) {
            return Frame.status(epoch, seq, Status.BAD_FRAME, "patchbay: frame: " + e.getMessage());
        } catch (NeedSnapshotException e) {
            return Frame.status(epoch, seq, Status.NEED_SNAPSHOT, "");
        } catch (OverBudgetException e) {
            return Frame.status(epoch, seq, Status.OVER_BUDGET, "");
        } catch (RuntimeException | StackOverflowError | AssertionError e) {
            e.printStackTrace();
            return Frame.status(epoch, seq, Status.INTERNAL, e.toString());
        }
    }

    private byte[] answer(byte[] data) {
        Turn turn = new Turn(data);
        if (!ready) {
            return Frame.status(turn.epoch(), turn.seq(), Status.NOT_READY, "");
        }
        if ((turn.kind() == Kind.CANDIDATES) != (strategy.view() == Strategy.View.CANDIDATES)) {
            throw new IllegalStateException("a turn of kind " + turn.kind() + " came, but the strategy's view is " + strategy.view());
        }
        Reply reply = new Reply();
        strategy.turn(turn, reply);
        return reply.write(turn.epoch(), turn.seq());
    }

    /** Lets go of what the strategy holds; no turn comes after: DrainRequest to DrainResponse. */
    synchronized byte[] drain(byte[] data) {
        long asked = new Wire.Reader(data).number(1);
        if (asked != epoch) {
            throw new Refusal("drain of epoch " + Long.toUnsignedString(asked) + ", but this is epoch " + Long.toUnsignedString(epoch));
        }
        ready = false;
        strategy.close();
        return new byte[0];
    }
}
