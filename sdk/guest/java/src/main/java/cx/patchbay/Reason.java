// Copyright the Patchbay authors.
// SPDX-License-Identifier: Apache-2.0

package cx.patchbay;

/**
 * Explains one reason code to people.
 *
 * @param code 1 to 65535.
 * @param name A stable lower-case identifier.
 * @param text One sentence.
 */
public record Reason(int code, String name, String text) {}
