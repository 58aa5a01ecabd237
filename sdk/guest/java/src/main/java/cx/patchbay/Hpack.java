// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Header compression of HTTP/2 (RFC 7541), as far as a peer needs it. Headers are read in full. They are written without an
 * index of their own, which is allowed and costs a few bytes per call: streams of turns write them once.
 */
final class Hpack {
    static final int MAX_HEADERS = 1 << 16;

    private static final int LIMIT = 4096;

    /** One header. */
    record Header(String name, String value) {}

    // The static table of RFC 7541, appendix A.
    private static final List<Header> STATIC = new ArrayList<>();

    static {
        String table =
                """
                :authority|;:method|GET;:method|POST;:path|/;:path|/index.html;:scheme|http;:scheme|https;:status|200;
                :status|204;:status|206;:status|304;:status|400;:status|404;:status|500;accept-charset|;
                accept-encoding|gzip, deflate;accept-language|;accept-ranges|;accept|;access-control-allow-origin|;age|;
                allow|;authorization|;cache-control|;content-disposition|;content-encoding|;content-language|;
                content-length|;content-location|;content-range|;content-type|;cookie|;date|;etag|;expect|;expires|;
                from|;host|;if-match|;if-modified-since|;if-none-match|;if-range|;if-unmodified-since|;last-modified|;
                link|;location|;max-forwards|;proxy-authenticate|;proxy-authorization|;range|;referer|;refresh|;
                retry-after|;server|;set-cookie|;strict-transport-security|;transfer-encoding|;user-agent|;vary|;via|;
                www-authenticate|""";
        for (String line : table.replace("\n", "").split(";")) {
            int bar = line.indexOf('|');
            STATIC.add(new Header(line.substring(0, bar), line.substring(bar + 1)));
        }
    }

    // The lengths of the Huffman codes of RFC 7541, appendix B, for 0 to 255. The code is canonical, so the lengths say all.
    private static final String LENGTHS =
            """
            13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28
            28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28
            6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6
            5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10
            13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7
            7 7 7 7 7 7 7 7 8 7 8 13 19 13 14 6
            15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5
            6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28
            20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23
            24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24
            22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23
            21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23
            26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25
            19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27
            20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23
            26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26
            """;

    /** The symbols by length and code, as length << 32 | code. */
    private static final Map<Long, Integer> CODES = new HashMap<>();

    static {
        String[] lengths = LENGTHS.trim().split("\\s+");
        int code = 0;
        int length = 0;
        for (int bits = 1; bits <= 30; bits++) {
            for (int symbol = 0; symbol < lengths.length; symbol++) {
                if (Integer.parseInt(lengths[symbol]) == bits) {
                    code <<= bits - length;
                    length = bits;
                    CODES.put((long) bits << 32 | code++, symbol);
                }
            }
        }
    }

    /** Says why bytes are no headers. The connection cannot go on. */
    static final class HeaderException extends RuntimeException {
        private static final long serialVersionUID = 1;

        HeaderException(String message) {
            super(message);
        }
    }

    private final Deque<Header> dynamic = new ArrayDeque<>(); // the latest first
    private int size;
    private int limit = LIMIT;
    private byte[] data;
    private int at;

    /** Returns the headers of one block, in their order. */
    List<Header> decode(byte[] block) {
        data = block;
        at = 0;
        List<Header> out = new ArrayList<>();
        while (at < data.length) {
            int b = data[at] & 0xff;
            if (b >= 0x80) {
                out.add(entry(number(7)));
            } else if ((b & 0xe0) == 0x20) {
                int wanted = number(5);
                if (wanted > LIMIT) {
                    throw new HeaderException("hpack: a table of " + wanted + " bytes");
                }
                limit = wanted;
                evict();
            } else {
                boolean indexed = (b & 0xc0) == 0x40;
                int index = number(indexed ? 6 : 4);
                Header header = new Header(index == 0 ? text() : entry(index).name, text());
                out.add(header);
                if (indexed) {
                    dynamic.addFirst(header);
                    size += weight(header);
                    evict();
                }
            }
        }
        return out;
    }

    private void evict() {
        while (size > limit) {
            size -= weight(dynamic.removeLast());
        }
    }

    private static int weight(Header header) {
        return header.name.length() + header.value.length() + 32;
    }

    private Header entry(int index) {
        if (index >= 1 && index <= STATIC.size()) {
            return STATIC.get(index - 1);
        }
        int left = index - STATIC.size() - 1;
        if (index != 0 && left < dynamic.size()) {
            for (Header header : dynamic) {
                if (left-- == 0) {
                    return header;
                }
            }
        }
        throw new HeaderException("hpack: an entry that there is not");
    }

    private int number(int prefix) {
        int most = (1 << prefix) - 1;
        int value = data[at++] & most;
        if (value < most) {
            return value;
        }
        for (int shift = 0; shift <= 21 && at < data.length; shift += 7) {
            byte b = data[at++];
            value += (b & 0x7f) << shift;
            if (b >= 0) {
                return value;
            }
        }
        throw new HeaderException("hpack: a number that does not end");
    }

    private String text() {
        if (at >= data.length) {
            throw new HeaderException("hpack: headers that do not end");
        }
        boolean packed = data[at] < 0;
        int length = number(7);
        if (length > MAX_HEADERS || length > data.length - at) {
            throw new HeaderException("hpack: a text that does not end");
        }
        int from = at;
        at += length;
        return packed ? huffman(data, from, length) : new String(data, from, length, StandardCharsets.ISO_8859_1);
    }

    /** Returns the text of a Huffman code. */
    static String huffman(byte[] data, int from, int length) {
        StringBuilder out = new StringBuilder();
        long code = 0;
        int bits = 0;
        for (int i = 0; i < 8 * length; i++) {
            code = code << 1 | data[from + i / 8] >> (7 - i % 8) & 1;
            Integer symbol = CODES.get((long) ++bits << 32 | code);
            if (symbol != null) {
                out.append((char) symbol.intValue());
                code = 0;
                bits = 0;
            } else if (bits > 30) {
                throw new HeaderException("hpack: a Huffman code that there is not");
            }
        }
        if (bits > 7 || code != (1L << bits) - 1) {
            throw new HeaderException("hpack: a Huffman code that does not end");
        }
        return out.toString();
    }

    /** Returns a block of headers. */
    static byte[] encode(List<Header> headers) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        for (Header header : headers) {
            out.write(0);
            text(out, header.name);
            text(out, header.value);
        }
        return out.toByteArray();
    }

    private static void text(ByteArrayOutputStream out, String text) {
        byte[] raw = text.getBytes(StandardCharsets.ISO_8859_1);
        int n = raw.length;
        if (n < 127) {
            out.write(n);
        } else {
            out.write(127);
            for (n -= 127; n > 127; n >>= 7) {
                out.write(n & 0x7f | 0x80);
            }
            out.write(n);
        }
        out.writeBytes(raw);
    }
}
