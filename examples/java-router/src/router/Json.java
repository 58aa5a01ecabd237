// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package router;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * JSON (RFC 8259) as small as a router needs it, since Java brings none: objects are maps, lists are lists, whole numbers are
 * {@code Long}, others {@code Double}.
 */
final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** Reads an object; throws {@link IllegalArgumentException} if the text is none. */
    @SuppressWarnings("unchecked")
    static Map<String, Object> read(String text) {
        Json json = new Json(text);
        if (json.value() instanceof Map<?, ?> map && json.next() == 0) {
            return (Map<String, Object>) map;
        }
        throw json.wrong();
    }

    /** Writes maps, lists, strings, numbers and booleans. */
    static String write(Object value) {
        StringBuilder out = new StringBuilder();
        write(value, out);
        return out.toString();
    }

    private static void write(Object value, StringBuilder out) {
        if (value instanceof Map<?, ?> map) {
            char before = '{';
            for (Map.Entry<?, ?> entry : map.entrySet()) {
                write(entry.getKey(), out.append(before));
                write(entry.getValue(), out.append(':'));
                before = ',';
            }
            out.append(map.isEmpty() ? "{}" : "}");
        } else if (value instanceof List<?> list) {
            char before = '[';
            for (Object one : list) {
                write(one, out.append(before));
                before = ',';
            }
            out.append(list.isEmpty() ? "[]" : "]");
        } else if (value instanceof String string) {
            out.append('"');
            string.chars().forEach(c -> {
                if (c == '"' || c == '\\') {
                    out.append('\\').append((char) c);
                } else if (c < ' ') {
                    out.append(String.format("\\u%04x", c));
                } else {
                    out.append((char) c);
                }
            });
            out.append('"');
        } else {
            out.append(value);
        }
    }

    private IllegalArgumentException wrong() {
        return new IllegalArgumentException("no JSON at character " + at);
    }

    /** Passes over blanks and returns the next character, which stays; 0 at the end. */
    private char next() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        return at < text.length() ? text.charAt(at) : 0;
    }

    private void expect(char c) {
        if (next() != c) {
            throw wrong();
        }
        at++;
    }

    /** Passes over a character if it is the next one. */
    private boolean is(char c) {
        if (next() != c) {
            return false;
        }
        at++;
        return true;
    }

    private Object value() {
        switch (next()) {
            case '{':
                Map<String, Object> map = new LinkedHashMap<>();
                at++;
                for (boolean more = !is('}'); more; more = !is('}')) {
                    if (!map.isEmpty()) {
                        expect(',');
                    }
                    next();
                    String name = string();
                    expect(':');
                    map.put(name, value());
                }
                return map;
            case '[':
                List<Object> list = new ArrayList<>();
                at++;
                for (boolean more = !is(']'); more; more = !is(']')) {
                    if (!list.isEmpty()) {
                        expect(',');
                    }
                    list.add(value());
                }
                return list;
            case '"':
                return string();
            default:
                return word();
        }
    }

    private Object word() {
        int from = at;
        while (at < text.length() && "+-.0123456789Eabcdefghijklmnopqrstuvwxyz".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String word = text.substring(from, at);
        switch (word) {
            case "true":
                return true;
            case "false":
                return false;
            case "null":
                return null;
            case "":
                throw wrong();
            default:
                // What is 64 bits wide without a sign does not matter to this router but for its first 63.
                return word.matches("-?\\d{1,18}") ? (Object) Long.valueOf(word) : Double.valueOf(word);
        }
    }

    private String string() {
        expect('"');
        StringBuilder out = new StringBuilder();
        for (; at < text.length(); at++) {
            char c = text.charAt(at);
            if (c == '"') {
                at++;
                return out.toString();
            }
            out.append(c == '\\' ? escaped() : c);
        }
        throw wrong();
    }

    private char escaped() {
        if (++at >= text.length()) {
            throw wrong();
        }
        char c = text.charAt(at);
        if (c == 'u' && at + 4 < text.length()) {
            at += 4;
            return (char) Integer.parseInt(text.substring(at - 3, at + 1), 16);
        }
        int known = "bfnrt\"\\/".indexOf(c);
        if (known < 0) {
            throw wrong();
        }
        return "\b\f\n\r\t\"\\/".charAt(known);
    }
}
