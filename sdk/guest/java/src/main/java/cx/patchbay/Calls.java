// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import java.util.Map;
import java.util.function.UnaryOperator;

/** The calls a host makes to a plugin, as gRPC names them. They are all about one instance. */
final class Calls {
    static final int OK = 0;
    static final int RESOURCE_EXHAUSTED = 8;
    static final int FAILED_PRECONDITION = 9;
    static final int UNIMPLEMENTED = 12;
    static final int INTERNAL = 13;

    private static final String SERVICE = "/patchbay.strategy.v1.StrategyService/";
    private static final byte[] HEALTHY = {0x08, 0x01}; // grpc.health.v1.HealthCheckResponse: serving

    private final Map<String, UnaryOperator<byte[]>> answers;

    Calls(Instance instance, Runnable shutdown) {
        answers = Map.of(
                SERVICE + "Handshake", instance::handshake,
                SERVICE + "Configure", instance::configure,
                SERVICE + "Drain", instance::drain,
                SERVICE + "Turns", m -> new Wire.Writer().bytes(1, instance.turn(frame(m))).finish(),
                "/grpc.health.v1.Health/Check", m -> HEALTHY,
                "/plugin.GRPCController/Shutdown", m -> {
                    shutdown.run();
                    return new byte[0];
                });
    }

    /** Returns what answers a call by its path. */
    Connection.Call open(String path) {
        UnaryOperator<byte[]> answer = answers.get(path);
        return answer == null ? new One(null, UNIMPLEMENTED, "there is no " + path) : new One(answer, INTERNAL, "no message came");
    }

    /** Returns the frame of a TurnsRequest; what is no message is no frame either, and is answered so. */
    private static byte[] frame(byte[] message) {
        try {
            return new Wire.Reader(message).bytes(1);
        } catch (Wire.WireException e) {
            return new byte[0];
        }
    }

    /** A call under way: a message for a message. */
    private static final class One implements Connection.Call {
        private final UnaryOperator<byte[]> answer;
        private int code;
        private String text;

        One(UnaryOperator<byte[]> answer, int code, String text) {
            this.answer = answer;
            this.code = code;
            this.text = text;
        }

        @Override
        public byte[] message(byte[] data) {
            if (answer == null) {
                return null;
            }
            try {
                byte[] said = answer.apply(data);
                code = OK;
                text = "";
                return said;
            } catch (RuntimeException e) {
                code = e instanceof Instance.Refusal ? FAILED_PRECONDITION : INTERNAL;
                text = e instanceof Instance.Refusal ? e.getMessage() : e.toString();
                return null;
            }
        }

        @Override
        public int code() {
            return code;
        }

        @Override
        public String text() {
            return text;
        }
    }
}
