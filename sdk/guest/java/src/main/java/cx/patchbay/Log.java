// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

/**
 * Lines for the host's log: JSON objects, as hosts of go-plugin read them. What is printed goes there too, as it is. The
 * host drops what is more than it takes per second.
 */
public final class Log {
    private Log() {}

    /** Writes a line at level info. */
    public static void info(String text) {
        line("info", text);
    }

    /** Writes a line at level warn. */
    public static void warn(String text) {
        line("warn", text);
    }

    /** Writes a line at a level: "trace", "debug", "info", "warn" or "error". */
    public static void line(String level, String text) {
        System.err.println("{\"@level\":" + Json.quote(level) + ",\"@message\":" + Json.quote(text) + "}");
    }
}
