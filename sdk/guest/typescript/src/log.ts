// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

/** How grave a line is. */
export type Level = "trace" | "debug" | "info" | "warn" | "error";

/**
 * Writes a line to the host's log: a JSON object, as hosts of go-plugin read
 * it. What is printed goes there too, as it is. The host drops what is more
 * than it takes per second.
 */
export function log(text: string, level: Level = "info", fields: Record<string, unknown> = {}): void {
  process.stderr.write(JSON.stringify({ "@level": level, "@message": text, ...fields }) + "\n");
}
