// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;

/**
 * One connection of HTTP/2 (RFC 9113) that carries gRPC, on the server's side. It is what a plugin needs and no more: calls
 * are answered one after the other, on the thread that reads, and a message is answered before the next is read. Nothing is
 * known here of what the messages mean.
 */
final class Connection {
    private static final byte[] PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
    private static final int DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, PING = 6, WINDOW_UPDATE = 8, CONTINUATION = 9;
    private static final int END_STREAM = 1, ACK = 1, END_HEADERS = 4, PADDED = 8, PRIORITY = 32;
    private static final int MAX_WINDOW = Integer.MAX_VALUE;
    private static final int MAX_FRAME = 16384;
    private static final List<Hpack.Header> RESPONSE = List.of(
            new Hpack.Header(":status", "200"), new Hpack.Header("content-type", "application/grpc"));

    /** Answers the messages of one call. */
    interface Call {
        /** Returns the answer to one message; null if there is none. */
        byte[] message(byte[] data);

        /** Returns the code of gRPC with which the call ends. */
        int code();

        /** Returns a text for people that goes with the code. */
        String text();
    }

    /** One call under way. */
    private static final class Stream {
        final int number;
        final Call call;
        long window; // bytes that may still be sent
        long taken; // bytes of data since the last update of the peer's window
        boolean begun; // headers were sent
        boolean busy; // a message is being answered
        boolean ended; // the peer has said all
        byte[] inbox = new byte[0];
        int filled;

        Stream(int number, Call call, long window) {
            this.number = number;
            this.call = call;
            this.window = window;
        }

        void add(byte[] data) {
            if (filled + data.length > inbox.length) {
                inbox = Arrays.copyOf(inbox, Math.max(filled + data.length, 2 * inbox.length));
            }
            System.arraycopy(data, 0, inbox, filled, data.length);
            filled += data.length;
        }
    }

    private final DataInputStream in;
    private final OutputStream out;
    private final Function<String, Call> open;
    private final int maxMessage;
    private final Map<Integer, Stream> streams = new HashMap<>();
    private final Hpack headers = new Hpack();
    private final ByteArrayOutputStream block = new ByteArrayOutputStream();
    private int blockOf; // the stream whose headers are not complete
    private boolean blockEnds;
    private long window = 65535;
    private long peerWindow = 65535;
    private int peerFrame = MAX_FRAME;
    private long taken; // bytes of data since the last update of the peer's window
    private int last;

    Connection(InputStream in, OutputStream out, Function<String, Call> open, int maxMessage) {
        this.in = new DataInputStream(in);
        this.out = out;
        this.open = open;
        this.maxMessage = maxMessage;
    }

    /** Serves calls until the peer closes. An exception means that it broke the protocol. */
    void run() throws IOException {
        byte[] preface = new byte[PREFACE.length];
        try {
            in.readFully(preface);
            if (!Arrays.equals(preface, PREFACE)) {
                throw new IOException("http2: the peer does not speak it");
            }
            // As large a window per stream and for the connection as there may be.
            send(SETTINGS, 0, 0, ByteBuffer.allocate(6).putShort((short) 4).putInt(MAX_WINDOW).array());
            send(WINDOW_UPDATE, 0, 0, number(MAX_WINDOW - 65535));
            while (true) {
                next();
            }
        } catch (EOFException e) {
            // the peer has closed
        }
    }

    private static byte[] number(long n) {
        return ByteBuffer.allocate(4).putInt((int) n).array();
    }

    /** Reads one frame and does what it says. */
    private void next() throws IOException {
        int length = in.readUnsignedShort() << 8 | in.readUnsignedByte();
        int kind = in.readUnsignedByte();
        int flags = in.readUnsignedByte();
        int stream = in.readInt() & MAX_WINDOW;
        if (length > MAX_FRAME) {
            throw new IOException("http2: a frame of " + length + " bytes");
        }
        byte[] payload = new byte[length];
        in.readFully(payload);
        if (blockOf != 0 && (kind != CONTINUATION || stream != blockOf)) {
            throw new IOException("http2: headers that do not end");
        }
        switch (kind) {
            case DATA -> {
                credit(stream, length);
                data(stream, flags, unpadded(payload, flags));
            }
            case HEADERS -> begin(stream, flags, unpadded(payload, flags));
            case CONTINUATION -> more(flags, payload);
            case RST_STREAM -> streams.remove(stream);
            case SETTINGS -> settings(flags, ByteBuffer.wrap(payload));
            case PING -> {
                if ((flags & ACK) == 0) {
                    send(PING, ACK, 0, payload);
                }
            }
            case WINDOW_UPDATE -> widen(stream, ByteBuffer.wrap(payload));
            default -> {
                // of no concern here
            }
        }
    }

    /** Gives back what was taken of the peer's windows, now and then. */
    private void credit(int number, int length) throws IOException {
        taken += length;
        if (taken > MAX_WINDOW / 4) {
            send(WINDOW_UPDATE, 0, 0, number(taken));
            taken = 0;
        }
        Stream stream = streams.get(number);
        if (stream != null && (stream.taken += length) > MAX_WINDOW / 4) {
            send(WINDOW_UPDATE, 0, number, number(stream.taken));
            stream.taken = 0;
        }
    }

    private void settings(int flags, ByteBuffer payload) throws IOException {
        if ((flags & ACK) != 0) {
            return;
        }
        while (payload.remaining() >= 6) {
            int key = payload.getShort();
            long value = payload.getInt() & 0xffff_ffffL;
            if (key == 4) {
                for (Stream stream : streams.values()) {
                    stream.window += value - peerWindow;
                }
                peerWindow = value;
            } else if (key == 5) {
                peerFrame = (int) value;
            }
        }
        send(SETTINGS, ACK, 0, new byte[0]);
    }

    private void widen(int number, ByteBuffer payload) {
        if (payload.remaining() != 4) {
            return;
        }
        int more = payload.getInt() & MAX_WINDOW;
        Stream stream = streams.get(number);
        if (number == 0) {
            window += more;
        } else if (stream != null) {
            stream.window += more;
        }
    }

    private void begin(int number, int flags, byte[] payload) throws IOException {
        if ((number & 1) == 0) {
            throw new IOException("http2: stream " + number + " is not the peer's to open");
        }
        blockOf = number;
        blockEnds = (flags & END_STREAM) != 0;
        int skip = (flags & PRIORITY) != 0 ? Math.min(5, payload.length) : 0;
        more(flags, Arrays.copyOfRange(payload, skip, payload.length));
    }

    private void more(int flags, byte[] part) throws IOException {
        block.writeBytes(part);
        if (block.size() > Hpack.MAX_HEADERS) {
            throw new IOException("http2: headers that are too long");
        }
        if ((flags & END_HEADERS) == 0) {
            return;
        }
        String path = "";
        for (Hpack.Header header : headers.decode(block.toByteArray())) {
            path = header.name().equals(":path") ? header.value() : path;
        }
        int number = blockOf;
        blockOf = 0;
        block.reset();
        if (number > last) {
            last = number;
            streams.put(number, new Stream(number, open.apply(path), peerWindow));
        }
        Stream stream = streams.get(number);
        if (blockEnds && stream != null) {
            stream.ended = true;
            if (!stream.busy) {
                finish(stream, stream.call.code(), stream.call.text());
            }
        }
    }

    private void data(int number, int flags, byte[] data) throws IOException {
        Stream stream = streams.get(number);
        if (stream == null) {
            return; // of a call that has ended
        }
        stream.add(data);
        stream.ended = (flags & END_STREAM) != 0;
        if (!stream.busy) { // else the answer that waits for room goes first
            stream.busy = true;
            answerAll(stream);
            stream.busy = false;
        }
    }

    private void answerAll(Stream stream) throws IOException {
        while (stream.filled >= 5) {
            long length = ByteBuffer.wrap(stream.inbox).getInt(1) & 0xffff_ffffL;
            if (stream.inbox[0] != 0) {
                finish(stream, Calls.UNIMPLEMENTED, "messages are not to be compressed");
                return;
            }
            if (length > maxMessage) {
                finish(stream, Calls.RESOURCE_EXHAUSTED, "a message of " + length + " bytes");
                return;
            }
            int end = 5 + (int) length;
            if (stream.filled < end) {
                break;
            }
            byte[] message = Arrays.copyOfRange(stream.inbox, 5, end);
            System.arraycopy(stream.inbox, end, stream.inbox, 0, stream.filled - end);
            stream.filled -= end;
            byte[] answer = stream.call.message(message);
            if (answer != null) {
                answer(stream, answer);
            }
        }
        if (stream.ended) {
            finish(stream, stream.call.code(), stream.call.text());
        }
    }

    private void finish(Stream stream, int code, String text) throws IOException {
        if (streams.remove(stream.number) == null) {
            return; // the peer has given the call up
        }
        List<Hpack.Header> trailers = new ArrayList<>(stream.begun ? List.of() : RESPONSE);
        trailers.add(new Hpack.Header("grpc-status", String.valueOf(code)));
        if (!text.isEmpty()) {
            trailers.add(new Hpack.Header("grpc-message", percent(text)));
        }
        send(HEADERS, END_HEADERS | END_STREAM, stream.number, Hpack.encode(trailers));
    }

    private void answer(Stream stream, byte[] message) throws IOException {
        ByteArrayOutputStream pending = new ByteArrayOutputStream(message.length + 64);
        if (!stream.begun) {
            stream.begun = true;
            byte[] head = Hpack.encode(RESPONSE);
            pending.writeBytes(frame(HEADERS, END_HEADERS, stream.number, head.length));
            pending.writeBytes(head);
        }
        byte[] data = ByteBuffer.allocate(5 + message.length).put((byte) 0).putInt(message.length).put(message).array();
        for (int at = 0; at < data.length; ) {
            int n = (int) Math.min(Math.min(data.length - at, peerFrame), Math.min(stream.window, window));
            if (n <= 0) {
                flush(pending);
                next();
                if (!streams.containsKey(stream.number)) {
                    return;
                }
                continue;
            }
            pending.writeBytes(frame(DATA, 0, stream.number, n));
            pending.write(data, at, n);
            at += n;
            stream.window -= n;
            window -= n;
        }
        flush(pending);
    }

    private void flush(ByteArrayOutputStream pending) throws IOException {
        out.write(pending.toByteArray());
        out.flush();
        pending.reset();
    }

    private void send(int kind, int flags, int stream, byte[] payload) throws IOException {
        ByteArrayOutputStream whole = new ByteArrayOutputStream(9 + payload.length);
        whole.writeBytes(frame(kind, flags, stream, payload.length));
        whole.writeBytes(payload);
        flush(whole);
    }

    private static byte[] frame(int kind, int flags, int stream, int length) {
        return ByteBuffer.allocate(9).putInt(length << 8 | kind).put((byte) flags).putInt(stream).array();
    }

    private static byte[] unpadded(byte[] payload, int flags) throws IOException {
        if ((flags & PADDED) == 0) {
            return payload;
        }
        int padding = payload.length == 0 ? 0 : payload[0] & 0xff;
        if (padding >= payload.length) {
            throw new IOException("http2: padding that is longer than its frame");
        }
        return Arrays.copyOfRange(payload, 1, payload.length - padding);
    }

    /** Returns a text as gRPC wants it in a header. */
    private static String percent(String text) {
        StringBuilder out = new StringBuilder();
        for (byte b : text.getBytes(StandardCharsets.UTF_8)) {
            if (b >= 32 && b < 127 && b != '%') {
                out.append((char) b);
            } else {
                out.append(String.format("%%%02X", b));
            }
        }
        return out.toString();
    }
}
