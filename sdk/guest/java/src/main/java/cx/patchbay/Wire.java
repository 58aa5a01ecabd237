// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The few protobuf messages of patchbay.strategy.v1, and how they are written. They are described in strategy.proto. There
 * are so few, and so flat, that they are read and written by hand.
 */
final class Wire {
    private Wire() {}

    /** Says why bytes are no message. */
    static final class WireException extends RuntimeException {
        private static final long serialVersionUID = 1;

        WireException(String message) {
            super(message);
        }
    }

    /** Writes the fields of one message. Values at their default are left out. */
    static final class Writer {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();

        private void varint(long value) {
            for (; (value & ~0x7fL) != 0; value >>>= 7) {
                out.write((int) value & 0x7f | 0x80);
            }
            out.write((int) value);
        }

        Writer number(int field, long value) {
            if (value != 0) {
                varint((long) field << 3);
                varint(value);
            }
            return this;
        }

        Writer numbers(int field, List<Integer> values) {
            Writer packed = new Writer();
            values.forEach(packed::varint);
            return values.isEmpty() ? this : bytes(field, packed.finish());
        }

        /** Writes bytes, or a message, also if they are empty. */
        Writer bytes(int field, byte[] value) {
            varint((long) field << 3 | 2);
            varint(value.length);
            out.writeBytes(value);
            return this;
        }

        Writer text(int field, String value) {
            return value.isEmpty() ? this : bytes(field, value.getBytes(StandardCharsets.UTF_8));
        }

        byte[] finish() {
            return out.toByteArray();
        }
    }

    /** The fields of one message by number. */
    static final class Reader {
        private final Map<Integer, List<Object>> fields = new HashMap<>();
        private final byte[] data;
        private int at;

        Reader(byte[] data) {
            this.data = data;
            while (at < data.length) {
                long key = varint();
                int length =
                        switch ((int) key & 7) {
                            case 0 -> 0;
                            case 1 -> 8;
                            case 2 -> (int) Math.min(varint(), Integer.MAX_VALUE);
                            case 5 -> 4;
                            default -> throw new WireException("wire type " + (key & 7));
                        };
                Object value;
                if ((key & 7) == 0) {
                    value = varint();
                } else {
                    if (length < 0 || length > data.length - at) {
                        throw new WireException("a field ends past the message");
                    }
                    value = Arrays.copyOfRange(data, at, at + length);
                    at += length;
                }
                fields.computeIfAbsent((int) (key >>> 3), k -> new ArrayList<>()).add(value);
            }
        }

        private long varint() {
            long value = 0;
            for (int shift = 0; shift < 64; shift += 7) {
                if (at >= data.length) {
                    break;
                }
                byte b = data[at++];
                value |= (long) (b & 0x7f) << shift;
                if (b >= 0) {
                    return value;
                }
            }
            throw new WireException("a number does not end");
        }

        private Object last(int field, Object otherwise) {
            List<Object> values = fields.get(field);
            return values == null ? otherwise : values.get(values.size() - 1);
        }

        long number(int field) {
            if (last(field, 0L) instanceof Long value) {
                return value;
            }
            throw new WireException("field " + field + " is no number");
        }

        byte[] bytes(int field) {
            if (last(field, new byte[0]) instanceof byte[] value) {
                return value;
            }
            throw new WireException("field " + field + " is no bytes");
        }

        /** Returns a list of numbers, packed or not. */
        List<Integer> numbers(int field) {
            List<Integer> found = new ArrayList<>();
            for (Object value : fields.getOrDefault(field, List.of())) {
                if (value instanceof Long number) {
                    found.add(number.intValue());
                } else {
                    Reader packed = new Reader((byte[]) value, 0);
                    while (packed.at < packed.data.length) {
                        found.add((int) packed.varint());
                    }
                }
            }
            return found;
        }

        private Reader(byte[] packed, int at) {
            this.data = packed;
            this.at = at;
        }
    }
}
